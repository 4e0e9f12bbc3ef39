//! Events that a function sends to itself, to look again later.
//!
//! A queue keeps a message back for a quarter of an hour at most. What has to wait longer becomes a
//! one-time schedule of EventBridge Scheduler that sends it to the queue. Where there are no
//! schedules, whoever is sent something too early sends it on: no function runs while it waits, and
//! nothing is lost, because a message is deleted only after the next one was sent.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use steward_aws::ServiceError;
use steward_aws::scheduler::{OneTime, Schedules};
use steward_aws::sqs::{QueueMessage, Sqs};
use steward_core::{Digest, Region};

pub use steward_aws::sqs::MAX_DELAY;

/// Brings an event back to this function.
#[async_trait]
pub trait Later: Send + Sync {
    /// Sends an EventBridge event to the function itself, to arrive when the wait is over, or before
    /// where it cannot be kept back for so long.
    ///
    /// # Errors
    ///
    /// When nothing takes it.
    async fn send(&self, event: &Value, wait: &Wait) -> Result<(), ServiceError>;
}

/// How long an event waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// What for. Of the same words, one event is enough: a second one may be dropped.
    pub what: String,
    /// When it is over.
    pub due: SystemTime,
    /// How long that is from now.
    pub delay: Duration,
}

/// The function's own queue.
pub struct OwnQueue {
    sqs: Arc<dyn Sqs>,
    queue_url: String,
    schedules: Option<OwnSchedules>,
}

/// Schedules that send to the function's own queue.
pub struct OwnSchedules {
    /// Where they are made.
    pub schedules: Arc<dyn Schedules>,
    /// The group that they belong to.
    pub group: String,
    /// The role that may send to the queue.
    pub role_arn: String,
    /// The queue.
    pub queue_arn: String,
    /// The dead-letter queue.
    pub dead_letter_arn: Option<String>,
}

impl OwnQueue {
    /// The queue of this address; schedules for what waits longer than the queue can, where there
    /// are any.
    #[must_use]
    pub fn new(sqs: Arc<dyn Sqs>, queue_url: String, schedules: Option<OwnSchedules>) -> Self {
        Self {
            sqs,
            queue_url,
            schedules,
        }
    }
}

#[async_trait]
impl Later for OwnQueue {
    async fn send(&self, event: &Value, wait: &Wait) -> Result<(), ServiceError> {
        if wait.delay > MAX_DELAY
            && let Some(own) = &self.schedules
        {
            match own.schedules.create(&own.schedule(event, wait)).await {
                Ok(()) => return Ok(()),
                // A full group, say. The queue keeps it meanwhile, and then it is tried again.
                Err(error) => tracing::warn!(
                    error = crate::failure::chain(&error),
                    "an event that waits for long got no schedule; it waits in the queue instead"
                ),
            }
        }
        let message = QueueMessage {
            queue_url: self.queue_url.clone(),
            body: event.to_string(),
            delay: wait.delay.min(MAX_DELAY),
            ..QueueMessage::default()
        };
        self.sqs.send(&message).await.map(drop)
    }
}

impl OwnSchedules {
    fn schedule(&self, event: &Value, wait: &Wait) -> OneTime {
        let name = Digest::from_sha256(&Sha256::digest(&wait.what).into());
        OneTime {
            // The whole digest: whoever shared a name with another would never be looked at.
            name: name.hex().to_owned(),
            group: self.group.clone(),
            role_arn: self.role_arn.clone(),
            queue_arn: self.queue_arn.clone(),
            dead_letter_arn: self.dead_letter_arn.clone(),
            body: event.to_string(),
            at: wait.due,
        }
    }
}

/// The ARN of the queue at an address, whose path is account and name.
#[must_use]
pub fn queue_arn(url: &str, region: &Region) -> Option<String> {
    let mut parts = url.rsplit('/');
    let (name, account) = (parts.next()?, parts.next()?);
    let is_account = account.len() == 12 && account.bytes().all(|x| x.is_ascii_digit());
    let partition = region.partition();
    is_account.then(|| format!("arn:{partition}:sqs:{region}:{account}:{name}"))
}

/// Keeps what was sent, for tests.
#[cfg(feature = "fake")]
#[derive(Default)]
pub struct MemoryLater {
    sent: std::sync::Mutex<Vec<(Value, Wait)>>,
}

#[cfg(feature = "fake")]
impl MemoryLater {
    /// Takes what was sent so far.
    #[must_use]
    pub fn take(&self) -> Vec<(Value, Wait)> {
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
    async fn send(&self, event: &Value, wait: &Wait) -> Result<(), ServiceError> {
        self.sent
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push((event.clone(), wait.clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
