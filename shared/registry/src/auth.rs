//! Who this client is to a registry.

mod realm;
mod session;
mod token;

use std::collections::HashMap;

use async_trait::async_trait;
use secrecy::SecretString;
use steward_core::RegistryHost;

use crate::error::BoxError;

pub(crate) use session::{Scope, Session};

/// What is shown to a registry.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Nothing: public images.
    Anonymous,
    /// User name and password: sent to the registry where it asks for Basic, or to its token
    /// service where it asks for Bearer.
    Basic {
        /// The user name; `AWS` for ECR.
        username: String,
        /// The password or token.
        password: SecretString,
    },
    /// A token that the registry itself takes, sent as it is.
    Bearer(SecretString),
    /// An OAuth 2 refresh token that the registry's token service exchanges.
    IdentityToken(SecretString),
}

/// Why credentials could not be had.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// It may work later: the service that issues them did not answer.
    #[error("the credentials are not available right now")]
    Unavailable(#[source] BoxError),
    /// It will not work without somebody changing something.
    #[error("the credentials cannot be used")]
    Unusable(#[source] BoxError),
}

impl CredentialError {
    /// Whether another try can succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Where credentials come from.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// The credentials for a registry. `refresh` says that the registry has just refused the ones
    /// given before, so a cached value is of no use. The client keeps the answer for five minutes
    /// or until the registry refuses it, and never asks twice at once for the same registry.
    async fn for_registry(
        &self,
        host: &RegistryHost,
        refresh: bool,
    ) -> Result<Auth, CredentialError>;
}

/// No credentials for anybody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCredentials;

#[async_trait]
impl Credentials for NoCredentials {
    async fn for_registry(&self, _: &RegistryHost, _: bool) -> Result<Auth, CredentialError> {
        Ok(Auth::Anonymous)
    }
}

/// Fixed credentials by registry; every other registry is visited anonymously.
#[derive(Clone, Debug, Default)]
pub struct StaticCredentials(HashMap<RegistryHost, Auth>);

impl StaticCredentials {
    /// The same credentials and one more registry's.
    #[must_use]
    pub fn with(mut self, host: RegistryHost, auth: Auth) -> Self {
        self.0.insert(host, auth);
        self
    }
}

#[async_trait]
impl Credentials for StaticCredentials {
    async fn for_registry(&self, host: &RegistryHost, _: bool) -> Result<Auth, CredentialError> {
        Ok(self.0.get(host).cloned().unwrap_or(Auth::Anonymous))
    }
}
