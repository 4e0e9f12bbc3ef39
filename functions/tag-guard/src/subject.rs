//! Which tag an event is about.

use steward_core::event::incoming::{Detail, ImageAction, Incoming, Review};
use steward_core::facts::EventKind;
use steward_core::policy::{ActionKind, Policy};
use steward_core::{Digest, Reference, RepositoryName, Tag};
use steward_runtime::{Failure, Outcome, RecordContext};

use crate::TagGuard;
use crate::reading::waits_for_referrers;

/// A tag to decide about.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) repository: RepositoryName,
    pub(crate) tag: Tag,
    /// What the tag means, or meant, by the event's word.
    pub(crate) digest: Option<Digest>,
    pub(crate) kind: EventKind,
}

impl Subject {
    /// The tag that was pushed or deleted; nothing for any other event, and for the tags under which
    /// cosign keeps what it says about another image.
    pub(crate) fn of(incoming: &Incoming) -> Option<Self> {
        let Detail::ImageAction(action) = &incoming.detail else {
            return None;
        };
        let kind = if action.is_push() {
            EventKind::Pushed
        } else if action.is_delete() {
            EventKind::Deleted
        } else {
            return None;
        };
        let tag = action.tag.clone()?;
        if kind == EventKind::Pushed && named_subject(&tag).is_some() {
            return None;
        }
        Some(Self {
            repository: action.repository.clone(),
            tag,
            digest: action.digest.clone(),
            kind,
        })
    }

    pub(crate) fn of_review(review: &Review) -> Self {
        Self {
            repository: review.repository.clone(),
            tag: review.tag.clone(),
            digest: review.digest.clone(),
            kind: EventKind::Review,
        }
    }
}

impl TagGuard {
    /// A signature, an SBOM or an attestation arrived, or the child of an index: decides again about
    /// the image that it refers to, where a rule waits for that.
    pub(crate) async fn referred(
        &self,
        incoming: &Incoming,
        context: &RecordContext,
    ) -> Result<Outcome, Failure> {
        let Some(push) = incoming.image_action().filter(|action| action.is_push()) else {
            return Ok(Outcome::new("not_looked_at"));
        };
        let policy = self.policy.current().await?;
        if !waits_for_referrers(&policy, &push.repository) {
            return Ok(Outcome::new("skipped").detail("no rule asks for what refers to an image"));
        }
        let Some(digest) = self.subject_of(push).await? else {
            return Ok(Outcome::new("skipped").detail("it refers to no other image"));
        };
        self.decide_about_all(incoming, &push.repository, &digest, context)
            .await
    }

    /// When a tag goes, the other tags of its image may not be in order any more: a floating one
    /// without its companion, or one that kept the image from the archive or from deletion.
    pub(crate) async fn left_behind(
        &self,
        incoming: &Incoming,
        subject: &Subject,
        context: &RecordContext,
    ) -> Result<(), Failure> {
        let Some(digest) = &subject.digest else {
            return Ok(());
        };
        let policy = self.policy.current().await?;
        if subject.kind == EventKind::Deleted && looks_at_company(&policy, &subject.repository) {
            self.decide_about_all(incoming, &subject.repository, digest, context)
                .await?;
        }
        Ok(())
    }

    /// Decides again about every tag of an image.
    async fn decide_about_all(
        &self,
        incoming: &Incoming,
        repository: &RepositoryName,
        digest: &Digest,
        context: &RecordContext,
    ) -> Result<Outcome, Failure> {
        let tags = self.ecr.tags_of(repository, digest).await?;
        let mut outcome = Outcome::new("gone");
        let mut failure = None;
        for tag in tags.into_iter().filter(|tag| named_subject(tag).is_none()) {
            let subject = Subject {
                repository: repository.clone(),
                tag,
                digest: Some(digest.clone()),
                kind: EventKind::Review,
            };
            match self.decide(incoming, &subject, context).await {
                Ok(done) => outcome = done,
                Err(failed) => failure = failure.or(Some(failed)),
            }
        }
        failure.map_or(Ok(outcome), Err)
    }

    async fn subject_of(&self, push: &ImageAction) -> Result<Option<Digest>, Failure> {
        if let Some(subject) = push.tag.as_ref().and_then(named_subject) {
            return Ok(Some(subject));
        }
        let Some(digest) = &push.digest else {
            return Ok(None);
        };
        let reference = Reference::Digest(digest.clone());
        let image = self
            .ecr
            .describe_image(&push.repository, &reference)
            .await?;
        if let Some(subject) = image.and_then(|image| image.subject) {
            return Ok(Some(subject));
        }
        let manifest = self.ecr.get_manifest(&push.repository, &reference).await?;
        Ok(manifest.and_then(|manifest| {
            let manifest: serde_json::Value = serde_json::from_str(&manifest.body).ok()?;
            manifest
                .get("subject")?
                .get("digest")?
                .as_str()?
                .parse()
                .ok()
        }))
    }
}

/// Whether some rule's word about a tag depends on the other tags of its image.
fn looks_at_company(policy: &Policy, repository: &RepositoryName) -> bool {
    let takes_images = [ActionKind::Archive, ActionKind::Delete];
    policy.in_scope(repository)
        && policy.tag_rules_for(repository).any(|rule| {
            rule.companion.is_some()
                || takes_images
                    .iter()
                    .any(|kind| rule.on_violation.contains(kind))
        })
}

/// The image that one of cosign's tags names: `sha256-<hex>`, with `.sig`, `.att` or `.sbom`.
pub(crate) fn named_subject(tag: &Tag) -> Option<Digest> {
    let rest = tag.as_str().strip_prefix("sha256-")?;
    let hex = rest.split_once('.').map_or(rest, |(hex, _)| hex);
    format!("sha256:{hex}").parse().ok()
}
