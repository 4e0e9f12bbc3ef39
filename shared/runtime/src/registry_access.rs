//! The copy engine's clients: who the function is to which registry.
//!
//! Each client carries one identity: the function's own role, a role it assumes, or a secret. An
//! identity that comes from a secret is shown to its own registry and to no other.

mod ecr;
mod secret;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use steward_aws::ecr::{Ecr, EcrFactory, EcrTarget};
use steward_core::policy::{ReplicationTarget, SecretRef};
use steward_core::{Region, RegistryHost};
use steward_registry::{
    BlobAvailability, Client, Credentials, EndpointOverrides, NoCredentials, RegistryError,
};

use crate::failure::Classified;
use crate::secrets::SecretValues;

pub use ecr::{CreateInEcr, EcrAvailability, EcrCredentials, EcrTokens};
pub use secret::SecretCredentials;

/// A registry and who the function is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// The registry.
    pub registry: RegistryHost,
    /// The role to assume for an ECR registry; the function's own role when absent.
    pub assume_role: Option<String>,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// The secret with user name and password, or a token, for a registry that is not ECR.
    pub credentials: Option<SecretRef>,
}

impl Access {
    /// A registry as the function itself.
    #[must_use]
    pub fn own(registry: RegistryHost) -> Self {
        Self {
            registry,
            assume_role: None,
            external_id: None,
            credentials: None,
        }
    }
}

impl From<&ReplicationTarget> for Access {
    fn from(target: &ReplicationTarget) -> Self {
        Self {
            registry: target.registry.clone(),
            assume_role: target.assume_role.clone(),
            external_id: target.external_id.clone(),
            credentials: target.credentials.clone(),
        }
    }
}

/// Makes and keeps clients, one per identity.
pub struct RegistryAccess {
    ecr: Arc<dyn EcrFactory>,
    tokens: Arc<EcrTokens>,
    secrets: Arc<dyn SecretValues>,
    endpoints: EndpointOverrides,
    clients: Mutex<HashMap<Access, Client>>,
}

impl RegistryAccess {
    /// Tokens come from `ecr`, secrets from `secrets`; `endpoints` redirects registries.
    #[must_use]
    pub fn new(
        ecr: Arc<dyn EcrFactory>,
        secrets: Arc<dyn SecretValues>,
        endpoints: EndpointOverrides,
    ) -> Self {
        Self {
            tokens: Arc::new(EcrTokens::new(ecr.clone())),
            ecr,
            secrets,
            endpoints,
            clients: Mutex::default(),
        }
    }

    /// The client for a registry. It sends nothing by itself, and asks for credentials when the
    /// registry does.
    ///
    /// # Errors
    ///
    /// When no client can be built.
    pub fn client(&self, access: &Access) -> Result<Client, RegistryError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(access) {
            return Ok(client.clone());
        }
        let client = Client::builder()
            .credentials(self.credentials(access))
            .endpoints(self.endpoints.clone())
            .build()?;
        clients.insert(access.clone(), client.clone());
        Ok(client)
    }

    /// The API of an ECR registry, as this identity. `None` for other registries.
    pub async fn ecr(&self, access: &Access) -> Option<Arc<dyn Ecr>> {
        let host = access.registry.ecr()?;
        Some(self.ecr.for_target(&ecr::target(&host, access)).await)
    }

    /// Creates missing repositories of an ECR registry. `None` for other registries, which create
    /// them by themselves or not at all.
    #[must_use]
    pub fn create_repository(
        &self,
        access: &Access,
        settings: &steward_core::policy::CreateSettings,
    ) -> Option<Arc<dyn steward_registry::CreateRepository>> {
        access.registry.ecr()?;
        Some(Arc::new(CreateInEcr::new(
            self.ecr.clone(),
            access.clone(),
            settings.clone(),
        )))
    }

    /// Asks an ECR registry about many layers at once. `None` for other registries.
    #[must_use]
    pub fn availability(&self, access: &Access) -> Option<Arc<dyn BlobAvailability>> {
        access.registry.ecr()?;
        Some(Arc::new(EcrAvailability::new(
            self.ecr.clone(),
            access.clone(),
        )))
    }

    /// Fetches the function's own token ahead of its first use, which also makes the connection to
    /// ECR; for [`Handler::warm`](crate::Handler::warm). A failure is left to the first use.
    pub async fn warm(&self, region: &Region) {
        let own = EcrTarget {
            account: None,
            region: region.clone(),
            assume_role: None,
            external_id: None,
        };
        if let Err(error) = self.tokens.token(&own, false).await {
            tracing::debug!(
                error = crate::failure::chain(&error),
                "no registry token yet"
            );
        }
    }

    fn credentials(&self, access: &Access) -> Arc<dyn Credentials> {
        if access.registry.ecr().is_some() {
            return Arc::new(EcrCredentials::new(self.tokens.clone(), access.clone()));
        }
        match &access.credentials {
            Some(secret) => Arc::new(SecretCredentials::new(
                self.secrets.clone(),
                access.registry.clone(),
                secret.clone(),
            )),
            None => Arc::new(NoCredentials),
        }
    }
}

impl Classified for RegistryError {
    fn is_transient(&self) -> bool {
        Self::is_transient(self)
    }

    fn error_type(&self) -> &'static str {
        Self::error_type(self)
    }
}

impl Classified for steward_registry::CopyError {
    fn is_transient(&self) -> bool {
        Self::is_transient(self)
    }

    fn error_type(&self) -> &'static str {
        Self::error_type(self)
    }
}

#[cfg(test)]
mod tests;
