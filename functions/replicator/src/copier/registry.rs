mod together;

use std::sync::Arc;

use async_trait::async_trait;
use steward_aws::ecr::RemoveTag;
use steward_core::{Digest, Reference, Region, RepositoryName, RepositoryPath};
use steward_registry::{
    Batch, BlobOutcome, CopyOptions, CopyRequest, Descriptor, Moved, Outcome, PlatformFilter,
    RegistryError, Repository, copy, copy_blob, missing,
};
use steward_runtime::Failure;
use steward_runtime::registry_access::{Access, RegistryAccess};

use super::{Copied, CopiedBlob, Copier, CopyJob, RemoveJob, Removed};
use together::Together;

/// Copies with the copy engine, each side with the credentials that it asks for.
pub struct RegistryCopier {
    access: Arc<RegistryAccess>,
    region: Option<Region>,
    together: Together,
    batch: Option<Batch>,
}

impl RegistryCopier {
    /// A copier with these clients; `region` is the function's own.
    #[must_use]
    pub fn new(access: Arc<RegistryAccess>, region: Option<Region>) -> Self {
        Self {
            access,
            region,
            together: Together::default(),
            batch: None,
        }
    }

    /// Lets all its copies share a batch, so that a blob of several images moves once.
    #[must_use]
    pub fn sharing(mut self, batch: Batch) -> Self {
        self.batch = Some(batch);
        self
    }
}

/// A copy as the engine wants it.
struct Prepared {
    from: Repository,
    request: CopyRequest,
    options: CopyOptions,
    /// Held until the copy ends, so that the copies that begin meanwhile know of it.
    together: Arc<Batch>,
}

impl RegistryCopier {
    fn prepare(&self, job: &CopyJob<'_>) -> Result<Prepared, Failure> {
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
        let together = self.together.join();
        let options = CopyOptions {
            referrers: job.referrers,
            cosign_tags: job.referrers,
            platforms: PlatformFilter::new(job.platforms.iter().cloned()),
            recheck: Some(job.facts.tag.clone()),
            deadline: Some(job.deadline.instant().into_std()),
            resume: job.resume.to_vec(),
            create: create.and_then(|create| self.access.create_repository(&access, create)),
            availability: self.access.availability(&access),
            verify: job.verify,
            batch: Some(
                self.batch
                    .clone()
                    .unwrap_or_else(|| Batch::clone(&together)),
            ),
            ..CopyOptions::default()
        };
        Ok(Prepared {
            from,
            request,
            options,
            together,
        })
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
        let Prepared {
            from,
            request,
            options,
            together: _held,
        } = self.prepare(job)?;
        let tag = Reference::Tag(job.facts.tag.clone());
        match copy(&request, &options).await {
            Ok(Outcome::SourceMoved { .. }) => Ok(Copied::SourceMoved),
            Ok(Outcome::OtherPlatform { platform, .. }) => Ok(Copied::OtherPlatform(platform)),
            Ok(Outcome::Paused(paused)) => Ok(Copied::Paused(paused)),
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

    async fn missing(&self, job: &CopyJob<'_>) -> Result<Vec<Descriptor>, Failure> {
        let prepared = self.prepare(job)?;
        match missing(&prepared.request, &prepared.options).await {
            Ok(blobs) => Ok(blobs),
            // The copy itself finds out what became of it.
            Err(error) if error.is_source_missing() => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    async fn copy_blob(&self, job: &CopyJob<'_>, blob: &Descriptor) -> Result<CopiedBlob, Failure> {
        let prepared = self.prepare(job)?;
        let CopyRequest { from, to, .. } = &prepared.request;
        match copy_blob(from, to, blob, &prepared.options, None).await {
            Ok(BlobOutcome::Done(report)) => Ok(CopiedBlob::Done(match report.how {
                Moved::Copied => report.size,
                Moved::Mounted | Moved::Present => 0,
            })),
            Ok(BlobOutcome::Paused { moved, upload }) => Ok(CopiedBlob::Paused(moved, upload)),
            Err(error) if error.is_source_missing() => Ok(CopiedBlob::SourceGone),
            Err(error) => Err(error.into()),
        }
    }

    async fn remove(&self, job: &RemoveJob<'_>) -> Result<Removed, Failure> {
        let access = Access::from(job.target);
        let Some(tag) = &job.from.tag else {
            return Ok(Removed::NotThere);
        };
        if let Some(ecr) = self.access.ecr(&access).await {
            let name = RepositoryName::try_from(&job.from.repository).map_err(|error| {
                Failure::permanent("invalid_repository", "ECR has no such name").caused_by(error)
            })?;
            let found = ecr
                .describe_image(&name, &Reference::Tag(tag.clone()))
                .await?;
            if let Some(ended) = still_ours(found.map(|image| image.digest), job) {
                return Ok(ended);
            }
            return Ok(match ecr.remove_tag(&name, tag).await? {
                RemoveTag::Removed { .. } => Removed::Done,
                RemoveTag::NotThere => Removed::NotThere,
            });
        }
        let repository = self
            .access
            .client(&access)?
            .repository(&job.from.registry, &job.from.repository)?;
        let reference = Reference::Tag(tag.clone());
        let found = repository.find(&reference).await?;
        if let Some(ended) = still_ours(found.map(|found| found.digest), job) {
            return Ok(ended);
        }
        // By tag, never by digest: that would take the image's other tags along.
        match repository.delete_manifest(&reference).await {
            Ok(()) => Ok(Removed::Done),
            Err(error) if error.is_not_found() => Ok(Removed::NotThere),
            Err(error) if is_unsupported(&error) => Err(Failure::permanent(
                "tag_deletion_unsupported",
                "this registry does not delete tags",
            )
            .caused_by(error)),
            Err(error) => Err(error.into()),
        }
    }
}

/// How the removal ends already, where the tag does not name the copy that was made.
fn still_ours(found: Option<Digest>, job: &RemoveJob<'_>) -> Option<Removed> {
    match found {
        None => Some(Removed::NotThere),
        Some(found) if found != *job.digest => Some(Removed::Moved(found)),
        Some(_) => None,
    }
}

/// What registries answer that delete nothing, or by digest only: 405, or 400 for the reference.
fn is_unsupported(error: &RegistryError) -> bool {
    matches!(error, RegistryError::Refused(exchange)
        if matches!(exchange.status, Some(400 | 405)) || exchange.has_code("UNSUPPORTED"))
}

#[cfg(test)]
mod tests;
