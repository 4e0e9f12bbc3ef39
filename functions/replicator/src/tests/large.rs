use steward_core::event::incoming::parse_value;

use super::*;

const ONE_TARGET: &str = r#"
version: 1
mode: enforce
replication:
  - name: mirror
    repositories: ["prod/**"]
    to: [{ registry: a.example.com, repository: "a/{basename}" }]
"#;

fn paused(moved: u64, left: u64) -> Paused {
    Paused {
        moved: Amount {
            blobs: 0,
            bytes: moved,
        },
        left: Amount {
            blobs: 3,
            bytes: left,
        },
        ..Paused::default()
    }
}

impl World {
    fn lack(&self, sizes: &[u64]) {
        let blobs = sizes.iter().enumerate().map(|(i, size)| {
            let digest = format!("sha256:{i:064x}").parse().unwrap();
            Descriptor::new("application/octet-stream", digest, *size)
        });
        *self.copier.lacking.lock().unwrap() = blobs.collect();
    }

    /// Lets the queue bring back what waits there; what each was and how it ended.
    async fn go_on(&self) -> Vec<String> {
        let mut ended = Vec::new();
        for (event, wait) in self.later.take() {
            let kind = event["detail-type"].as_str().unwrap().to_owned();
            self.pass(i64::try_from(wait.delay.as_secs()).unwrap());
            let event = parse_value(&event).unwrap();
            let outcome = self.deliver(&event, 1, false).await.unwrap();
            ended.push(format!("{kind} {}", outcome.word()));
        }
        ended
    }
}

#[tokio::test]
async fn a_copy_that_one_run_cannot_finish_goes_on_in_the_next_without_a_word() {
    let world = World::with(ONE_TARGET);
    let digest = world.push("prod/app", Some("v1"), "{}");
    world
        .copier
        .pauses
        .lock()
        .unwrap()
        .extend([paused(5, 10), paused(5, 20)]);
    let event = event("prod/app", Some("v1"), &digest);
    let outcome = world.deliver(&event, 1, false).await.unwrap();
    assert_eq!(outcome.word(), "unfinished");
    assert_eq!(world.go_on().await, ["Image Review unfinished"]);
    assert_eq!(world.has("a.example.com/a/app:v1"), None);
    assert_eq!(world.told(), Vec::<String>::new());
    assert_eq!(world.go_on().await, ["Image Review copied"]);
    assert_eq!(world.has("a.example.com/a/app:v1"), Some(digest));
    assert_eq!(world.told().len(), 1);
    assert_eq!(world.later.take(), []);
}

#[tokio::test]
async fn a_run_that_comes_no_further_uses_up_a_try() {
    let world = World::with(ONE_TARGET);
    let digest = world.push("prod/app", Some("v1"), "{}");
    world.copier.pauses.lock().unwrap().push(paused(0, 10));
    let event = event("prod/app", Some("v1"), &digest);
    let failure = world.deliver(&event, 1, false).await.unwrap_err();
    assert_eq!(failure.error_type(), "no_time");
    assert!(failure.is_transient());
    assert_eq!(world.later.take(), []);
}

#[tokio::test]
async fn a_very_large_image_is_copied_by_a_message_for_each_blob_and_tagged_last() {
    let world = World::with(ONE_TARGET);
    let digest = world.push("prod/app", Some("v1"), "{}");
    world.lack(&[600, 600, 600]);
    world.copier.pauses.lock().unwrap().push(paused(5, 1800));
    let event = event("prod/app", Some("v1"), &digest);
    world.deliver(&event, 1, false).await.unwrap();
    // One part stops half-way and goes on by a message of its own.
    world.copier.pauses.lock().unwrap().push(paused(300, 300));
    assert_eq!(
        world.go_on().await,
        [
            "Image Part paused",
            "Image Part part_copied",
            "Image Part part_copied",
            "Image Review unfinished"
        ]
    );
    assert_eq!(world.has("a.example.com/a/app:v1"), None);
    assert_eq!(
        world.go_on().await,
        ["Image Part part_copied", "Image Review copied"]
    );
    assert_eq!(world.has("a.example.com/a/app:v1"), Some(digest));
    assert_eq!(world.later.take(), []);
}

#[tokio::test]
async fn messages_that_were_lost_are_sent_again() {
    let world = World::with(ONE_TARGET);
    let digest = world.push("prod/app", Some("v1"), "{}");
    world.lack(&[600, 600]);
    world.copier.pauses.lock().unwrap().push(paused(5, 1200));
    let event = event("prod/app", Some("v1"), &digest);
    world.deliver(&event, 1, false).await.unwrap();
    let look = world.later.take().pop().unwrap().0;
    let look = parse_value(&look).unwrap();
    world.pass(15);
    assert_eq!(
        world.deliver(&look, 1, false).await.unwrap().word(),
        "unfinished"
    );
    assert_eq!(world.later.take().len(), 1, "the parts are given time");
    world.pass(20 * 60);
    world.deliver(&look, 1, false).await.unwrap();
    assert_eq!(world.later.take().len(), 3);
}

#[tokio::test]
async fn a_part_that_cannot_come_ends_its_image_with_a_word() {
    let world = World::with(ONE_TARGET);
    let digest = world.push("prod/app", Some("v1"), "{}");
    world.lack(&[600, 600]);
    world.copier.pauses.lock().unwrap().push(paused(5, 1200));
    let event = event("prod/app", Some("v1"), &digest);
    world.deliver(&event, 1, false).await.unwrap();
    let mut messages = world.later.take();
    let look = parse_value(&messages.pop().unwrap().0).unwrap();
    let part = parse_value(&messages[0].0).unwrap();
    world.fail("a.example.com", || {
        Failure::permanent("denied", "the door is shut")
    });
    let failure = world.deliver(&part, 1, false).await.unwrap_err();
    let context = RecordContext::for_test();
    world
        .replicator
        .gave_up(Some(&part), &failure, &context)
        .await;
    world.pass(15);
    let ended = world.deliver(&look, 1, false).await.unwrap_err();
    assert_eq!(ended.error_type(), "part_failed");
    assert!(!ended.is_transient());
    let told = world.told();
    assert!(
        told[0].starts_with("Image Replication Failed") && told[0].contains("the door is shut"),
        "{told:?}"
    );
}
