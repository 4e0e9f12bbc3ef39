use super::*;
use crate::testing::{config, replay};

async fn read(status: u16, body: &str, limit: usize) -> Result<Object, ServiceError> {
    let client = replay(&[(status, body)]);
    let object = SdkObjects::new(&config(&client))
        .object("bucket", "policies/a.yaml", Some("\"e1\""), limit)
        .await;
    let sent = client.asked().remove(0);
    assert_eq!(sent.header("if-none-match"), Some("\"e1\""));
    assert!(
        sent.uri
            .starts_with("https://bucket.s3.eu-west-1.amazonaws.com/policies/a.yaml"),
        "{}",
        sent.uri
    );
    object
}

#[tokio::test]
async fn an_object_is_read_up_to_the_limit() {
    assert_eq!(
        read(200, "version: 1", 10).await.unwrap(),
        Object::Found {
            bytes: Bytes::from_static(b"version: 1"),
            etag: String::new()
        }
    );
    assert_eq!(
        read(200, "version: 12", 10).await.unwrap(),
        Object::TooLarge
    );
}

#[tokio::test]
async fn unchanged_and_missing_objects_are_no_errors() {
    assert_eq!(read(304, "", 10).await.unwrap(), Object::Unchanged);
    assert_eq!(
        read(404, "<Error><Code>NoSuchKey</Code></Error>", 10)
            .await
            .unwrap(),
        Object::NotThere
    );
    let error = read(403, "<Error><Code>AccessDenied</Code></Error>", 10)
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "aws_access_denied");
}

#[tokio::test]
async fn a_custom_endpoint_takes_the_bucket_in_the_path() {
    let client = replay(&[(200, "x")]);
    let config = config(&client)
        .to_builder()
        .endpoint_url("http://127.0.0.1:4566")
        .build();
    SdkObjects::new(&config)
        .object("bucket", "key", None, 10)
        .await
        .unwrap();
    let sent = client.asked().remove(0);
    assert!(
        sent.uri.starts_with("http://127.0.0.1:4566/bucket/key"),
        "{}",
        sent.uri
    );
}
