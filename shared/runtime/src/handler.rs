//! What a function implements.

use async_trait::async_trait;
use steward_core::event::incoming::Incoming;

use crate::deadline::Deadline;
use crate::failure::Failure;

/// A function: called once per event, any number of times for the same event.
///
/// Several records of a batch are handled at the same time, by the same handler.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Brings the world to what the policy says about this event.
    ///
    /// # Errors
    ///
    /// A transient failure is retried by the queue; a permanent one goes to the dead-letter queue.
    async fn handle(
        &self,
        incoming: &Incoming,
        context: &RecordContext,
    ) -> Result<Outcome, Failure>;

    /// Called once when a record is about to go to the dead-letter queue: the last chance to tell
    /// someone. `incoming` is absent when the event could not even be parsed.
    async fn gave_up(
        &self,
        _incoming: Option<&Incoming>,
        _failure: &Failure,
        _context: &RecordContext,
    ) {
    }

    /// Called during start-up, while Lambda gives the function a full CPU: make the first
    /// connections here. Bounded in time; whatever fails here is tried again by the first event.
    async fn warm(&self) {}
}

/// What is known about one record beside the event.
#[derive(Clone, Debug)]
pub struct RecordContext {
    /// Lambda's id of the invocation.
    pub request_id: String,
    /// The queue's id of the message; empty when the function was invoked directly.
    pub message_id: String,
    /// How often the queue has delivered this message, this time included.
    pub receive_count: u32,
    /// A failure now is final.
    pub last_attempt: bool,
    /// When the work must be over. The runtime stops it then and counts a transient failure.
    pub deadline: Deadline,
}

impl RecordContext {
    /// A first delivery with a minute to go, for tests.
    #[cfg(feature = "fake")]
    #[must_use]
    pub fn for_test() -> Self {
        Self {
            request_id: "request-1".to_owned(),
            message_id: "message-1".to_owned(),
            receive_count: 1,
            last_attempt: false,
            deadline: Deadline::after(std::time::Duration::from_secs(60)),
        }
    }
}

/// What came of a handled record; for logs and metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub(crate) word: &'static str,
    pub(crate) detail: Option<String>,
    pub(crate) counters: Vec<(&'static str, f64)>,
    pub(crate) samples: Vec<(&'static str, f64)>,
    pub(crate) samples_of_rules: Vec<(&'static str, String, f64)>,
}

impl Outcome {
    /// An outcome with one word in `snake_case`, such as `compliant` or `copied`.
    #[must_use]
    pub const fn new(word: &'static str) -> Self {
        Self {
            word,
            detail: None,
            counters: Vec::new(),
            samples: Vec::new(),
            samples_of_rules: Vec::new(),
        }
    }

    /// Adds a sentence for the log.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds to a metric in `CamelCase`, such as `ImagesCopied`. One whose name begins with `Bytes`
    /// has that unit.
    #[must_use]
    pub fn count(mut self, metric: &'static str, value: f64) -> Self {
        self.counters.push((metric, value));
        self
    }

    /// Adds one measured time in seconds to a metric in `CamelCase`, such as `ReplicationLag`, of
    /// which percentiles are wanted and not the sum.
    #[must_use]
    pub fn sample(mut self, metric: &'static str, seconds: f64) -> Self {
        self.samples.push((metric, seconds));
        self
    }

    /// As [`sample`](Self::sample), and counts for the policy's rule by itself as well.
    #[must_use]
    pub fn sample_of_rule(mut self, metric: &'static str, rule: String, seconds: f64) -> Self {
        self.samples_of_rules.push((metric, rule, seconds));
        self.sample(metric, seconds)
    }

    /// What was added up.
    #[must_use]
    pub fn counters(&self) -> &[(&'static str, f64)] {
        &self.counters
    }

    /// What was measured.
    #[must_use]
    pub fn samples(&self) -> &[(&'static str, f64)] {
        &self.samples
    }

    /// The word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        self.word
    }
}
