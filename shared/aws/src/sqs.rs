//! Simple Queue Service: dead letters and retry times.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::MessageAttributeValue;

use crate::error::{Kind, ServiceError};

/// Longest visibility timeout that a single change may ask for here. SQS allows 12 hours.
pub const MAX_VISIBILITY: Duration = Duration::from_secs(12 * 3600);

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
}

/// SQS through the AWS SDK.
#[derive(Clone, Debug)]
pub struct SdkSqs {
    client: Client,
}

impl SdkSqs {
    /// A client for queues of the configuration's Region.
    #[must_use]
    pub fn new(config: &aws_types::SdkConfig) -> Self {
        Self {
            client: Client::new(config),
        }
    }
}

#[async_trait]
impl Sqs for SdkSqs {
    async fn send(&self, message: &QueueMessage) -> Result<String, ServiceError> {
        const OPERATION: &str = "SendMessage";
        let mut request = self
            .client
            .send_message()
            .queue_url(&message.queue_url)
            .message_body(&message.body);
        // SQS refuses empty attribute values.
        for (name, value) in message.attributes.iter().filter(|(_, x)| !x.is_empty()) {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .map_err(|x| ServiceError::new("sqs", OPERATION, Kind::Invalid, x.to_string()))?;
            request = request.message_attributes(name, value);
        }
        let answer = request
            .send()
            .await
            .map_err(|x| ServiceError::from_sdk("sqs", OPERATION, x))?;
        Ok(answer.message_id.unwrap_or_default())
    }

    async fn change_visibility(
        &self,
        queue_url: &str,
        receipt_handle: &str,
        delay: Duration,
    ) -> Result<(), ServiceError> {
        let seconds = i32::try_from(delay.min(MAX_VISIBILITY).as_secs()).unwrap_or(0);
        self.client
            .change_message_visibility()
            .queue_url(queue_url)
            .receipt_handle(receipt_handle)
            .visibility_timeout(seconds)
            .send()
            .await
            .map_err(|x| ServiceError::from_sdk("sqs", "ChangeMessageVisibility", x))?;
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
