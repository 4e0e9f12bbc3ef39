use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::retry::RetryConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use serde_json::json;

use super::*;
use crate::testing::{Replay, config, replay};

static SERVICE: Service = Service {
    name: "ssm",
    host: "ssm",
    signing: "ssm",
    id: "SSM",
    json: "1.1",
    target: "AmazonSSM",
};

const DOWN: (u16, &str) = (503, "");
const SLOW: (u16, &str) = (400, r#"{"__type":"ThrottlingException"}"#);
const GOOD: (u16, &str) = (200, r#"{"a":1}"#);

fn patient(config: &SdkConfig) -> Api {
    let config = config
        .to_builder()
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .build();
    let mut api = Api::new(&SERVICE, &config);
    Arc::get_mut(&mut api.0).unwrap().pause = Duration::ZERO;
    api
}

async fn ask(client: &Replay) -> Result<Value, Failed> {
    patient(&config(client))
        .json("GetParameter", &json!({}))
        .await
}

#[tokio::test]
async fn a_call_is_signed_and_says_what_it_is() {
    let client = replay(&[GOOD]);
    assert_eq!(ask(&client).await.unwrap(), json!({"a": 1}));
    let sent = client.asked().remove(0);
    assert_eq!(sent.uri, "https://ssm.eu-west-1.amazonaws.com/");
    assert_eq!(sent.body, "{}");
    assert_eq!(
        sent.header("content-type"),
        Some("application/x-amz-json-1.1")
    );
    assert_eq!(sent.header("x-amz-target"), Some("AmazonSSM.GetParameter"));
    assert!(sent.header("x-amz-date").is_some());
    let signature = sent.header("authorization").unwrap();
    assert!(
        signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
        "{signature}"
    );
    assert!(
        signature.contains("/eu-west-1/ssm/aws4_request"),
        "{signature}"
    );
    assert!(
        signature.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target,"),
        "{signature}"
    );
}

#[cfg(feature = "s3")]
#[tokio::test]
async fn an_object_is_asked_for_with_the_payload_hash() {
    static S3: Service = Service {
        name: "s3",
        host: "s3",
        signing: "s3",
        id: "S3",
        json: "",
        target: "",
    };
    let client = replay(&[(200, "x")]);
    let answer = Api::new(&S3, &config(&client))
        .get_object("bucket", "a b", Some("\"e1\""), 1)
        .await
        .unwrap();
    assert_eq!(answer.body.as_deref(), Some(b"x".as_slice()));
    let sent = client.asked().remove(0);
    assert_eq!(sent.uri, "https://bucket.s3.eu-west-1.amazonaws.com/a%20b");
    // The hash of nothing.
    assert_eq!(
        sent.header("x-amz-content-sha256"),
        Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    );
    let signature = sent.header("authorization").unwrap();
    assert!(
        signature.contains("SignedHeaders=host;if-none-match;x-amz-content-sha256;x-amz-date,"),
        "{signature}"
    );
}

#[tokio::test]
async fn what_passes_is_tried_three_times() {
    let client = replay(&[DOWN, SLOW, GOOD]);
    ask(&client).await.unwrap();
    assert_eq!(client.asked().len(), 3);

    let client = replay(&[SLOW, DOWN, SLOW, GOOD]);
    let failed = ask(&client).await.unwrap_err();
    assert_eq!(failed.error.kind(), Kind::Throttled);
    assert_eq!(client.asked().len(), 3);

    // Without an answer in its script, the replay breaks the connection.
    let client = replay(&[]);
    let failed = ask(&client).await.unwrap_err();
    assert_eq!(failed.error.kind(), Kind::Connection);
    assert_eq!(client.asked().len(), 3);
}

#[tokio::test]
async fn what_does_not_pass_is_tried_once() {
    let client = replay(&[
        (400, r#"{"__type":"ValidationException","extra":{"n":1}}"#),
        GOOD,
    ]);
    let failed = ask(&client).await.unwrap_err();
    assert!(failed.error.is_code("ValidationException"));
    assert_eq!(failed.members["extra"], json!({"n": 1}));
    assert_eq!(client.asked().len(), 1);
}

#[tokio::test]
async fn a_configuration_without_retries_is_obeyed() {
    let client = replay(&[DOWN, GOOD]);
    let api = Api::new(&SERVICE, &config(&client));
    api.json("GetParameter", &json!({})).await.unwrap_err();
    assert_eq!(client.asked().len(), 1);
}

#[tokio::test]
async fn answers_that_cannot_be_read_do_not_show_what_they_are() {
    let client = replay(&[(200, "{\"SecretString\":\"hush")]);
    let error = ask(&client).await.unwrap_err().error;
    assert_eq!(error.kind(), Kind::Unreadable);
    assert!(!format!("{error} {error:?}").contains("hush"));

    let long = format!("\"{}\"", "x".repeat(ANSWER));
    let client = replay(&[(200, &long)]);
    let error = ask(&client).await.unwrap_err().error;
    assert_eq!(error.kind(), Kind::Unreadable);
}

/// Counts how often it is asked.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicUsize>);

impl ProvideCredentials for Counting {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        self.0.fetch_add(1, Ordering::SeqCst);
        let token = Some("token".to_owned());
        Provided::ready(Ok(Credentials::new(
            "AKIDEXAMPLE",
            "hush",
            token,
            None,
            "test",
        )))
    }
}

#[tokio::test]
async fn credentials_are_asked_for_once_and_again_when_they_have_expired() {
    let client = replay(&[
        GOOD,
        GOOD,
        (400, r#"{"__type":"ExpiredTokenException"}"#),
        GOOD,
    ]);
    let provider = Counting::default();
    let config = config(&client)
        .to_builder()
        .credentials_provider(SharedCredentialsProvider::new(provider.clone()))
        .build();
    let api = patient(&config);
    for asked in [1, 1, 2] {
        api.json("GetParameter", &json!({})).await.unwrap();
        assert_eq!(provider.0.load(Ordering::SeqCst), asked);
    }
    assert_eq!(client.asked().len(), 4);
    assert_eq!(
        client.asked()[0].header("x-amz-security-token"),
        Some("token")
    );
    assert!(!format!("{api:?}").contains("hush"));
}

#[tokio::test]
async fn a_configuration_without_region_or_credentials_is_an_error() {
    let api = Api::new(&SERVICE, &SdkConfig::builder().build());
    let error = api
        .json("GetParameter", &json!({}))
        .await
        .unwrap_err()
        .error;
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("AWS_REGION"), "{error}");

    let client = replay(&[]);
    let mut builder = config(&client).to_builder();
    builder.set_credentials_provider(None);
    let api = Api::new(&SERVICE, &builder.build());
    let error = api
        .json("GetParameter", &json!({}))
        .await
        .unwrap_err()
        .error;
    assert_eq!(error.kind(), Kind::Credentials);
}

#[derive(Debug)]
struct OnlySsm;

impl LoadServiceConfig for OnlySsm {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let wanted = key.service_id() == "SSM" && key.env() == "AWS_ENDPOINT_URL";
        wanted.then(|| "http://127.0.0.1:2/".to_owned())
    }
}

#[test]
fn the_setting_of_one_service_comes_before_that_of_all() {
    let client = replay(&[]);
    let all = config(&client)
        .to_builder()
        .endpoint_url("http://127.0.0.1:1")
        .build();
    let own = all.to_builder().service_config(OnlySsm).build();
    for (config, url) in [(&all, "http://127.0.0.1:1"), (&own, "http://127.0.0.1:2")] {
        let endpoint = endpoint::of(&SERVICE, config).unwrap();
        assert_eq!(endpoint.url, url);
        assert!(endpoint.set);
    }
}

#[test]
fn pauses_stay_within_their_growing_bound() {
    for (attempt, bound) in [(1, 200), (2, 400), (3, 800)] {
        assert!(back_off(PAUSE, attempt) <= Duration::from_millis(bound));
    }
}
