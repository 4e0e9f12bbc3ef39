//! What somebody else does at the same time.

use super::*;

const IMMUTABLE: &str = r#"
version: 1
mode: enforce
tag_rules:
  - name: releases-never-move
    repositories: ["prod/**"]
    immutable: [semver]
    on_violation: [restore, notify]
"#;

#[tokio::test]
async fn two_pushes_of_one_tag_end_the_same_in_either_order_of_their_events() {
    for reversed in [false, true] {
        let world = World::with(IMMUTABLE);
        let first = world.push("prod/app", "1.0.0", "{\"n\":1}");
        let second = world.push("prod/app", "1.0.0", "{\"n\":2}");
        let mut events = [&first, &second];
        if reversed {
            events.reverse();
        }
        for digest in events {
            let outcome = world.deliver("prod/app", "1.0.0", digest).await.unwrap();
            assert_eq!(outcome.word(), "compliant");
        }
        assert_eq!(world.image("prod/app", "1.0.0").await, Some(second.clone()));
        // From here on it may not move.
        let (third, _) = world.pushed("prod/app", "1.0.0", "{\"n\":3}").await;
        assert_eq!(world.image("prod/app", "1.0.0").await, Some(second));
        assert_eq!(world.tags("prod/app", &third).await.len(), 1);
    }
}

#[tokio::test]
async fn the_first_push_that_was_seen_wins_when_both_are_seen() {
    let world = World::with(IMMUTABLE);
    let first = world.push("prod/app", "1.0.0", "{\"n\":1}");
    world.deliver("prod/app", "1.0.0", &first).await.unwrap();
    let second = world.push("prod/app", "1.0.0", "{\"n\":2}");
    // The event of the second comes before, and again after, the first's comes again.
    for digest in [&second, &first, &second] {
        world.deliver("prod/app", "1.0.0", digest).await.unwrap();
        assert_eq!(world.image("prod/app", "1.0.0").await, Some(first.clone()));
    }
    assert_eq!(world.told().len(), 1);
}

#[tokio::test]
async fn whoever_writes_second_sees_what_was_written_first() {
    let world = World::with(IMMUTABLE);
    let first = world.push("prod/app", "1.0.0", "{\"n\":1}");
    let second = world.push("prod/app", "1.0.0", "{\"n\":2}");
    let event = event("prod/app", "1.0.0", &first);
    let memory = Memory::new(&*world.state, &event.envelope);
    let subject = Subject::of(&event).unwrap();
    assert_eq!(
        memory.remember_first(&subject, &first).await,
        Recorded::Done
    );
    assert_eq!(
        memory.remember_first(&subject, &second).await,
        Recorded::Other
    );
    assert_eq!(
        memory.remember_first(&subject, &first).await,
        Recorded::Done
    );
}

#[tokio::test]
async fn a_derived_tag_is_not_moved_for_a_release_that_moved_meanwhile() {
    let policy = r#"
version: 1
mode: enforce
tag_rules:
  - name: floating
    repositories: ["prod/**"]
    derive: { from: semver, tags: [latest] }
"#;
    let world = World::with(policy);
    let digest = world.push("prod/app", "1.0.0", "{\"n\":1}");
    let event = event("prod/app", "1.0.0", &digest);
    let policy = world.guard.policy.current().await.unwrap();
    let subject = Subject::of(&event).unwrap();
    let needs = Needs::of(&policy, &subject);
    let history = History {
        previous: Recalled::Nothing,
        own: Recalled::Nothing,
    };
    let facts = world.guard.read(&event, &subject, &needs, &history).await;
    let facts = facts.unwrap();
    let plan = plan(&facts, &policy);
    let newer = world.push("prod/app", "1.0.0", "{\"n\":2}");
    let run = Run::new(&world.guard, &event, &policy, facts, plan, &history);
    let outcome = run.apply(&RecordContext::for_test()).await.unwrap();
    assert_eq!(outcome.word(), "tag_moved");
    assert_eq!(world.image("prod/app", "latest").await, None);
    world.deliver("prod/app", "1.0.0", &newer).await.unwrap();
    assert_eq!(world.image("prod/app", "latest").await, Some(newer));
}

#[tokio::test]
async fn a_deleted_tag_that_somebody_pushed_again_is_left_alone() {
    let policy = r#"
version: 1
mode: enforce
tag_rules:
  - name: releases-stay
    repositories: ["prod/**"]
    protected: [semver]
    on_violation: [restore, notify]
"#;
    let world = World::with(policy);
    let (first, _) = world.pushed("prod/app", "1.0.0", "{\"n\":1}").await;
    let (name, tag) = ("prod/app".parse().unwrap(), "1.0.0".parse().unwrap());
    world.ecr.remove_tag(&name, &tag).await.unwrap();
    world.ecr.push(
        &"quarantine/prod/app".parse().unwrap(),
        &manifest("{\"n\":1}"),
        None,
    );
    *world.mover.meanwhile.lock().unwrap() = Some(Box::new(|ecr| {
        let again = manifest("{\"n\":2}");
        let tag = "1.0.0".parse().unwrap();
        ecr.push(&"prod/app".parse().unwrap(), &again, Some(&tag));
    }));
    let outcome = world.deliver_deletion("prod/app", "1.0.0", &first).await;
    assert_eq!(outcome.unwrap().word(), "tag_moved");
    assert_ne!(world.image("prod/app", "1.0.0").await, Some(first));
}
