//! Takes a tag away and keeps its image.

use steward_aws::ecr::{Manifest, PutTag, RemoveTag};
use steward_core::decision::guard_tag;
use steward_core::{Digest, Reference, RepositoryName, Tag};
use steward_runtime::Failure;

use crate::plan::Plan;
use crate::{Applied, Kept, TagGuard};

impl TagGuard {
    /// Removes the plan's tag. `guard` is put first where the tag is the image's last one: ECR
    /// deletes an image with its last tag.
    pub(crate) async fn untag(
        &self,
        plan: &Plan,
        digest: &Digest,
        guard: Option<&Tag>,
        kept: &Kept<'_>,
    ) -> Result<Applied, Failure> {
        let repository = &plan.repository;
        let by_digest = Reference::Digest(digest.clone());
        let Some(manifest) = self.ecr.get_manifest(repository, &by_digest).await? else {
            return Ok(Applied::TagMoved);
        };
        if let Some(guard) = guard {
            self.put_guard(repository, &manifest, guard).await?;
        }
        if !self.remove(plan, digest, kept).await? {
            return Ok(Applied::TagMoved);
        }
        // Between the count of the tags and now, somebody else may have removed the other ones.
        if self
            .ecr
            .describe_image(repository, &by_digest)
            .await?
            .is_none()
        {
            let guard = guard_tag(digest)
                .map_err(|error| Failure::permanent("invalid_tag", error.to_string()))?;
            self.put_guard(repository, &manifest, &guard).await?;
            let detail = format!("the image is kept as {guard}");
            return Ok(Applied::Done {
                detail: Some(detail),
            });
        }
        Ok(Applied::Done {
            detail: guard.map(|guard| format!("the image is kept as {guard}")),
        })
    }

    /// Removes the plan's tag if it still means the image that was decided about; says whether it
    /// did.
    pub(crate) async fn remove(
        &self,
        plan: &Plan,
        digest: &Digest,
        kept: &Kept<'_>,
    ) -> Result<bool, Failure> {
        // Kept before the look, so that hardly anything lies between the look and the removal.
        kept.keep().await?;
        if !self.still_means(plan, digest).await? {
            kept.drop().await?;
            return Ok(false);
        }
        match self.ecr.remove_tag(&plan.repository, &plan.tag).await? {
            RemoveTag::Removed {
                digest: Some(removed),
            } if removed != *digest => {
                kept.drop().await?;
                self.put_back(plan, &removed).await?;
                Ok(false)
            }
            RemoveTag::Removed { .. } | RemoveTag::NotThere => Ok(true),
        }
    }

    /// Whether the plan's tag is there and means the image that was decided about.
    pub(crate) async fn still_means(&self, plan: &Plan, digest: &Digest) -> Result<bool, Failure> {
        let reference = Reference::Tag(plan.tag.clone());
        let now = self
            .ecr
            .describe_image(&plan.repository, &reference)
            .await?;
        Ok(now.is_some_and(|image| image.digest == *digest))
    }

    /// The tag moved to another image at the very last moment, and that one lost it: gives it back.
    async fn put_back(&self, plan: &Plan, removed: &Digest) -> Result<(), Failure> {
        let by_digest = Reference::Digest(removed.clone());
        let Some(manifest) = self.ecr.get_manifest(&plan.repository, &by_digest).await? else {
            return Err(Failure::permanent(
                "tag_moved_while_removed",
                format!(
                    "{}:{} was moved to {removed} while it was removed, and ECR deleted that image \
                     with its last tag; push it again",
                    plan.repository, plan.tag
                ),
            ));
        };
        self.put_guard(&plan.repository, &manifest, &plan.tag).await
    }

    pub(crate) async fn put_guard(
        &self,
        repository: &RepositoryName,
        manifest: &Manifest,
        guard: &Tag,
    ) -> Result<(), Failure> {
        match self.ecr.put_tag(repository, manifest, guard).await? {
            PutTag::Done | PutTag::AlreadyThere => Ok(()),
            PutTag::Immutable { .. } => Err(Failure::permanent(
                "guard_tag_taken",
                format!(
                    "{repository}:{guard} names another image and the repository is immutable; \
                     remove that tag, then replay this event"
                ),
            )),
        }
    }
}
