//! S3: reading one small object.

use async_trait::async_trait;
use bytes::Bytes;

use crate::api::{Api, Service};
use crate::error::ServiceError;

static SERVICE: Service = Service {
    name: "s3",
    host: "s3",
    signing: "s3",
    id: "S3",
    // Its protocol has neither.
    json: "",
    target: "",
};

/// Reads objects.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Reads an object of at most `limit` bytes, unless it still has `known_etag`.
    async fn object(
        &self,
        bucket: &str,
        key: &str,
        known_etag: Option<&str>,
        limit: usize,
    ) -> Result<Object, ServiceError>;
}

/// What reading an object gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// It has the ETag that the caller knows.
    Unchanged,
    /// There is no such object (or no such bucket).
    NotThere,
    /// It is larger than the caller's limit.
    TooLarge,
    /// Its bytes.
    Found {
        /// All of them.
        bytes: Bytes,
        /// Changes with the content.
        etag: String,
    },
}

/// Objects of S3.
#[derive(Clone, Debug)]
pub struct SdkObjects {
    api: Api,
}

impl SdkObjects {
    /// A client for the configuration's Region.
    ///
    /// Where the endpoint is set to another address, the bucket goes into the path: such addresses
    /// have no name per bucket.
    #[must_use]
    pub fn new(config: &aws_types::SdkConfig) -> Self {
        Self {
            api: Api::new(&SERVICE, config),
        }
    }
}

#[async_trait]
impl Objects for SdkObjects {
    async fn object(
        &self,
        bucket: &str,
        key: &str,
        known_etag: Option<&str>,
        limit: usize,
    ) -> Result<Object, ServiceError> {
        let answer = self.api.get_object(bucket, key, known_etag, limit).await;
        match answer {
            Ok(answer) if answer.status == 304 => Ok(Object::Unchanged),
            Ok(answer) => Ok(answer.body.map_or(Object::TooLarge, |bytes| Object::Found {
                bytes,
                etag: answer.etag.unwrap_or_default(),
            })),
            Err(error) if error.is_code("NoSuchKey") || error.is_code("NoSuchBucket") => {
                Ok(Object::NotThere)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
