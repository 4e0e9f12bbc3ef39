use std::sync::Mutex;

use secrecy::{ExposeSecret, SecretString};
use steward_aws::sns::FakeSns;
use steward_aws::state::FakeState;
use steward_core::event::incoming::parse;
use steward_core::policy::SecretRef;
use steward_runtime::secrets::SecretError;
use url::Url;

use super::*;
use crate::http::{Answer, NoAnswer};

const POLICY: &str = r#"
version: 1
notifications:
  channels:
    chat: { slack: { webhook: "secretsmanager:steward/slack" } }
    hook: { webhook: { url: "https://hooks.example.com/in", headers: { x-token: "secretsmanager:steward/token" } } }
    mail: { sns: "arn:aws:sns:eu-west-1:111122223333:ecr-steward" }
"#;

/// Answers what it is told to, and keeps what was posted.
#[derive(Default)]
struct FakePost {
    posted: Mutex<Vec<(String, String)>>,
    /// Statuses to answer by host; the last one stays.
    statuses: Mutex<std::collections::HashMap<String, Vec<u16>>>,
}

#[async_trait]
impl Post for FakePost {
    async fn post(
        &self,
        url: &Url,
        headers: &[(String, SecretString)],
        body: Vec<u8>,
    ) -> Result<Answer, NoAnswer> {
        let host = url.host_str().unwrap().to_owned();
        let status = match self.statuses.lock().unwrap().get_mut(&host) {
            Some(statuses) if statuses.len() > 1 => statuses.remove(0),
            Some(statuses) => statuses[0],
            None => 200,
        };
        if status == 200 {
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.expose_secret()))
                .collect();
            let body = String::from_utf8(body).unwrap();
            self.posted
                .lock()
                .unwrap()
                .push((url.to_string(), format!("{}\n{body}", headers.join("\n"))));
        }
        Ok(Answer {
            status,
            retry_after: None,
            body: "no".to_owned(),
        })
    }
}

/// A new value each time it is asked to refresh.
#[derive(Default)]
struct FakeValues {
    refreshed: Mutex<u32>,
}

#[async_trait]
impl SecretValues for FakeValues {
    async fn value(&self, secret: &SecretRef, refresh: bool) -> Result<SecretString, SecretError> {
        let mut refreshed = self.refreshed.lock().unwrap();
        *refreshed += u32::from(refresh);
        Ok(match secret.to_string().as_str() {
            "secretsmanager:steward/slack" if *refreshed == 0 => {
                "https://old.example.com/slack".to_owned()
            }
            "secretsmanager:steward/slack" => "https://new.example.com/slack".to_owned(),
            _ => "token-1".to_owned(),
        }
        .into())
    }
}

struct World {
    notifier: Notifier,
    post: Arc<FakePost>,
    sns: Arc<FakeSns>,
}

impl World {
    fn new() -> Self {
        let policy =
            Policy::parse(POLICY, "policy.yaml").unwrap_or_else(|errors| panic!("{errors}"));
        let post = Arc::new(FakePost::default());
        let sns = Arc::new(FakeSns::default());
        let notifier = Notifier {
            policy: Arc::new(PolicyStore::fixed(policy)),
            state: Arc::new(FakeState::default()),
            sns: sns.clone(),
            webhooks: post.clone(),
            secrets: Arc::new(FakeValues::default()),
        };
        Self {
            notifier,
            post,
            sns,
        }
    }

    fn answer(&self, host: &str, statuses: &[u16]) {
        self.post
            .statuses
            .lock()
            .unwrap()
            .insert(host.to_owned(), statuses.to_vec());
    }

    async fn handle(&self, event: &Incoming) -> Result<Outcome, Failure> {
        self.notifier
            .handle(event, &RecordContext::for_test())
            .await
    }

    fn posted_hosts(&self) -> Vec<String> {
        let posted = self.post.posted.lock().unwrap();
        let mut hosts: Vec<_> = posted
            .iter()
            .map(|(url, _)| url.split('/').nth(2).unwrap().to_owned())
            .collect();
        hosts.sort();
        hosts
    }
}

