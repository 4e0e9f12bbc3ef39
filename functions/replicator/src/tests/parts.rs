//! Images that many runs copy.

use async_trait::async_trait;
use serde_json::Value;
use steward_aws::ServiceError;
use steward_core::event::incoming::parse_value;
use steward_runtime::later::Wait;

use super::large::{ONE_TARGET, paused};
use super::*;

impl World {
    /// An image of which so much is missing that the next run sends for each blob.
    async fn split(&self, sizes: &[u64]) -> Digest {
        let digest = self.push("prod/app", Some("v1"), "{}");
        self.lack(sizes);
        let left = sizes.iter().sum();
        self.copier.pauses.lock().unwrap().push(paused(5, left));
        let event = event("prod/app", Some("v1"), &digest);
        let outcome = self.deliver(&event, 1, false).await.unwrap();
        assert_eq!(outcome.word(), "unfinished");
        digest
    }

    /// The messages that wait: those of blobs, and the look at their image.
    pub(super) fn waiting(&self) -> (Vec<Incoming>, Option<Incoming>) {
        let events = self.later.take();
        let events = events.iter().map(|(event, _)| parse_value(event).unwrap());
        let (parts, mut looks): (Vec<_>, Vec<_>) =
            events.partition(|event| matches!(event.detail, Detail::Part(_)));
        assert!(looks.len() <= 1, "{looks:?}");
        (parts, looks.pop())
    }

    /// Lets the look come that was sent for; the messages of blobs that it sends, and the next look.
    async fn look(&self, look: &Incoming) -> (Vec<Incoming>, Incoming) {
        self.pass(15);
        let outcome = self.deliver(look, 1, false).await.unwrap();
        assert_eq!(outcome.word(), "unfinished");
        let (parts, look) = self.waiting();
        (parts, look.unwrap())
    }

    /// An image whose blobs were just sent for.
    pub(super) async fn sent(&self, sizes: &[u64]) -> (Vec<Incoming>, Incoming) {
        self.split(sizes).await;
        let (parts, look) = self.waiting();
        assert_eq!(parts, [], "the run that stopped had no time to send them");
        let (parts, look) = self.look(&look.unwrap()).await;
        assert_eq!(parts.len(), sizes.len());
        (parts, look)
    }
}

#[tokio::test]
async fn a_very_large_image_is_copied_by_a_message_for_each_blob_and_tagged_last() {
    let world = World::with(ONE_TARGET);
    let digest = world.split(&[600, 600, 600]).await;
    assert_eq!(world.go_on().await, ["Image Review unfinished"]);
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
    assert_eq!(
        world.copier.verified.lock().unwrap().last(),
        Some(&Verify::Full)
    );
    assert_eq!(world.later.take(), []);
}

#[tokio::test]
async fn messages_that_were_lost_are_sent_again() {
    let world = World::with(ONE_TARGET);
    let (_, look) = world.sent(&[600, 600]).await;
    let (parts, look) = world.look(&look).await;
    assert_eq!(parts, [], "the parts are given time");
    world.pass(20 * 60);
    let (parts, _) = world.look(&look).await;
    assert_eq!(parts.len(), 2);
}

#[tokio::test]
async fn blobs_that_never_come_further_are_sent_for_a_few_times_and_then_told() {
    let world = World::with(ONE_TARGET);
    let (_, mut look) = world.sent(&[600, 600]).await;
    for _ in 0..2 {
        world.pass(20 * 60);
        let (parts, next) = world.look(&look).await;
        assert_eq!(parts.len(), 2);
        look = next;
    }
    world.pass(20 * 60);
    let ended = world.deliver(&look, 1, false).await.unwrap_err();
    assert_eq!(ended.error_type(), "part_failed");
    assert!(!ended.is_transient());
    let told = world.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("2 blobs did not come further"), "{told:?}");
    assert!(!world.keys("split#"), "the next event begins anew");
}

#[tokio::test]
async fn a_part_that_comes_further_is_not_sent_again_and_gets_new_tries() {
    let world = World::with(ONE_TARGET);
    let (parts, mut look) = world.sent(&[600, 6000]).await;
    world.deliver(&parts[0], 1, false).await.unwrap();
    let mut part = parts[1].clone();
    for _ in 0..6 {
        world.pass(15 * 60);
        world.copier.pauses.lock().unwrap().push(paused(100, 100));
        let outcome = world.deliver(&part, 1, false).await.unwrap();
        assert_eq!(outcome.word(), "paused");
        part = world.waiting().0.pop().unwrap();
        let (parts, next) = world.look(&look).await;
        assert_eq!(parts, [], "it is on its way");
        look = next;
    }
    assert_eq!(world.told(), Vec::<String>::new());
}

