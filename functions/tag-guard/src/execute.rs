//! Carries a plan out: each step looks once more before it takes anything away.

mod archive;
mod delete;
mod place;
mod quarantine;
mod restore;
mod untag;

use steward_aws::ecr::EcrError;
use steward_core::event::incoming::Incoming;
use steward_core::event::outgoing::{ActionReport, Outcome as ActionOutcome};
use steward_core::facts::EventKind;
use steward_core::policy::Policy;
use steward_core::{Digest, RegistryHost};
use steward_runtime::{Failure, Outcome, RecordContext};

use crate::memory::Memory;
use crate::plan::{Action, Facts, Plan};
use crate::reading::registry_of;
use crate::subject::Subject;
use crate::{History, TagGuard, report};

/// How one action ended that did not fail.
pub(crate) enum Applied {
    /// It was carried out.
    Done {
        /// What else there is to say.
        detail: Option<String>,
    },
    /// It was so already.
    Unchanged,
    /// The tag no longer means the image that was decided about; its own event will come.
    TagMoved,
}

impl Applied {
    fn done() -> Self {
        Self::Done { detail: None }
    }

    fn done_with(detail: impl Into<String>) -> Self {
        Self::Done {
            detail: Some(detail.into()),
        }
    }
}

/// Why an action failed, and what a person can do.
pub(crate) struct Trouble {
    failure: Failure,
    remedy: Option<String>,
}

impl Trouble {
    fn permanent(error_type: &'static str, message: String, remedy: &str) -> Self {
        Self {
            failure: Failure::permanent(error_type, message),
            remedy: Some(remedy.to_owned()),
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            remedy: None,
        }
    }
}

impl From<EcrError> for Trouble {
    fn from(error: EcrError) -> Self {
        Failure::from(error).into()
    }
}

