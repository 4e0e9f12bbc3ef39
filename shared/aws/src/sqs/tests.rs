use super::*;
use crate::testing::{config, replay, request};

#[tokio::test]
async fn a_message_carries_its_attributes() {
    let client = replay(&[(200, r#"{"MessageId":"m-1"}"#)]);
    let sqs = SdkSqs::new(&config(&client));
    let url = "https://sqs.eu-west-1.amazonaws.com/111122223333/dlq";
    let message = QueueMessage {
        queue_url: url.to_owned(),
        body: "{}".to_owned(),
        attributes: BTreeMap::from([
            ("error_type".to_owned(), "panic".to_owned()),
            ("none".to_owned(), String::new()),
        ]),
        delay: Duration::ZERO,
    };
    assert_eq!(sqs.send(&message).await.unwrap(), "m-1");
    assert_eq!(
        serde_json::from_str::<Value>(&request(&client, 0)).unwrap(),
        json!({
            "QueueUrl": url, "MessageBody": "{}",
            "MessageAttributes": {"error_type": {"StringValue": "panic", "DataType": "String"}},
        })
    );
}

#[tokio::test]
async fn visibility_is_set_in_whole_seconds_within_the_limit() {
    let client = replay(&[(200, "{}"), (200, "{}")]);
    let sqs = SdkSqs::new(&config(&client));
    for delay in [Duration::from_millis(2700), Duration::from_secs(1 << 40)] {
        sqs.change_visibility("https://queue.example.com/1/q", "handle", delay)
            .await
            .unwrap();
    }
    assert!(request(&client, 0).ends_with(r#""VisibilityTimeout":2}"#));
    assert!(request(&client, 1).ends_with(r#""VisibilityTimeout":43200}"#));
}

#[tokio::test]
async fn a_missing_queue_is_permanent() {
    let client = replay(&[(
        400,
        r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"}"#,
    )]);
    let error = SdkSqs::new(&config(&client))
        .change_visibility("https://queue.example.com/1/q", "h", Duration::ZERO)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no such queue"), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_message_is_kept_back_for_as_long_as_the_queue_can() {
    let client = replay(&[(200, "{}"), (200, "{}")]);
    let sqs = SdkSqs::new(&config(&client));
    for delay in [Duration::from_millis(61_500), Duration::from_secs(3600)] {
        let message = QueueMessage {
            queue_url: "https://queue.example.com/1/q".to_owned(),
            delay,
            ..QueueMessage::default()
        };
        sqs.send(&message).await.unwrap();
    }
    let sent = |n| serde_json::from_str::<Value>(&request(&client, n)).unwrap();
    assert_eq!(sent(0)["DelaySeconds"], 61);
    assert_eq!(sent(1)["DelaySeconds"], 900);
}
