//! Moves an image to the archive storage class.

use steward_aws::ecr::Archive;
use steward_core::decision::is_guard_tag;
use steward_core::{Digest, Tag};

use super::{Applied, Run, Trouble};

impl Run<'_> {
    pub(super) async fn archive(
        &mut self,
        digest: &Digest,
        guard: Option<&Tag>,
        index: usize,
    ) -> Result<Applied, Trouble> {
        if !self.still_means(digest).await? {
            return Ok(Applied::TagMoved);
        }
        let Some(image) = self.image(digest).await? else {
            return Ok(Applied::TagMoved);
        };
        if self.has_new_tags(&image.tags, digest) {
            return Ok(Applied::TagMoved);
        }
        if guard.is_some()
            && let Some(manifest) = self.manifest(digest).await?
        {
            self.put_guard(&manifest).await?;
        }
        self.keep(digest, index).await;
        let repository = &self.plan.repository;
        match self.guard.ecr.archive(repository, digest).await? {
            Archive::Done => {
                self.archived = true;
                Ok(Applied::done())
            }
            Archive::NotThere => Ok(Applied::TagMoved),
        }
    }

    /// Whether somebody gave the image a tag since it was decided about: that one's own event comes.
    pub(super) fn has_new_tags<'t>(
        &self,
        tags: impl IntoIterator<Item = &'t Tag>,
        digest: &Digest,
    ) -> bool {
        let known = self.facts.image.as_ref().map(|image| &image.tags);
        tags.into_iter().any(|tag| {
            known.is_none_or(|known| !known.contains(tag))
                && !is_guard_tag(tag, digest)
                && !self.policy.is_mark(&self.plan.repository, tag, digest)
        })
    }
}