/// One decision on its way.
pub(crate) struct Run<'a> {
    guard: &'a TagGuard,
    incoming: &'a Incoming,
    policy: &'a Policy,
    memory: Memory<'a>,
    subject: Subject,
    facts: Facts,
    plan: Plan,
    /// What has to be said beside the plan.
    note: Option<&'static str>,
    reports: Vec<ActionReport>,
    /// Whether an action failed: nothing is taken away after that.
    broken: bool,
    moved: bool,
    archived: bool,
    /// Whether the tag stays although it was to go: what was derived from its absence is wrong.
    kept_back: bool,
    failure: Option<Failure>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        guard: &'a TagGuard,
        incoming: &'a Incoming,
        policy: &'a Policy,
        facts: Facts,
        plan: Plan,
        history: &History,
    ) -> Self {
        let note = history
            .previous
            .failure()
            .map(|_| "What the tag meant before is not known: the state table cannot be read");
        Self {
            guard,
            incoming,
            policy,
            memory: guard.memory(incoming),
            subject: Subject {
                repository: plan.repository.clone(),
                tag: plan.tag.clone(),
                digest: plan.digest.clone(),
                kind: EventKind::Review,
            },
            facts,
            plan,
            note,
            reports: Vec::new(),
            broken: false,
            moved: false,
            archived: false,
            kept_back: false,
            failure: None,
        }
    }

    /// Carries the plan out, and tells.
    pub(crate) async fn apply(mut self, context: &RecordContext) -> Result<Outcome, Failure> {
        let Some(digest) = self.plan.digest.clone() else {
            return Ok(Outcome::new("skipped"));
        };
        self.people(&digest).await;
        for index in 0..self.plan.actions.len() {
            self.step(index, &digest).await;
        }
        let changed = self.reports.iter().any(|report| {
            report.outcome == ActionOutcome::Done && report.action != Action::Notify.name()
        });
        if self.moved && !changed && !self.broken {
            self.memory.ended(&self.subject, &digest).await;
            return Ok(Outcome::new("tag_moved").detail(format!(
                "{}:{} means another image now",
                self.plan.repository, self.plan.tag
            )));
        }
        if self.is_to_be_told(context) {
            self.tell(&digest).await?;
        }
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if self.plan.accepts {
            self.memory.remember_latest(&self.subject, &digest).await;
        }
        let word = if changed { "enforced" } else { "reported" };
        #[expect(clippy::cast_precision_loss, reason = "a policy has few rules")]
        let violations = self.plan.violations.len() as f64;
        Ok(Outcome::new(word).count("Violations", violations))
    }

    /// A failure that may pass is told at its first and at its last try; those between are logged.
    fn is_to_be_told(&self, context: &RecordContext) -> bool {
        match &self.failure {
            Some(failure) if failure.is_transient() => {
                context.receive_count <= 1 || context.last_attempt
            }
            _ => true,
        }
    }

    async fn tell(&self, digest: &Digest) -> Result<(), Failure> {
        let event = report::event(self.incoming, &self.plan, self.reports.clone(), self.note);
        self.guard.events.put(std::slice::from_ref(&event)).await?;
        if self.plan.changes_registry() {
            self.memory.ended(&self.subject, digest).await;
        }
        let Plan {
            repository, tag, ..
        } = &self.plan;
        self.guard
            .told(&self.memory, repository, tag, digest, &event)
            .await
    }

    /// Who owns the repository, and who pushed.
    async fn people(&mut self, digest: &Digest) {
        let (repository, tag) = (self.plan.repository.clone(), self.plan.tag.clone());
        if self.facts.resource_tags.is_none() {
            let tags = self
                .guard
                .resource_tags_of(self.incoming, &repository)
                .await;
            match tags {
                Ok(tags) => self.facts.resource_tags = Some(tags),
                Err(failure) => tracing::warn!(
                    error = failure.chain(),
                    "the owner of {repository} is not known: its resource tags cannot be read"
                ),
            }
            self.plan.owner = self.facts.owner().map(str::to_owned);
        }
        if self.plan.pusher.is_none() {
            self.plan.pusher = self.memory.pusher(&repository, &tag, digest).await;
        }
    }

    async fn step(&mut self, index: usize, digest: &Digest) {
        let Some(planned) = self.plan.actions.get(index).cloned() else {
            return;
        };
        let report = report::of(&planned.action, planned.mode);
        let skipped = |why: &str| ActionReport {
            outcome: ActionOutcome::Skipped,
            detail: Some(why.to_owned()),
            ..report.clone()
        };
        let report = if !planned.mode.acts() || !planned.action.changes_registry() {
            self.broken |= report.outcome == ActionOutcome::Failed;
            report
        } else if self.moved {
            skipped("the tag means another image now")
        } else if self.broken && planned.action.is_destructive() {
            skipped("an action before it failed")
        } else if self.kept_back && matches!(planned.action, Action::Derive { .. }) {
            skipped("the image was to go and is still here")
        } else {
            match self.act(&planned.action, digest, index).await {
                Ok(Applied::Done { detail }) => ActionReport {
                    detail: detail.or(report.detail),
                    ..report
                },
                Ok(Applied::Unchanged) => ActionReport {
                    outcome: ActionOutcome::Unchanged,
                    ..report
                },
                Ok(Applied::TagMoved) => {
                    self.moved = true;
                    skipped("the tag means another image now")
                }
                Err(trouble) => self.failed(report, trouble),
            }
        };
        self.kept_back |= planned.mode.acts()
            && planned.action.takes_tag()
            && matches!(
                report.outcome,
                ActionOutcome::Failed | ActionOutcome::Skipped
            );
        self.reports.push(report);
    }

    fn failed(&mut self, report: ActionReport, trouble: Trouble) -> ActionReport {
        let Trouble { failure, remedy } = trouble;
        tracing::warn!(
            error = failure.chain(),
            "{} of {}:{} failed",
            report.action,
            self.plan.repository,
            self.plan.tag
        );
        self.broken = true;
        let report = report::failure(report, &failure, remedy);
        failure.count_in(&mut self.failure);
        report
    }

    async fn act(
        &mut self,
        action: &Action,
        digest: &Digest,
        index: usize,
    ) -> Result<Applied, Trouble> {
        match action {
            Action::Tag { mark } => self.mark(digest, mark).await,
            Action::Restore { to, .. } => self.restore(digest, to, index).await,
            Action::RestoreDeleted { to, from } => self.restore_deleted(to, from, index).await,
            Action::Quarantine {
                to,
                tags,
                keeps_tag,
            } => self.quarantine(digest, to, tags, *keeps_tag, index).await,
            Action::Archive { guard } => self.archive(digest, guard.as_ref(), index).await,
            Action::Untag { guard } => self.untag(digest, guard.as_ref(), index).await,
            Action::Delete { tags } => self.delete(digest, tags, index).await,
            Action::Derive { tag, digest, from } => self.derive(tag, digest, from).await,
            Action::Blocked { .. } | Action::Notify => Ok(Applied::Unchanged),
        }
    }

    fn registry(&self) -> Result<RegistryHost, Failure> {
        registry_of(self.incoming)
    }

    /// Keeps the report of what is about to be done and of what comes after it, right before the tag
    /// changes: whoever finds it changed and nothing told then knows what to tell.
    async fn keep(&self, digest: &Digest, index: usize) {
        let rest = self.plan.actions.iter().skip(index);
        let reports = self.reports.iter().cloned();
        let reports = reports.chain(rest.map(|next| report::of(&next.action, next.mode)));
        let event = report::event(self.incoming, &self.plan, reports.collect(), self.note);
        self.memory.begin(&self.subject, digest, &event).await;
    }

    /// Takes that back: nothing was changed.
    async fn drop_kept(&self, digest: &Digest) {
        self.memory.ended(&self.subject, digest).await;
    }
}
