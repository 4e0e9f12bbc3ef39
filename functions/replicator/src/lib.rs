#![doc = include_str!("../README.md")]

mod copier;
mod deletion;
mod hops;
mod large;
mod lease;
pub mod memory;
mod part;
pub mod plan;
mod referrer;
mod report;
mod story;
mod targets;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use steward_aws::ecr::Ecr;
use steward_aws::state::StateStore;
use steward_core::event::incoming::{Detail, ImageAction, Incoming};
use steward_core::event::outgoing::StewardEvent;
use steward_core::policy::Policy;
use steward_core::{ImageRef, RepositoryName, Tag};
use steward_runtime::{EventSink, Failure, Handler, Later, Outcome, PolicyStore, RecordContext};

pub use crate::copier::{Copied, CopiedBlob, Copier, CopyJob, RegistryCopier, RemoveJob, Removed};

use crate::hops::Chain;
use crate::memory::Memory;
use crate::plan::{Facts, Plan};

/// Tells the time; replaced in tests.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The function: everything it works with, built once.
pub struct Replicator {
    /// The registry that is copied from.
    pub ecr: Arc<dyn Ecr>,
    /// Copies between registries.
    pub copier: Arc<dyn Copier>,
    /// The policy in force.
    pub policy: Arc<PolicyStore>,
    /// How the last attempt at each target went.
    pub state: Arc<dyn StateStore>,
    /// Where copies and failures are told.
    pub events: Arc<dyn EventSink>,
    /// Brings an event back, to go on or to look again; absent where the function has no queue.
    pub later: Option<Arc<dyn Later>>,
    /// The time.
    pub clock: Clock,
    /// The size in bytes from which an image is copied by many runs.
    pub split_bytes: u64,
}

#[async_trait]
impl Handler for Replicator {
    async fn handle(
        &self,
        incoming: &Incoming,
        context: &RecordContext,
    ) -> Result<Outcome, Failure> {
        if let Detail::Review(review) = &incoming.detail {
            return self.review(incoming, review, context).await;
        }
        if let Detail::Part(part) = &incoming.detail {
            return self.copy_part(incoming, part, context).await;
        }
        if let Some((action, tag)) = deletion(incoming) {
            return self.deleted(incoming, action, tag).await;
        }
        let Some(push) = push(incoming) else {
            return Ok(Outcome::new("not_a_push"));
        };
        let policy = self.policy.current().await?;
        let tags = match &push.tag {
            Some(tag) if referrer::named_subject(tag).is_none() => vec![tag.clone()],
            _ => match self.tags_of_subject(incoming, push, &policy).await? {
                Ok(tags) => tags,
                Err(skip) => return Ok(Outcome::new("skipped").detail(skip.to_string())),
            },
        };
        let mut tally = Tally::default();
        for tag in tags {
            let mut facts = facts(incoming, &push.repository, tag);
            facts.digest.clone_from(&push.digest);
            if let Err(failure) = self
                .replicate(incoming, facts, &policy, context, &mut tally)
                .await
            {
                tally.fail(failure);
            }
        }
        tally.outcome()
    }

    async fn gave_up(
        &self,
        incoming: Option<&Incoming>,
        failure: &Failure,
        context: &RecordContext,
    ) {
        if let Some(Incoming {
            detail: Detail::Part(part),
            ..
        }) = incoming
            && let Some(incoming) = incoming
            && let Err(untold) = self.part_failed(incoming, part, failure).await
        {
            tracing::error!(error = untold.chain(), "the failure could not be told");
        }
        // Each target tells of its own failure on the last attempt. What ends a run from outside, or
        // before anything could fail, is told here.
        if !matches!(failure.error_type(), "deadline" | "panic" | "no_time") {
            return;
        }
        let Some(incoming) = incoming else { return };
        if let Err(untold) = self.tell_unfinished(incoming, failure, context).await {
            tracing::error!(error = untold.chain(), "the failure could not be told");
        }
    }

