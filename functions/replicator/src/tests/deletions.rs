use steward_aws::ecr::{EcrError, EcrOperation, FailingEcr};
use steward_core::event::incoming::parse_value;

use super::*;

const DAY: i64 = 24 * 3600;

fn policy(extra: &str) -> String {
    format!(
        "version: 1\nmode: enforce\nreplication:\n- name: mirror\n  repositories: [\"prod/**\"]\n  \
         tags: {{allow: [semver]}}\n  deletes: {{propagate: {{after: 24h, max_per_hour: 2}}}}\n{extra}  \
         to: [{{registry: a.example.com, repository: \"a/{{basename}}\"}}]"
    )
}

const COPY: &str = "a.example.com/a/app:v1.2.3";

impl World {
    /// Pushes and copies an image.
    async fn copied(&self, tag: &str) -> Digest {
        let digest = self.push("prod/app", Some(tag), tag);
        let push = event("prod/app", Some(tag), &digest);
        self.deliver(&push, 1, false).await.unwrap();
        digest
    }

    /// Deletes a tag and says so.
    async fn delete(&self, tag: &str, digest: &Digest) -> &'static str {
        let tag: Tag = tag.parse().unwrap();
        let repository = "prod/app".parse().unwrap();
        self.ecr.remove_tag(&repository, &tag).await.unwrap();
        let event = action("DELETE", "prod/app", Some(tag.as_str()), digest);
        self.deliver(&event, 1, false).await.unwrap().word()
    }

    /// Lets the queue bring back what waits there, once; how each ended.
    async fn bring_back(&self) -> Vec<&'static str> {
        let mut words = Vec::new();
        for (event, _) in self.later.take() {
            let event = parse_value(&event).unwrap();
            words.push(self.deliver(&event, 1, false).await.unwrap().word());
        }
        words
    }
}

#[tokio::test]
async fn a_deletion_is_passed_on_when_its_time_is_over_and_not_before() {
    let world = World::with(&policy(""));
    let digest = world.copied("v1.2.3").await;
    assert_eq!(world.delete("v1.2.3", &digest).await, "deletion_noted");
    for _ in 0..3 {
        world.pass(DAY / 4);
        assert_eq!(world.bring_back().await, ["waiting"]);
        assert!(world.has(COPY).is_some());
    }
    world.pass(DAY / 4);
    assert_eq!(world.bring_back().await, ["removed"]);
    assert_eq!(world.has(COPY), None);
    assert_eq!(
        world.told().last().unwrap(),
        "Image Cleaned Up: prod/app:v1.2.3 was deleted at 2026-11-23T10:00:00Z, so its copy \
         a.example.com/a/app:v1.2.3 was removed."
    );
    assert_eq!(world.later.take(), []);
}

#[tokio::test]
async fn without_a_word_of_the_policy_a_copy_stays() {
    let world = World::new();
    let digest = world.copied("v1.2.3").await;
    assert_eq!(world.delete("v1.2.3", &digest).await, "not_propagated");
    assert_eq!(world.later.take(), []);
    assert!(world.has(COPY).is_some());
}

#[tokio::test]
async fn what_was_there_before_is_not_ours_to_remove() {
    let world = World::with(&policy(""));
    let digest = manifest("v1.2.3").digest;
    let there = (COPY.to_owned(), digest.clone());
    world.copier.copies.lock().unwrap().extend([there]);
    assert_eq!(world.copied("v1.2.3").await, digest);
    assert_eq!(world.delete("v1.2.3", &digest).await, "not_ours");
    assert_eq!(world.later.take(), []);

    // And what somebody put in the place of our copy is not either.
    let digest = world.copied("v2.0.0").await;
    world.delete("v2.0.0", &digest).await;
    let copy = "a.example.com/a/app:v2.0.0".to_owned();
    let other = manifest("other").digest;
    world
        .copier
        .copies
        .lock()
        .unwrap()
        .insert(copy.clone(), other.clone());
    world.pass(DAY);
    assert_eq!(world.bring_back().await, ["not_ours"]);
    assert_eq!(world.has(&copy), Some(other));
}

