//! SQS batches: every record by itself, failures one by one.
//!
//! A record that fails transiently is hidden for a back-off and reported as failed, so that SQS
//! delivers it again. A record that fails permanently, or transiently on its last attempt, is sent to
//! the dead-letter queue with what went wrong, and then counts as done. A panic, an event that cannot
//! be parsed, a record that runs out of time: each fails its own record only.

mod backoff;
mod message;
mod record;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde::Serialize;
use steward_aws::sqs::Sqs;

use crate::deadline::Deadline;
use crate::handler::Handler;
use crate::metrics::Metrics;

pub use backoff::{MAX_BACKOFF, back_off};
pub use message::{Batch, Message, MessageAttributes};
pub(crate) use record::attempt;

/// Kept back from the invocation's time for reporting failures and answering.
pub(crate) const MARGIN: Duration = Duration::from_millis(1500);
/// A record is not begun with less than this.
const MIN_TIME: Duration = Duration::from_secs(1);

/// How batches are handled.
#[derive(Clone, Debug)]
pub struct BatchSettings {
    /// The function's name, for logs and dead letters.
    pub function: String,
    /// The function's version in AWS, for logs.
    pub version: String,
    /// The function's own queue.
    pub queue_url: Option<String>,
    /// The dead-letter queue.
    pub dlq_url: Option<String>,
    /// The queue's `maxReceiveCount`.
    pub max_receives: Option<u32>,
    /// The first back-off.
    pub retry_base: Duration,
    /// How many records are handled at the same time.
    pub concurrency: usize,
}

/// Handles batches.
pub struct Batches {
    handler: Arc<dyn Handler>,
    sqs: Arc<dyn Sqs>,
    settings: BatchSettings,
    /// A number from 0 to 1; replaced in tests.
    jitter: fn() -> f64,
}

/// What Lambda reports to SQS. An id that is missing here means "done"; anything but this exact form
/// is read as "all failed" or "all done".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BatchResponse {
    /// The records that SQS has to deliver again.
    #[serde(rename = "batchItemFailures")]
    pub failures: Vec<BatchItemFailure>,
}

/// One record that SQS has to deliver again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BatchItemFailure {
    /// The id of its message.
    #[serde(rename = "itemIdentifier")]
    pub message_id: String,
}

/// The invocation that brought a batch.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Lambda's id of it.
    pub request_id: String,
    /// When Lambda stops it.
    pub deadline: Deadline,
}

impl Batches {
    /// Handles batches with this handler.
    #[must_use]
    pub fn new(handler: Arc<dyn Handler>, sqs: Arc<dyn Sqs>, settings: BatchSettings) -> Self {
        Self {
            handler,
            sqs,
            settings,
            jitter: fastrand::f64,
        }
    }

    /// Handles every record and says which of them SQS has to deliver again.
    pub async fn handle(
        &self,
        batch: Batch,
        invocation: &Invocation,
        metrics: &mut Metrics,
    ) -> BatchResponse {
        let mut order: Vec<(usize, Message)> = batch.messages.into_iter().enumerate().collect();
        // Those with the fewest attempts left go first: if time runs out, it does so for records
        // that can still come back.
        order.sort_by_key(|(index, message)| (std::cmp::Reverse(message.receive_count), *index));
        let mut ended: Vec<(usize, record::Ended)> = futures_util::stream::iter(order)
            .map(|(index, message)| async move { (index, self.record(message, invocation).await) })
            .buffer_unordered(self.settings.concurrency.max(1))
            .collect()
            .await;
        ended.sort_by_key(|(index, _)| *index);
        let mut response = BatchResponse::default();
        for (_, ended) in ended {
            ended.count(metrics);
            if let Some(message_id) = ended.failed_message() {
                response.failures.push(BatchItemFailure { message_id });
            }
        }
        response
    }
}

#[cfg(test)]
mod tests;
