use secrecy::ExposeSecret;

use super::*;
use crate::testing::{config, replay};

#[tokio::test]
async fn a_secret_is_text_or_none() {
    let client = replay(&[
        (200, r#"{"Name":"steward/slack","SecretString":"hush"}"#),
        (
            400,
            r#"{"__type":"ResourceNotFoundException","Message":"no"}"#,
        ),
    ]);
    let secrets = SdkSecrets::new(&config(&client));
    let found = secrets.secret("steward/slack").await.unwrap().unwrap();
    assert_eq!(found.expose_secret(), "hush");
    assert!(!format!("{found:?}").contains("hush"));
    assert!(secrets.secret("steward/none").await.unwrap().is_none());
}
