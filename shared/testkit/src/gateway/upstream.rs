//! The way to the emulator behind the gateway.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde_json::Value;
use url::Url;

use super::{
    registry::Registry,
    reply::{self, Body},
};

/// The API's prefix in `X-Amz-Target`.
pub(crate) const ECR_TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.";

/// Answers of the emulator that the gateway reads whole: manifests (4 MiB) as JSON text, and lists
/// of images.
const READ_LIMIT: usize = 64 << 20;

/// The emulator could not be asked, or its answer could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error("no connection to {at}: {source}")]
    Connect {
        at: String,
        source: hyper_util::client::legacy::Error,
    },
    #[error("the answer to {what} broke off: {source}")]
    Read {
        what: String,
        source: reply::BoxError,
    },
    #[error("{what} answered {status}: {body}")]
    Status {
        what: String,
        status: StatusCode,
        body: String,
    },
    #[error("the answer to {what} is not JSON: {source}")]
    Json {
        what: String,
        source: serde_json::Error,
    },
    #[error("the request to {what} cannot be built: {source}")]
    Build { what: String, source: http::Error },
}

/// An answer of the emulator's API.
#[derive(Debug)]
pub(crate) struct ApiAnswer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl ApiAnswer {
    /// The exception name of a refusal, such as `RepositoryNotFoundException`.
    pub(crate) fn error(&self) -> Option<&str> {
        if self.status.is_success() {
            return None;
        }
        let name = self.body.get("__type").and_then(Value::as_str);
        Some(name.map_or("", |name| name.rsplit('#').next().unwrap_or(name)))
    }

    /// The body of a success.
    pub(crate) fn success(self, what: &str) -> Result<Value, UpstreamError> {
        if self.status.is_success() {
            Ok(self.body)
        } else {
            Err(UpstreamError::Status {
                what: what.to_owned(),
                status: self.status,
                body: self.body.to_string(),
            })
        }
    }
}

/// A client of the emulator. It acts as any account: the emulator takes a 12-digit access key for
/// the account and does not check signatures.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    base: Url,
    client: Client<HttpConnector, Body>,
}

impl Upstream {
    pub(crate) fn new(base: Url) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // Below the emulator's own keep-alive, so that an upload never starts on a connection
            // that the other side is just closing.
            .pool_idle_timeout(Duration::from_secs(2))
            .build_http();
        Self { base, client }
    }

    /// A request of the registry protocol. `path` begins with `/v2/` and may have a query.
    pub(crate) async fn registry(
        &self,
        registry: &Registry,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let what = format!("{method} {path}");
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        if let Ok(host) = HeaderValue::from_str(&registry.host()) {
            request.headers_mut().insert(header::HOST, host);
        }
        self.send(request, path, what).await
    }

    /// An API call as the account of `registry`.
    pub(crate) async fn api(
        &self,
        registry: &Registry,
        service: &str,
        target: &str,
        input: &Value,
    ) -> Result<ApiAnswer, UpstreamError> {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(&credentials(registry, service)) {
            headers.insert(header::AUTHORIZATION, value);
        }
        if let Ok(value) = HeaderValue::from_str(target) {
            headers.insert("x-amz-target", value);
        }
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-amz-json-1.1"),
        );
        let (status, bytes) = self
            .api_raw(target, headers, Bytes::from(input.to_string()))
            .await?;
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).map_err(|source| UpstreamError::Json {
                what: target.to_owned(),
                source,
            })?
        };
        Ok(ApiAnswer { status, body })
    }

    /// An ECR API call as the account of `registry`.
    pub(crate) async fn ecr(
        &self,
        registry: &Registry,
        action: &str,
        input: &Value,
    ) -> Result<ApiAnswer, UpstreamError> {
        self.api(registry, "ecr", &format!("{ECR_TARGET}{action}"), input)
            .await
    }

    /// An API call with headers of the caller's, its `Authorization` among them.
    pub(crate) async fn api_raw(
        &self,
        what: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), UpstreamError> {
        let mut request = Request::new(reply::full(body));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        let response = self.send(request, "/", what.to_owned()).await?;
        let status = response.status();
        Ok((status, collect(what, response.into_body()).await?))
    }

    async fn send(
        &self,
        mut request: Request<Body>,
        path: &str,
        what: String,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let uri = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        *request.uri_mut() = uri.parse::<Uri>().map_err(|source| UpstreamError::Build {
            what,
            source: source.into(),
        })?;
        self.client
            .request(request)
            .await
            .map_err(|source| UpstreamError::Connect {
                at: self.base.to_string(),
                source,
            })
    }
}

/// Reads an answer that is known to be small.
pub(crate) async fn collect(what: &str, body: Incoming) -> Result<Bytes, UpstreamError> {
    let collected = Limited::new(body, READ_LIMIT)
        .collect()
        .await
        .map_err(|source| UpstreamError::Read {
            what: what.to_owned(),
            source,
        })?;
    Ok(collected.to_bytes())
}

/// An `Authorization` header that names account and Region. The emulator reads the names and does
/// not check the signature, so there is none worth computing.
fn credentials(registry: &Registry, service: &str) -> String {
    let date = jiff::Timestamp::now().strftime("%Y%m%d");
    format!(
        "AWS4-HMAC-SHA256 Credential={}/{date}/{}/{service}/aws4_request, \
         SignedHeaders=host;x-amz-target, Signature={:064}",
        registry.account, registry.region, 0
    )
}
