//! Secrets Manager: secret values.

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::api::{Api, Service};
use crate::error::ServiceError;

static SERVICE: Service = Service {
    name: "secretsmanager",
    host: "secretsmanager",
    signing: "secretsmanager",
    id: "Secrets Manager",
    json: "1.1",
    target: "secretsmanager",
};

/// Reads secrets.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The current value as text, or `None` where there is no such secret (or it is binary).
    async fn secret(&self, id: &str) -> Result<Option<SecretString>, ServiceError>;
}

/// Secrets of Secrets Manager.
#[derive(Clone, Debug)]
pub struct SdkSecrets {
    api: Api,
}

impl SdkSecrets {
    /// A client for the configuration's Region.
    #[must_use]
    pub fn new(config: &aws_types::SdkConfig) -> Self {
        Self {
            api: Api::new(&SERVICE, config),
        }
    }
}

#[async_trait]
impl Secrets for SdkSecrets {
    async fn secret(&self, id: &str) -> Result<Option<SecretString>, ServiceError> {
        let input = json!({"SecretId": id});
        match self.api.json("GetSecretValue", &input).await {
            Ok(answer) => Ok(answer
                .get("SecretString")
                .and_then(Value::as_str)
                .map(SecretString::from)),
            Err(failed) if failed.error.is_code("ResourceNotFoundException") => Ok(None),
            Err(failed) => Err(failed.into()),
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