#[tokio::test]
async fn a_tag_that_is_back_is_copied_instead() {
    let world = World::with(&policy(""));
    let digest = world.copied("v1.2.3").await;
    world.delete("v1.2.3", &digest).await;
    let new = world.push("prod/app", Some("v1.2.3"), "again");
    world.pass(DAY);
    assert_eq!(world.bring_back().await, ["copied"]);
    assert_eq!(world.has(COPY), Some(new.clone()));

    // The clock of a second deletion begins with it.
    let tag: Tag = "v1.2.3".parse().unwrap();
    world
        .ecr
        .remove_tag(&"prod/app".parse().unwrap(), &tag)
        .await
        .unwrap();
    let mut event = action("DELETE", "prod/app", Some("v1.2.3"), &new);
    event.envelope.time = (world.replicator.clock)();
    assert_eq!(
        world.deliver(&event, 1, false).await.unwrap().word(),
        "deletion_noted"
    );
    world.pass(DAY / 2);
    assert_eq!(world.bring_back().await, ["waiting"]);
    assert!(world.has(COPY).is_some());
}

#[tokio::test]
async fn a_source_that_does_not_answer_has_deleted_nothing() {
    let mut world = World::with(&policy(""));
    let digest = world.copied("v1.2.3").await;
    world.delete("v1.2.3", &digest).await;
    world.pass(DAY);
    let broken = FailingEcr::new(world.ecr.clone(), |operation, _| {
        (operation == EcrOperation::DescribeImage).then(|| EcrError::Unreadable {
            operation: "DescribeImages",
            what: "nothing".to_owned(),
        })
    });
    world.replicator.ecr = Arc::new(broken);
    let (review, _) = world.later.take().pop().unwrap();
    let review = parse_value(&review).unwrap();
    let failure = world.deliver(&review, 1, false).await.unwrap_err();
    assert!(failure.is_transient());
    assert!(world.has(COPY).is_some());

    // Nor is anything removed by a function that has lost its memory.
    world.replicator.ecr = world.ecr.clone();
    world.state.fail(true);
    let failure = world.deliver(&review, 1, false).await.unwrap_err();
    assert!(failure.is_transient());
    assert!(world.has(COPY).is_some());
}

#[tokio::test]
async fn no_more_goes_in_an_hour_than_the_policy_lets() {
    let world = World::with(&policy(""));
    for patch in 0..5 {
        let tag = format!("v1.0.{patch}");
        let digest = world.copied(&tag).await;
        world.delete(&tag, &digest).await;
    }
    let left = || world.copier.copies.lock().unwrap().len();
    world.pass(DAY);
    world.bring_back().await;
    assert_eq!(left(), 3);
    // Each comes at a time of its own in the next hour.
    world.pass(3599);
    world.bring_back().await;
    assert_eq!(left(), 3);
    world.pass(3600);
    world.bring_back().await;
    assert_eq!(left(), 1);
    world.pass(3600);
    world.bring_back().await;
    assert_eq!((left(), world.later.take()), (0, Vec::new()));
}

#[test]
fn what_waits_for_the_next_hour_comes_spread_over_it() {
    let now: Timestamp = "2026-11-23T10:59:59Z".parse().unwrap();
    let hour: Timestamp = "2026-11-23T11:00:00Z".parse().unwrap();
    let mut minutes = [0_u32; 60];
    for n in 0..6000 {
        let copy = format!("a.example.com/a/app:v{n}").parse().unwrap();
        let due = crate::deletion::in_next_hour(now, &copy);
        assert_eq!(due, crate::deletion::in_next_hour(now, &copy));
        let seconds = due.as_second() - hour.as_second();
        minutes[usize::try_from(seconds / 60).unwrap()] += 1;
    }
    // A hundred a minute, more or less; never what came before: all of them in the first second.
    assert!(
        minutes.iter().all(|count| (40..200).contains(count)),
        "{minutes:?}"
    );
}