fn event(id: &str, dedupe_key: &str, actions: &str) -> Incoming {
    let text = format!(
        r#"{{"version":"0","id":"{id}","detail-type":"Tag Rule Violated","source":"ecr-steward",
        "account":"111122223333","time":"2026-11-23T10:00:00Z","region":"eu-west-1","resources":[],
        "detail":{{"repository":"prod/app","tag":"feature-x","rule":"releases-only","severity":"high",
        "mode":"enforce","violations":[{{"rule":"releases-only","message":"no"}}],"actions":{actions},
        "cause":"c-1","explain":"It is so.","dedupe_key":"{dedupe_key}"}}}}"#
    );
    parse(text).unwrap_or_else(|error| panic!("{error}"))
}

const NOTIFY: &str = r#"[{"action":"notify","outcome":"done"}]"#;

#[tokio::test]
async fn every_channel_is_told_once() {
    let world = World::new();
    assert_eq!(
        world.handle(&event("1", "k", NOTIFY)).await.unwrap().word(),
        "told"
    );
    assert_eq!(
        world.posted_hosts(),
        ["hooks.example.com", "old.example.com"]
    );
    let published = world.sns.published();
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].attributes["event_id"], "1");

    // The same event again, and another event that tells the same story.
    assert_eq!(
        world.handle(&event("1", "k", NOTIFY)).await.unwrap().word(),
        "told_before"
    );
    assert_eq!(
        world.handle(&event("2", "k", NOTIFY)).await.unwrap().word(),
        "told_before"
    );
    assert_eq!(world.posted_hosts().len(), 2);
    assert_eq!(world.sns.published().len(), 1);

    assert_eq!(
        world
            .handle(&event("3", "another", NOTIFY))
            .await
            .unwrap()
            .word(),
        "told"
    );
    assert_eq!(world.posted_hosts().len(), 4);
}

#[tokio::test]
async fn a_decision_without_notify_is_not_told() {
    let world = World::new();
    let event = event("1", "k", r#"[{"action":"untag","outcome":"done"}]"#);
    assert_eq!(world.handle(&event).await.unwrap().word(), "silent");
    assert_eq!(world.posted_hosts(), Vec::<String>::new());
}

#[tokio::test]
async fn a_failing_channel_does_not_hold_up_the_others() {
    let world = World::new();
    world.answer("hooks.example.com", &[503, 200]);
    let failure = world.handle(&event("1", "k", NOTIFY)).await.unwrap_err();
    assert!(failure.is_transient());
    assert_eq!(failure.error_type(), "channel_busy");
    assert_eq!(world.posted_hosts(), ["old.example.com"]);
    assert_eq!(world.sns.published().len(), 1);

    // The next delivery tells only the one that was not told.
    world.handle(&event("1", "k", NOTIFY)).await.unwrap();
    assert_eq!(
        world.posted_hosts(),
        ["hooks.example.com", "old.example.com"]
    );
    assert_eq!(world.sns.published().len(), 1);
}

#[tokio::test]
async fn a_message_that_the_receiver_refuses_is_given_up() {
    let world = World::new();
    world.answer("hooks.example.com", &[400]);
    let failure = world.handle(&event("1", "k", NOTIFY)).await.unwrap_err();
    assert!(!failure.is_transient());
    assert_eq!(failure.error_type(), "channel_refused");
    assert!(
        failure
            .chain()
            .contains("hooks.example.com refused the message with status 400"),
        "{}",
        failure.chain()
    );
}

#[tokio::test]
async fn a_webhook_that_moved_is_found_by_reading_its_secret_again() {
    let world = World::new();
    world.answer("old.example.com", &[404]);
    world.handle(&event("1", "k", NOTIFY)).await.unwrap();
    assert_eq!(
        world.posted_hosts(),
        ["hooks.example.com", "new.example.com"]
    );
}

#[tokio::test]
async fn headers_come_from_secrets_and_the_body_is_a_cloud_event() {
    let world = World::new();
    world.handle(&event("1", "k", NOTIFY)).await.unwrap();
    let posted = world.post.posted.lock().unwrap();
    let (_, text) = posted
        .iter()
        .find(|(url, _)| url.contains("hooks"))
        .unwrap();
    assert!(text.contains("x-token: token-1"), "{text}");
    assert!(
        text.contains("content-type: application/cloudevents+json"),
        "{text}"
    );
    assert!(text.contains(r#""specversion":"1.0""#), "{text}");
}

#[tokio::test]
async fn without_the_state_table_messages_are_sent_all_the_same() {
    let state = Arc::new(FakeState::default());
    state.fail(true);
    let mut world = World::new();
    world.notifier.state = state;
    world.handle(&event("1", "k", NOTIFY)).await.unwrap();
    assert_eq!(world.posted_hosts().len(), 2);
}
