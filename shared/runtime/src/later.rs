//! Events that a function sends to itself, to look again later.
//!
//! A queue keeps a message back for a quarter of an hour at most. Whoever has to wait longer sends
//! the event on when it comes too early: no function runs while it waits, and nothing is lost,
//! because the message is deleted only after the next one was sent.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use steward_aws::ServiceError;
use steward_aws::sqs::{QueueMessage, Sqs};

pub use steward_aws::sqs::MAX_DELAY;

/// Brings an event back to this function.
#[async_trait]
pub trait Later: Send + Sync {
    /// Sends an EventBridge event to the function itself, to arrive after `delay`, or after
    /// [`MAX_DELAY`] where that is shorter.
    ///
    /// # Errors
    ///
    /// When the queue does not take it.
    async fn send(&self, event: &Value, delay: Duration) -> Result<(), ServiceError>;
}

/// The function's own queue.
pub struct OwnQueue {
    sqs: Arc<dyn Sqs>,
    queue_url: String,
}

impl OwnQueue {
    /// The queue of this address.
    #[must_use]
    pub fn new(sqs: Arc<dyn Sqs>, queue_url: String) -> Self {
        Self { sqs, queue_url }
    }
}

#[async_trait]
impl Later for OwnQueue {
    async fn send(&self, event: &Value, delay: Duration) -> Result<(), ServiceError> {
        let message = QueueMessage {
            queue_url: self.queue_url.clone(),
            body: event.to_string(),
            delay,
            ..QueueMessage::default()
        };
        self.sqs.send(&message).await.map(drop)
    }
}

/// Keeps what was sent, for tests.
#[cfg(feature = "fake")]
#[derive(Default)]
pub struct MemoryLater {
    sent: std::sync::Mutex<Vec<(Value, Duration)>>,
}

#[cfg(feature = "fake")]
impl MemoryLater {
    /// Takes what was sent so far.
    #[must_use]
    pub fn take(&self) -> Vec<(Value, Duration)> {
        std::mem::take(
            &mut self
                .sent
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }
}

#[cfg(feature = "fake")]
#[async_trait]
impl Later for MemoryLater {
    async fn send(&self, event: &Value, delay: Duration) -> Result<(), ServiceError> {
        self.sent
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push((event.clone(), delay));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steward_aws::sqs::FakeSqs;

    #[tokio::test]
    async fn an_event_comes_back_through_the_own_queue() {
        let sqs = Arc::new(FakeSqs::default());
        let queue = OwnQueue::new(sqs.clone(), "https://queue.example.com/1/q".to_owned());
        let event = serde_json::json!({"id": "e-1"});
        queue.send(&event, Duration::from_secs(60)).await.unwrap();
        let [sent] = &sqs.sent()[..] else {
            panic!("{:?}", sqs.sent());
        };
        assert_eq!(sent.queue_url, "https://queue.example.com/1/q");
        assert_eq!(sent.body, r#"{"id":"e-1"}"#);
        assert_eq!(sent.delay, Duration::from_secs(60));
    }
}
