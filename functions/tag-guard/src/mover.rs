//! Copies images to quarantine, and back from there or from a replica.

use std::sync::Arc;

use async_trait::async_trait;
use steward_core::policy::{CreateSettings, ReplicationTarget};
use steward_core::{
    Digest, ImageRef, Reference, RegistryHost, RepositoryName, RepositoryPath, Tag,
};
use steward_registry::{CopyOptions, CopyRequest, Outcome, Repository, copy};
use steward_runtime::Failure;
use steward_runtime::registry_access::{Access, RegistryAccess};

/// Copies an image, with its children and referrers, into a repository of the registry.
#[async_trait]
pub trait Mover: Send + Sync {
    /// Copies `digest` between repositories of the registry, and tags the copy where a tag is given;
    /// creates the repository where it is missing. Returns once the copy was read back under its
    /// digest.
    ///
    /// # Errors
    ///
    /// Transient or not, as the registry says.
    async fn copy(
        &self,
        registry: &RegistryHost,
        from: &RepositoryName,
        digest: &Digest,
        to: &RepositoryName,
        tag: Option<&Tag>,
    ) -> Result<(), Failure>;

    /// Brings an image back from where a replication rule copied it, without a tag; says whether it
    /// was there.
    ///
    /// # Errors
    ///
    /// Transient or not, as either registry says.
    async fn fetch(
        &self,
        target: &ReplicationTarget,
        image: &ImageRef,
        registry: &RegistryHost,
        to: &RepositoryName,
    ) -> Result<bool, Failure>;
}

/// Copies through the registry protocol, with mounts where the registry allows them.
pub struct RegistryMover {
    access: Arc<RegistryAccess>,
}

impl RegistryMover {
    /// A mover that shows the function's own role to its own registry, and to a replica what the
    /// replication rule says.
    #[must_use]
    pub fn new(access: Arc<RegistryAccess>) -> Self {
        Self { access }
    }

    fn own(&self, registry: &RegistryHost, name: &RepositoryName) -> Result<Repository, Failure> {
        let client = self.access.client(&Access::own(registry.clone()))?;
        Ok(client.repository(registry, &RepositoryPath::from(name))?)
    }

    fn options(&self, registry: &RegistryHost) -> CopyOptions {
        let access = Access::own(registry.clone());
        CopyOptions {
            referrers: true,
            cosign_tags: true,
            create: self
                .access
                .create_repository(&access, &CreateSettings::default()),
            availability: self.access.availability(&access),
            ..CopyOptions::default()
        }
    }

    async fn run(&self, request: &CopyRequest, options: &CopyOptions) -> Result<(), Failure> {
        match copy(request, options).await? {
            Outcome::Done(_) => Ok(()),
            // No tag was to be looked at again, and neither a deadline nor platforms were given.
            Outcome::SourceMoved { .. } | Outcome::Paused(_) | Outcome::OtherPlatform { .. } => {
                Err(Failure::transient(
                    "source_moved",
                    "the image changed while it was copied",
                ))
            }
        }
    }
}

#[async_trait]
impl Mover for RegistryMover {
    async fn copy(
        &self,
        registry: &RegistryHost,
        from: &RepositoryName,
        digest: &Digest,
        to: &RepositoryName,
        tag: Option<&Tag>,
    ) -> Result<(), Failure> {
        let request = CopyRequest {
            from: self.own(registry, from)?.into(),
            reference: Reference::Digest(digest.clone()),
            to: self.own(registry, to)?.into(),
            tag: tag.cloned(),
        };
        self.run(&request, &self.options(registry))
            .await
            .map_err(|failure| failure.context(format!("cannot copy {from}@{digest} to {to}")))
    }

    async fn fetch(
        &self,
        target: &ReplicationTarget,
        image: &ImageRef,
        registry: &RegistryHost,
        to: &RepositoryName,
    ) -> Result<bool, Failure> {
        let Some(digest) = &image.digest else {
            return Ok(false);
        };
        let context = |failure: Failure| failure.context(format!("cannot bring {image} back"));
        let client = self.access.client(&Access::from(target))?;
        let from = client.repository(&image.registry, &image.repository)?;
        let reference = Reference::Digest(digest.clone());
        let found = from.find(&reference).await;
        if found.map_err(|error| context(error.into()))?.is_none() {
            return Ok(false);
        }
        let request = CopyRequest {
            from: from.into(),
            reference,
            to: self.own(registry, to)?.into(),
            tag: None,
        };
        self.run(&request, &self.options(registry))
            .await
            .map_err(context)?;
        Ok(true)
    }
}
