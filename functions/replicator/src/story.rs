//! What is remembered of each target, so that news is told once: a failure when it begins, the
//! success that ends it, and the end of all tries.

use steward_core::event::incoming::Incoming;
use steward_registry::{CopyReport, Verify};
use steward_runtime::{Failure, RecordContext};

use crate::Replicator;
use crate::memory::{LastTry, Memory, Status};
use crate::plan::{Facts, PlannedCopy};
use crate::report;

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
        let is = |status| before.as_ref().is_some_and(|last| last.status == status);
        let (was_failing, was_told) = (is(Status::Failing), is(Status::Done));
        // An image that was there before anybody told: somebody else brought it, or the table was
        // lost. Neither is news.
        // A full look is taken only where runs of ours came before.
        let is_ours = self.was_delivered_before() || copied.verified == Verify::Full;
        if was_told || (copied.unchanged && before.is_none() && !is_ours) {
            return Ok(());
        }
        let event = report::replicated(self, copied, was_failing);
        self.replicator.events.put(&[event]).await?;
        self.remember(Status::Done, None, None).await;
        Ok(())
    }

    /// Remembers a failure, and tells it when it is new or final.
    pub(crate) async fn failed(&self, failure: &Failure) -> Result<(), Failure> {
        let before = self.remembered().await;
        let failing = before.filter(|last| last.status == Status::Failing);
        let known = failing.is_some();
        let is_final = self.context.last_attempt || !failure.is_transient();
        if known && !is_final {
            return Ok(());
        }
        let event = report::failed(self, failure, is_final);
        self.replicator.events.put(&[event]).await?;
        let since = failing.and_then(|last| last.since);
        self.remember(Status::Failing, Some(failure), since).await;
        Ok(())
    }

    /// Tells that the copy was not finished and is not tried again, unless it was made before.
    pub(crate) async fn unfinished(&self, failure: &Failure) -> Result<(), Failure> {
        let before = self.remembered().await;
        if before
            .as_ref()
            .is_some_and(|last| last.status == Status::Done)
        {
            return Ok(());
        }
        let event = report::failed(self, failure, true);
        self.replicator.events.put(&[event]).await?;
        let since = before.and_then(|last| last.since);
        self.remember(Status::Failing, Some(failure), since).await;
        Ok(())
    }

    /// Whether the queue has delivered this event before: the copy may be that try's.
    fn was_delivered_before(&self) -> bool {
        self.context.receive_count > 1
    }

    fn memory(&self) -> Memory<'_> {
        Memory::new(&*self.replicator.state, self.facts)
    }

    /// Losing the table loses history: then something may be told twice.
    async fn remembered(&self) -> Option<LastTry> {
        self.memory().recall(&self.copy.to).await
    }

    async fn remember(
        &self,
        status: Status,
        failure: Option<&Failure>,
        since: Option<jiff::Timestamp>,
    ) {
        let now = (self.replicator.clock)();
        let last = LastTry {
            status,
            event: self.incoming.id().to_owned(),
            at: Some(now),
            since: failure.map(|_| since.unwrap_or(now)),
            error_type: failure.map(|failure| failure.error_type().to_owned()),
            error: failure.map(|failure| failure.chain().chars().take(1000).collect()),
        };
        self.memory().remember(&self.copy.to, &last).await;
    }
}
