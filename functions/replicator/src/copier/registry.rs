use std::sync::Arc;

use async_trait::async_trait;
use steward_core::{Reference, Region, RepositoryPath};
use steward_registry::{CopyOptions, CopyRequest, Outcome, copy};
use steward_runtime::Failure;
use steward_runtime::registry_access::{Access, RegistryAccess};

use super::{Copied, Copier, CopyJob};

/// Copies with the copy engine, each side with the credentials that it asks for.
pub struct RegistryCopier {
    access: Arc<RegistryAccess>,
    region: Option<Region>,
}

impl RegistryCopier {
    /// A copier with these clients; `region` is the function's own.
    #[must_use]
    pub fn new(access: Arc<RegistryAccess>, region: Option<Region>) -> Self {
        Self { access, region }
    }
}

#[async_trait]
impl Copier for RegistryCopier {
    async fn warm(&self) {
        if let Some(region) = &self.region {
            // The token is kept, so the first copy needs no call for it.
            self.access.warm(region).await;
        }
    }

    async fn copy(&self, job: &CopyJob<'_>) -> Result<Copied, Failure> {
        let Some(source) = job.facts.registry() else {
            return Err(Failure::permanent(
                "invalid_registry",
                "the event names no registry",
            ));
        };
        let from = self
            .access
            .client(&Access::own(source.clone()))?
            .repository(&source, &RepositoryPath::from(&job.facts.repository))?;
        let access = Access::from(job.target);
        let to = self
            .access
            .client(&access)?
            .repository(&job.to.registry, &job.to.repository)?;
        let request = CopyRequest {
            from: from.clone().into(),
            reference: Reference::Digest(job.digest.clone()),
            to: to.into(),
            tag: job.to.tag.clone(),
        };
        let create = job.target.create.as_ref();
        let options = CopyOptions {
            referrers: job.referrers,
            cosign_tags: job.referrers,
            recheck: Some(job.facts.tag.clone()),
            create: create.and_then(|create| self.access.create_repository(&access, create)),
            availability: self.access.availability(&access),
            ..CopyOptions::default()
        };
        let tag = Reference::Tag(job.facts.tag.clone());
        match copy(&request, &options).await {
            Ok(Outcome::SourceMoved { .. }) => Ok(Copied::SourceMoved),
            // Neither a deadline nor platforms were given.
            Ok(Outcome::Paused(_) | Outcome::OtherPlatform { .. }) => Err(Failure::transient(
                "copy_unfinished",
                "the copy ended before the image was complete",
            )),
            Ok(Outcome::Done(report)) if report.unchanged => Ok(Copied::Done(report)),
            Ok(Outcome::Done(report)) => {
                // While the target's tag was written, a newer image's copy may have been written
                // over: then this one has to look again.
                match from.find(&tag).await? {
                    Some(now) if now.digest != *job.digest => Err(Failure::transient(
                        "source_moved",
                        "the tag moved while its image was copied; the copy is made again",
                    )),
                    _ => Ok(Copied::Done(report)),
                }
            }
            // Gone from the source: quarantined or deleted meanwhile, which is no failure.
            Err(error) if error.is_source_missing() => {
                let now = from.find(&tag).await?;
                if now.is_some_and(|now| now.digest == *job.digest) {
                    Err(error.into())
                } else {
                    Ok(Copied::SourceMoved)
                }
            }
            Err(error) => Err(error.into()),
        }
    }
}
