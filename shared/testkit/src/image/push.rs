//! A push by plain HTTP, with as little cleverness as it can have: it shares nothing with the
//! client under test.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use url::Url;

use super::{Blob, Image};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A registry to push to.
#[derive(Clone, Debug)]
pub struct Target {
    base: Url,
    host: Option<HeaderValue>,
    client: Client<HttpConnector, Body>,
}

/// A push that did not work.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The address is none.
    #[error("{0:?} is no http:// address of a registry")]
    Address(String),
    /// The registry could not be reached.
    #[error("no answer to {what}")]
    Connect {
        /// Method and path.
        what: String,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The registry refused.
    #[error("{what} was answered {status}: {body}")]
    Refused {
        /// Method and path.
        what: String,
        /// The status.
        status: StatusCode,
        /// The beginning of the body.
        body: String,
    },
}

impl Target {
    /// A registry at `base`, such as `http://127.0.0.1:5000`.
    ///
    /// # Errors
    ///
    /// [`PushError::Address`] where that is no address.
    pub fn new(base: &str) -> Result<Self, PushError> {
        let base = Url::parse(base)
            .ok()
            .filter(|url| url.scheme() == "http" && url.has_host())
            .ok_or_else(|| PushError::Address(base.to_owned()))?;
        Ok(Self {
            base,
            host: None,
            client: Client::builder(TokioExecutor::new()).build_http(),
        })
    }

    /// Sends `host` as the `Host`, which says at the gateway which registry is meant.
    #[must_use]
    pub fn with_host(mut self, host: &str) -> Self {
        self.host = HeaderValue::from_str(host).ok();
        self
    }

    /// Pushes an image with everything below it. `reference` is a tag, or nothing for a push by
    /// digest.
    ///
    /// # Errors
    ///
    /// Where the registry cannot be reached or refuses.
    pub async fn push(
        &self,
        repository: &str,
        reference: Option<&str>,
        image: &Image,
    ) -> Result<(), PushError> {
        let all = image.all();
        for (n, part) in all.iter().enumerate() {
            for blob in part.blobs() {
                self.push_blob(repository, blob).await?;
            }
            let is_root = n + 1 == all.len();
            let reference = reference.filter(|_| is_root);
            self.push_manifest(repository, reference, part).await?;
        }
        Ok(())
    }

    /// Pushes only the manifest.
    ///
    /// # Errors
    ///
    /// Where the registry cannot be reached or refuses.
    pub async fn push_manifest(
        &self,
        repository: &str,
        reference: Option<&str>,
        image: &Image,
    ) -> Result<(), PushError> {
        let reference = reference.unwrap_or_else(|| image.digest().as_str());
        let path = format!("/v2/{repository}/manifests/{reference}");
        let body = Full::new(image.manifest().clone()).boxed_unsync();
        let length = image.manifest().len() as u64;
        self.send(Method::PUT, &path, image.media_type(), Some(length), body)
            .await?;
        Ok(())
    }

    async fn push_blob(&self, repository: &str, blob: &Blob) -> Result<(), PushError> {
        let empty = || Full::new(Bytes::new()).boxed_unsync();
        let path = format!("/v2/{repository}/blobs/{}", blob.digest());
        let octets = "application/octet-stream";
        match self.send(Method::HEAD, &path, octets, None, empty()).await {
            Ok(_) => return Ok(()),
            Err(PushError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => {}
            Err(error) => return Err(error),
        }
        let path = format!("/v2/{repository}/blobs/uploads/");
        let location = self
            .send(Method::POST, &path, octets, Some(0), empty())
            .await?;
        let mut location = self
            .base
            .join(&location)
            .map_err(|_| PushError::Address(location))?;
        location
            .query_pairs_mut()
            .append_pair("digest", blob.digest().as_str());
        let frames = blob.chunks().map(|chunk| Ok(Frame::data(chunk)));
        let body = StreamBody::new(stream::iter(frames)).boxed_unsync();
        let path = location.as_str();
        self.send(Method::PUT, path, octets, Some(blob.size()), body)
            .await?;
        Ok(())
    }

    /// Sends a request; gives the answer's `Location`.
    async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        length: Option<u64>,
        body: Body,
    ) -> Result<String, PushError> {
        let what = format!("{method} {path}");
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| PushError::Connect {
            what: what.clone(),
            source,
        };
        let url = self
            .base
            .join(path)
            .map_err(|_| PushError::Address(path.to_owned()))?;
        let mut request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(header::CONTENT_TYPE, content_type)
            .body(body)
            .map_err(|error| failed(error.into()))?;
        if let Some(host) = &self.host {
            request.headers_mut().insert(header::HOST, host.clone());
        }
        if let Some(length) = length {
            request
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length.into());
        }
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| failed(error.into()))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, 64 << 10)
            .collect()
            .await
            .map_err(failed)?;
        if !parts.status.is_success() {
            return Err(PushError::Refused {
                what: what.clone(),
                status: parts.status,
                body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            });
        }
        let location = parts.headers.get(header::LOCATION);
        Ok(location
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned())
    }
}

/// Pushes an image with everything below it to the registry at `base`; `reference` is a tag, or
/// nothing for a push by digest.
///
/// # Errors
///
/// Where the address is none, or the registry cannot be reached or refuses.
pub async fn push(
    base: &str,
    repository: &str,
    reference: Option<&str>,
    image: &Image,
) -> Result<(), PushError> {
    Target::new(base)?.push(repository, reference, image).await
}
