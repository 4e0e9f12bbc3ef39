//! Puts a tag back that moved or went.

use steward_core::decision::is_guard_tag;
use steward_core::{Digest, Reference};
use steward_runtime::Failure;

use super::{Applied, Run, Trouble};
use crate::plan::Source;

impl Run<'_> {
    /// Puts the tag back on the image that it had; the new image keeps a tag.
    pub(super) async fn restore(
        &self,
        digest: &Digest,
        to: &Digest,
        index: usize,
    ) -> Result<Applied, Trouble> {
        let Some(manifest) = self.manifest(to).await? else {
            return Err(Trouble::permanent(
                "restore_image_gone",
                format!(
                    "{}@{to}, which the tag meant, is gone",
                    self.plan.repository
                ),
                "push that image again under the tag, or delete the tag so that the new image may \
                 have it",
            ));
        };
        self.keep(digest, index).await;
        if !self.still_means(digest).await? {
            self.drop_kept(digest).await;
            return Ok(Applied::TagMoved);
        }
        match self.put(&manifest, &self.plan.tag).await? {
            Applied::Done { .. } => {}
            other => return Ok(other),
        }
        let image = self.image(digest).await?;
        let mut tags = image.iter().flat_map(|image| &image.tags);
        let kept = match tags.find(|tag| is_guard_tag(tag, digest)) {
            Some(guard) => format!("the new image is kept as {guard}"),
            None => "the new image keeps its other tags".to_owned(),
        };
        Ok(Applied::done_with(kept))
    }

    /// Brings a deleted tag back, from the nearest place that has its image.
    pub(super) async fn restore_deleted(
        &self,
        to: &Digest,
        from: &[Source],
        index: usize,
    ) -> Result<Applied, Trouble> {
        // An image in the archive has its tags with it, which no other call shows: one that a rule
        // archived is not lost.
        if self
            .archived(&Reference::Tag(self.plan.tag.clone()))
            .await?
        {
            return Ok(Applied::Unchanged);
        }
        let mut failure: Option<Trouble> = None;
        for source in from {
            if self.image_of(&self.plan.tag).await?.is_some() {
                // Somebody was faster.
                return Ok(Applied::TagMoved);
            }
            match self.bring(to, source).await {
                Ok(true) => return self.put_deleted(to, source, index).await,
                Ok(false) => {}
                Err(trouble) => failure = failure.or(Some(trouble)),
            }
        }
        if failure.is_none() && self.archived(&Reference::Digest(to.clone())).await? {
            failure = Some(Trouble::permanent(
                "restore_archived",
                format!(
                    "{}@{to} is in the archive, and the tag was taken from it there",
                    self.plan.repository
                ),
                "take the image out of the archive, then send the event again",
            ));
        }
        Err(failure.unwrap_or_else(|| {
            Trouble::permanent(
                "restore_nowhere",
                format!(
                    "{to} is neither in {} nor in quarantine nor in a replica",
                    self.plan.repository
                ),
                "push the image again from where it was built",
            )
        }))
    }

    async fn archived(&self, reference: &Reference) -> Result<bool, Trouble> {
        let repository = &self.plan.repository;
        let found = self.guard.ecr.archived(repository, reference).await?;
        Ok(found.is_some())
    }

    async fn put_deleted(
        &self,
        to: &Digest,
        source: &Source,
        index: usize,
    ) -> Result<Applied, Trouble> {
        let Some(manifest) = self.manifest(to).await? else {
            return Err(Failure::transient(
                "restore_unverified",
                format!(
                    "{}@{to} was brought back and cannot be read yet",
                    self.plan.repository
                ),
            )
            .into());
        };
        if self.image_of(&self.plan.tag).await?.is_some() {
            return Ok(Applied::TagMoved);
        }
        self.keep(to, index).await;
        self.put(&manifest, &self.plan.tag).await?;
        Ok(Applied::done_with(match source {
            Source::Repository => "the image was still in the repository".to_owned(),
            Source::Quarantine { repository } => format!("from {repository}"),
            Source::Replica { image, .. } => format!("from {image}"),
        }))
    }

    /// Makes an image be in the repository; says whether the source had it.
    async fn bring(&self, digest: &Digest, source: &Source) -> Result<bool, Trouble> {
        let repository = &self.plan.repository;
        match source {
            Source::Repository => Ok(self.manifest(digest).await?.is_some()),
            Source::Quarantine {
                repository: quarantine,
            } => {
                let reference = Reference::Digest(digest.clone());
                let found = self
                    .guard
                    .ecr
                    .describe_image(quarantine, &reference)
                    .await?;
                if found.is_none() {
                    return Ok(false);
                }
                let registry = self.registry()?;
                self.guard
                    .mover
                    .copy(&registry, quarantine, digest, repository, None)
                    .await?;
                Ok(true)
            }
            Source::Replica { image, target, .. } => {
                let registry = self.registry()?;
                let fetched = self
                    .guard
                    .mover
                    .fetch(target, image, &registry, repository)
                    .await?;
                Ok(fetched)
            }
        }
    }
}