#[tokio::test]
async fn a_part_that_cannot_come_ends_its_image_with_a_word() {
    let world = World::with(ONE_TARGET);
    let (parts, look) = world.sent(&[600, 600]).await;
    world.fail("a.example.com", || {
        Failure::permanent("denied", "the door is shut")
    });
    let failure = world.deliver(&parts[0], 1, false).await.unwrap_err();
    world.gave_up(&parts[0], &failure).await;
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

#[tokio::test]
async fn a_part_whose_blob_is_gone_from_the_source_ends_its_image_with_a_word() {
    let world = World::with(ONE_TARGET);
    let (parts, look) = world.sent(&[600, 600]).await;
    world.copier.lost.store(true, Ordering::SeqCst);
    let outcome = world.deliver(&parts[0], 1, false).await.unwrap();
    assert_eq!(outcome.word(), "source_gone");
    world.pass(15);
    let ended = world.deliver(&look, 1, false).await.unwrap_err();
    assert_eq!(ended.error_type(), "part_failed");
    assert!(
        ended.chain().contains("the source does not have"),
        "{ended}"
    );
}

#[tokio::test]
async fn parts_of_a_rule_that_was_renamed_are_sent_again_under_its_new_name() {
    let mut world = World::with(ONE_TARGET);
    let (parts, look) = world.sent(&[600, 600]).await;
    let renamed = ONE_TARGET.replace("mirror", "renamed");
    let renamed = Policy::parse(&renamed, "policy.yaml").unwrap();
    world.replicator.policy = Arc::new(PolicyStore::fixed(renamed));
    let outcome = world.deliver(&parts[0], 1, false).await.unwrap();
    assert_eq!(outcome.word(), "not_wanted");
    let (parts, _) = world.look(&look).await;
    assert_eq!(parts.len(), 2);
    for part in &parts {
        let outcome = world.deliver(part, 1, false).await.unwrap();
        assert_eq!(outcome.word(), "part_copied");
    }
}

#[tokio::test]
async fn a_failure_that_comes_late_does_not_harm_an_image_that_is_whole() {
    let world = World::with(ONE_TARGET);
    let (parts, look) = world.sent(&[600, 600]).await;
    let down = Failure::permanent("denied", "the door is shut");
    // Noted, but by then the other delivery of the same message had brought the blob.
    world.gave_up(&parts[0], &down).await;
    world.lack(&[]);
    world.pass(15);
    let outcome = world.deliver(&look, 1, false).await.unwrap();
    assert_eq!(outcome.word(), "copied");
    // Later than the end of the copy, nothing is noted at all.
    world.gave_up(&parts[1], &down).await;
    assert!(!world.keys("split#"));
    let outcome = world.deliver(&look, 1, false).await.unwrap();
    assert_eq!(outcome.word(), "unchanged");
}

/// A queue that takes one message and answers to no other.
struct Stuck(MemoryLater);

#[async_trait]
impl Later for Stuck {
    async fn send(&self, event: &Value, wait: &Wait) -> Result<(), ServiceError> {
        let sent = self.0.take();
        let is_first = sent.is_empty();
        for (event, wait) in &sent {
            self.0.send(event, wait).await?;
        }
        if !is_first {
            std::future::pending::<()>().await;
        }
        self.0.send(event, wait).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_while_it_sends_for_blobs_sends_for_none_twice() {
    let mut world = World::with(ONE_TARGET);
    world.split(&[600, 600, 600]).await;
    let look = world.waiting().1.unwrap();
    let stuck = Arc::new(Stuck(MemoryLater::default()));
    world.replicator.later = Some(stuck.clone());
    let run = world.deliver(&look, 1, false);
    let died = tokio::time::timeout(Duration::from_secs(1), run).await;
    assert!(died.is_err());
    assert_eq!(stuck.0.take().len(), 1);
    world.replicator.later = Some(world.later.clone());
    world.pass(5 * 60);
    let (parts, _) = world.look(&look).await;
    assert_eq!(parts, [], "those that were sent are given time first");
}
