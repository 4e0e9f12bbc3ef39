use steward_core::event::incoming::parse_value;

use super::*;

pub(super) const ONE_TARGET: &str = r#"
version: 1
mode: enforce
replication:
  - name: mirror
    repositories: ["prod/**"]
    to: [{ registry: a.example.com, repository: "a/{basename}" }]
"#;

pub(super) fn paused(moved: u64, left: u64) -> Paused {
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
    pub(super) fn lack(&self, sizes: &[u64]) {
        let blobs = sizes.iter().enumerate().map(|(i, size)| {
            let digest = format!("sha256:{i:064x}").parse().unwrap();
            Descriptor::new("application/octet-stream", digest, *size)
        });
        *self.copier.lacking.lock().unwrap() = blobs.collect();
    }

    /// Lets the queue bring back what waits there; what each was and how it ended.
    pub(super) async fn go_on(&self) -> Vec<String> {
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
async fn a_run_that_goes_on_begins_after_the_target_that_took_the_time() {
    let world = World::new();
    let digest = world.push("prod/app", Some("v1.2.3"), "{}");
    let event = event("prod/app", Some("v1.2.3"), &digest);
    let (a, b) = ("a.example.com", "b.example.com");
    let order = || std::mem::take(&mut *world.copier.order.lock().unwrap());
    let pause = |moved| {
        let pauses = [paused(moved, 10), paused(moved, 10)];
        world.copier.pauses.lock().unwrap().extend(pauses);
    };
    // Also where nothing came further, so that it is the event itself that comes again.
    pause(0);
    world.deliver(&event, 1, false).await.unwrap_err();
    assert_eq!(order(), [a, b]);
    pause(5);
    world.deliver(&event, 2, false).await.unwrap();
    assert_eq!(order(), [b, a]);
    assert_eq!(world.go_on().await, ["Image Review copied"]);
    assert_eq!(order(), [a, b]);
}

#[tokio::test]
async fn a_run_without_time_begins_nothing() {
    let world = World::with(ONE_TARGET);
    let digest = world.push("prod/app", Some("v1"), "{}");
    let event = event("prod/app", Some("v1"), &digest);
    let context = RecordContext {
        deadline: Deadline::after(Duration::ZERO),
        ..RecordContext::for_test()
    };
    let failure = world.replicator.handle(&event, &context).await.unwrap_err();
    assert_eq!(failure.error_type(), "no_time");
    assert_eq!(*world.copier.calls.lock().unwrap(), 0);
}

#[tokio::test]
async fn a_copy_that_ends_in_the_middle_for_good_is_told() {
    let world = World::with(ONE_TARGET);
    let digest = world.push("prod/app", Some("v1"), "{}");
    let pause = |moved| world.copier.pauses.lock().unwrap().push(paused(moved, 10));
    pause(5);
    let event = event("prod/app", Some("v1"), &digest);
    world.deliver(&event, 1, false).await.unwrap();
    let look = parse_value(&world.later.take().pop().unwrap().0).unwrap();
    pause(0);
    let failure = world.deliver(&look, 8, true).await.unwrap_err();
    assert_eq!(failure.error_type(), "no_time");
    world.gave_up(&look, &failure).await;
    let told = world.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("v1 could not be copied"), "{told:?}");
    assert!(told[0].contains("`steward copy`"), "{told:?}");
    assert!(world.keys("replica#"), "its status says so as well");

    // Of a tag that is gone no copy is missing.
    let world = World::with(ONE_TARGET);
    world.gave_up(&look, &failure).await;
    assert_eq!(world.told(), Vec::<String>::new());
}

#[tokio::test]
async fn only_what_several_runs_copied_is_looked_at_in_whole() {
    let world = World::with(ONE_TARGET);
    let digest = world.push("prod/app", Some("v1"), "{}");
    let event = event("prod/app", Some("v1"), &digest);
    let verified = || std::mem::take(&mut *world.copier.verified.lock().unwrap());
    world.copier.pauses.lock().unwrap().push(paused(5, 10));
    world.deliver(&event, 1, false).await.unwrap();
    assert_eq!(verified(), [Verify::Answers]);
    // The run that wrote the tag had no time for the look; the next one has, and tells of the copy.
    let copies = [("a.example.com/a/app:v1".to_owned(), digest.clone())];
    world.copier.copies.lock().unwrap().extend(copies);
    assert_eq!(world.go_on().await, ["Image Review unchanged"]);
    assert_eq!(verified(), [Verify::Full]);
    assert_eq!(world.told().len(), 1);
    world.deliver(&event, 1, false).await.unwrap();
    assert_eq!(verified(), [Verify::Answers]);
    assert!(!world.keys("uploads#"));
}
