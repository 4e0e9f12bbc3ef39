//! Putting tags on images, so that no image loses its last one by that.

use steward_aws::ecr::{ImageDetail, Manifest, PutTag};
use steward_core::decision::{guard_tag, long_guard_tag};
use steward_core::{Digest, Reference, Tag};
use steward_runtime::Failure;

use super::{Applied, Run, Trouble};

impl Run<'_> {
    pub(super) async fn image_of(&self, tag: &Tag) -> Result<Option<ImageDetail>, Trouble> {
        self.described(&Reference::Tag(tag.clone())).await
    }

    pub(super) async fn image(&self, digest: &Digest) -> Result<Option<ImageDetail>, Trouble> {
        self.described(&Reference::Digest(digest.clone())).await
    }

    async fn described(&self, reference: &Reference) -> Result<Option<ImageDetail>, Trouble> {
        let repository = &self.plan.repository;
        Ok(self.guard.ecr.describe_image(repository, reference).await?)
    }

    pub(super) async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, Trouble> {
        let reference = Reference::Digest(digest.clone());
        let repository = &self.plan.repository;
        Ok(self.guard.ecr.get_manifest(repository, &reference).await?)
    }

    /// Whether the plan's tag is there and means the image that was decided about.
    pub(super) async fn still_means(&self, digest: &Digest) -> Result<bool, Trouble> {
        let now = self.image_of(&self.plan.tag).await?;
        Ok(now.is_some_and(|image| image.digest == *digest))
    }

    /// Puts the mark of a rule on the image.
    pub(super) async fn mark(&self, digest: &Digest, mark: &Tag) -> Result<Applied, Trouble> {
        if !self.still_means(digest).await? {
            return Ok(Applied::TagMoved);
        }
        let Some(manifest) = self.manifest(digest).await? else {
            return Ok(Applied::TagMoved);
        };
        self.put(&manifest, mark).await
    }

    /// Points a derived tag to the image of a release, if that is still what the release means.
    pub(super) async fn derive(
        &self,
        tag: &Tag,
        digest: &Digest,
        from: &Tag,
    ) -> Result<Applied, Trouble> {
        let release = self.image_of(from).await?;
        if release.is_none_or(|image| image.digest != *digest) {
            return Ok(Applied::TagMoved);
        }
        let Some(manifest) = self.manifest(digest).await? else {
            return Ok(Applied::TagMoved);
        };
        self.put(&manifest, tag).await
    }

    /// Points a tag to an image. An image that has no other tag gets a guard tag first.
    pub(super) async fn put(&self, manifest: &Manifest, tag: &Tag) -> Result<Applied, Trouble> {
        let holder = self.image_of(tag).await?;
        match &holder {
            Some(holder) if holder.digest == manifest.digest => return Ok(Applied::Unchanged),
            Some(holder) if holder.tags.len() <= 1 => self.guard_image(&holder.digest).await?,
            _ => {}
        }
        let repository = &self.plan.repository;
        match self.guard.ecr.put_tag(repository, manifest, tag).await? {
            PutTag::Done => {}
            PutTag::AlreadyThere => return Ok(Applied::Unchanged),
            PutTag::Immutable { .. } => {
                return Err(Trouble::permanent(
                    "tag_immutable",
                    format!("{repository} does not let the tag {tag} move"),
                    "leave the tag out of the repository's immutability (an exclusion filter), or \
                     out of the rule",
                ));
            }
        }
        // Between the look at the tags and now, somebody else may have removed the other ones.
        if let Some(holder) = holder
            && let Some(now) = self.image(&holder.digest).await?
            && now.tags.is_empty()
        {
            self.guard_image(&holder.digest).await?;
        }
        Ok(Applied::done())
    }

    /// Keeps an image of the repository under a guard tag.
    pub(super) async fn guard_image(&self, digest: &Digest) -> Result<(), Trouble> {
        if let Some(manifest) = self.manifest(digest).await? {
            self.put_guard(&manifest).await?;
        }
        Ok(())
    }

    /// Keeps an image under a guard tag; says under which. A name that somebody else gave to another
    /// image is left alone.
    pub(super) async fn put_guard(&self, manifest: &Manifest) -> Result<Tag, Trouble> {
        let repository = &self.plan.repository;
        let digest = &manifest.digest;
        for guard in [guard_tag(digest), long_guard_tag(digest)] {
            let guard =
                guard.map_err(|error| Failure::permanent("invalid_tag", error.to_string()))?;
            match self.image_of(&guard).await? {
                Some(holder) if holder.digest == *digest => return Ok(guard),
                Some(_) => continue,
                None => {}
            }
            match self.guard.ecr.put_tag(repository, manifest, &guard).await? {
                PutTag::Done | PutTag::AlreadyThere => return Ok(guard),
                PutTag::Immutable { .. } => {}
            }
        }
        Err(Trouble::permanent(
            "guard_tag_taken",
            format!("the guard tags of {repository}@{digest} name other images"),
            "remove those tags, then send the event again",
        ))
    }

    /// Gives an image its tag back that was taken from it by mistake, unless somebody has it by now:
    /// then the image keeps a guard tag.
    pub(super) async fn give_back(&self, manifest: &Manifest, tag: &Tag) -> Result<(), Trouble> {
        if self.image_of(tag).await?.is_none() {
            let repository = &self.plan.repository;
            match self.guard.ecr.put_tag(repository, manifest, tag).await? {
                PutTag::Done | PutTag::AlreadyThere => return Ok(()),
                PutTag::Immutable { .. } => {}
            }
        }
        self.put_guard(manifest).await.map(drop)
    }
}
