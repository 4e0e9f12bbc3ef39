use std::time::SystemTime;

use serde_json::json;

use super::*;
use crate::testing::{Replay, config, replay, request};

const MINUTE: Duration = Duration::from_secs(60);

fn at_1000() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_250)
}

fn dynamo(client: &Replay) -> DynamoState {
    DynamoState::new(&config(client), "state").at(at_1000)
}

#[tokio::test]
async fn a_claim_is_one_conditional_write() {
    let client = replay(&[(200, "{}")]);
    let begin = dynamo(&client)
        .begin("notify/1", MINUTE, 10 * MINUTE)
        .await
        .unwrap();
    let Begin::Claimed(claim) = begin else {
        panic!("{begin:?}");
    };
    let sent: Value = serde_json::from_str(&request(&client, 0)).unwrap();
    assert_eq!(
        sent["Item"],
        json!({
            "pk": {"S": "notify/1"}, "status": {"S": "INPROGRESS"}, "owner": {"S": claim.owner},
            "claimed_until": {"N": "1060250"}, "expires_at": {"N": "1600"},
        })
    );
    assert_eq!(
        sent["ConditionExpression"],
        "attribute_not_exists(pk) OR expires_at <= :now_s OR (#status = :in_progress AND claimed_until <= :now_ms)"
    );
    assert_eq!(
        sent["ExpressionAttributeValues"],
        json!({":in_progress": {"S": "INPROGRESS"}, ":now_s": {"N": "1000"}, ":now_ms": {"N": "1000250"}})
    );
}

