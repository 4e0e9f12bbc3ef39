use super::*;
use crate::testing::{config, replay, request};

#[tokio::test]
async fn a_message_goes_to_the_region_of_its_topic() {
    let client = replay(&[(
        200,
        "<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>",
    )]);
    let sns = SdkSns::new(&config(&client));
    let id = sns
        .publish(&SnsMessage {
            topic_arn: "arn:aws:sns:us-east-1:111122223333:security".to_owned(),
            subject: Some("line one\nline two".to_owned()),
            body: "text".to_owned(),
            attributes: BTreeMap::from([
                ("empty".to_owned(), String::new()),
                ("severity".to_owned(), "high".to_owned()),
            ]),
        })
        .await
        .unwrap();
    assert_eq!(id, "m-1");
    let sent = client.asked();
    assert_eq!(sent[0].uri, "https://sns.us-east-1.amazonaws.com/");
    let body = request(&client, 0);
    assert!(body.contains("Subject=line%20one%20line%20two"), "{body}");
    assert!(body.contains("severity"), "{body}");
    assert!(!body.contains("empty"), "{body}");
}

#[tokio::test]
async fn what_is_no_topic_is_refused_before_anything_is_sent() {
    let client = replay(&[]);
    let sns = SdkSns::new(&config(&client));
    let error = sns
        .publish(&SnsMessage {
            topic_arn: "arn:aws:sqs:eu-west-1:111122223333:x".to_owned(),
            ..SnsMessage::default()
        })
        .await
        .unwrap_err();
    assert!(!error.is_transient());
    assert!(error.to_string().contains("is not a topic ARN"), "{error}");
    assert_eq!(client.asked().len(), 0);
}

#[test]
fn subjects_are_short_plain_lines() {
    assert_eq!(subject("  a\r\n b\u{7}c  "), "a b c");
    assert_eq!(subject("größe"), "gr??e");
    let long = subject(&"word ".repeat(40));
    assert_eq!(long.len(), 99);
    assert!(long.ends_with("..."), "{long}");
    assert_eq!(subject("\n\n"), "");
}