#[tokio::test]
async fn a_deletion_while_the_copy_runs_is_passed_on_all_the_same() {
    let world = World::with(&policy(""));
    let digest = world.push("prod/app", Some("v1.2.3"), "v1.2.3");
    // The run has asked the source already; nothing at the target is ours yet.
    let deletion = action("DELETE", "prod/app", Some("v1.2.3"), &digest);
    let outcome = world.deliver(&deletion, 1, false).await.unwrap();
    assert_eq!(outcome.word(), "not_ours");
    let push = event("prod/app", Some("v1.2.3"), &digest);
    world.deliver(&push, 1, false).await.unwrap();
    let tag: Tag = "v1.2.3".parse().unwrap();
    let repository = "prod/app".parse().unwrap();
    world.ecr.remove_tag(&repository, &tag).await.unwrap();

    assert_eq!(world.bring_back().await, ["waiting"]);
    assert!(world.has(COPY).is_some());
    world.pass(DAY);
    assert_eq!(world.bring_back().await, ["removed"]);
    assert_eq!(world.has(COPY), None);
}

#[tokio::test]
async fn a_deletion_of_an_earlier_life_of_the_tag_is_forgotten() {
    let world = World::with(&policy(""));
    let gone = |world: &World| {
        let keys = world.state.keys();
        keys.iter().filter(|key| key.starts_with("gone#")).count()
    };
    let digest = world.push("prod/app", Some("v1.2.3"), "v1.2.3");
    let deletion = action("DELETE", "prod/app", Some("v1.2.3"), &digest);
    world.deliver(&deletion, 1, false).await.unwrap();
    assert_eq!(gone(&world), 1);
    let mut push = event("prod/app", Some("v1.2.3"), &digest);
    push.envelope.time += SignedDuration::from_hours(1);
    world.deliver(&push, 1, false).await.unwrap();
    assert_eq!((gone(&world), world.later.take()), (0, Vec::new()));

    // A look that finds the tag forgets as well. When a later deletion is told by nobody, the time
    // begins with the look that notices it, and not long ago.
    world.delete("v1.2.3", &digest).await;
    world.push("prod/app", Some("v1.2.3"), "again");
    world.pass(DAY);
    let looks = world.later.take();
    let look = parse_value(&looks[0].0).unwrap();
    let found = world.deliver(&look, 1, false).await.unwrap();
    assert_eq!((found.word(), gone(&world)), ("copied", 0));
    let tag: Tag = "v1.2.3".parse().unwrap();
    let repository = "prod/app".parse().unwrap();
    world.ecr.remove_tag(&repository, &tag).await.unwrap();
    let missing = world.deliver(&look, 1, false).await.unwrap();
    assert_eq!(missing.word(), "waiting");
    assert!(world.has(COPY).is_some());
}

#[tokio::test]
async fn observe_only_says_what_would_be_removed() {
    let world = World::with(&policy(""));
    let digest = world.copied("v1.2.3").await;
    let mut observing = World::with(&policy("  mode: observe\n"));
    observing.replicator.state = world.state.clone();
    observing.replicator.ecr = world.ecr.clone();
    let event = action("DELETE", "prod/app", Some("v1.2.3"), &digest);
    world
        .ecr
        .remove_tag(&"prod/app".parse().unwrap(), &"v1.2.3".parse().unwrap())
        .await
        .unwrap();
    observing.deliver(&event, 1, false).await.unwrap();
    observing.pass(DAY);
    assert_eq!(observing.bring_back().await, ["observed"]);
    assert_eq!(
        observing.told(),
        [
            "Image Cleaned Up: prod/app:v1.2.3 was deleted; its copy a.example.com/a/app:v1.2.3 would be removed."
        ]
    );
}

#[tokio::test]
async fn a_registry_that_removes_no_tags_is_told_and_keeps_them() {
    let world = World::with(&policy(""));
    let digest = world.copied("v1.2.3").await;
    world.delete("v1.2.3", &digest).await;
    world.pass(DAY);
    world.fail("a.example.com", || {
        Failure::permanent(
            "tag_deletion_unsupported",
            "this registry does not delete tags",
        )
    });
    let (review, _) = world.later.take().pop().unwrap();
    let review = parse_value(&review).unwrap();
    let failure = world.deliver(&review, 1, false).await.unwrap_err();
    assert!(!failure.is_transient());
    let told = world.told();
    assert!(
        told.last()
            .unwrap()
            .contains("and its copy a.example.com/a/app:v1.2.3 stays"),
        "{told:?}"
    );
}
