#![doc = include_str!("../README.md")]

mod execute;
mod memory;
mod mover;
pub mod plan;
mod pusher;
mod reading;
mod report;
mod review;
mod subject;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use steward_aws::ecr::Ecr;
use steward_aws::state::StateStore;
use steward_core::Digest;
use steward_core::decision::{Skip, skip};
use steward_core::event::incoming::{Detail, Incoming};
use steward_core::event::outgoing::StewardEvent;
use steward_core::facts::EventKind;
use steward_core::policy::{Policy, TagRule};
use steward_runtime::{EventSink, Failure, Handler, Later, Outcome, PolicyStore, RecordContext};

pub use crate::mover::{Mover, RegistryMover};
pub use crate::reading::{Content, RegistryContent, ResourceTags};

use crate::execute::Run;
use crate::memory::{Memory, Recalled, Recorded};
use crate::plan::{Facts, Plan, Remember, plan};
use crate::reading::Needs;
use crate::subject::Subject;

/// Tells the time; replaced in tests.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How often a tag is decided about again when its history was written meanwhile.
const ROUNDS: usize = 3;

/// The function: everything it works with, built once.
pub struct TagGuard {
    /// The registry that is looked after.
    pub ecr: Arc<dyn Ecr>,
    /// Copies images to quarantine, and back.
    pub mover: Arc<dyn Mover>,
    /// Reads what only the registry protocol tells.
    pub content: Arc<dyn Content>,
    /// The policy in force.
    pub policy: Arc<PolicyStore>,
    /// What tags meant before, who pushed, and decisions that are under way.
    pub state: Arc<dyn StateStore>,
    /// Where decisions are told.
    pub events: Arc<dyn EventSink>,
    /// Brings a tag back to look at again; absent where the function has no queue.
    pub later: Option<Arc<dyn Later>>,
    /// The resource tags of repositories, for a while.
    pub resource_tags: ResourceTags,
    /// The ARN of the function's own role: what it pushes, nobody pushed.
    pub role: Option<String>,
    /// The time.
    pub clock: Clock,
}

#[async_trait]
impl Handler for TagGuard {
    async fn handle(
        &self,
        incoming: &Incoming,
        context: &RecordContext,
    ) -> Result<Outcome, Failure> {
        match &incoming.detail {
            Detail::ApiCall(call) => self.pushed_by(incoming, call).await,
            Detail::Review(review) => match self.is_due(incoming, review).await? {
                true => {
                    let subject = Subject::of_review(review);
                    self.decide(incoming, &subject, context).await
                }
                false => Ok(Outcome::new("waiting")),
            },
            _ => match Subject::of(incoming) {
                Some(subject) => {
                    let outcome = self.decide(incoming, &subject, context).await?;
                    self.left_behind(incoming, &subject, context).await?;
                    Ok(outcome)
                }
                None => self.referred(incoming, context).await,
            },
        }
    }

    async fn gave_up(
        &self,
        incoming: Option<&Incoming>,
        failure: &Failure,
        _context: &RecordContext,
    ) {
        // A run tells of its own failures. What ends one from outside leaves no time for that, so
        // it is told here.
        if !matches!(failure.error_type(), "deadline" | "panic") {
            return;
        }
        let Some(incoming) = incoming else { return };
        if let Err(untold) = self.tell_unfinished(incoming, failure).await {
            tracing::error!(error = untold.chain(), "the failure could not be told");
        }
    }

    async fn warm(&self) {
        self.content.warm().await;
    }
}

/// What is known about the past of a tag.
struct History {
    /// What it meant; `Unknown` where the state table cannot be read.
    previous: Recalled<Digest>,
    /// Whether this function itself took the tag away.
    own: Recalled<()>,
}

