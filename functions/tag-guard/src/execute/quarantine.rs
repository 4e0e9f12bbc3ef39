//! Moves an image to quarantine: copy, verify, and only then take the tag away.

use steward_aws::ecr::PutTag;
use steward_core::{Digest, Reference, RepositoryName, Tag};
use steward_runtime::Failure;

use super::{Applied, Run, Trouble};

impl Run<'_> {
    /// Quarantines the image in `to` under every one of `tags`; the first is the image's own and
    /// never names another. Where `keeps_tag`, the tag was put back on another image, and only the
    /// copy is made.
    pub(super) async fn quarantine(
        &self,
        digest: &Digest,
        to: &RepositoryName,
        tags: &[Tag],
        keeps_tag: bool,
        index: usize,
    ) -> Result<Applied, Trouble> {
        let [own, others @ ..] = tags else {
            return Err(Failure::permanent("no_quarantine_tag", "the plan names no tag").into());
        };
        let registry = self.registry()?;
        let repository = &self.plan.repository;
        let copied = self
            .guard
            .mover
            .copy(&registry, repository, digest, to, Some(own))
            .await;
        if let Err(failure) = copied {
            // Another delivery of the same push may have finished meanwhile.
            return if keeps_tag || self.still_means(digest).await? {
                Err(failure.into())
            } else {
                Ok(Applied::TagMoved)
            };
        }
        let ecr = &self.guard.ecr;
        let by_digest = Reference::Digest(digest.clone());
        let Some(manifest) = ecr.get_manifest(to, &by_digest).await? else {
            return Err(Failure::transient(
                "quarantine_unverified",
                format!("{to}@{digest} was copied and cannot be read back yet"),
            )
            .into());
        };
        for tag in others {
            // An immutable quarantine keeps the earlier image's tag; this one has its own.
            if let PutTag::Immutable { .. } = ecr.put_tag(to, &manifest, tag).await? {
                tracing::info!("{to}:{tag} is immutable and stays on an earlier image");
            }
        }
        let done = Applied::done_with(format!("as {to}:{own}"));
        if keeps_tag {
            return Ok(done);
        }
        match self.remove(digest, index).await {
            Ok(true) => Ok(done),
            Ok(false) => Ok(Applied::TagMoved),
            Err(trouble) if trouble.failure.error_type() == REFUSED => {
                self.remove_from_child(digest, trouble, index).await
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// ECR does not delete an image that an index names, so its last tag cannot go either: a guard
    /// tag takes its place.
    async fn remove_from_child(
        &self,
        digest: &Digest,
        refused: Trouble,
        index: usize,
    ) -> Result<Applied, Trouble> {
        let Some(manifest) = self.manifest(digest).await? else {
            return Err(refused);
        };
        let guard = self.put_guard(&manifest).await?;
        if self.remove(digest, index).await? {
            Ok(Applied::done_with(format!(
                "an index names the image; it stays as {guard}"
            )))
        } else {
            Ok(Applied::TagMoved)
        }
    }
}

/// The `error_type` of [`steward_aws::ecr::EcrError::ImageRefused`].
pub(super) const REFUSED: &str = "ecr_image_refused";

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