    async fn warm(&self) {
        self.copier.warm().await;
    }
}

/// What became of the copies of one event.
#[derive(Default)]
struct Tally {
    copied: u32,
    bytes: u64,
    unchanged: u32,
    observed: u32,
    /// The rule of each copy, and the seconds from the push to it; for one that fails, until now.
    lags: Vec<(String, f64)>,
    /// Copies that go on in another run.
    unfinished: u32,
    /// Whether any of those has come further in this one.
    progressed: bool,
    /// Whether one of those waits for others.
    waiting: bool,
    /// The first of them that this run had no time to finish.
    slow: Option<ImageRef>,
    skipped: Option<String>,
    failure: Option<Failure>,
}

impl Tally {
    /// One failed target does not hold up the others, but the event is not done before they all are.
    fn fail(&mut self, failure: Failure) {
        failure.count_in(&mut self.failure);
    }

    /// How late a copy is, made or not.
    fn late(&mut self, target: &story::Target<'_>) {
        if let Some(pushed) = pushed_at(target.incoming) {
            let since = (target.replicator.clock)().duration_since(pushed);
            let lag = since.as_secs_f64().max(0.0);
            self.lags.push((target.copy.rule.clone(), lag));
        }
    }

    fn outcome(self) -> Result<Outcome, Failure> {
        let word = match (self.unfinished, self.copied, self.unchanged, self.observed) {
            (1.., _, _, _) => "unfinished",
            (0, 1.., _, _) => "copied",
            (0, 0, 1.., _) => "unchanged",
            (0, 0, 0, 1..) => "observed",
            (0, 0, 0, 0) => "nothing_to_copy",
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "a metric of bytes needs no last digit"
        )]
        let mut outcome = Outcome::new(word)
            .count("ImagesCopied", f64::from(self.copied))
            .count("BytesCopied", self.bytes as f64);
        for (rule, lag) in self.lags {
            outcome = outcome.sample_of_rule("ReplicationLag", rule, lag);
        }
        if let Some(skip) = self.skipped {
            outcome = outcome.detail(skip);
        }
        match self.failure {
            // What the other targets got is said now: the next try finds it there.
            Some(failure) => Err(failure.after(outcome)),
            None => Ok(outcome),
        }
    }
}

impl Replicator {
    /// Brings all targets of a tag that the source has up to date.
    pub(crate) async fn bring_over(
        &self,
        incoming: &Incoming,
        repository: &RepositoryName,
        tag: &Tag,
        context: &RecordContext,
    ) -> Result<Outcome, Failure> {
        let policy = self.policy.current().await?;
        let facts = facts(incoming, repository, tag.clone());
        let mut tally = Tally::default();
        if let Err(failure) = self
            .replicate(incoming, facts, &policy, context, &mut tally)
            .await
        {
            tally.fail(failure);
        }
        tally.outcome()
    }

    /// Makes one copy, and tells how it went where that is news.
    async fn copy(
        &self,
        target: &story::Target<'_>,
        policy: &Policy,
        size: Option<u64>,
        tally: &mut Tally,
    ) {
        match self.try_copy(target, policy, size).await {
            Ok(Copied::OtherPlatform(platform)) => {
                tally.skipped = Some(format!("the rule does not copy images for {platform}"));
            }
            Ok(Copied::Paused(paused)) => {
                tally.unfinished += 1;
                tally.slow.get_or_insert_with(|| target.copy.to.clone());
                tally.progressed |= large::has_moved(&paused);
                tally.bytes += paused.moved.bytes;
            }
            Ok(Copied::Waiting) => {
                tally.unfinished += 1;
                tally.waiting = true;
            }
            Ok(Copied::SourceMoved) => tally.unchanged += 1,
            Ok(Copied::Done(report)) => {
                // Of an image that was there, referrers may have come.
                tally.bytes += report.bytes;
                if report.unchanged {
                    tally.unchanged += 1;
                } else {
                    tally.copied += 1;
                    tally.late(target);
                }
                if let Err(failure) = target.succeeded(&report).await {
                    tally.fail(failure);
                }
            }
            Err(failure) => {
                let failure = failure.context(format!(
                    "cannot copy {} to {}",
                    target.source(),
                    target.copy.to
                ));
                if let Err(untold) = target.failed(&failure).await {
                    tracing::warn!(error = untold.chain(), "the failure could not be told");
                }
                tally.late(target);
                tally.fail(failure);
            }
        }
    }

