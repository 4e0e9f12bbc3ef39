//! Takes a tag away and keeps its image.

use steward_aws::ecr::RemoveTag;
use steward_core::{Digest, Tag};

use super::{Applied, Run, Trouble};

impl Run<'_> {
    /// Removes the plan's tag. `guard` is put first where the tag is the image's last one: ECR
    /// deletes an image with its last tag.
    pub(super) async fn untag(
        &self,
        digest: &Digest,
        guard: Option<&Tag>,
        index: usize,
    ) -> Result<Applied, Trouble> {
        let manifest = self.manifest(digest).await?;
        // An image in the archive cannot be read; its guard was put before it went there.
        if manifest.is_none() && !self.archived {
            return Ok(Applied::TagMoved);
        }
        let kept = match (guard, &manifest) {
            (Some(_), Some(manifest)) => Some(self.put_guard(manifest).await?),
            _ => None,
        };
        if !self.remove(digest, index).await? {
            return Ok(Applied::TagMoved);
        }
        // Between the count of the tags and now, somebody else may have removed the other ones.
        if let Some(manifest) = manifest
            && self
                .image(digest)
                .await?
                .is_none_or(|image| image.tags.is_empty())
        {
            let guard = self.put_guard(&manifest).await?;
            return Ok(kept_as(&guard));
        }
        Ok(kept.as_ref().map_or_else(Applied::done, kept_as))
    }

    /// Removes the plan's tag if it still means the image that was decided about; says whether it
    /// did.
    pub(super) async fn remove(&self, digest: &Digest, index: usize) -> Result<bool, Trouble> {
        // Kept before the look, so that hardly anything lies between the look and the removal.
        self.memory.take(&self.subject, digest).await;
        self.keep(digest, index).await;
        match self.image_of(&self.plan.tag).await? {
            Some(image) if image.digest == *digest => {}
            Some(_) => {
                self.left_alone(digest).await;
                return Ok(false);
            }
            // ECR does not describe an image in the archive.
            None if self.archived => {}
            // Another run took it: what that one wrote down stays.
            None => return Ok(false),
        }
        let Self { plan, guard, .. } = self;
        match guard.ecr.remove_tag(&plan.repository, &plan.tag).await? {
            RemoveTag::Removed {
                digest: Some(removed),
            } if removed != *digest => {
                self.left_alone(digest).await;
                self.put_back(&removed).await?;
                Ok(false)
            }
            RemoveTag::Removed { .. } | RemoveTag::NotThere => {
                // Whoever pushes the tag next is not held to what it meant.
                self.memory.forget_taken(&self.subject).await;
                Ok(true)
            }
        }
    }

    async fn left_alone(&self, digest: &Digest) {
        self.drop_kept(digest).await;
        self.memory.leave(&self.subject, digest).await;
    }

    /// The tag moved to another image at the very last moment, and that one lost it: gives it back.
    async fn put_back(&self, removed: &Digest) -> Result<(), Trouble> {
        let Some(manifest) = self.manifest(removed).await? else {
            return Err(Trouble::permanent(
                "tag_moved_while_removed",
                format!(
                    "{}:{} was moved to {removed} while it was removed, and ECR deleted that image \
                     with its last tag",
                    self.plan.repository, self.plan.tag
                ),
                "push that image again",
            ));
        };
        self.give_back(&manifest, &self.plan.tag).await
    }
}

fn kept_as(guard: &Tag) -> Applied {
    Applied::done_with(format!("the image is kept as {guard}"))
}
