//! S3: reading one small object.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use bytes::{Bytes, BytesMut};

use crate::error::{Kind, ServiceError};

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

/// Objects through the AWS SDK.
#[derive(Clone, Debug)]
pub struct SdkObjects {
    client: Client,
}

impl SdkObjects {
    /// A client for the configuration's Region.
    ///
    /// Where the endpoint is set to another address, the bucket goes into the path: such addresses
    /// have no name per bucket.
    #[must_use]
    pub fn new(config: &aws_types::SdkConfig) -> Self {
        let path_style = config.endpoint_url().is_some();
        let config = aws_sdk_s3::config::Builder::from(config)
            .force_path_style(path_style)
            .build();
        Self {
            client: Client::from_conf(config),
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
        const OPERATION: &str = "GetObject";
        let answer = self
            .client
            .get_object()
            .bucket(bucket)
            .key(key)
            .set_if_none_match(known_etag.map(str::to_owned))
            .send()
            .await;
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                if error.raw_response().map(|x| x.status().as_u16()) == Some(304) {
                    return Ok(Object::Unchanged);
                }
                let error = ServiceError::from_sdk("s3", OPERATION, error);
                if error.is_code("NoSuchKey") || error.is_code("NoSuchBucket") {
                    return Ok(Object::NotThere);
                }
                return Err(error);
            }
        };
        let mut bytes = BytesMut::new();
        while let Some(chunk) = answer.body.next().await {
            let chunk = chunk
                .map_err(|x| ServiceError::new("s3", OPERATION, Kind::Connection, x.to_string()))?;
            if bytes.len() + chunk.len() > limit {
                return Ok(Object::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Object::Found {
            bytes: bytes.freeze(),
            etag: answer.e_tag.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests;
