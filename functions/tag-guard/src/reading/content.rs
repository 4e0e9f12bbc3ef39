use std::sync::Arc;

use async_trait::async_trait;
use steward_core::facts::ReferrerFacts;
use steward_core::{Digest, Region, RegistryHost, RepositoryName, RepositoryPath};
use steward_registry::{Descriptor, Repository};
use steward_runtime::Failure;
use steward_runtime::registry_access::{Access, RegistryAccess};

/// The longest configuration that is read; those of real images have a few KiB.
const MAX_CONFIG: u64 = 1 << 20;

/// Reads what ECR's own API does not tell.
#[async_trait]
pub trait Content: Send + Sync {
    /// The configuration of an image; `None` where it is not there or too long to be read.
    ///
    /// # Errors
    ///
    /// Transient or not, as the registry says.
    async fn config(
        &self,
        registry: &RegistryHost,
        repository: &RepositoryName,
        digest: &Digest,
        size: u64,
    ) -> Result<Option<Vec<u8>>, Failure>;

    /// What refers to an image.
    ///
    /// # Errors
    ///
    /// Transient or not, as the registry says.
    async fn referrers(
        &self,
        registry: &RegistryHost,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Vec<ReferrerFacts>, Failure>;

    /// Makes the first connection ahead of its use.
    async fn warm(&self) {}
}

/// Reads through the registry protocol, with the function's own role.
pub struct RegistryContent {
    access: Arc<RegistryAccess>,
    region: Option<Region>,
}

impl RegistryContent {
    /// A reader with these clients; `region` is the function's own.
    #[must_use]
    pub fn new(access: Arc<RegistryAccess>, region: Option<Region>) -> Self {
        Self { access, region }
    }

    fn repository(
        &self,
        registry: &RegistryHost,
        repository: &RepositoryName,
    ) -> Result<Repository, Failure> {
        let client = self.access.client(&Access::own(registry.clone()))?;
        Ok(client.repository(registry, &RepositoryPath::from(repository))?)
    }
}

#[async_trait]
impl Content for RegistryContent {
    async fn config(
        &self,
        registry: &RegistryHost,
        repository: &RepositoryName,
        digest: &Digest,
        size: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        if size > MAX_CONFIG {
            tracing::warn!(
                size,
                "the configuration {digest} of {repository} is too long to be read"
            );
            return Ok(None);
        }
        let descriptor = Descriptor::new("application/octet-stream", digest.clone(), size);
        let repository = self.repository(registry, repository)?;
        match repository.blob(&descriptor, MAX_CONFIG).await {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn referrers(
        &self,
        registry: &RegistryHost,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Vec<ReferrerFacts>, Failure> {
        let repository = self.repository(registry, repository)?;
        let found = repository.referrers(digest, None).await?;
        Ok(found
            .into_iter()
            .map(|descriptor| ReferrerFacts {
                digest: descriptor.digest,
                artifact_type: descriptor.artifact_type.unwrap_or_default(),
                annotations: descriptor.annotations,
            })
            .collect())
    }

    async fn warm(&self) {
        if let Some(region) = &self.region {
            self.access.warm(region).await;
        }
    }
}
