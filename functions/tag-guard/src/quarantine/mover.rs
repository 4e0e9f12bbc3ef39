use std::sync::Arc;

use async_trait::async_trait;
use steward_core::policy::CreateSettings;
use steward_core::{Digest, Reference, RegistryHost, RepositoryName, RepositoryPath, Tag};
use steward_registry::{CopyOptions, CopyRequest, Outcome, copy};
use steward_runtime::Failure;
use steward_runtime::registry_access::{Access, RegistryAccess};

use super::Mover;

/// Copies within one registry through the registry protocol, with mounts where the registry allows
/// them.
pub struct RegistryMover {
    access: Arc<RegistryAccess>,
}

impl RegistryMover {
    /// A mover that shows the function's own role to registries.
    #[must_use]
    pub fn new(access: Arc<RegistryAccess>) -> Self {
        Self { access }
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
        tag: &Tag,
    ) -> Result<(), Failure> {
        let access = Access::own(registry.clone());
        let client = self.access.client(&access)?;
        let place = |repository| client.repository(registry, &RepositoryPath::from(repository));
        let request = CopyRequest {
            from: place(from)?.into(),
            reference: Reference::Digest(digest.clone()),
            to: place(to)?.into(),
            tag: Some(tag.clone()),
        };
        let options = CopyOptions {
            referrers: true,
            cosign_tags: true,
            create: self
                .access
                .create_repository(&access, &CreateSettings::default()),
            availability: self.access.availability(&access),
            ..CopyOptions::default()
        };
        let context = || format!("cannot copy {from}@{digest} to {to}");
        match copy(&request, &options).await {
            Ok(Outcome::Done(_)) => Ok(()),
            // No tag was to be looked at again.
            Ok(Outcome::SourceMoved { .. }) => Err(Failure::transient(
                "source_moved",
                "the image changed while it was copied",
            )),
            Err(error) => Err(Failure::from(error).context(context())),
        }
    }
}
