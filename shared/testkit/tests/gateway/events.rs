//! Events that are put otherwise than usual, and registries that fail.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use steward_testkit::{
    gateway::{Action, Activity, Delivery, EventOptions, Outage, OutageKind},
    image::push,
};

use crate::{
    app,
    stage::{Home, Other, Stage},
    summary,
};

#[tokio::test(flavor = "multi_thread")]
async fn events_are_doubled_delayed_and_dropped_on_request() {
    let stage = Stage::start().await;
    let image = app("seven");
    let mut feed = stage.handle().subscribe();
    let set = stage
        .post("/_gateway/events", json!({"duplicate": 1, "delay_ms": 50}))
        .await;
    assert_eq!(set.status, StatusCode::OK);
    push(&stage.url(), "team/app", Some("v1"), &image)
        .await
        .unwrap();
    let events = stage.events(Home, 2).await;
    assert_eq!(summary(&events[0]), summary(&events[1]));
    assert_ne!(events[0]["id"], events[1]["id"]);
    let Ok(Activity::Change(change)) = feed.recv().await else {
        panic!("expected the push first");
    };
    assert_eq!(
        (change.action, change.tag.as_deref()),
        (Action::Push, Some("v1"))
    );

    stage.handle().set_events(EventOptions {
        drop: true,
        ..EventOptions::default()
    });
    push(&stage.url(), "team/app", Some("v2"), &image)
        .await
        .unwrap();
    stage.handle().settled().await;
    let log = stage.handle().log();
    let Some(Activity::Event(last)) = log.last() else {
        panic!("{log:?}");
    };
    assert_eq!(last.delivery, Delivery::Dropped);
    assert_eq!(last.change.tag.as_deref(), Some("v2"));

    let wrong = stage
        .post("/_gateway/events", json!({"duplicates": 1}))
        .await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_fails_on_request_and_recovers() {
    let stage = Stage::start().await;
    let fault =
        json!({"account": stage.registry_of(Other).account, "kind": "unavailable", "seconds": 60});
    assert_eq!(
        stage.post("/_gateway/faults", fault).await.status,
        StatusCode::OK
    );
    assert_eq!(
        stage.send("GET", "/v2/", Other).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(stage.send("GET", "/v2/", Home).await.status, StatusCode::OK);
    let repositories = stage.ecr(Other, "DescribeRepositories", json!({})).await;
    assert_eq!(repositories.status, StatusCode::OK);
    assert_eq!(
        stage.send("DELETE", "/_gateway/faults", Home).await.status,
        StatusCode::OK
    );
    assert_eq!(
        stage.send("GET", "/v2/", Other).await.status,
        StatusCode::OK
    );

    stage.handle().fail(Outage {
        account: stage.registry_of(Home).account.clone(),
        region: None,
        kind: OutageKind::Refuse,
        seconds: None,
        requests: Some(1),
        api: true,
    });
    let refused = push(&stage.url(), "team/app", Some("v1"), &app("x")).await;
    assert!(refused.unwrap_err().to_string().starts_with("no answer"));
    push(&stage.url(), "team/app", Some("v1"), &app("x"))
        .await
        .unwrap();
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_bus_does_not_fail_a_push() {
    let stage = Stage::start_without_bus().await;
    push(&stage.url(), "team/app", Some("v1"), &app("ten"))
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(30), stage.handle().settled())
        .await
        .unwrap();
    let log = stage.handle().log();
    assert!(
        matches!(log.last(), Some(Activity::Event(event)) if event.delivery == Delivery::Failed),
        "{log:?}"
    );
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_as_old_as_a_test_wants_it_until_it_is_pushed_anew() {
    let stage = Stage::start().await;
    let image = app("eight");
    let pushed_at = async || {
        let input = json!({"repositoryName": "team/app", "imageIds": [{"imageTag": "v1"}]});
        let answer = stage.ecr(Home, "DescribeImages", input).await;
        answer.json()["imageDetails"][0]["imagePushedAt"]
            .as_f64()
            .unwrap()
    };
    push(&stage.url(), "team/app", Some("v1"), &image)
        .await
        .unwrap();
    let before = pushed_at().await;
    let older = json!({"repository": "team/app", "image": "v1", "older_by_seconds": 86_400});
    let answer = stage.post("/_gateway/age", older.clone()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!((before - pushed_at().await - 86_400.0).abs() < 1.0);

    let by_digest = json!({
        "repositoryName": "team/app", "imageIds": [{"imageDigest": image.digest().as_str()}],
    });
    stage.ecr(Home, "BatchDeleteImage", by_digest).await;
    push(&stage.url(), "team/app", Some("v1"), &image)
        .await
        .unwrap();
    assert!(pushed_at().await >= before);
    for wrong in [
        json!({"repository": "team/app", "image": "v2", "older_by_seconds": 1}),
        json!({"repository": "team/none", "image": "v1", "older_by_seconds": 1}),
        json!({"repository": "team/app", "image": "v1"}),
    ] {
        let answer = stage.post("/_gateway/age", wrong).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
    stage.stop().await;
}
