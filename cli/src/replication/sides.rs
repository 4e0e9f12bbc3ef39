//! The registries of both sides, with the identities that the replicator has: the roles and secrets
//! that the policy names, reached with the credentials of this shell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use steward_aws::SdkConfig;
use steward_aws::config::CredentialSource;
use steward_aws::ecr::{SdkEcr, SdkEcrFactory};
use steward_aws::secrets::SdkSecrets;
use steward_aws::ssm::SdkParameters;
use steward_core::policy::ReplicationTarget;
use steward_core::{Digest, EcrHost, Reference, RegistryHost, RepositoryName, Tag};
use steward_registry::RegistryError;
use steward_runtime::registry_access::{Access, RegistryAccess};
use steward_runtime::secrets::CachedSecrets;

use crate::access::overrides;
use crate::error::CliError;
use crate::live::{ReadError, ReadFailure};

/// Tags that are looked up at the same time, where a registry lists no digests.
const JOBS: usize = 8;

/// The tags of a repository at the source.
pub type SourceTags = BTreeMap<Tag, SourceImage>;

/// The tags of a repository at a target, as far as they were asked for.
pub type TargetTags = BTreeMap<Tag, Digest>;

/// An image at the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceImage {
    /// The image.
    pub digest: Digest,
    /// When it was pushed last.
    pub pushed_at: Option<Timestamp>,
}

/// Both sides.
pub struct Sides {
    /// The registry that is copied from.
    pub host: RegistryHost,
    /// Its account and Region.
    pub ecr: EcrHost,
    /// The clients of both sides.
    pub access: Arc<RegistryAccess>,
    /// The configuration of AWS, in the Region of the source.
    pub sdk: SdkConfig,
    source: SdkEcr,
}

impl Sides {
    /// Opens both sides; nothing is asked yet.
    ///
    /// # Errors
    ///
    /// When the source is no ECR registry, or the environment is wrong.
    pub async fn open(host: &RegistryHost) -> Result<Self, CliError> {
        let Some(ecr) = host.ecr() else {
            return Err(CliError::Usage {
                message: format!("{host} is not an ECR registry, and only those are copied from"),
                remedy: "write --registry 111122223333.dkr.ecr.eu-west-1.amazonaws.com".into(),
            });
        };
        let endpoints = overrides()?;
        let sdk = steward_aws::config::load(CredentialSource::DefaultChain).await;
        let sdk = steward_aws::config::in_region(&sdk, ecr.region.as_str());
        let secrets = CachedSecrets::new(
            Arc::new(SdkSecrets::new(&sdk)),
            Arc::new(SdkParameters::new(&sdk)),
        );
        let factory = SdkEcrFactory::new(&sdk, "steward");
        let access = RegistryAccess::new(Arc::new(factory), Arc::new(secrets), endpoints);
        Ok(Self {
            host: host.clone(),
            source: SdkEcr::of_account(&sdk, &ecr.account),
            ecr,
            access: Arc::new(access),
            sdk,
        })
    }

    /// The repositories of the source.
    ///
    /// # Errors
    ///
    /// When the registry fails or refuses.
    pub async fn repositories(&self) -> Result<Vec<RepositoryName>, CliError> {
        let mut names = Vec::new();
        let mut next = None;
        loop {
            let page = self.source.repositories(next).await;
            let what = "list the repositories of";
            let page = page.map_err(|error| of_source(failed(what, &self.host, error)))?;
            names.extend(page.entries.into_iter().map(|found| found.name));
            next = page.next.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    /// The tags of a repository of the source.
    ///
    /// # Errors
    ///
    /// When the registry fails or refuses.
    pub async fn source_tags(&self, name: &RepositoryName) -> Result<SourceTags, CliError> {
        let mut tags = SourceTags::new();
        let mut next = None;
        loop {
            let page = self.source.images(name, next).await;
            let what = format!("list the images of {name} in");
            let page = page.map_err(|error| of_source(failed(&what, &self.host, error)))?;
            for image in page.entries {
                let pushed_at = image.pushed_at.and_then(|at| Timestamp::try_from(at).ok());
                for tag in image.tags {
                    let digest = image.digest.clone();
                    tags.insert(tag, SourceImage { digest, pushed_at });
                }
            }
            next = page.next.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(tags);
            }
        }
    }

    /// Those of some tags that a target has.
    ///
    /// # Errors
    ///
    /// When the registry fails or refuses. A repository that is not there has no tags.
    pub async fn target_tags(
        &self,
        target: &ReplicationTarget,
        name: &RepositoryName,
        wanted: BTreeSet<Tag>,
    ) -> Result<TargetTags, ReadFailure> {
        let Ok(path) = target.repository_for(name) else {
            return Ok(TargetTags::new());
        };
        let what = format!("list the tags of {path} in");
        let host = &target.registry;
        let access = Access::from(target);
        if let Some(ecr) = self.access.ecr(&access).await {
            let Ok(name) = RepositoryName::try_from(&path) else {
                return Ok(TargetTags::new());
            };
            let mut tags = ecr
                .tags(&name)
                .await
                .map_err(|error| failed(&what, host, error))?;
            tags.retain(|tag, _| wanted.contains(tag));
            return Ok(tags);
        }
        let list = async {
            let repository = self.access.client(&access)?.repository(host, &path)?;
            let listed = match repository.tags().await {
                Err(error) if error.is_not_found() => Vec::new(),
                listed => listed?,
            };
            stream::iter(listed.into_iter().filter(|tag| wanted.contains(tag)))
                .map(|tag| {
                    let repository = &repository;
                    async move {
                        let found = repository.find(&Reference::Tag(tag.clone())).await?;
                        Ok::<_, RegistryError>(found.map(|found| (tag, found.digest)))
                    }
                })
                .buffer_unordered(JOBS)
                .try_filter_map(|found| async move { Ok(found) })
                .try_collect::<TargetTags>()
                .await
        };
        list.await.map_err(|error| failed(&what, host, error))
    }
}

fn failed(what: &str, host: &RegistryHost, error: impl Into<ReadError>) -> ReadFailure {
    ReadFailure::new(format!("{what} {host}"), host, error)
}

fn of_source(failure: ReadFailure) -> CliError {
    CliError::Registry(Box::new(failure))
}
