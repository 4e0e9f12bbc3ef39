//! What can be wrong with an event.

use super::incoming::known_detail_types;

/// An event that could not be understood.
///
/// The texts show at most a hundred characters of what was found, with control characters escaped,
/// so they are safe to log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// More bytes than any event can have; nothing was read.
    #[error("event of {bytes} bytes is too large (expected at most {limit} bytes)")]
    TooLarge {
        /// Length of the input in bytes.
        bytes: usize,
        /// The longest input that is read.
        limit: usize,
    },
    /// The input is not JSON.
    #[error("event is not JSON: {reason} (expected an EventBridge event as a JSON object)")]
    NotJson {
        /// What the JSON parser stumbled over, with line and column.
        reason: String,
    },
    /// A well-formed event of a kind that nothing here handles.
    #[error("{}", unknown(.source_name, .detail_type))]
    UnknownDetailType {
        /// The envelope's `source`.
        source_name: String,
        /// The envelope's `detail-type`.
        detail_type: String,
    },
    /// A field that every event of this kind has is absent or null.
    #[error("{path}: missing (expected {what})")]
    Missing {
        /// Where, as a JSON path such as `detail.repository-name`.
        path: String,
        /// What should be there, such as `a repository name`.
        what: &'static str,
    },
    /// A field holds something else than it should.
    #[error("{path}: {found} is not {what} (expected {expected})")]
    Invalid {
        /// Where, as a JSON path such as `detail.resources[0].id`; `event` is the whole.
        path: String,
        /// What was there, as JSON, cut to a hundred characters.
        found: String,
        /// What should be there, such as `a digest`.
        what: &'static str,
        /// The form it should have, such as `sha256:<64 hex digits>`.
        expected: &'static str,
    },
}

impl EventError {
    /// A stable word for logs, metrics and dead letters; never changes between releases.
    #[must_use]
    pub const fn error_type(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "event_too_large",
            Self::NotJson { .. } => "event_not_json",
            Self::UnknownDetailType { .. } => "event_unknown_detail_type",
            Self::Missing { .. } | Self::Invalid { .. } => "event_malformed",
        }
    }
}

fn unknown(source: &str, detail_type: &str) -> String {
    let known = known_detail_types(source);
    if known.is_empty() {
        format!(
            "source {source:?} with detail-type {detail_type:?} is not known \
             (expected source aws.ecr, aws.inspector2 or ecr-steward)"
        )
    } else {
        format!(
            "detail-type {detail_type:?} of source {source:?} is not known (expected {})",
            known.join(", ")
        )
    }
}
