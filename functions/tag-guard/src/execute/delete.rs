//! Deletes an image that a rule names in so many words.

use steward_aws::ecr::DeleteImage;
use steward_core::{Digest, Tag};

use super::quarantine::REFUSED;
use super::{Applied, Run, Trouble};
use crate::subject::Subject;

impl Run<'_> {
    /// Deletes the image, if no tag came to it since it was decided about. ECR itself refuses to
    /// delete an image that an index names.
    pub(super) async fn delete(
        &self,
        digest: &Digest,
        tags: &[Tag],
        index: usize,
    ) -> Result<Applied, Trouble> {
        for subject in self.subjects(tags) {
            self.memory.take(&subject, digest).await;
        }
        self.keep(digest, index).await;
        let image = self.image(digest).await?;
        let as_decided = match &image {
            Some(image) => !self.has_new_tags(&image.tags, digest),
            None => false,
        };
        if !as_decided {
            self.not_deleted(tags, digest).await;
            return Ok(Applied::TagMoved);
        }
        let repository = &self.plan.repository;
        match self.guard.ecr.delete_image(repository, digest).await {
            Ok(DeleteImage::Done | DeleteImage::NotThere) => {
                for subject in self.subjects(tags) {
                    self.memory.forget_taken(&subject).await;
                }
                Ok(Applied::done())
            }
            Err(error) if error.error_type() == REFUSED => {
                self.not_deleted(tags, digest).await;
                Err(Trouble {
                    remedy: Some(
                        "an index still names the image: delete that one first".to_owned(),
                    ),
                    ..error.into()
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn subjects(&self, tags: &[Tag]) -> impl Iterator<Item = Subject> {
        tags.iter().map(|tag| Subject {
            tag: tag.clone(),
            ..self.subject.clone()
        })
    }

    async fn not_deleted(&self, tags: &[Tag], digest: &Digest) {
        self.drop_kept(digest).await;
        for subject in self.subjects(tags) {
            self.memory.leave(&subject, digest).await;
        }
    }
}