#[tokio::test]
async fn a_claim_that_fails_says_why() {
    let failed = |item: &str| {
        format!(r#"{{"__type":"ConditionalCheckFailedException","message":"no"{item}}}"#)
    };
    let done = failed(
        r#","Item":{"pk":{"S":"k"},"status":{"S":"COMPLETED"},"data":{"S":"{\"n\":1}"},"expires_at":{"N":"2000"}}"#,
    );
    let busy = failed(r#","Item":{"pk":{"S":"k"},"status":{"S":"INPROGRESS"}}"#);
    let client = replay(&[(400, &done), (400, &busy)]);
    let state = dynamo(&client);
    assert_eq!(
        state.begin("k", MINUTE, MINUTE).await.unwrap(),
        Begin::Completed(json!({"n": 1}))
    );
    assert_eq!(
        state.begin("k", MINUTE, MINUTE).await.unwrap(),
        Begin::InProgress
    );
}

#[tokio::test]
async fn an_answer_without_the_old_item_is_followed_by_a_read() {
    let client = replay(&[
        (
            400,
            r#"{"__type":"ConditionalCheckFailedException","message":"no"}"#,
        ),
        (
            200,
            r#"{"Item":{"status":{"S":"COMPLETED"},"data":{"S":"7"}}}"#,
        ),
    ]);
    assert_eq!(
        dynamo(&client).begin("k", MINUTE, MINUTE).await.unwrap(),
        Begin::Completed(json!(7))
    );
}

#[tokio::test]
async fn items_that_dynamodb_has_not_removed_yet_are_not_there() {
    let item = |expires: &str| {
        format!(
            r#"{{"Item":{{"status":{{"S":"COMPLETED"}},"data":{{"S":"7"}},"expires_at":{{"N":"{expires}"}}}}}}"#
        )
    };
    let client = replay(&[
        (200, &item("1000")),
        (200, &item("1001")),
        (200, "{}"),
        (
            200,
            r#"{"Item":{"status":{"S":"COMPLETED"},"data":{"S":"{"}}}"#,
        ),
    ]);
    let state = dynamo(&client);
    assert_eq!(state.get("k").await.unwrap(), None);
    assert_eq!(state.get("k").await.unwrap(), Some(json!(7)));
    assert_eq!(state.get("k").await.unwrap(), None);
    let error = state.get("k").await.unwrap_err();
    assert_eq!(error.error_type(), "state_unreadable");
}

#[tokio::test]
async fn completing_a_lost_claim_is_an_error_and_releasing_it_is_not() {
    let lost = r#"{"__type":"ConditionalCheckFailedException","message":"no"}"#;
    let client = replay(&[(400, lost), (400, lost)]);
    let state = dynamo(&client);
    let claim = Claim {
        key: "k".to_owned(),
        owner: "me".to_owned(),
    };
    let error = state.complete(&claim, &json!(1), MINUTE).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the claim of \"k\" ended before the work did"
    );
    state.release(&claim).await.unwrap();
    assert!(
        request(&client, 0)
            .contains(r##""ConditionExpression":"attribute_not_exists(pk) OR #owner = :owner""##)
    );
    assert!(request(&client, 1).contains(r##""ConditionExpression":"#owner = :owner""##));
}

#[cfg(feature = "fake")]
mod fake {
    use super::*;

    #[tokio::test]
    async fn work_is_done_once_until_it_expires() {
        let state = FakeState::default();
        let Begin::Claimed(claim) = state.begin("k", MINUTE, 10 * MINUTE).await.unwrap() else {
            panic!("the first claim");
        };
        assert_eq!(
            state.begin("k", MINUTE, 10 * MINUTE).await.unwrap(),
            Begin::InProgress
        );
        state
            .complete(&claim, &json!("sent"), 10 * MINUTE)
            .await
            .unwrap();
        assert_eq!(
            state.begin("k", MINUTE, MINUTE).await.unwrap(),
            Begin::Completed(json!("sent"))
        );
        assert_eq!(state.keys(), ["k"]);
        state.advance(10 * MINUTE);
        assert_eq!(state.get("k").await.unwrap(), None);
        assert!(matches!(
            state.begin("k", MINUTE, MINUTE).await.unwrap(),
            Begin::Claimed(_)
        ));
    }

    #[tokio::test]
    async fn a_claim_ends_by_itself_and_then_belongs_to_someone_else() {
        let state = FakeState::default();
        let Begin::Claimed(first) = state.begin("k", MINUTE, 10 * MINUTE).await.unwrap() else {
            panic!("the first claim");
        };
        state.advance(MINUTE);
        let Begin::Claimed(second) = state.begin("k", MINUTE, 10 * MINUTE).await.unwrap() else {
            panic!("the second claim");
        };
        let error = state.complete(&first, &json!(1), MINUTE).await.unwrap_err();
        assert!(matches!(error, StateError::ClaimLost { .. }), "{error}");
        state.release(&first).await.unwrap();
        assert_eq!(
            state.begin("k", MINUTE, MINUTE).await.unwrap(),
            Begin::InProgress
        );
        state.release(&second).await.unwrap();
        assert!(matches!(
            state.begin("k", MINUTE, MINUTE).await.unwrap(),
            Begin::Claimed(_)
        ));
    }
}

#[tokio::test]
async fn the_first_writer_of_a_new_key_wins() {
    let failed = r#"{"__type":"ConditionalCheckFailedException","message":"no",
        "Item":{"pk":{"S":"k"},"status":{"S":"COMPLETED"},"data":{"S":"{\"n\":1}"},"expires_at":{"N":"2000"}}}"#;
    let client = replay(&[(200, "{}"), (400, failed)]);
    let state = dynamo(&client);
    let put = async |n: i32| state.put_new("k", &json!({"n": n}), MINUTE).await.unwrap();
    assert_eq!(put(1).await, None);
    assert_eq!(put(2).await, Some(json!({"n": 1})));
    let sent: Value = serde_json::from_str(&request(&client, 0)).unwrap();
    assert_eq!(
        sent["ConditionExpression"],
        "attribute_not_exists(pk) OR expires_at <= :now_s"
    );

    let fake = FakeState::default();
    let put = async |n: i32| fake.put_new("k", &json!({"n": n}), MINUTE).await.unwrap();
    assert_eq!(put(1).await, None);
    assert_eq!(put(2).await, Some(json!({"n": 1})));
    fake.advance(2 * MINUTE);
    assert_eq!(put(3).await, None);
}

#[tokio::test]
async fn a_number_is_counted_in_one_write() {
    let client = replay(&[(200, r#"{"Attributes":{"count":{"N":"7"}}}"#), (200, "{}")]);
    let state = dynamo(&client);
    assert_eq!(state.count("deletes/1", MINUTE).await.unwrap(), 7);
    let sent: Value = serde_json::from_str(&request(&client, 0)).unwrap();
    assert_eq!(
        sent["ExpressionAttributeValues"],
        json!({":one": {"N": "1"}, ":expires": {"N": "1060"}})
    );
    let error = state.count("deletes/1", MINUTE).await.unwrap_err();
    assert_eq!(error.error_type(), "state_unreadable");
    let fake = FakeState::default();
    assert_eq!(fake.count("a", MINUTE).await.unwrap(), 1);
    assert_eq!(fake.count("a", MINUTE).await.unwrap(), 2);
    fake.advance(2 * MINUTE);
    assert_eq!(fake.count("a", MINUTE).await.unwrap(), 1);
}
