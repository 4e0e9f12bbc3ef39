//! Moves an image to quarantine: copy, verify, and only then take the tag away.

use async_trait::async_trait;
use steward_aws::ecr::PutTag;
use steward_core::decision::guard_tag;
use steward_core::{Digest, Reference, RegistryHost, RepositoryName, Tag};
use steward_runtime::Failure;

use crate::plan::Plan;
use crate::{Applied, Kept, TagGuard};

mod mover;

pub use mover::RegistryMover;

/// Copies an image, with its children and referrers, between repositories of the registry.
#[async_trait]
pub trait Mover: Send + Sync {
    /// Copies `digest` and tags the copy; creates the repository where it is missing. Returns once
    /// the copy was read back under its digest.
    ///
    /// # Errors
    ///
    /// Transient or not, as the registry says.
    async fn copy(
        &self,
        registry: &RegistryHost,
        from: &RepositoryName,
        digest: &Digest,
        to: &RepositoryName,
        tag: &Tag,
    ) -> Result<(), Failure>;
}

impl TagGuard {
    /// Quarantines the plan's image in `to` under every one of `tags`; the first is the image's own
    /// and never names another.
    pub(crate) async fn quarantine(
        &self,
        plan: &Plan,
        digest: &Digest,
        to: &RepositoryName,
        tags: &[Tag],
        kept: &Kept<'_>,
    ) -> Result<Applied, Failure> {
        let [own, others @ ..] = tags else {
            return Err(Failure::permanent(
                "no_quarantine_tag",
                "the plan names no tag",
            ));
        };
        let registry = kept.registry()?;
        let copied = self
            .mover
            .copy(&registry, &plan.repository, digest, to, own)
            .await;
        if let Err(failure) = copied {
            // Another delivery of the same push may have finished meanwhile.
            return if self.still_means(plan, digest).await? {
                Err(failure)
            } else {
                Ok(Applied::TagMoved)
            };
        }
        let by_digest = Reference::Digest(digest.clone());
        let Some(manifest) = self.ecr.get_manifest(to, &by_digest).await? else {
            return Err(Failure::transient(
                "quarantine_unverified",
                format!("{to}@{digest} was copied and cannot be read back yet"),
            ));
        };
        for tag in others {
            // An immutable quarantine keeps the earlier image's tag; this one has its own.
            if let PutTag::Immutable { .. } = self.ecr.put_tag(to, &manifest, tag).await? {
                tracing::info!("{to}:{tag} is immutable and stays on an earlier image");
            }
        }
        match self.remove(plan, digest, kept).await {
            Ok(true) => Ok(Applied::Done {
                detail: Some(format!("as {to}:{own}")),
            }),
            Ok(false) => Ok(Applied::TagMoved),
            Err(failure) if failure.error_type() == REFUSED => {
                self.remove_from_child(plan, digest, kept, failure).await
            }
            Err(failure) => Err(failure),
        }
    }

    /// ECR does not delete an image that an index names, so its last tag cannot go either: a guard
    /// tag takes its place.
    async fn remove_from_child(
        &self,
        plan: &Plan,
        digest: &Digest,
        kept: &Kept<'_>,
        refused: Failure,
    ) -> Result<Applied, Failure> {
        let by_digest = Reference::Digest(digest.clone());
        let Ok(guard) = guard_tag(digest) else {
            return Err(refused);
        };
        let Some(manifest) = self.ecr.get_manifest(&plan.repository, &by_digest).await? else {
            return Err(refused);
        };
        self.put_guard(&plan.repository, &manifest, &guard).await?;
        if self.remove(plan, digest, kept).await? {
            Ok(Applied::Done {
                detail: Some(format!("an index names the image; it stays as {guard}")),
            })
        } else {
            Ok(Applied::TagMoved)
        }
    }
}

/// The `error_type` of [`steward_aws::ecr::EcrError::ImageRefused`].
const REFUSED: &str = "ecr_image_refused";

/// Holds [`REFUSED`] to the error that it names.
#[cfg(test)]
#[test]
fn refused_is_the_word_of_an_image_that_ecr_refuses() {
    let error = steward_aws::ecr::EcrError::ImageRefused {
        operation: "BatchDeleteImage",
        repository: "prod/app".parse().unwrap(),
        reference: "x".parse().unwrap(),
        code: "ImageReferencedByManifestList".to_owned(),
        reason: String::new(),
    };
    assert_eq!(error.error_type(), REFUSED);
}
