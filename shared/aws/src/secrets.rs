//! Secrets Manager: secret values.

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use secrecy::SecretString;

use crate::error::ServiceError;

/// Reads secrets.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The current value as text, or `None` where there is no such secret (or it is binary).
    async fn secret(&self, id: &str) -> Result<Option<SecretString>, ServiceError>;
}

/// Secrets through the AWS SDK.
#[derive(Clone, Debug)]
pub struct SdkSecrets {
    client: Client,
}

impl SdkSecrets {
    /// A client for the configuration's Region.
    #[must_use]
    pub fn new(config: &aws_types::SdkConfig) -> Self {
        Self {
            client: Client::new(config),
        }
    }
}

#[async_trait]
impl Secrets for SdkSecrets {
    async fn secret(&self, id: &str) -> Result<Option<SecretString>, ServiceError> {
        const OPERATION: &str = "GetSecretValue";
        match self.client.get_secret_value().secret_id(id).send().await {
            Ok(answer) => Ok(answer.secret_string.map(SecretString::from)),
            Err(error) => {
                let error = ServiceError::from_sdk("secretsmanager", OPERATION, error);
                if error.is_code("ResourceNotFoundException") {
                    Ok(None)
                } else {
                    Err(error)
                }
            }
        }
    }
}

/// Secrets in memory.
#[cfg(feature = "fake")]
#[derive(Debug, Default)]
pub struct FakeSecrets {
    values: std::sync::Mutex<std::collections::BTreeMap<String, SecretString>>,
    reads: std::sync::atomic::AtomicUsize,
}

#[cfg(feature = "fake")]
impl FakeSecrets {
    /// Sets a value.
    pub fn set(&self, id: &str, value: &str) {
        self.values
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(id.to_owned(), SecretString::from(value.to_owned()));
    }

    /// How often a secret was read.
    pub fn reads(&self) -> usize {
        self.reads.load(std::sync::atomic::Ordering::SeqCst)
    }
}

#[cfg(feature = "fake")]
#[async_trait]
impl Secrets for FakeSecrets {
    async fn secret(&self, id: &str) -> Result<Option<SecretString>, ServiceError> {
        self.reads.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(self
            .values
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .get(id)
            .cloned())
    }
}

#[cfg(test)]
mod tests;
