//! Targets that are down, for a while or for good.

use std::time::{Duration, Instant};

use steward_testkit::gateway::{Outage, OutageKind};

use crate::world::{PATIENCE, World, image, until};

#[tokio::test]
async fn a_target_that_comes_back_gets_its_copy_and_two_messages_are_sent() {
    let world = World::start(include_str!("policy.yaml"), |options| options);
    let image = image("outage");
    world.cloud.stop_mirror();
    world.push("prod/outage", "v1.0.0", &image);
    until(&world, "the other target", || {
        world.target("dr/prod/outage:v1.0.0").is_some()
    })
    .await;
    until(&world, "the failure's message", || {
        world
            .titles("prod/outage:v1.0.0")
            .iter()
            .any(|title| title.contains("Replication failed"))
    })
    .await;
    // Long enough for several tries to fail.
    tokio::time::sleep(Duration::from_secs(10)).await;
    world.cloud.start_mirror().unwrap();
    until(&world, "the copy", || {
        world.mirror("mirror/outage:v1.0.0").as_deref() == Some(image.manifest())
    })
    .await;
    until(&world, "the success's message", || {
        world.messages("is at last copied").len() == 1
    })
    .await;
    assert_eq!(
        world.titles("mirror.example.com/mirror/outage:v1.0.0"),
        [
            "slack: Replication failed: prod/outage:v1.0.0",
            "slack: Image replicated: prod/outage:v1.0.0",
        ]
    );
    assert_eq!(
        world
            .client()
            .dead_letters("ReplicatorDeadLetterQueueUrl")
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn a_target_down_for_good_is_dead_lettered_with_its_error_type() {
    let world = World::start(include_str!("policy.yaml"), |mut options| {
        options.max_receives = 3;
        options.retry_base = 1;
        options
    });
    world.cloud.gateway().unwrap().fail(Outage {
        account: "444455556666".parse().unwrap(),
        region: None,
        kind: OutageKind::Unavailable,
        seconds: None,
        requests: None,
        api: false,
    });
    world.push("prod/lost", "v1.0.0", &image("lost"));
    until(&world, "the other target", || {
        world.mirror("mirror/lost:v1.0.0").is_some()
    })
    .await;
    let client = world.client();
    let begin = Instant::now();
    let letter = loop {
        let letters = client
            .dead_letters("ReplicatorDeadLetterQueueUrl")
            .await
            .unwrap();
        if let Some(letter) = letters.into_iter().next() {
            break letter;
        }
        assert!(
            begin.elapsed() < PATIENCE,
            "no dead letter\n{}",
            world.log_tail()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(
        letter.error_type.as_deref(),
        Some("registry_unavailable"),
        "{letter:?}"
    );
    assert_eq!(letter.function.as_deref(), Some("replicator"), "{letter:?}");
    assert!(letter.body.contains("prod/lost"), "{letter:?}");
    assert_eq!(
        client
            .queue_depth("ReplicatorDeadLetterQueueUrl")
            .await
            .unwrap(),
        1
    );
    let begin = Instant::now();
    while !in_alarm(&world).await {
        assert!(
            begin.elapsed() < PATIENCE,
            "the alarm on the dead-letter queue"
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    until(&world, "the last word", || {
        !world.messages("could not be copied").is_empty()
    })
    .await;
}

/// Whether the template's alarm on the replicator's dead letters has gone off: the metric shows them.
async fn in_alarm(world: &World) -> bool {
    let client = world.client();
    let alarms = client
        .api()
        .query(
            "monitoring",
            "2010-08-01",
            "DescribeAlarms",
            &[("StateValue", "ALARM")],
        )
        .await
        .unwrap();
    alarms.contains("replicator-dead-letters</AlarmName>")
}
