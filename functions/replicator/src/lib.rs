#![doc = include_str!("../README.md")]

mod copier;
pub mod plan;
mod referrer;
mod report;
mod story;

use std::sync::Arc;

use async_trait::async_trait;
use steward_aws::ecr::Ecr;
use steward_aws::state::StateStore;
use steward_core::decision::Skip;
use steward_core::event::incoming::{ImageAction, Incoming};
use steward_core::event::outgoing::StewardEvent;
use steward_core::policy::Policy;
use steward_core::{Reference, Tag};
use steward_runtime::{EventSink, Failure, Handler, Outcome, PolicyStore, RecordContext};

pub use crate::copier::{Copied, Copier, CopyJob, RegistryCopier};

use crate::plan::{Facts, Plan, PlannedCopy, plan};

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
}

#[async_trait]
impl Handler for Replicator {
    async fn handle(
        &self,
        incoming: &Incoming,
        context: &RecordContext,
    ) -> Result<Outcome, Failure> {
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
            self.replicate(incoming, push, tag, &policy, context, &mut tally)
                .await?;
        }
        tally.outcome()
    }

    async fn gave_up(
        &self,
        incoming: Option<&Incoming>,
        failure: &Failure,
        context: &RecordContext,
    ) {
        // Each target tells of its own failure on the last attempt. What ends a run from outside
        // leaves no time for that, so it is told here.
        if !matches!(failure.error_type(), "deadline" | "panic") {
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
    skipped: Option<String>,
    failure: Option<Failure>,
}

impl Tally {
    /// One failed target does not hold up the others, but the event is not done before they all are.
    fn fail(&mut self, failure: Failure) {
        // A failure that may pass keeps the event in the queue, so it wins.
        if self
            .failure
            .as_ref()
            .is_none_or(|known| !known.is_transient())
        {
            self.failure = Some(failure);
        }
    }

    fn outcome(self) -> Result<Outcome, Failure> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let word = match (self.copied, self.unchanged, self.observed) {
            (1.., _, _) => "copied",
            (0, 1.., _) => "unchanged",
            (0, 0, 1..) => "observed",
            (0, 0, 0) => "nothing_to_copy",
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "a metric of bytes needs no last digit"
        )]
        let outcome = Outcome::new(word)
            .count("ImagesCopied", f64::from(self.copied))
            .count("BytesCopied", self.bytes as f64);
        Ok(match self.skipped {
            Some(skip) => outcome.detail(skip),
            None => outcome,
        })
    }
}

impl Replicator {
    /// Brings all targets of one tag up to date.
    async fn replicate(
        &self,
        incoming: &Incoming,
        push: &ImageAction,
        tag: Tag,
        policy: &Policy,
        context: &RecordContext,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let mut facts = Facts {
            account: incoming.envelope.account.clone(),
            region: incoming.envelope.region.clone(),
            repository: push.repository.clone(),
            tag,
            digest: push.digest.clone(),
        };
        let hint = plan(&facts, policy);
        // Without a digest in the event the hint knows nothing yet.
        if hint.copies.is_empty() && hint.skipped != Some(Skip::Gone) {
            // Nothing that the registry could say would change this: spare it the question.
            tally.skipped = hint.skipped.as_ref().map(Skip::to_string);
            return Ok(());
        }
        let reference = Reference::Tag(facts.tag.clone());
        let image = self
            .ecr
            .describe_image(&facts.repository, &reference)
            .await?;
        facts.digest = image.map(|image| image.digest);
        let plan = plan(&facts, policy);
        tracing::info!(plan = %as_json(&plan), "decided about {}:{}", facts.repository, facts.tag);
        if let Some(skip) = &plan.skipped {
            tally.skipped = Some(skip.to_string());
        }
        for copy in &plan.copies {
            let target = story::Target {
                replicator: self,
                incoming,
                facts: &facts,
                copy,
                context,
            };
            if copy.mode.acts() {
                self.copy(&target, policy, tally).await;
            } else {
                tally.observed += 1;
                self.events
                    .put(&[report::observed(incoming, &facts, copy)])
                    .await?;
            }
        }
        Ok(())
    }

    /// Tells of every copy that a run which was cut off did not finish.
    async fn tell_unfinished(
        &self,
        incoming: &Incoming,
        failure: &Failure,
        context: &RecordContext,
    ) -> Result<(), Failure> {
        let Some(push) = push(incoming) else {
            return Ok(());
        };
        let Some(tag) = &push.tag else {
            return Ok(());
        };
        let policy = self.policy.current().await?;
        let facts = Facts {
            account: incoming.envelope.account.clone(),
            region: incoming.envelope.region.clone(),
            repository: push.repository.clone(),
            tag: tag.clone(),
            digest: push.digest.clone(),
        };
        let plan = plan(&facts, &policy);
        for copy in plan.copies.iter().filter(|copy| copy.mode.acts()) {
            let target = story::Target {
                replicator: self,
                incoming,
                facts: &facts,
                copy,
                context,
            };
            target.unfinished(failure).await?;
        }
        Ok(())
    }

    /// Makes one copy, and tells how it went where that is news.
    async fn copy(&self, target: &story::Target<'_>, policy: &Policy, tally: &mut Tally) {
        let result = match job(target.facts, target.copy, policy) {
            Some(job) => self.copier.copy(&job).await,
            None => Err(Failure::permanent(
                "policy_changed",
                "the rule is no longer in the policy",
            )),
        };
        match result {
            Ok(Copied::SourceMoved) => tally.unchanged += 1,
            Ok(Copied::Done(report)) => {
                if report.unchanged {
                    tally.unchanged += 1;
                } else {
                    tally.copied += 1;
                    tally.bytes += report.bytes;
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
                tally.fail(failure);
            }
        }
    }
}

fn job<'a>(facts: &'a Facts, copy: &'a PlannedCopy, policy: &'a Policy) -> Option<CopyJob<'a>> {
    let rule = policy
        .replication
        .iter()
        .find(|rule| rule.name.as_str() == copy.rule)?;
    Some(CopyJob {
        facts,
        digest: facts.digest.as_ref()?,
        to: &copy.to,
        target: rule.to.get(copy.target_index)?,
        referrers: copy.referrers,
    })
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

fn as_json(plan: &Plan) -> String {
    serde_json::to_string(plan).unwrap_or_default()
}

#[cfg(test)]
mod tests;