    /// Makes one copy, unless it is one of a loop, and remembers that it is ours.
    async fn try_copy(
        &self,
        target: &story::Target<'_>,
        policy: &Policy,
        size: Option<u64>,
    ) -> Result<Copied, Failure> {
        let story::Target { facts, copy, .. } = target;
        let rule = policy
            .replication
            .iter()
            .find(|rule| rule.name.as_str() == copy.rule);
        let (Some(rule), Some(digest)) = (rule, &facts.digest) else {
            return Err(Failure::permanent(
                "policy_changed",
                "the rule is no longer in the policy",
            ));
        };
        let Some(to) = rule.to.get(copy.target_index) else {
            return Err(Failure::permanent(
                "policy_changed",
                "the target is no longer in the policy",
            ));
        };
        let memory = Memory::new(&*self.state, facts);
        let before = memory.chain(rule.name.as_str(), digest).await;
        let chain = Chain::next(before.and_then(|x| serde_json::from_value(x).ok()), facts);
        if chain.is_loop() {
            return Err(Failure::permanent(
                "replication_loop",
                "the same image comes back under a name that grows each time: two registries copy \
                 to each other and both rewrite names",
            ));
        }
        let copied = self.copy_some(target, to, size).await?;
        if let Copied::Done(report) = &copied
            && !report.unchanged
        {
            if let Ok(chain) = serde_json::to_value(&chain) {
                memory
                    .remember_chain(rule.name.as_str(), digest, &chain)
                    .await;
            }
            if let Some(deletes) = rule.deletes.propagation() {
                self.made(target, &report.digest, deletes.after).await?;
            }
        }
        Ok(copied)
    }
}

/// The events of a plan that is carried out without a failure, one for each copy. Where the copy is
/// really made, the event lacks the numbers that only the copy knows.
#[must_use]
pub fn foretell(incoming: &Incoming, facts: &Facts, plan: &Plan) -> Vec<StewardEvent> {
    plan.copies
        .iter()
        .map(|copy| report::foretold(incoming, facts, copy))
        .collect()
}

/// The image action of a push, of an image or of a referrer; nothing for any other event.
fn push(incoming: &Incoming) -> Option<&ImageAction> {
    incoming
        .image_action()
        .filter(|_| incoming.is_push() || incoming.is_referrer_push())
}

/// When the image was pushed that an event brings over. Nothing for events from which no lag can be
/// told: a deletion, and what ecr-steward sent itself (a backfill finds what was pushed long ago).
fn pushed_at(incoming: &Incoming) -> Option<Timestamp> {
    match &incoming.detail {
        Detail::Review(review) => review.pushed,
        _ if incoming.is_from_steward() => None,
        _ => push(incoming).map(|_| incoming.envelope.time),
    }
}

/// The deletion of a tag; nothing for any other event.
fn deletion(incoming: &Incoming) -> Option<(&ImageAction, &Tag)> {
    let action = incoming.image_action().filter(|_| incoming.is_delete())?;
    Some((action, action.tag.as_ref()?))
}

/// What an event says of a tag, without its image.
fn facts(incoming: &Incoming, repository: &RepositoryName, tag: Tag) -> Facts {
    Facts {
        account: incoming.envelope.account.clone(),
        region: incoming.envelope.region.clone(),
        repository: repository.clone(),
        tag,
        digest: None,
        siblings: None,
    }
}

fn as_json(plan: &Plan) -> String {
    serde_json::to_string(plan).unwrap_or_default()
}

#[cfg(test)]
mod tests;
