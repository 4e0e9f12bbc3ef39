//! Who pushed, and who owns.

use super::*;

const ALICE: &str = "arn:aws:sts::111122223333:assumed-role/ci/alice";

const BOB: &str = "arn:aws:sts::111122223333:assumed-role/ci/bob";
const OWN: &str = "arn:aws:sts::111122223333:assumed-role/steward-tag-guard/steward-tag-guard";

fn put_image(repository: &str, tag: &str, digest: &Digest) -> Incoming {
    put_by(ALICE, "10:03:00", repository, tag, digest)
}

fn put_by(who: &str, at: &str, repository: &str, tag: &str, digest: &Digest) -> Incoming {
    let text = format!(
        r#"{{"version":"0","id":"trail-1","detail-type":"AWS API Call via CloudTrail",
        "source":"aws.ecr","account":"111122223333","time":"2026-11-23T{at}Z",
        "region":"eu-west-1","resources":[],"detail":{{"eventSource":"ecr.amazonaws.com",
        "eventName":"PutImage","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7",
        "userAgent":"docker/29.0","userIdentity":{{"type":"AssumedRole","arn":"{who}"}},
        "requestParameters":{{"repositoryName":"{repository}","imageTag":"{tag}"}},
        "responseElements":{{"image":{{"imageId":{{"imageDigest":"{digest}","imageTag":"{tag}"}}}}}},
        "eventType":"AwsApiCall"}}}}"#
    );
    parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn a_pusher_that_comes_first_is_in_the_message() {
    let world = World::new();
    let digest = world.push("prod/app", "feature-x", "{}");
    let trail = put_image("prod/app", "feature-x", &digest);
    assert_eq!(
        world.handle(&trail).await.unwrap().word(),
        "pusher_remembered"
    );
    world
        .deliver("prod/app", "feature-x", &digest)
        .await
        .unwrap();
    let [event] = &world.events.events()[..] else {
        panic!("{:?}", world.told());
    };
    let pusher = event.pusher.as_ref().unwrap();
    assert_eq!(pusher.arn, ALICE);
    assert_eq!(pusher.source_ip.as_deref(), Some("198.51.100.7"));
    assert!(
        event
            .explain
            .ends_with(&format!("It was pushed by {ALICE}."))
    );
}

#[tokio::test]
async fn a_pusher_that_comes_later_is_told_in_a_message_of_its_own() {
    let world = World::new();
    let (digest, _) = world.pushed("prod/app", "feature-x", "{}").await;
    let trail = put_image("prod/app", "feature-x", &digest);
    assert_eq!(world.handle(&trail).await.unwrap().word(), "pusher_told");
    let [first, second] = &world.events.events()[..] else {
        panic!("{:?}", world.told());
    };
    assert_eq!(second.detail_type, first.detail_type);
    assert_ne!(second.dedupe_key, first.dedupe_key);
    assert!(second.dedupe_key.contains(ALICE));
    assert_eq!(second.cause, "trail-1");
    let said = format!("prod/app:feature-x was pushed by {ALICE}.");
    assert!(second.explain.starts_with(&said), "{}", second.explain);
    // The same once more says nothing new.
    assert_eq!(
        world.handle(&trail).await.unwrap().word(),
        "pusher_remembered"
    );
    assert_eq!(world.told().len(), 2);
}

#[tokio::test]
async fn a_pusher_of_an_image_in_order_is_nobodys_business() {
    let world = World::new();
    let (digest, _) = world.pushed("prod/app", "1.0.0", "{}").await;
    let trail = put_image("prod/app", "1.0.0", &digest);
    world.handle(&trail).await.unwrap();
    assert_eq!(world.told(), Vec::<String>::new());
    let outside = put_image("quarantine/prod/app", "1.0.0", &digest);
    assert_eq!(world.handle(&outside).await.unwrap().word(), "skipped");
}

#[tokio::test]
async fn the_owner_is_the_repositorys_resource_tag() {
    let world = World::new();
    let tags = BTreeMap::from([("team".to_owned(), "payments".to_owned())]);
    let repository = "prod/app".parse().unwrap();
    world.ecr.set_resource_tags(&repository, tags);
    world.pushed("prod/app", "feature-x", "{}").await;
    let events = world.events.events();
    assert_eq!(events[0].owner.as_deref(), Some("payments"));
    assert_eq!(
        events[0].violations[0].severity,
        Some(steward_core::Severity::Medium)
    );
    assert_eq!(
        events[0].violations[0].mode,
        Some(steward_core::Mode::Enforce)
    );
}

#[tokio::test]
async fn what_the_function_pushed_nobody_pushed() {
    let world = World::new();
    let (digest, _) = world.pushed("prod/app", "feature-x", "{}").await;
    let own = put_by(OWN, "10:02:00", "prod/app", "feature-x", &digest);
    assert_eq!(world.handle(&own).await.unwrap().word(), "skipped");
    let trail = put_image("prod/app", "feature-x", &digest);
    assert_eq!(world.handle(&trail).await.unwrap().word(), "pusher_told");
    assert!(world.last().contains(ALICE), "{}", world.last());
}

#[tokio::test]
async fn whoever_pushed_last_is_named_in_whatever_order_it_is_told() {
    let world = World::new();
    let (digest, _) = world.pushed("prod/app", "feature-x", "{}").await;
    let first = put_by(ALICE, "10:00:00", "prod/app", "feature-x", &digest);
    let second = put_by(BOB, "10:05:00", "prod/app", "feature-x", &digest);
    assert_eq!(world.handle(&first).await.unwrap().word(), "pusher_told");
    assert_eq!(world.handle(&second).await.unwrap().word(), "pusher_told");
    assert!(world.last().contains(BOB), "{}", world.last());
    assert_eq!(world.handle(&first).await.unwrap().word(), "skipped");
    assert_eq!(world.told().len(), 3);
}
