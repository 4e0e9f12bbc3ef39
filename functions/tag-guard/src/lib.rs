#![doc = include_str!("../README.md")]

pub mod plan;
mod quarantine;
mod report;
mod untag;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use steward_aws::ecr::Ecr;
use steward_aws::state::StateStore;
use steward_core::event::incoming::{Envelope, ImageAction, Incoming};
use steward_core::event::outgoing::{ActionReport, Outcome as ActionOutcome, StewardEvent};
use steward_core::facts::{EventFacts, EventKind, ImageFacts};
use steward_core::{Digest, EcrHost, Reference, RegistryHost, RepositoryName, Tag};
use steward_runtime::{EventSink, Failure, Handler, Outcome, PolicyStore, RecordContext};

pub use crate::quarantine::{Mover, RegistryMover};

use crate::plan::{Action, Facts, Plan, plan};

/// How long the report of a decision that is under way is kept: longer than a queue keeps the event.
const KEEP_REPORT: Duration = Duration::from_secs(14 * 24 * 3600);

/// The function: everything it works with, built once.
pub struct TagGuard {
    /// The registry that is looked after.
    pub ecr: Arc<dyn Ecr>,
    /// Copies images to quarantine.
    pub mover: Arc<dyn Mover>,
    /// The policy in force.
    pub policy: Arc<PolicyStore>,
    /// Reports of decisions that are under way.
    pub state: Arc<dyn StateStore>,
    /// Where decisions are told.
    pub events: Arc<dyn EventSink>,
}

/// How one action that changes the registry ended.
pub(crate) enum Applied {
    /// It was carried out.
    Done {
        /// What else there is to say.
        detail: Option<String>,
    },
    /// The tag no longer means the image that was decided about; its own event will come.
    TagMoved,
}

#[async_trait]
impl Handler for TagGuard {
    async fn handle(
        &self,
        incoming: &Incoming,
        _context: &RecordContext,
    ) -> Result<Outcome, Failure> {
        let Some((push, tag)) = tagged_push(incoming) else {
            return Ok(Outcome::new("not_a_tagged_push"));
        };
        let policy = self.policy.current().await?;
        let blank = Facts::absent(push.repository.clone(), tag.clone(), about(incoming));
        let skipped = plan(&blank, &policy).skipped;
        if let Some(skip) = skipped.filter(|skip| *skip != steward_core::decision::Skip::Gone) {
            // Nothing that the registry could say would change this: spare it the question.
            return Ok(Outcome::new("skipped").detail(skip.to_string()));
        }
        let facts = self.facts(incoming, &push.repository, tag).await?;
        let plan = plan(&facts, &policy);
        tracing::info!(plan = %as_json(&plan), "decided about {}:{tag}", push.repository);
        let now = facts.image.as_ref().map(|image| &image.digest);
        if now.is_none() || now != push.digest.as_ref() {
            // An earlier run may have taken this event's image away without coming to tell.
            let told = self.tell_what_was_begun(incoming, push, tag).await?;
            if now.is_none() {
                return Ok(Outcome::new(if told { "reported_late" } else { "gone" }));
            }
        }
        if let Some(skip) = plan.skipped {
            return Ok(Outcome::new("skipped").detail(skip.to_string()));
        }
        if !plan.has_news() {
            return Ok(Outcome::new("compliant"));
        }
        self.apply(incoming, &plan).await
    }

    async fn gave_up(
        &self,
        incoming: Option<&Incoming>,
        failure: &Failure,
        _context: &RecordContext,
    ) {
        let Some(incoming) = incoming else { return };
        let Some((push, tag)) = tagged_push(incoming) else {
            return;
        };
        let Ok(policy) = self.policy.current().await else {
            return;
        };
        let Ok(facts) = self.facts(incoming, &push.repository, tag).await else {
            return;
        };
        let plan = plan(&facts, &policy);
        if !plan.has_news() {
            return;
        }
        let event = report::event(incoming, &plan, report::failed(&plan, failure));
        if let Err(error) = self.events.put(&[event]).await {
            tracing::error!(error = %error, "the failure could not be told");
        }
    }

    async fn warm(&self) {
        if let Err(error) = self.ecr.authorization_token().await {
            tracing::warn!(error = %error, "ecr did not answer during start-up");
        }
    }
}