impl TagGuard {
    fn memory(&self, incoming: &Incoming) -> Memory<'_> {
        Memory::new(&*self.state, &incoming.envelope)
    }

    /// Decides about one tag, and does what is decided.
    async fn decide(
        &self,
        incoming: &Incoming,
        subject: &Subject,
        context: &RecordContext,
    ) -> Result<Outcome, Failure> {
        let policy = self.policy.current().await?;
        let memory = self.memory(incoming);
        let skipped = skip(&policy, &subject.repository, &subject.tag, None);
        if let Some(skip) = skipped.filter(|skip| *skip != Skip::Gone) {
            self.may_move(&memory, &policy, subject).await;
            // Nothing that the registry could say would change this: spare it the question.
            return Ok(Outcome::new("skipped").detail(skip.to_string()));
        }
        let needs = Needs::of(&policy, subject);
        if subject.kind == EventKind::Deleted && !needs.cares_for_deletions() {
            return Ok(Outcome::new("gone"));
        }
        if !needs.read.previous {
            self.may_move(&memory, &policy, subject).await;
        }
        let mut rounds = 1;
        loop {
            let mut history = self.history(&memory, subject, &needs).await?;
            if subject.kind == EventKind::Deleted
                && !needs.protects
                && matches!(history.own, Recalled::Nothing)
                && history
                    .previous
                    .known()
                    .is_some_and(|known| subject.digest.as_ref() == Some(known))
            {
                // The tag went; what it means by now is a new beginning, even where the event of
                // its deletion comes after the next push.
                memory.forget(subject).await?;
                history.previous = Recalled::Nothing;
            }
            let facts = self.read(incoming, subject, &needs, &history).await?;
            let plan = self.planned(&facts, &policy, &history);
            let remembered = self
                .remember(&memory, subject, &facts, &plan, &history)
                .await;
            // Somebody else saw another image under this tag first.
            if remembered == Recorded::Other && rounds < ROUNDS {
                rounds += 1;
                continue;
            }
            tracing::info!(plan = %as_json(&plan), "decided about {}:{}", subject.repository, subject.tag);
            return self
                .carry_out(incoming, subject, &policy, facts, plan, &history, context)
                .await;
        }
    }

    /// A tag that no rule holds may move: what it meant when one did must not bind it when one does
    /// again. Nothing is written where the policy holds no tag at all.
    async fn may_move(&self, memory: &Memory<'_>, policy: &Policy, subject: &Subject) {
        let holds = |rule: &TagRule| {
            !rule.immutable.patterns.is_empty() || !rule.protected.patterns.is_empty()
        };
        if subject.kind == EventKind::Pushed && policy.tag_rules.iter().any(holds) {
            memory.forget_moved(subject).await;
        }
    }

    async fn history(
        &self,
        memory: &Memory<'_>,
        subject: &Subject,
        needs: &Needs,
    ) -> Result<History, Failure> {
        let previous = if needs.read.previous {
            memory.previous(subject).await
        } else {
            Recalled::Nothing
        };
        let own = match &subject.digest {
            Some(digest) if subject.kind == EventKind::Deleted => {
                memory.took(subject, digest).await
            }
            _ => Recalled::Nothing,
        };
        if subject.kind == EventKind::Deleted {
            // Without knowing who took the tag away, bringing it back could go round in circles.
            for failed in [previous.failure(), own.failure()].into_iter().flatten() {
                if failed.is_transient() {
                    return Err(Failure::transient(failed.error_type(), failed.chain())
                        .context("the history of the tag cannot be read"));
                }
            }
        }
        Ok(History { previous, own })
    }

    /// The plan, without bringing back what this function itself took away.
    fn planned(&self, facts: &Facts, policy: &Policy, history: &History) -> Plan {
        let mut plan = plan(facts, policy);
        match &history.own {
            Recalled::Nothing => {}
            Recalled::Known(()) => plan.let_go(),
            Recalled::Unknown(_) => plan.hold_back(),
        }
        plan
    }

    /// Writes down what the tag means, where rules need to know it later.
    async fn remember(
        &self,
        memory: &Memory<'_>,
        subject: &Subject,
        facts: &Facts,
        plan: &Plan,
        history: &History,
    ) -> Recorded {
        let (Some(remember), Some(digest)) = (plan.remember, facts.digest()) else {
            return Recorded::Done;
        };
        let known = history.previous.known();
        if known.is_some() && subject.kind == EventKind::Pushed {
            // The tag is here by right: whoever deletes it from now on is somebody else.
            memory.leave(subject, digest).await;
        }
        match remember {
            Remember::First if known.is_some() => Recorded::Done,
            Remember::First => memory.remember_first(subject, digest).await,
            Remember::Latest if known == Some(digest) => Recorded::Done,
            Remember::Latest => memory.remember_latest(subject, digest).await,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one decision")]
    async fn carry_out(
        &self,
        incoming: &Incoming,
        subject: &Subject,
        policy: &Policy,
        facts: Facts,
        plan: Plan,
        history: &History,
        context: &RecordContext,
    ) -> Result<Outcome, Failure> {
        let memory = self.memory(incoming);
        let now = facts.digest();
        // An earlier run may have changed this event's tag without coming to tell.
        let changed = match subject.kind {
            EventKind::Deleted => now,
            _ => subject
                .digest
                .as_ref()
                .filter(|digest| now != Some(*digest)),
        };
        let told = match changed {
            Some(digest) => self.tell_what_was_begun(&memory, subject, digest).await?,
            None => false,
        };
        if subject.kind != EventKind::Deleted && now.is_none() {
            return Ok(Outcome::new(if told { "reported_late" } else { "gone" }));
        }
        if subject.kind == EventKind::Deleted && now.is_none() {
            self.forget(&memory, subject, policy, history).await?;
        }
        self.look_again(incoming, subject, &plan, history).await?;
        if let Some(skip) = plan.skipped {
            let word = if skip == Skip::Gone {
                "gone"
            } else {
                "skipped"
            };
            return Ok(Outcome::new(word).detail(skip.to_string()));
        }
        if !plan.has_news() {
            return Ok(Outcome::new("compliant"));
        }
        Run::new(self, incoming, policy, facts, plan, history)
            .apply(context)
            .await
    }

    /// A tag that is gone means nothing any more, unless a rule keeps it.
    async fn forget(
        &self,
        memory: &Memory<'_>,
        subject: &Subject,
        policy: &Policy,
        history: &History,
    ) -> Result<(), Failure> {
        let kept = Needs::of(policy, subject).protects;
        let own = matches!(history.own, Recalled::Known(()));
        if (own || !kept) && !matches!(history.previous, Recalled::Nothing) {
            memory.forget(subject).await?;
        }
        Ok(())
    }

    /// If this function took the tag from this image, or gave it back, and then died, tells what it
    /// did. Says whether there was anything to tell.
    async fn tell_what_was_begun(
        &self,
        memory: &Memory<'_>,
        subject: &Subject,
        digest: &Digest,
    ) -> Result<bool, Failure> {
        let Some(kept) = memory.begun(subject, digest).await else {
            return Ok(false);
        };
        match report::read(&kept) {
            // The tag is there: another run may be taking it away at this moment, and tells itself.
            Some(event) if subject.kind == EventKind::Deleted && !report::restores(&event) => {
                return Ok(false);
            }
            Some(event) => self.events.put(&[event]).await?,
            None => tracing::warn!("a kept report cannot be read; it is dropped"),
        }
        memory.ended(subject, digest).await;
        Ok(true)
    }

    async fn tell_unfinished(&self, incoming: &Incoming, failure: &Failure) -> Result<(), Failure> {
        let subject = match &incoming.detail {
            Detail::Review(review) => Some(Subject::of_review(review)),
            _ => Subject::of(incoming),
        };
        let Some(subject) = subject else {
            return Ok(());
        };
        let policy = self.policy.current().await?;
        let needs = Needs::of(&policy, &subject);
        let history = self
            .history(&self.memory(incoming), &subject, &needs)
            .await?;
        let facts = self.read(incoming, &subject, &needs, &history).await?;
        let plan = self.planned(&facts, &policy, &history);
        if plan.violations.is_empty() {
            return Ok(());
        }
        let event = report::event(incoming, &plan, report::failed(&plan, failure), None);
        self.events.put(&[event]).await?;
        Ok(())
    }
}

/// The event of a decision that is carried out without a failure, in either mode; nothing where
/// there is nothing to tell.
#[must_use]
pub fn foretell(incoming: &Incoming, plan: &Plan) -> Option<StewardEvent> {
    if plan.skipped.is_some() || !plan.has_news() {
        return None;
    }
    let reports = plan
        .actions
        .iter()
        .map(|planned| report::of(&planned.action, planned.mode));
    Some(report::event(incoming, plan, reports.collect(), None))
}

fn as_json(plan: &Plan) -> String {
    serde_json::to_string(plan).unwrap_or_default()
}

#[cfg(test)]
mod tests;
