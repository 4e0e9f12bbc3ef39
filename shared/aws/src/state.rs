//! The state table: what ECR cannot tell, kept in DynamoDB until it expires.
//!
//! One item per key: `pk` (string), `status` (`INPROGRESS` or `COMPLETED`), `owner` (who claimed it),
//! `claimed_until` (milliseconds), `data` (JSON text), `count` (a number) and `expires_at` (seconds, the TTL attribute).
//! DynamoDB removes expired items some time later, so every read looks at `expires_at` itself.

mod dynamodb;
#[cfg(feature = "fake")]
mod fake;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::error::ServiceError;

pub use dynamodb::DynamoState;
#[cfg(feature = "fake")]
pub use fake::FakeState;

/// Keeps facts and claims under string keys.
///
/// The claim protocol makes work happen once: [`begin`](StateStore::begin) claims a key,
/// [`complete`](StateStore::complete) records that the work is done, and
/// [`release`](StateStore::release) gives the claim back after a failure. A claim that is neither
/// completed nor released ends by itself, so a run that was cut off can be repeated.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// The data under `key`, unless it has expired or is only claimed.
    async fn get(&self, key: &str) -> Result<Option<Value>, StateError>;

    /// Writes data under `key`, whatever was there.
    async fn put(&self, key: &str, data: &Value, keep: Duration) -> Result<(), StateError>;

    /// Writes data under `key` unless there is some already; then that is returned and stays.
    async fn put_new(
        &self,
        key: &str,
        data: &Value,
        keep: Duration,
    ) -> Result<Option<Value>, StateError>;

    /// Adds one to the number under `key` and returns the sum; begins anew `keep` after the first.
    /// Two callers never get the same number.
    async fn count(&self, key: &str, keep: Duration) -> Result<u64, StateError>;

    /// Removes `key`, whatever is there.
    async fn delete(&self, key: &str) -> Result<(), StateError>;

    /// Claims `key` for at most `hold`; whether or not it is completed, it expires after `keep`.
    async fn begin(&self, key: &str, hold: Duration, keep: Duration) -> Result<Begin, StateError>;

    /// Records that the claimed work is done.
    async fn complete(&self, claim: &Claim, data: &Value, keep: Duration)
    -> Result<(), StateError>;

    /// Gives a claim back, so that the work may be tried again at once.
    async fn release(&self, claim: &Claim) -> Result<(), StateError>;
}

/// The right to do the work of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The key.
    pub key: String,
    /// Tells this claim from a later one of the same key.
    pub owner: String,
}

/// How a claim went.
#[derive(Clone, Debug, PartialEq)]
pub enum Begin {
    /// The work is the caller's.
    Claimed(Claim),
    /// Someone else is at it.
    InProgress,
    /// It was done before; this is what was recorded.
    Completed(Value),
}

/// Why a call of the state table failed.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The call itself failed.
    #[error(transparent)]
    Call(#[from] ServiceError),
    /// The claim ended in the meantime and someone else holds the key.
    #[error("the claim of {key:?} ended before the work did")]
    ClaimLost {
        /// The key.
        key: String,
    },
    /// An item is not what this module writes.
    #[error("the state under {key:?} is not readable: {what}")]
    Unreadable {
        /// The key.
        key: String,
        /// What is wrong.
        what: String,
    },
}

impl StateError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Call(error) => error.is_transient(),
            Self::ClaimLost { .. } => true,
            Self::Unreadable { .. } => false,
        }
    }

    /// A stable word for logs, metrics and dead-letter queues.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Call(error) => error.error_type(),
            Self::ClaimLost { .. } => "state_claim_lost",
            Self::Unreadable { .. } => "state_unreadable",
        }
    }
}

/// 128 random bits as text.
fn new_owner() -> String {
    format!("{:032x}", fastrand::u128(..))
}

#[cfg(test)]
mod tests;
