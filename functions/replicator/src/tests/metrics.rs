use steward_core::event::incoming::parse_value;

use super::*;

#[tokio::test]
async fn what_one_target_got_counts_also_where_another_fails() {
    let world = World::new();
    let digest = world.push("prod/app", Some("v1.2.3"), "{}");
    world.fail("a.example.com", down);
    world.pass(30);
    let event = event("prod/app", Some("v1.2.3"), &digest);
    let failure = world.deliver(&event, 1, false).await.unwrap_err();
    let done = failure.done().unwrap();
    assert_eq!(
        done.counters(),
        [("ImagesCopied", 1.0), ("BytesCopied", 10.0)]
    );
}

#[tokio::test]
async fn a_target_that_never_succeeds_is_later_with_every_try() {
    let world = World::new();
    let digest = world.push("prod/app", Some("v1.2.3"), "{}");
    let event = event("prod/app", Some("v1.2.3"), &digest);
    world.deliver(&event, 1, false).await.unwrap();
    let moved = world.push("prod/app", Some("v1.2.3"), "{\"n\":2}");
    let event = self::event("prod/app", Some("v1.2.3"), &moved);
    world.fail("a.example.com", down);
    world.fail("b.example.com", down);
    for (try_, lag) in [(1, 1000.0), (2, 2000.0)] {
        world.pass(1000);
        let failure = world.deliver(&event, try_, false).await.unwrap_err();
        let lags = [("ReplicationLag", lag), ("ReplicationLag", lag)];
        assert_eq!(failure.done().unwrap().samples(), lags);
    }
}

#[tokio::test]
async fn the_lag_of_a_copy_of_many_runs_is_that_since_its_push() {
    let world = World::new();
    let digest = world.push("prod/app", Some("v1.2.3"), "{}");
    let paused = Paused {
        moved: Amount { blobs: 1, bytes: 7 },
        ..Paused::default()
    };
    world.copier.pauses.lock().unwrap().push(paused);
    let event = event("prod/app", Some("v1.2.3"), &digest);
    world.pass(60);
    world.deliver(&event, 1, false).await.unwrap();
    let (on, _) = world.later.take().pop().unwrap();
    world.pass(60);
    let outcome = world.deliver(&parse_value(&on).unwrap(), 1, false).await;
    assert_eq!(outcome.unwrap().samples(), [("ReplicationLag", 120.0)]);
}

#[tokio::test]
async fn no_lag_is_told_of_what_was_not_pushed_just_now() {
    let policy = POLICY.replacen("    to:", "    deletes: propagate\n    to:", 1);
    let world = World::with(&policy);
    let digest = world.push("prod/app", Some("v1.2.3"), "{}");
    // A backfill's event says when it looked, and not when the image was pushed.
    let mut backfilled = event("prod/app", Some("v1.2.3"), &digest);
    backfilled.envelope.source = "ecr-steward".parse().unwrap();
    world.pass(60);
    let outcome = world.deliver(&backfilled, 1, false).await.unwrap();
    assert_eq!((outcome.word(), outcome.samples().len()), ("copied", 0));

    // A tag that is back when the time of its deletion is over.
    let tag: Tag = "v1.2.3".parse().unwrap();
    let repository = "prod/app".parse().unwrap();
    world.ecr.remove_tag(&repository, &tag).await.unwrap();
    let deletion = action("DELETE", "prod/app", Some("v1.2.3"), &digest);
    world.deliver(&deletion, 1, false).await.unwrap();
    let (look, wait) = world.later.take().pop().unwrap();
    world.pass(i64::try_from(wait.delay.as_secs()).unwrap());
    world.push("prod/app", Some("v1.2.3"), "{\"n\":2}");
    let outcome = world.deliver(&parse_value(&look).unwrap(), 1, false).await;
    let outcome = outcome.unwrap();
    assert_eq!((outcome.word(), outcome.samples().len()), ("copied", 0));
}

#[tokio::test]
async fn bytes_of_referrers_count_where_their_image_was_there() {
    let world = World::new();
    let digest = world.push("prod/app", Some("v1.2.3"), "{}");
    let event = event("prod/app", Some("v1.2.3"), &digest);
    world.deliver(&event, 1, false).await.unwrap();
    let again = world.deliver(&event, 1, false).await.unwrap();
    assert_eq!(again.word(), "unchanged");
    assert_eq!(
        again.counters(),
        [("ImagesCopied", 0.0), ("BytesCopied", 20.0)]
    );
}
