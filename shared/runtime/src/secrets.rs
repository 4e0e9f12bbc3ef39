//! Values of `secretsmanager:` and `ssm:` references.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use steward_aws::ServiceError;
use steward_aws::secrets::Secrets;
use steward_aws::ssm::Parameters;
use steward_core::policy::SecretRef;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a value is used before it is read again, so that a rotated secret takes effect.
const KEEP: Duration = Duration::from_secs(300);

/// Reads secrets by reference.
#[async_trait]
pub trait SecretValues: Send + Sync {
    /// The value. `refresh` skips what is remembered, for use after a value was refused.
    async fn value(&self, secret: &SecretRef, refresh: bool) -> Result<SecretString, SecretError>;
}

/// Why a secret could not be read. No variant holds any part of a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The service has no such secret.
    #[error("{secret} does not exist (create it, or correct the policy)")]
    NotFound {
        /// The reference.
        secret: String,
    },
    /// The reference names a key, and the value is not a JSON object with that key as text.
    #[error("{secret} is not a JSON object with a text under {key:?}")]
    NoSuchKey {
        /// The reference.
        secret: String,
        /// The key.
        key: String,
    },
    /// The call failed.
    #[error(transparent)]
    Call(#[from] ServiceError),
}

impl SecretError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotFound { .. } | Self::NoSuchKey { .. } => false,
            Self::Call(error) => error.is_transient(),
        }
    }

    /// A stable word for logs, metrics and dead letters.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "secret_not_found",
            Self::NoSuchKey { .. } => "secret_unusable",
            Self::Call(error) => error.error_type(),
        }
    }
}

/// Reads from Secrets Manager and the parameter store, and remembers for five minutes.
pub struct CachedSecrets {
    secrets: Arc<dyn Secrets>,
    parameters: Arc<dyn Parameters>,
    known: Mutex<HashMap<SecretRef, (Instant, SecretString)>>,
}

impl CachedSecrets {
    /// Reads through these services.
    #[must_use]
    pub fn new(secrets: Arc<dyn Secrets>, parameters: Arc<dyn Parameters>) -> Self {
        Self {
            secrets,
            parameters,
            known: Mutex::default(),
        }
    }

    async fn read(&self, secret: &SecretRef) -> Result<SecretString, SecretError> {
        let missing = || SecretError::NotFound {
            secret: secret.to_string(),
        };
        match secret {
            SecretRef::SecretsManager { name, json_key } => {
                let value = self.secrets.secret(name).await?.ok_or_else(missing)?;
                match json_key {
                    Some(key) => text_under(&value, key).ok_or_else(|| SecretError::NoSuchKey {
                        secret: secret.to_string(),
                        key: key.clone(),
                    }),
                    None => Ok(value),
                }
            }
            SecretRef::Ssm { name } => {
                let value = self.parameters.parameter(name).await?.ok_or_else(missing)?;
                Ok(SecretString::from(value.value))
            }
        }
    }
}

#[async_trait]
impl SecretValues for CachedSecrets {
    async fn value(&self, secret: &SecretRef, refresh: bool) -> Result<SecretString, SecretError> {
        // The lock is held while reading: records of one batch want the same secret at once.
        let mut known = self.known.lock().await;
        if !refresh
            && let Some((read, value)) = known.get(secret)
            && read.elapsed() < KEEP
        {
            return Ok(value.clone());
        }
        let value = self.read(secret).await?;
        known.insert(secret.clone(), (Instant::now(), value.clone()));
        Ok(value)
    }
}

fn text_under(value: &SecretString, key: &str) -> Option<SecretString> {
    let object: HashMap<String, serde_json::Value> =
        serde_json::from_str(value.expose_secret()).ok()?;
    Some(SecretString::from(object.get(key)?.as_str()?.to_owned()))
}

#[cfg(test)]
mod tests;
