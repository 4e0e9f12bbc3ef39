use serde_json::json;

use super::*;
use crate::testing::{Replay, config, replay, request};

fn event(n: usize) -> BusEvent {
    BusEvent {
        source: "ecr-steward".to_owned(),
        detail_type: "Tag Rule Violated".to_owned(),
        detail: format!(r#"{{"n":{n}}}"#),
        resources: Vec::new(),
    }
}

fn bus(client: &Replay) -> SdkEventBus {
    SdkEventBus {
        pause: Duration::ZERO,
        ..SdkEventBus::new(&config(client), "steward")
    }
}

const GOOD: &str = r#"{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}"#;

#[tokio::test]
async fn events_go_out_by_the_ten() {
    let client = replay(&[(200, GOOD), (200, GOOD)]);
    let events: Vec<BusEvent> = (0..12).map(event).collect();
    bus(&client).put(&events).await.unwrap();
    assert_eq!(request(&client, 0).matches("\"Detail\"").count(), 10);
    let entry = |n| {
        json!({
            "Source": "ecr-steward", "DetailType": "Tag Rule Violated",
            "Detail": format!(r#"{{"n":{n}}}"#), "EventBusName": "steward",
        })
    };
    assert_eq!(
        serde_json::from_str::<Value>(&request(&client, 1)).unwrap(),
        json!({"Entries": [entry(10), entry(11)]})
    );
}

#[tokio::test]
async fn only_failed_entries_are_put_again() {
    let client = replay(&[
        (
            200,
            r#"{"FailedEntryCount":1,"Entries":[{"EventId":"1"},{"ErrorCode":"ThrottlingException","ErrorMessage":"slow"},{"EventId":"3"}]}"#,
        ),
        (200, GOOD),
    ]);
    bus(&client)
        .put(&[event(1), event(2), event(3)])
        .await
        .unwrap();
    assert!(request(&client, 1).contains(r#"{\"n\":2}"#));
    assert_eq!(request(&client, 1).matches("\"Detail\"").count(), 1);
}

#[tokio::test]
async fn entries_that_fail_to_the_end_are_an_error() {
    let slow = r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure","ErrorMessage":"slow"}]}"#;
    let client = replay(&[(200, slow), (200, slow), (200, slow), (200, slow)]);
    let error = bus(&client).put(&[event(1)]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the bus refused 1 of 1 events, the first with InternalFailure: slow"
    );
    assert!(error.is_transient());
    assert_eq!(client.asked().len(), 4);
}

#[tokio::test]
async fn entries_that_cannot_succeed_are_not_repeated() {
    let client = replay(&[(
        200,
        r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"MalformedDetail","ErrorMessage":"no JSON"}]}"#,
    )]);
    let error = bus(&client).put(&[event(1)]).await.unwrap_err();
    assert!(!error.is_transient());
    assert_eq!(error.error_type(), "events_refused");
    assert_eq!(client.asked().len(), 1);
}

#[tokio::test]
async fn nothing_is_put_for_nothing() {
    let client = replay(&[]);
    bus(&client).put(&[]).await.unwrap();
    assert_eq!(client.asked().len(), 0);
}

#[test]
fn large_events_go_alone() {
    let large = BusEvent {
        detail: "x".repeat(200 * 1024),
        ..event(0)
    };
    let sizes: Vec<usize> = chunks(&[large.clone(), event(1), large, event(2)])
        .iter()
        .map(Vec::len)
        .collect();
    assert_eq!(sizes, [2, 2]);
}
