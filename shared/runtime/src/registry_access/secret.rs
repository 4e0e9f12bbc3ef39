//! Registries that take a user name and password, or a token, from a secret.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use steward_core::RegistryHost;
use steward_core::policy::SecretRef;
use steward_registry::{Auth, CredentialError, Credentials};

use crate::secrets::SecretValues;

/// Credentials from a secret, for one registry.
pub struct SecretCredentials {
    secrets: Arc<dyn SecretValues>,
    registry: RegistryHost,
    secret: SecretRef,
}

impl SecretCredentials {
    /// The credentials that `secret` holds, shown to `registry` and to no other.
    #[must_use]
    pub fn new(secrets: Arc<dyn SecretValues>, registry: RegistryHost, secret: SecretRef) -> Self {
        Self {
            secrets,
            registry,
            secret,
        }
    }
}

#[async_trait]
impl Credentials for SecretCredentials {
    async fn for_registry(
        &self,
        host: &RegistryHost,
        refresh: bool,
    ) -> Result<Auth, CredentialError> {
        if *host != self.registry {
            return Ok(Auth::Anonymous);
        }
        let value = self
            .secrets
            .value(&self.secret, refresh)
            .await
            .map_err(|error| {
                if error.is_transient() {
                    CredentialError::Unavailable(Box::new(error))
                } else {
                    CredentialError::Unusable(Box::new(error))
                }
            })?;
        auth(&value).ok_or_else(|| {
            CredentialError::Unusable(Box::new(Unusable {
                secret: self.secret.to_string(),
            }))
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{secret} holds neither {{\"username\": …, \"password\": …}} nor a bare token")]
struct Unusable {
    secret: String,
}

#[derive(Deserialize)]
struct UserAndPassword {
    username: String,
    password: String,
}

/// `{"username": …, "password": …}`, or a bare token that the registry itself takes.
pub(super) fn auth(value: &SecretString) -> Option<Auth> {
    let text = value.expose_secret().trim();
    if text.starts_with('{') {
        let pair: UserAndPassword = serde_json::from_str(text).ok()?;
        return Some(Auth::Basic {
            username: pair.username,
            password: SecretString::from(pair.password),
        });
    }
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    plain.then(|| Auth::Bearer(SecretString::from(text.to_owned())))
}
