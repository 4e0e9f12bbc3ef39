//! Reading the policy's text.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use steward_aws::ServiceError;
use steward_aws::s3::{Object, Objects};
use steward_aws::ssm::Parameters;
use steward_core::policy::Policy;

use super::PolicyLocation;

/// Where policies are read from.
#[async_trait]
pub trait PolicySource: Send + Sync {
    /// The text, unless it still has the version that the caller knows.
    async fn read(&self, known: Option<&str>) -> Result<PolicyText, PolicyReadError>;

    /// The place, for people.
    fn location(&self) -> String;
}

/// What reading gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyText {
    /// The version that the caller knows.
    Unchanged,
    /// Another one.
    Text {
        /// The text.
        text: String,
        /// Changes with the text.
        version: String,
    },
}

/// Why the policy could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PolicyReadError {
    /// There is none at this place.
    #[error("it does not exist")]
    NotThere,
    /// It is longer than a policy may be.
    #[error("it is larger than {} bytes", Policy::MAX_BYTES)]
    TooLarge,
    /// It is not text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// The file cannot be read.
    #[error("the file cannot be read")]
    File(#[source] std::io::Error),
    /// The service refused or did not answer.
    #[error("the service did not give it out")]
    Service(#[source] ServiceError),
}

/// Files, Systems Manager parameters and S3 objects.
pub struct AwsPolicySource {
    location: PolicyLocation,
    parameters: Arc<dyn Parameters>,
    objects: Arc<dyn Objects>,
}

impl AwsPolicySource {
    /// A source at this place.
    #[must_use]
    pub fn new(
        location: PolicyLocation,
        parameters: Arc<dyn Parameters>,
        objects: Arc<dyn Objects>,
    ) -> Self {
        Self {
            location,
            parameters,
            objects,
        }
    }
}

#[async_trait]
impl PolicySource for AwsPolicySource {
    async fn read(&self, known: Option<&str>) -> Result<PolicyText, PolicyReadError> {
        let (bytes, version) = match &self.location {
            PolicyLocation::File(path) => {
                let bytes = read_file(path)?;
                let mut hasher = DefaultHasher::new();
                bytes.hash(&mut hasher);
                (bytes, format!("{:016x}", hasher.finish()))
            }
            PolicyLocation::Ssm(name) => {
                let parameter = self
                    .parameters
                    .parameter(name)
                    .await
                    .map_err(PolicyReadError::Service)?
                    .ok_or(PolicyReadError::NotThere)?;
                (parameter.value.into_bytes(), parameter.version.to_string())
            }
            PolicyLocation::S3 { bucket, key } => {
                let object = self
                    .objects
                    .object(bucket, key, known, Policy::MAX_BYTES)
                    .await
                    .map_err(PolicyReadError::Service)?;
                match object {
                    Object::Unchanged => return Ok(PolicyText::Unchanged),
                    Object::NotThere => return Err(PolicyReadError::NotThere),
                    Object::TooLarge => return Err(PolicyReadError::TooLarge),
                    Object::Found { bytes, etag } => (bytes.into(), etag),
                }
            }
        };
        if known == Some(version.as_str()) {
            return Ok(PolicyText::Unchanged);
        }
        if bytes.len() > Policy::MAX_BYTES {
            return Err(PolicyReadError::TooLarge);
        }
        let text = String::from_utf8(bytes).map_err(|_| PolicyReadError::NotText)?;
        Ok(PolicyText::Text { text, version })
    }

    fn location(&self) -> String {
        self.location.to_string()
    }
}

/// Reads one byte more than allowed, so that a policy that is too large shows.
fn read_file(path: &Path) -> Result<Vec<u8>, PolicyReadError> {
    let file = std::fs::File::open(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            PolicyReadError::NotThere
        } else {
            PolicyReadError::File(error)
        }
    })?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(Policy::MAX_BYTES).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(PolicyReadError::File)?;
    Ok(bytes)
}

/// The source of a policy that never changes.
pub(super) struct Nowhere;

#[async_trait]
impl PolicySource for Nowhere {
    async fn read(&self, _known: Option<&str>) -> Result<PolicyText, PolicyReadError> {
        Ok(PolicyText::Unchanged)
    }

    fn location(&self) -> String {
        "fixed".to_owned()
    }
}
