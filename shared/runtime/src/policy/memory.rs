//! The last good policy, kept for functions that start while the newest one is broken.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use steward_aws::state::StateStore;

use super::PolicyMemory;
use crate::failure::chain;

/// How long a policy is kept that no function has read again.
const KEEP: Duration = Duration::from_secs(400 * 24 * 3600);

/// Keeps the policy in the state table. Losing the table loses nothing while the policy is good.
pub struct StateMemory {
    state: Arc<dyn StateStore>,
    key: String,
}

impl StateMemory {
    /// A memory for the policy at `location`.
    #[must_use]
    pub fn new(state: Arc<dyn StateStore>, location: &str) -> Self {
        Self {
            state,
            key: format!("policy#{location}"),
        }
    }
}

#[async_trait]
impl PolicyMemory for StateMemory {
    async fn keep(&self, text: &str) {
        if let Err(error) = self
            .state
            .put(&self.key, &json!({ "text": text }), KEEP)
            .await
        {
            tracing::warn!(
                error = chain(&error),
                "the policy could not be kept for functions that start later"
            );
        }
    }

    async fn recall(&self) -> Option<String> {
        match self.state.get(&self.key).await {
            Ok(kept) => kept?.get("text").and_then(Value::as_str).map(str::to_owned),
            Err(error) => {
                tracing::warn!(error = chain(&error), "the kept policy could not be read");
                None
            }
        }
    }
}
