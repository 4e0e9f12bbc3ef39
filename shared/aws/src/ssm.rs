//! Systems Manager: parameters.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::api::{Api, Service};
use crate::error::ServiceError;

static SERVICE: Service = Service {
    name: "ssm",
    host: "ssm",
    signing: "ssm",
    id: "SSM",
    json: "1.1",
    target: "AmazonSSM",
};

/// Reads parameters.
#[async_trait]
pub trait Parameters: Send + Sync {
    /// The newest value, decrypted, or `None` where there is no such parameter.
    async fn parameter(&self, name: &str) -> Result<Option<Parameter>, ServiceError>;
}

/// One parameter. Its value may be a secret, so `Debug` leaves it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The value.
    pub value: String,
    /// Counts up with every change.
    pub version: i64,
}

impl std::fmt::Debug for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parameter")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Parameters of Systems Manager.
#[derive(Clone, Debug)]
pub struct SdkParameters {
    api: Api,
}

impl SdkParameters {
    /// A client for the configuration's Region.
    #[must_use]
    pub fn new(config: &aws_types::SdkConfig) -> Self {
        Self {
            api: Api::new(&SERVICE, config),
        }
    }
}

#[async_trait]
impl Parameters for SdkParameters {
    async fn parameter(&self, name: &str) -> Result<Option<Parameter>, ServiceError> {
        let input = json!({"Name": name, "WithDecryption": true});
        match self.api.json("GetParameter", &input).await {
            Ok(answer) => Ok(parameter(&answer)),
            Err(failed) if failed.error.is_code("ParameterNotFound") => Ok(None),
            Err(failed) => Err(failed.into()),
        }
    }
}

fn parameter(answer: &Value) -> Option<Parameter> {
    let found = answer.get("Parameter")?;
    Some(Parameter {
        value: found.get("Value")?.as_str()?.to_owned(),
        version: found
            .get("Version")
            .and_then(Value::as_i64)
            .unwrap_or_default(),
    })
}

/// Parameters in memory.
#[cfg(feature = "fake")]
#[derive(Debug, Default)]
pub struct FakeParameters {
    values: std::sync::Mutex<std::collections::BTreeMap<String, Parameter>>,
    failing: std::sync::atomic::AtomicBool,
}

#[cfg(feature = "fake")]
impl FakeParameters {
    /// Sets a value; the version counts up.
    pub fn set(&self, name: &str, value: &str) {
        let mut values = self
            .values
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let version = values.get(name).map_or(1, |x| x.version + 1);
        values.insert(
            name.to_owned(),
            Parameter {
                value: value.to_owned(),
                version,
            },
        );
    }

    /// Whether every call fails from now on.
    pub fn fail(&self, failing: bool) {
        self.failing
            .store(failing, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(feature = "fake")]
#[async_trait]
impl Parameters for FakeParameters {
    async fn parameter(&self, name: &str) -> Result<Option<Parameter>, ServiceError> {
        if self.failing.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(ServiceError::new(
                "ssm",
                "GetParameter",
                crate::error::Kind::Unavailable,
                "failing on request",
            ));
        }
        Ok(self
            .values
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .get(name)
            .cloned())
    }
}

#[cfg(test)]
mod tests;
