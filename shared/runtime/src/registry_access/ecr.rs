//! ECR registries: tokens, missing repositories, layers that are there already.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use steward_aws::ecr::{EcrError, EcrFactory, EcrTarget, EcrToken, NewRepository};
use steward_core::policy::CreateSettings;
use steward_core::{Digest, EcrHost, RegistryHost, RepositoryName, RepositoryPath};
use steward_registry::{
    Auth, BlobAvailability, CreateError, CreateRepository, CredentialError, Credentials,
};
use tokio::sync::Mutex;

use super::Access;
use crate::failure::chain;

/// A token is replaced this long before it ends, so that a long copy does not outlive it.
const RENEW_BEFORE: Duration = Duration::from_secs(3600);
/// A registry that refuses a token this fresh refuses something else than its age; another token
/// would not help, and many records at once would ask for one each.
const FRESH: Duration = Duration::from_secs(10);

/// The ECR registry behind a host, as the identity that `access` names.
pub(super) fn target(host: &EcrHost, access: &Access) -> EcrTarget {
    EcrTarget::of_host(host, access.assume_role.clone(), access.external_id.clone())
}

/// Tokens, one per role and Region: a token is good for every registry that the role may use.
pub struct EcrTokens {
    ecr: Arc<dyn EcrFactory>,
    known: Mutex<HashMap<EcrTarget, Arc<Mutex<Option<Known>>>>>,
}

#[derive(Clone)]
struct Known {
    token: EcrToken,
    fetched: SystemTime,
}

impl EcrTokens {
    /// Tokens from these registries.
    #[must_use]
    pub fn new(ecr: Arc<dyn EcrFactory>) -> Self {
        Self {
            ecr,
            known: Mutex::default(),
        }
    }

    /// The token for a registry. While one is fetched, everyone else who wants it waits for it.
    ///
    /// # Errors
    ///
    /// When ECR does not give one.
    pub async fn token(&self, target: &EcrTarget, refresh: bool) -> Result<EcrToken, EcrError> {
        let identity = EcrTarget {
            account: None,
            ..target.clone()
        };
        let slot = self.known.lock().await.entry(identity).or_default().clone();
        let mut slot = slot.lock().await;
        let now = SystemTime::now();
        if let Some(known) = &*slot {
            let usable = known.token.expires_at > now + RENEW_BEFORE;
            let fresh = now
                .duration_since(known.fetched)
                .is_ok_and(|age| age < FRESH);
            if usable && (!refresh || fresh) {
                return Ok(known.token.clone());
            }
        }
        let token = self
            .ecr
            .for_target(target)
            .await
            .authorization_token()
            .await?;
        *slot = Some(Known {
            token: token.clone(),
            fetched: now,
        });
        Ok(token)
    }
}

/// Credentials for the ECR registries that one identity may use.
pub struct EcrCredentials {
    tokens: Arc<EcrTokens>,
    access: Access,
}

impl EcrCredentials {
    /// Credentials of the identity that `access` names.
    #[must_use]
    pub fn new(tokens: Arc<EcrTokens>, access: Access) -> Self {
        Self { tokens, access }
    }
}

#[async_trait]
impl Credentials for EcrCredentials {
    async fn for_registry(
        &self,
        host: &RegistryHost,
        refresh: bool,
    ) -> Result<Auth, CredentialError> {
        // The token opens every ECR registry of the role; no other host may see it.
        let Some(host) = host.ecr() else {
            return Ok(Auth::Anonymous);
        };
        let token = self
            .tokens
            .token(&target(&host, &self.access), refresh)
            .await
            .map_err(|error| {
                if error.is_transient() {
                    CredentialError::Unavailable(Box::new(error))
                } else {
                    CredentialError::Unusable(Box::new(error))
                }
            })?;
        Ok(Auth::Basic {
            username: token.username,
            password: token.password,
        })
    }
}

/// Creates missing repositories with the settings of a policy.
pub struct CreateInEcr {
    ecr: Arc<dyn EcrFactory>,
    access: Access,
    settings: CreateSettings,
}

impl CreateInEcr {
    /// Creates as the identity that `access` names.
    #[must_use]
    pub fn new(ecr: Arc<dyn EcrFactory>, access: Access, settings: CreateSettings) -> Self {
        Self {
            ecr,
            access,
            settings,
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0} is not an ECR registry")]
struct NotEcr(RegistryHost);

#[async_trait]
impl CreateRepository for CreateInEcr {
    async fn create(
        &self,
        host: &RegistryHost,
        repository: &RepositoryPath,
    ) -> Result<(), CreateError> {
        let Some(ecr_host) = host.ecr() else {
            return Err(CreateError {
                transient: false,
                source: Box::new(NotEcr(host.clone())),
            });
        };
        let name = RepositoryName::try_from(repository).map_err(|error| CreateError {
            transient: false,
            source: Box::new(error),
        })?;
        self.ecr
            .for_target(&target(&ecr_host, &self.access))
            .await
            .create_repository(&name, &new_repository(&self.settings))
            .await
            .map(|_| ())
            .map_err(|error| CreateError {
                transient: error.is_transient(),
                source: Box::new(error),
            })
    }
}

fn new_repository(settings: &CreateSettings) -> NewRepository {
    let filters = settings.immutable_except.iter();
    NewRepository {
        immutable: settings.immutable,
        mutability_exclusions: filters.map(|filter| filter.as_str().to_owned()).collect(),
        scan_on_push: settings.scan_on_push,
        kms_key: settings.kms_key.clone(),
        lifecycle_policy: settings.lifecycle_policy.clone(),
        repository_policy: settings.repository_policy.clone(),
        tags: settings.tags.clone(),
    }
}

/// Knows by one call per hundred layers what an ECR repository holds.
pub struct EcrAvailability {
    ecr: Arc<dyn EcrFactory>,
    access: Access,
}

impl EcrAvailability {
    /// Asks as the identity that `access` names.
    #[must_use]
    pub fn new(ecr: Arc<dyn EcrFactory>, access: Access) -> Self {
        Self { ecr, access }
    }
}

#[async_trait]
impl BlobAvailability for EcrAvailability {
    async fn present(
        &self,
        host: &RegistryHost,
        repository: &RepositoryPath,
        digests: &[Digest],
    ) -> Option<Vec<Digest>> {
        let host = host.ecr()?;
        let name = RepositoryName::try_from(repository).ok()?;
        let ecr = self.ecr.for_target(&target(&host, &self.access)).await;
        match ecr.check_layers(&name, digests).await {
            Ok(present) => Some(present.into_iter().collect()),
            Err(error) => {
                tracing::debug!(
                    error = chain(&error),
                    "cannot ask for the layers of {name} at once"
                );
                None
            }
        }
    }
}
