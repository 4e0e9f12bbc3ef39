use std::sync::Arc;

use async_trait::async_trait;
use steward_core::{Reference, RepositoryPath};
use steward_registry::{CopyOptions, CopyRequest, Outcome, copy};
use steward_runtime::Failure;
use steward_runtime::registry_access::{Access, RegistryAccess};

use super::{Copied, Copier, CopyJob};

/// Copies with the copy engine, each side with the credentials that it asks for.
pub struct RegistryCopier {
    access: Arc<RegistryAccess>,
}

impl RegistryCopier {
    /// A copier with these clients.
    #[must_use]
    pub fn new(access: Arc<RegistryAccess>) -> Self {
        Self { access }
    }
}

#[async_trait]
impl Copier for RegistryCopier {
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
            from: from.into(),
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
        match copy(&request, &options).await? {
            Outcome::Done(report) => Ok(Copied::Done(report)),
            Outcome::SourceMoved { .. } => Ok(Copied::SourceMoved),
        }
    }
}
