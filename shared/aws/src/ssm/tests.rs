use super::*;
use crate::testing::{config, replay, request};

#[tokio::test]
async fn a_parameter_is_read_decrypted_with_its_version() {
    let client = replay(&[(
        200,
        r#"{"Parameter":{"Name":"/steward/policy","Value":"version: 1","Version":7}}"#,
    )]);
    let found = SdkParameters::new(&config(&client))
        .parameter("/steward/policy")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.value, "version: 1");
    assert_eq!(found.version, 7);
    assert!(!format!("{found:?}").contains("version: 1"));
    assert_eq!(
        request(&client, 0),
        r#"{"Name":"/steward/policy","WithDecryption":true}"#
    );
}

#[tokio::test]
async fn a_missing_parameter_is_none_and_a_refusal_is_not() {
    let client = replay(&[
        (400, r#"{"__type":"ParameterNotFound"}"#),
        (400, r#"{"__type":"AccessDeniedException","message":"no"}"#),
    ]);
    let parameters = SdkParameters::new(&config(&client));
    assert_eq!(parameters.parameter("/a").await.unwrap(), None);
    let error = parameters.parameter("/a").await.unwrap_err();
    assert_eq!(error.error_type(), "aws_access_denied");
}
