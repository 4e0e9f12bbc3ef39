//! Calls to the emulator, as any account and Region.
//!
//! The emulator takes a 12-digit access key for the account and does not check signatures, so these
//! requests carry a credential scope and no signature worth the name. That saves the test kit eight
//! SDK crates; the functions under test use the SDK.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Answers larger than this are not the emulator's.
const READ_LIMIT: usize = 16 << 20;

/// Long enough for the emulator's slowest answer, the creation of a stack.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything but what RFC 3986 leaves alone, as the form encoding of the query protocol wants it.
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A call to the emulator failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The emulator could not be reached, or broke off.
    #[error("{what}: no answer from the emulator")]
    Connection {
        /// The call.
        what: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No answer in time.
    #[error("{what}: no answer from the emulator within {} s", PATIENCE.as_secs())]
    Timeout {
        /// The call.
        what: String,
    },
    /// The emulator refused.
    #[error("{what}: the emulator answered {status}: {body}")]
    Refused {
        /// The call.
        what: String,
        /// The HTTP status.
        status: StatusCode,
        /// The answer.
        body: String,
    },
    /// The answer does not have the expected form.
    #[error("{what}: cannot read the emulator's answer: {problem}")]
    Answer {
        /// The call.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// The emulator as one account in one Region sees it.
#[derive(Clone, Debug)]
pub struct Api {
    endpoint: String,
    account: String,
    region: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Api {
    /// `endpoint` is the emulator's URL without a slash at its end.
    #[must_use]
    pub fn new(endpoint: &str, account: &str, region: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            account: account.to_owned(),
            region: region.to_owned(),
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(Duration::from_secs(2))
                .build_http(),
        }
    }

    /// The same emulator, seen by another account in another Region.
    #[must_use]
    pub fn acting_as(&self, account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            ..self.clone()
        }
    }

    /// The emulator's URL.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The account that the calls are made in.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The Region that the calls are made in.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// A call of a JSON service: `target` is `<service version>.<Operation>` and `service` the
    /// signing name.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn json(
        &self,
        service: &str,
        target: &str,
        input: &Value,
    ) -> Result<Value, ApiError> {
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target),
        ];
        let body = self
            .send(
                Method::POST,
                "/",
                service,
                &headers,
                input.to_string(),
                target,
            )
            .await?;
        parse_json(&body, target)
    }

    /// A call of a service with the query protocol, which answers in XML.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn query(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, ApiError> {
        let mut form = String::new();
        let fixed = [("Action", action), ("Version", version)];
        for (name, value) in fixed.iter().chain(parameters) {
            if !form.is_empty() {
                form.push('&');
            }
            let _ = write!(
                form,
                "{}={}",
                utf8_percent_encode(name, FORM),
                utf8_percent_encode(value, FORM)
            );
        }
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let body = self
            .send(Method::POST, "/", service, &headers, form, action)
            .await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// A call of a REST service with JSON bodies. `path` begins with a slash and may have a query.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn rest(
        &self,
        service: &str,
        method: Method,
        path: &str,
        input: Option<&Value>,
    ) -> Result<Value, ApiError> {
        let what = format!("{method} {path}");
        let headers = [("content-type", "application/json")];
        let input = input.map(Value::to_string).unwrap_or_default();
        let body = self
            .send(method, path, service, &headers, input, &what)
            .await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        parse_json(&body, &what)
    }

    /// Stores an object, or creates a bucket when `path` names one only.
    ///
    /// # Errors
    /// Any [`ApiError`].
    pub async fn put_object(&self, path: &str, content: Bytes) -> Result<(), ApiError> {
        let what = format!("PUT {path}");
        self.send(Method::PUT, path, "s3", &[], content, &what)
            .await
            .map(drop)
    }

    /// Whether the emulator answers at all.
    pub async fn is_healthy(&self) -> bool {
        self.send(
            Method::GET,
            "/_ministack/health",
            "sts",
            &[],
            Bytes::new(),
            "health",
        )
        .await
        .is_ok()
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        service: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
        what: &str,
    ) -> Result<Bytes, ApiError> {
        let connection = |source: Box<dyn std::error::Error + Send + Sync>| ApiError::Connection {
            what: what.to_owned(),
            source,
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint))
            .header(header::AUTHORIZATION, self.scope(service));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(body.into()))
            .map_err(|source| connection(source.into()))?;
        let answer = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|source| connection(source.into()))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), READ_LIMIT)
                .collect()
                .await
                .map_err(connection)?
                .to_bytes();
            Ok((status, body))
        };
        let (status, body) =
            tokio::time::timeout(PATIENCE, answer)
                .await
                .map_err(|_| ApiError::Timeout {
                    what: what.to_owned(),
                })??;
        if status.is_success() {
            Ok(body)
        } else {
            Err(ApiError::Refused {
                what: what.to_owned(),
                status,
                body: String::from_utf8_lossy(&body).into_owned(),
            })
        }
    }

    /// What the emulator reads of a signature: the account, the Region and the service.
    fn scope(&self, service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/{}/{service}/aws4_request, \
             SignedHeaders=host, Signature=0",
            self.account, self.region
        )
    }
}

fn parse_json(body: &[u8], what: &str) -> Result<Value, ApiError> {
    serde_json::from_slice(body).map_err(|source| ApiError::Answer {
        what: what.to_owned(),
        problem: source.to_string(),
    })
}
