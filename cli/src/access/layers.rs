//! Many layers of an ECR repository in one question.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use steward_aws::config::CredentialSource;
use steward_aws::ecr::SdkEcrFactory;
use steward_core::{Digest, RegistryHost, RepositoryPath};
use steward_registry::BlobAvailability;
use steward_runtime::registry_access::{self, EcrAvailability};

/// The registries that AWS gave a token for. Cheap to clone; the clones know the same.
#[derive(Clone, Debug, Default)]
pub struct ByAws(Arc<Mutex<HashSet<RegistryHost>>>);

impl ByAws {
    /// Notes that AWS gave a token for a registry.
    pub fn note(&self, host: &RegistryHost) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(host) {
            known.insert(host.clone());
        }
    }

    fn has(&self, host: &RegistryHost) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(host)
    }
}

/// Asks ECR's own API, as who the copy is there. Where a Docker configuration let it in, AWS may know
/// nobody here, or somebody else; looking for its credentials could take seconds to say so.
pub(super) struct AwsLayers {
    by_aws: ByAws,
    ecr: EcrAvailability,
}

impl AwsLayers {
    /// With the usual chain of credentials; `host` is one of the registries.
    pub(super) async fn new(by_aws: ByAws, host: &RegistryHost) -> Self {
        let sdk = steward_aws::config::load(CredentialSource::DefaultChain).await;
        let factory = Arc::new(SdkEcrFactory::new(&sdk, "steward"));
        let access = registry_access::Access::own(host.clone());
        Self {
            by_aws,
            ecr: EcrAvailability::new(factory, access),
        }
    }
}

#[async_trait]
impl BlobAvailability for AwsLayers {
    async fn present(
        &self,
        host: &RegistryHost,
        repository: &RepositoryPath,
        digests: &[Digest],
    ) -> Option<Vec<Digest>> {
        if !self.by_aws.has(host) {
            return None;
        }
        self.ecr.present(host, repository, digests).await
    }
}
