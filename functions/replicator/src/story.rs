//! What is remembered of each target, so that news is told once: a failure when it begins, the
//! success that ends it, and the end of all tries.

use std::time::Duration;

use serde_json::{Value, json};
use steward_core::event::incoming::Incoming;
use steward_registry::CopyReport;
use steward_runtime::{Failure, RecordContext};

use crate::Replicator;
use crate::plan::{Facts, PlannedCopy};
use crate::report;

/// How long the outcome of a copy is remembered.
const KEEP: Duration = Duration::from_secs(30 * 24 * 3600);

/// One target of one image.
pub(crate) struct Target<'a> {
    pub(crate) replicator: &'a Replicator,
    pub(crate) incoming: &'a Incoming,
    pub(crate) facts: &'a Facts,
    pub(crate) copy: &'a PlannedCopy,
    pub(crate) context: &'a RecordContext,
}

impl Target<'_> {
    pub(crate) fn source(&self) -> String {
        format!("{}:{}", self.facts.repository, self.facts.tag)
    }

    /// Remembers a success, and tells it unless it was told before.
    pub(crate) async fn succeeded(&self, copied: &CopyReport) -> Result<(), Failure> {
        let before = self.remembered().await;
        let was_failing = before
            .as_ref()
            .is_some_and(|state| status(state) == "failing");
        let was_told = before.as_ref().is_some_and(|state| status(state) == "done");
        // An image that was there before anybody told: somebody else brought it, or the table was
        // lost. Neither is news.
        if was_told || (copied.unchanged && before.is_none() && !self.was_delivered_before()) {
            return Ok(());
        }
        let event = report::replicated(self, copied, was_failing);
        self.replicator.events.put(&[event]).await?;
        self.remember("done").await;
        Ok(())
    }

    /// Remembers a failure, and tells it when it is new or final.
    pub(crate) async fn failed(&self, failure: &Failure) -> Result<(), Failure> {
        let before = self.remembered().await;
        let known = before
            .as_ref()
            .is_some_and(|state| status(state) == "failing");
        let is_final = self.context.last_attempt || !failure.is_transient();
        if known && !is_final {
            return Ok(());
        }
        let event = report::failed(self, failure, is_final);
        self.replicator.events.put(&[event]).await?;
        self.remember("failing").await;
        Ok(())
    }

    /// Tells that the copy was not finished and is not tried again, unless it was made before.
    pub(crate) async fn unfinished(&self, failure: &Failure) -> Result<(), Failure> {
        let before = self.remembered().await;
        if before.as_ref().is_some_and(|state| status(state) == "done") {
            return Ok(());
        }
        let event = report::failed(self, failure, true);
        self.replicator.events.put(&[event]).await?;
        self.remember("failing").await;
        Ok(())
    }

    /// Whether the queue has delivered this event before: the copy may be that try's.
    fn was_delivered_before(&self) -> bool {
        self.context.receive_count > 1
    }

    fn key(&self) -> String {
        let Facts {
            account,
            region,
            repository,
            ..
        } = self.facts;
        // `to` ends in the digest, so that every image of a tag has a story of its own.
        format!("replica#{account}/{region}/{repository}>{}", self.copy.to)
    }

    /// Losing the table loses history: then something may be told twice.
    async fn remembered(&self) -> Option<Value> {
        match self.replicator.state.get(&self.key()).await {
            Ok(state) => state,
            Err(error) => {
                tracing::warn!(error = %error, "the state table does not answer");
                None
            }
        }
    }

    async fn remember(&self, status: &str) {
        let state = json!({ "status": status, "event": self.incoming.id() });
        if let Err(error) = self.replicator.state.put(&self.key(), &state, KEEP).await {
            tracing::warn!(error = %error, "the state table did not take the outcome");
        }
    }
}

fn status(state: &Value) -> &str {
    state
        .get("status")
        .and_then(Value::as_str)
        .unwrap_or_default()
}
