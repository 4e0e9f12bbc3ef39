//! Simple Queue Service: dead letters and retry times.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::api::{Api, Service};
#[cfg(feature = "fake")]
use crate::error::Kind;
use crate::error::ServiceError;

static SERVICE: Service = Service {
    name: "sqs",
    host: "sqs",
    signing: "sqs",
    id: "SQS",
    json: "1.0",
    target: "AmazonSQS",
};

/// Longest visibility timeout that a single change may ask for here. SQS allows 12 hours.
pub const MAX_VISIBILITY: Duration = Duration::from_secs(12 * 3600);

/// Longest time that a queue keeps a message back (API reference of `SendMessage`).
pub const MAX_DELAY: Duration = Duration::from_secs(900);

/// What a function does with queues beside being fed by one.
#[async_trait]
pub trait Sqs: Send + Sync {
    /// Sends one message and returns its id.
    async fn send(&self, message: &QueueMessage) -> Result<String, ServiceError>;

    /// Hides a received message for `delay` from now, in whole seconds.
    async fn change_visibility(
        &self,
        queue_url: &str,
        receipt_handle: &str,
        delay: Duration,
    ) -> Result<(), ServiceError>;
}

/// One message for a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueMessage {
    /// The queue.
    pub queue_url: String,
    /// The text.
    pub body: String,
    /// String attributes (at most ten).
    pub attributes: BTreeMap<String, String>,
    /// How long the queue keeps it back, in whole seconds; at most [`MAX_DELAY`].
    pub delay: Duration,
}

/// SQS as AWS runs it.
#[derive(Clone, Debug)]
pub struct SdkSqs {
    api: Api,
}

impl SdkSqs {
    /// A client for queues of the configuration's Region.
    #[must_use]
    pub fn new(config: &aws_types::SdkConfig) -> Self {
        Self {
            api: Api::new(&SERVICE, config),
        }
    }
}

#[async_trait]
impl Sqs for SdkSqs {
    async fn send(&self, message: &QueueMessage) -> Result<String, ServiceError> {
        // SQS refuses empty attribute values.
        let attributes: Map<String, Value> = message
            .attributes
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| {
                let value = json!({"StringValue": value, "DataType": "String"});
                (name.clone(), value)
            })
            .collect();
        let mut input = json!({"QueueUrl": message.queue_url, "MessageBody": message.body});
        if let Some(input) = input.as_object_mut().filter(|_| !attributes.is_empty()) {
            input.insert("MessageAttributes".to_owned(), attributes.into());
        }
        let delay = message.delay.min(MAX_DELAY).as_secs();
        if let Some(input) = input.as_object_mut().filter(|_| delay > 0) {
            input.insert("DelaySeconds".to_owned(), delay.into());
        }
        let answer = self.api.json("SendMessage", &input).await?;
        let id = answer.get("MessageId").and_then(Value::as_str);
        Ok(id.unwrap_or_default().to_owned())
    }

    async fn change_visibility(
        &self,
        queue_url: &str,
        receipt_handle: &str,
        delay: Duration,
    ) -> Result<(), ServiceError> {
        let input = json!({
            "QueueUrl": queue_url,
            "ReceiptHandle": receipt_handle,
            "VisibilityTimeout": delay.min(MAX_VISIBILITY).as_secs(),
        });
        self.api.json("ChangeMessageVisibility", &input).await?;
        Ok(())
    }
}

/// Keeps what was sent and hidden.
#[cfg(feature = "fake")]
#[derive(Debug, Default)]
pub struct FakeSqs {
    sent: std::sync::Mutex<Vec<QueueMessage>>,
    hidden: std::sync::Mutex<Vec<(String, Duration)>>,
    failing: std::sync::atomic::AtomicBool,
}

#[cfg(feature = "fake")]
impl FakeSqs {
    /// What was sent so far.
    #[must_use]
    pub fn sent(&self) -> Vec<QueueMessage> {
        lock(&self.sent).clone()
    }

    /// Receipt handles and delays so far.
    #[must_use]
    pub fn hidden(&self) -> Vec<(String, Duration)> {
        lock(&self.hidden).clone()
    }

    /// Whether every call fails from now on.
    pub fn fail(&self, failing: bool) {
        self.failing
            .store(failing, std::sync::atomic::Ordering::SeqCst);
    }

    fn check(&self, operation: &'static str) -> Result<(), ServiceError> {
        if self.failing.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(ServiceError::new(
                "sqs",
                operation,
                Kind::Unavailable,
                "failing on request",
            ));
        }
        Ok(())
    }
}

#[cfg(feature = "fake")]
#[async_trait]
impl Sqs for FakeSqs {
    async fn send(&self, message: &QueueMessage) -> Result<String, ServiceError> {
        self.check("SendMessage")?;
        let mut sent = lock(&self.sent);
        sent.push(message.clone());
        Ok(format!("message-{}", sent.len()))
    }

    async fn change_visibility(
        &self,
        _queue_url: &str,
        receipt_handle: &str,
        delay: Duration,
    ) -> Result<(), ServiceError> {
        self.check("ChangeMessageVisibility")?;
        lock(&self.hidden).push((receipt_handle.to_owned(), delay));
        Ok(())
    }
}

#[cfg(feature = "fake")]
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
