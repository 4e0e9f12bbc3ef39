//! One record: parse, handle, and see to its failure.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use steward_aws::sqs::QueueMessage;
use steward_core::event::incoming::{self, Incoming};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use super::{Batches, Invocation, MARGIN, MIN_TIME, Message, back_off};
use crate::deadline::Deadline;
use crate::failure::{Failure, chain};
use crate::handler::{Handler, Outcome, RecordContext};
use crate::logs::panic_message;
use crate::metrics::Metrics;

/// Longest `error` attribute of a dead letter, in bytes. A whole message may have 256 KiB.
const MAX_ERROR: usize = 4 * 1024;

/// How a record ended.
pub(super) enum Ended {
    /// It was handled.
    Done(Outcome),
    /// It comes back.
    Retry {
        message_id: String,
        error_type: &'static str,
    },
    /// It is in the dead-letter queue.
    DeadLettered { error_type: &'static str },
    /// It ended so after it had done something.
    After(Outcome, Box<Self>),
}

impl Ended {
    pub(super) fn count(&self, metrics: &mut Metrics) {
        match self {
            Self::Done(outcome) => {
                metrics.outcome(outcome);
            }
            Self::Retry { error_type, .. } => {
                metrics.failed(error_type);
                metrics.retried();
            }
            Self::DeadLettered { error_type } => {
                metrics.failed(error_type);
                metrics.dead_lettered();
            }
            Self::After(done, ended) => {
                metrics.done(done);
                ended.count(metrics);
            }
        }
    }

    pub(super) fn failed_message(self) -> Option<String> {
        match self {
            Self::Retry { message_id, .. } => Some(message_id),
            Self::Done(_) | Self::DeadLettered { .. } => None,
            Self::After(_, ended) => ended.failed_message(),
        }
    }
}

impl Batches {
    pub(super) async fn record(&self, message: Message, invocation: &Invocation) -> Ended {
        let incoming = incoming::parse(message.body.as_str());
        let span = tracing::info_span!(
            "record",
            function = self.settings.function,
            version = self.settings.version,
            request_id = invocation.request_id,
            message_id = message.message_id,
            receive_count = message.receive_count,
            event_id = incoming.as_ref().map_or("", |x| x.id()),
        );
        self.in_span(message, incoming, invocation)
            .instrument(span)
            .await
    }

    async fn in_span(
        &self,
        message: Message,
        incoming: Result<Incoming, steward_core::event::EventError>,
        invocation: &Invocation,
    ) -> Ended {
        let deadline = invocation.deadline.earlier(MARGIN);
        let context = RecordContext {
            request_id: invocation.request_id.clone(),
            message_id: message.message_id.clone(),
            receive_count: message.receive_count,
            last_attempt: self
                .settings
                .max_receives
                .is_some_and(|max| message.receive_count >= max),
            deadline,
        };
        let (incoming, failure) = match incoming {
            Ok(incoming) => {
                if deadline.remaining() < MIN_TIME && !context.last_attempt {
                    return self.postpone(&message).await;
                }
                match attempt(&*self.handler, &incoming, &context).await {
                    Ok(outcome) => return Ended::Done(outcome),
                    Err(failure) => (Some(incoming), failure),
                }
            }
            Err(error) => (
                None,
                Failure::permanent("malformed_event", "cannot read the event").caused_by(error),
            ),
        };
        let ended = if failure.is_transient() && !context.last_attempt {
            self.retry(&message, &failure).await
        } else {
            let end = invocation.deadline;
            self.give_up(&message, incoming.as_ref(), &failure, &context, end)
                .await
        };
        match failure.done() {
            Some(done) => Ended::After(done.clone(), Box::new(ended)),
            None => ended,
        }
    }

    /// Sends a record that there is no time for back, to be delivered again at once. SQS counts the
    /// delivery all the same, so the last one is tried in whatever time is left: SQS would move the
    /// record to the dead letters without a word about why.
    async fn postpone(&self, message: &Message) -> Ended {
        tracing::warn!("no time left for this record; it goes back to the queue");
        self.hide(message, Duration::ZERO).await;
        Ended::Retry {
            message_id: message.message_id.clone(),
            error_type: "deadline",
        }
    }

