use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use steward_aws::sqs::FakeSqs;
use steward_core::event::incoming::Incoming;

use super::*;
use crate::batch::BatchSettings;
use crate::handler::Outcome;
use crate::policy::{PolicyReadError, PolicySource, PolicyText};

/// Fails for every tag but `v1`.
struct Picky;

#[async_trait]
impl Handler for Picky {
    async fn handle(
        &self,
        incoming: &Incoming,
        context: &RecordContext,
    ) -> Result<Outcome, Failure> {
        assert!(!context.last_attempt);
        match incoming.tag().map(|x| x.as_str()) {
            Some("v1") => Ok(Outcome::new("compliant").detail("v1 is a release")),
            _ => Err(Failure::permanent("not_v1", "another tag")
                .caused_by(std::io::Error::other("disk full"))),
        }
    }
}

struct NoPolicy;

#[async_trait]
impl PolicySource for NoPolicy {
    async fn read(&self, _: Option<&str>) -> Result<PolicyText, PolicyReadError> {
        Err(PolicyReadError::NotThere)
    }

    fn location(&self) -> String {
        "nowhere".to_owned()
    }
}

fn invocations() -> Invocations {
    let handler: Arc<dyn Handler> = Arc::new(Picky);
    Invocations {
        batches: Batches::new(
            handler.clone(),
            Arc::new(FakeSqs::default()),
            BatchSettings {
                function: "picky".to_owned(),
                version: "7".to_owned(),
                queue_url: None,
                dlq_url: None,
                max_receives: None,
                retry_base: Duration::from_secs(20),
                concurrency: 4,
            },
        ),
        handler,
        policy: Arc::new(PolicyStore::new(
            Arc::new(NoPolicy),
            Duration::from_secs(60),
            None,
            "picky",
        )),
        function: "picky".to_owned(),
        version: "7".to_owned(),
    }
}

fn event(tag: &str) -> Value {
    json!({
        "version": "0", "id": "event-1", "detail-type": "ECR Image Action",
        "source": "aws.ecr", "account": "111122223333", "time": "2026-08-01T10:00:00Z",
        "region": "eu-west-1", "resources": [],
        "detail": {"result": "SUCCESS", "repository-name": "prod/app", "action-type": "PUSH",
            "image-digest": format!("sha256:{}", "a".repeat(64)), "image-tag": tag},
    })
}

async fn invoke(payload: &Value) -> Result<Value, Diagnostic> {
    let mut context = Context::default();
    let end = SystemTime::now() + Duration::from_secs(60);
    context.deadline = u64::try_from(end.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let payload = RawValue::from_string(payload.to_string()).unwrap();
    invocations()
        .invoke(LambdaEvent::new(payload, context))
        .await
}

#[tokio::test]
async fn a_batch_is_answered_with_its_failures() {
    let record = |id: &str, tag: &str| {
        json!({"messageId": id, "receiptHandle": "r", "body": event(tag).to_string(),
        "attributes": {"ApproximateReceiveCount": "1"}})
    };
    let answer = invoke(&json!({"Records": [record("m1", "v1"), record("m2", "x")]}))
        .await
        .unwrap();
    assert_eq!(
        answer.to_string(),
        r#"{"batchItemFailures":[{"itemIdentifier":"m2"}]}"#
    );
}

#[tokio::test]
async fn an_event_given_directly_is_answered_with_its_outcome() {
    assert_eq!(
        invoke(&event("v1")).await.unwrap(),
        json!({"outcome": "compliant", "detail": "v1 is a release"})
    );
}

#[tokio::test]
async fn failures_of_direct_events_have_a_stable_type_and_the_whole_story() {
    let error = invoke(&event("x")).await.unwrap_err();
    assert_eq!(error.error_type, "not_v1");
    assert_eq!(error.error_message, "another tag: disk full");
    let error = invoke(&json!({"hello": "world"})).await.unwrap_err();
    assert_eq!(error.error_type, "malformed_event");
    assert!(error.error_message.starts_with("cannot read the event: "));
}

#[tokio::test]
async fn a_batch_without_message_ids_cannot_be_answered() {
    let error = invoke(&json!({"Records": [{"body": "{}"}]}))
        .await
        .unwrap_err();
    assert_eq!(error.error_type, "malformed_batch");
}

#[test]
fn the_functions_arn_tells_account_and_region() {
    let (account, region) =
        home("arn:aws:lambda:eu-west-1:111122223333:function:steward-tag-guard").unwrap();
    assert_eq!(account.as_str(), "111122223333");
    assert_eq!(region.as_str(), "eu-west-1");
    assert!(home("").is_none());
    assert!(home("arn:aws:lambda").is_none());
}
