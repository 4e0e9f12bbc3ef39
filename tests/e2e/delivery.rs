//! Events that come twice, late, or broken.

use steward_testkit::gateway::EventOptions;

use crate::world::{QUIET, World, image, push_event, shared, until};

#[tokio::test]
async fn the_same_event_twice_and_late_changes_nothing_and_sends_nothing_twice() {
    // A cloud of its own: duplicates are switched on for every event of the gateway.
    let world = World::start(include_str!("policy.yaml"), |options| options);
    let gateway = world.cloud.gateway().unwrap();
    gateway.set_events(EventOptions {
        duplicate: 2,
        ..EventOptions::default()
    });
    let release = image("twice");
    let feature = image("twice feature");
    world.push("prod/twice", "v1.0.0", &release);
    world.push("prod/twice", "feature", &feature);
    until(&world, "the copies", || {
        world.target("dr/prod/twice:v1.0.0").is_some()
            && world.mirror("mirror/twice:v1.0.0").is_some()
    })
    .await;
    until(&world, "the quarantine", || {
        world.home("prod/twice:feature").is_none()
    })
    .await;
    until(&world, "all messages", || {
        world.messages("prod/twice:v1.0.0").len() >= 2
            && world.messages("prod/twice:feature").len() >= 2
    })
    .await;

    // Late: long after everything was done.
    let client = world.client();
    client
        .put_event(&push_event(
            "prod/twice",
            "v1.0.0",
            release.digest().as_str(),
        ))
        .await
        .unwrap();
    client
        .put_event(&push_event(
            "prod/twice",
            "feature",
            feature.digest().as_str(),
        ))
        .await
        .unwrap();
    tokio::time::sleep(QUIET).await;
    for queue in ["TagGuardQueueUrl", "ReplicatorQueueUrl", "NotifierQueueUrl"] {
        assert_eq!(client.queue_depth(queue).await.unwrap(), 0, "{queue}");
    }
    assert_eq!(
        world.messages("prod/twice:v1.0.0").len(),
        2,
        "{}",
        world.stories("prod/twice")
    );
    assert_eq!(
        world.messages("prod/twice:feature").len(),
        2,
        "{}",
        world.stories("prod/twice")
    );
    assert_eq!(
        world.home("prod/twice:v1.0.0").as_deref(),
        Some(&release.manifest()[..])
    );
    assert_eq!(world.home("prod/twice:feature"), None);
    for queue in [
        "TagGuardDeadLetterQueueUrl",
        "ReplicatorDeadLetterQueueUrl",
        "NotifierDeadLetterQueueUrl",
    ] {
        assert_eq!(client.dead_letters(queue).await.unwrap(), [], "{queue}");
    }
}

#[tokio::test]
async fn a_malformed_event_is_dead_lettered_and_its_neighbours_are_handled() {
    let world = shared();
    let client = world.client();
    let broken = r#"{"version":"0","id":"broken-1","detail-type":"ECR Image Action","source":"aws.ecr",
        "account":"111122223333","time":"2026-11-23T10:00:00Z","region":"eu-west-1","resources":[],
        "detail":{"result":"SUCCESS","repository-name":"prod/neighbour","image-digest":"sha256:xyz",
        "action-type":"PUSH","image-tag":"v1"}}"#;
    for _ in 0..3 {
        client
            .send_to_queue("TagGuardQueueUrl", broken)
            .await
            .unwrap();
    }
    world.push("prod/neighbour", "bad", &image("neighbour"));
    until(world, "the neighbour", || {
        world.home("prod/neighbour:bad").is_none()
    })
    .await;
    let begin = std::time::Instant::now();
    let letters = loop {
        let letters = client
            .dead_letters("TagGuardDeadLetterQueueUrl")
            .await
            .unwrap();
        if letters.len() >= 3 {
            break letters;
        }
        assert!(
            begin.elapsed() < crate::world::PATIENCE,
            "{letters:?}\n{}",
            world.log_tail()
        );
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    for letter in letters {
        assert_eq!(
            letter.error_type.as_deref(),
            Some("malformed_event"),
            "{letter:?}"
        );
        assert_eq!(letter.function.as_deref(), Some("tag-guard"), "{letter:?}");
        assert!(
            letter
                .error
                .as_deref()
                .unwrap_or_default()
                .contains("image-digest"),
            "{letter:?}"
        );
        assert!(letter.body.contains("broken-1"));
    }
    until(world, "the mistake in the log", || {
        world.cloud.log().contains("malformed_event")
    })
    .await;
}