    async fn retry(&self, message: &Message, failure: &Failure) -> Ended {
        let delay = back_off(
            self.settings.retry_base,
            message.receive_count,
            (self.jitter)(),
        );
        tracing::warn!(
            error = failure.chain(),
            error_type = failure.error_type(),
            retry_in_s = delay.as_secs(),
            "failed, will be tried again: {}",
            failure.chain()
        );
        self.hide(message, delay).await;
        Ended::Retry {
            message_id: message.message_id.clone(),
            error_type: failure.error_type(),
        }
    }

    /// That the back-off cannot be set is no failure: the queue's own timeout holds then.
    async fn hide(&self, message: &Message, delay: Duration) {
        let Some(queue_url) = &self.settings.queue_url else {
            return;
        };
        if let Err(error) = self
            .sqs
            .change_visibility(queue_url, &message.receipt_handle, delay)
            .await
        {
            tracing::warn!(
                error = chain(&error),
                "cannot set the time of the next attempt: {}",
                chain(&error)
            );
        }
    }

    async fn give_up(
        &self,
        message: &Message,
        incoming: Option<&Incoming>,
        failure: &Failure,
        context: &RecordContext,
        end: Deadline,
    ) -> Ended {
        tracing::error!(
            error = failure.chain(),
            error_type = failure.error_type(),
            transient = failure.is_transient(),
            "failed for good: {}",
            failure.chain()
        );
        let again = Ended::Retry {
            message_id: message.message_id.clone(),
            error_type: failure.error_type(),
        };
        let Some(dlq_url) = &self.settings.dlq_url else {
            return again;
        };
        let last_words =
            AssertUnwindSafe(self.handler.gave_up(incoming, failure, context)).catch_unwind();
        // Half of what is left, so that the dead letter itself is sent in any case.
        let until = Instant::now() + end.remaining() / 2;
        if !matches!(timeout_at(until, last_words).await, Ok(Ok(()))) {
            tracing::warn!("the report about the failed record was not finished");
        }
        let letter = dead_letter(dlq_url, &self.settings.function, message, failure);
        match self.sqs.send(&letter).await {
            Ok(_) => Ended::DeadLettered {
                error_type: failure.error_type(),
            },
            Err(error) => {
                tracing::error!(
                    error = chain(&error),
                    "cannot send the record to the dead-letter queue, SQS will: {}",
                    chain(&error)
                );
                again
            }
        }
    }
}

/// Runs the handler until the deadline, and turns a panic into a failure.
pub(crate) async fn attempt(
    handler: &dyn Handler,
    incoming: &Incoming,
    context: &RecordContext,
) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let work = AssertUnwindSafe(handler.handle(incoming, context)).catch_unwind();
    match timeout_at(context.deadline.instant(), work).await {
        Ok(Ok(Ok(outcome))) => {
            tracing::info!(
                outcome = outcome.word,
                detail = outcome.detail,
                duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                "{}",
                outcome.detail.as_deref().unwrap_or(outcome.word)
            );
            Ok(outcome)
        }
        Ok(Ok(Err(failure))) => Err(failure),
        Ok(Err(panic)) => Err(Failure::permanent(
            "panic",
            format!("the function has a bug: {}", panic_message(&*panic)),
        )),
        Err(_) => Err(Failure::transient(
            "deadline",
            format!(
                "not finished after {} ms, when the function's time was over",
                started.elapsed().as_millis()
            ),
        )),
    }
}

fn dead_letter(
    dlq_url: &str,
    function: &str,
    message: &Message,
    failure: &Failure,
) -> QueueMessage {
    QueueMessage {
        queue_url: dlq_url.to_owned(),
        body: message.body.clone(),
        attributes: BTreeMap::from([
            ("error_type".to_owned(), failure.error_type().to_owned()),
            ("error".to_owned(), attribute(&failure.chain())),
            ("function".to_owned(), function.to_owned()),
            (
                "receive_count".to_owned(),
                message.receive_count.to_string(),
            ),
        ]),
        delay: Duration::ZERO,
    }
}

/// Cuts a text to what an attribute should hold, and replaces the control characters that SQS
/// refuses (it takes XML's characters only).
fn attribute(text: &str) -> String {
    let mut cut = String::with_capacity(text.len().min(MAX_ERROR));
    for c in text.chars() {
        let c = match c {
            '\t' | '\n' | '\r' => c,
            '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            c if c.is_control() && u32::from(c) < 0x20 => '\u{fffd}',
            c => c,
        };
        if cut.len() + c.len_utf8() > MAX_ERROR {
            break;
        }
        cut.push(c);
    }
    cut
}