impl TagGuard {
    /// What the registry says about a tag now.
    async fn facts(
        &self,
        incoming: &Incoming,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Facts, Failure> {
        let reference = Reference::Tag(tag.clone());
        let image = self.ecr.describe_image(repository, &reference).await?;
        let image = image.map(|image| ImageFacts {
            pushed_at: image.pushed_at.and_then(|at| at.try_into().ok()),
            ..ImageFacts::new(image.digest, image.tags.into_iter().collect())
        });
        Ok(Facts {
            image,
            ..Facts::absent(repository.clone(), tag.clone(), about(incoming))
        })
    }

    /// Carries the plan out, and tells.
    async fn apply(&self, incoming: &Incoming, plan: &Plan) -> Result<Outcome, Failure> {
        let Some(digest) = &plan.digest else {
            return Ok(Outcome::new("skipped"));
        };
        let mut reports = Vec::new();
        for planned in &plan.actions {
            let report = report::of(&planned.action, planned.mode);
            if !planned.mode.acts() || planned.action == Action::Notify {
                reports.push(report);
                continue;
            }
            // Kept before the tag goes: whoever finds the tag gone then knows what to tell.
            let done = reports.iter().cloned().chain([report.clone()]);
            let rest = plan.actions.iter().skip(reports.len() + 1);
            let done: Vec<ActionReport> = done
                .chain(rest.map(|next| report::of(&next.action, next.mode)))
                .collect();
            let kept = Kept {
                guard: self,
                incoming,
                plan,
                digest,
                reports: done,
            };
            match self.act(&planned.action, plan, digest, &kept).await? {
                Applied::Done { detail } => {
                    reports.push(ActionReport {
                        detail: detail.or(report.detail),
                        ..report
                    });
                }
                Applied::TagMoved => {
                    return Ok(Outcome::new("tag_moved").detail(format!(
                        "{}:{} means another image now",
                        plan.repository, plan.tag
                    )));
                }
            }
        }
        let event = report::event(incoming, plan, reports);
        let violations = event.violations.len();
        self.events.put(&[event]).await?;
        if plan.changes_registry() {
            self.state
                .delete(&report_key(incoming, &plan.repository, &plan.tag, digest))
                .await?;
        }
        let word = if plan.changes_registry() {
            "enforced"
        } else {
            "reported"
        };
        #[expect(clippy::cast_precision_loss, reason = "a policy has few rules")]
        Ok(Outcome::new(word).count("Violations", violations as f64))
    }

    async fn act(
        &self,
        action: &Action,
        plan: &Plan,
        digest: &Digest,
        kept: &Kept<'_>,
    ) -> Result<Applied, Failure> {
        match action {
            Action::Quarantine { to, tags, .. } => {
                self.quarantine(plan, digest, to, tags, kept).await
            }
            Action::Untag { guard } => self.untag(plan, digest, guard.as_ref(), kept).await,
            Action::Notify => Ok(Applied::Done { detail: None }),
            other => Err(Failure::permanent(
                "not_supported",
                format!("the action {} is not supported yet", other.name()),
            )),
        }
    }

    /// If this function took the tag from the event's image and then died, tells what it did. Says
    /// whether there was anything to tell.
    async fn tell_what_was_begun(
        &self,
        incoming: &Incoming,
        push: &ImageAction,
        tag: &Tag,
    ) -> Result<bool, Failure> {
        let Some(digest) = &push.digest else {
            return Ok(false);
        };
        let key = report_key(incoming, &push.repository, tag, digest);
        let Some(kept) = self.state.get(&key).await? else {
            return Ok(false);
        };
        match report::read(&kept) {
            Some(event) => self.events.put(&[event]).await?,
            None => tracing::warn!(key, "the kept report cannot be read; it is dropped"),
        }
        self.state.delete(&key).await?;
        Ok(true)
    }
}

/// The report to keep right before a tag is removed.
pub(crate) struct Kept<'a> {
    guard: &'a TagGuard,
    incoming: &'a Incoming,
    plan: &'a Plan,
    digest: &'a Digest,
    reports: Vec<ActionReport>,
}

impl Kept<'_> {
    /// The registry that the event speaks of.
    pub(crate) fn registry(&self) -> Result<RegistryHost, Failure> {
        let Envelope {
            account, region, ..
        } = &self.incoming.envelope;
        EcrHost::new(account.clone(), region.clone())
            .registry_host()
            .map_err(|error| Failure::permanent("invalid_registry", error.to_string()))
    }

    /// Takes it back: the tag was left alone.
    pub(crate) async fn drop(&self) -> Result<(), Failure> {
        let Self {
            guard,
            incoming,
            plan,
            digest,
            ..
        } = self;
        let key = report_key(incoming, &plan.repository, &plan.tag, digest);
        guard.state.delete(&key).await?;
        Ok(())
    }

    /// Keeps it.
    pub(crate) async fn keep(&self) -> Result<(), Failure> {
        let Self {
            guard,
            incoming,
            plan,
            digest,
            reports,
        } = self;
        let event = report::event(incoming, plan, reports.clone());
        let key = report_key(incoming, &plan.repository, &plan.tag, digest);
        guard
            .state
            .put(&key, &report::write(&event), KEEP_REPORT)
            .await?;
        Ok(())
    }
}

/// The event of a decision that is carried out without a failure, in either mode; nothing where no
/// rule is violated.
#[must_use]
pub fn foretell(incoming: &Incoming, plan: &Plan) -> Option<StewardEvent> {
    if !plan.has_news() {
        return None;
    }
    let reports = plan
        .actions
        .iter()
        .map(|planned| report::of(&planned.action, planned.mode));
    Some(report::event(incoming, plan, reports.collect()))
}

fn about(incoming: &Incoming) -> EventFacts {
    EventFacts {
        kind: EventKind::Pushed,
        time: incoming.envelope.time,
        now: Timestamp::now(),
    }
}

/// The image action and tag of a push; nothing for any other event.
fn tagged_push(incoming: &Incoming) -> Option<(&ImageAction, &Tag)> {
    let push = incoming.image_action().filter(|_| incoming.is_push())?;
    Some((push, push.tag.as_ref()?))
}

fn report_key(
    incoming: &Incoming,
    repository: &RepositoryName,
    tag: &Tag,
    digest: &Digest,
) -> String {
    let Envelope {
        account, region, ..
    } = &incoming.envelope;
    format!("tag-guard#{account}/{region}/{repository}:{tag}@{digest}")
}

fn as_json(plan: &Plan) -> String {
    serde_json::to_string(plan).unwrap_or_default()
}

/// A successful action of this function is `Done`; the word stands in one place.
pub(crate) const DONE: ActionOutcome = ActionOutcome::Done;

#[cfg(test)]
mod tests;
