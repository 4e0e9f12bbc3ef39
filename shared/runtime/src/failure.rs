//! Why a record could not be handled, and whether trying again can help.

use std::error::Error as StdError;
use std::fmt;

use crate::handler::Outcome;

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// It can: the queue delivers the event again, later.
    Transient,
    /// It cannot: the event goes to the dead-letter queue.
    Permanent,
}

/// An error that knows its class; every one of them turns into a [`Failure`] with `?`.
pub trait Classified: StdError + Send + Sync + 'static {
    /// Whether the same work may succeed later.
    fn is_transient(&self) -> bool;

    /// A stable word in `snake_case` for logs, metrics, alarms and dead letters.
    fn error_type(&self) -> &'static str;
}

/// A failed record.
///
/// `Display` is the outermost message; [`chain`](Failure::chain) is the whole story.
#[derive(Debug)]
pub struct Failure {
    kind: FailureKind,
    error_type: &'static str,
    message: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    /// What was done all the same.
    done: Option<Box<Outcome>>,
}

impl Failure {
    /// A failure that may pass by itself.
    #[must_use]
    pub fn transient(error_type: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Transient,
            error_type,
            message: Some(message.into()),
            source: None,
            done: None,
        }
    }

    /// A failure that repeating cannot cure.
    #[must_use]
    pub fn permanent(error_type: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Permanent,
            ..Self::transient(error_type, message)
        }
    }

    /// Names the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds what was done before or beside it. Its metrics count, although the record failed.
    #[must_use]
    pub fn after(mut self, done: Outcome) -> Self {
        self.done = Some(Box::new(done));
        self
    }

    /// What was done all the same.
    #[must_use]
    pub fn done(&self) -> Option<&Outcome> {
        self.done.as_deref()
    }

    /// Becomes the failure that counts, unless one counts already that may pass: that one keeps the
    /// event in the queue, so it wins.
    pub fn count_in(self, counts: &mut Option<Self>) {
        if !counts.as_ref().is_some_and(Self::is_transient) {
            *counts = Some(self);
        }
    }

    /// Says what was being done, in front of what went wrong: "cannot copy prod/app:v1".
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Self {
        Self {
            done: self.done.take(),
            kind: self.kind,
            error_type: self.error_type,
            message: Some(message.into()),
            source: if self.message.is_none() {
                self.source
            } else {
                Some(Box::new(self))
            },
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Whether trying again can help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, FailureKind::Transient)
    }

    /// A stable word for logs, metrics, alarms and dead letters.
    #[must_use]
    pub const fn error_type(&self) -> &'static str {
        self.error_type
    }

    /// The message and every cause, in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        chain(self)
    }
}

/// An error and all its causes, in one line.
#[must_use]
pub fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.message, &self.source) {
            (Some(message), _) => f.write_str(message),
            (None, Some(source)) => source.fmt(f),
            (None, None) => f.write_str(self.error_type),
        }
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.source.as_deref()?;
        if self.message.is_some() {
            Some(source)
        } else {
            // Without a message of its own the failure speaks with its cause's voice.
            source.source()
        }
    }
}

impl<E: Classified> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            kind: if error.is_transient() {
                FailureKind::Transient
            } else {
                FailureKind::Permanent
            },
            error_type: error.error_type(),
            message: None,
            source: Some(Box::new(error)),
            done: None,
        }
    }
}

macro_rules! classified {
    ($($(#[$meta:meta])* $error:ty),* $(,)?) => {$(
        $(#[$meta])*
        impl Classified for $error {
            fn is_transient(&self) -> bool {
                <$error>::is_transient(self)
            }

            fn error_type(&self) -> &'static str {
                <$error>::error_type(self)
            }
        }
    )*};
}

classified! {
    steward_aws::ServiceError,
    steward_aws::events::EventsError,
    #[cfg(feature = "ecr")]
    steward_aws::ecr::EcrError,
    #[cfg(feature = "state")]
    steward_aws::state::StateError,
    #[cfg(feature = "secrets")]
    crate::secrets::SecretError,
    crate::policy::PolicyUnavailable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("connection reset")]
    struct Reset;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the layer")]
    struct Read(#[source] Reset);

    impl Classified for Read {
        fn is_transient(&self) -> bool {
            true
        }
        fn error_type(&self) -> &'static str {
            "layer_unreadable"
        }
    }

    #[test]
    fn a_classified_error_keeps_its_words_and_its_cause() {
        let failure = Failure::from(Read(Reset));
        assert!(failure.is_transient());
        assert_eq!(failure.error_type(), "layer_unreadable");
        assert_eq!(failure.chain(), "cannot read the layer: connection reset");
        assert_eq!(
            failure
                .context("cannot copy prod/app:v1")
                .context("batch")
                .chain(),
            "batch: cannot copy prod/app:v1: cannot read the layer: connection reset"
        );
    }

    #[test]
    fn a_failure_without_cause_is_its_message() {
        let failure = Failure::permanent("no_such_thing", "there is no such thing");
        assert_eq!(failure.chain(), "there is no such thing");
        assert!(!failure.is_transient());
        assert_eq!(
            failure.caused_by(Reset).chain(),
            "there is no such thing: connection reset"
        );
    }

    #[test]
    fn what_was_done_stays_with_a_failure_that_gets_a_context() {
        let failure = Failure::transient("target_down", "the target is down")
            .after(Outcome::new("copied"))
            .context("cannot copy prod/app:v1");
        assert_eq!(failure.done(), Some(&Outcome::new("copied")));
    }
}
