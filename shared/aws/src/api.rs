//! The few calls that need no SDK of their own.
//!
//! The SDK's crate for a service carries every operation, with its endpoint rules, builders and types.
//! Seven of them took much of each function's size and compile time, for ten operations in all. This
//! client makes those with what the SDK has anyway: its signer, its credentials, its
//! configuration, and the HTTP client that the configuration holds.
//!
//! What it does not do: dual-stack endpoints, account-based DynamoDB endpoints, clock-skew correction,
//! S3 access points by ARN.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use bytes::Bytes;
use serde_json::Value;

use crate::error::{Kind, ServiceError};
use answer::Answer;
use endpoint::Endpoint;
use sign::Signer;

mod answer;
mod connect;
mod endpoint;
mod sign;

/// Attempts of one call, unless the configuration wants fewer. What still fails then goes back to the
/// queue, which waits longer than a running function should.
const ATTEMPTS: u32 = 3;
/// Bound for one attempt, the answer's body included.
const ATTEMPT: Duration = Duration::from_secs(6);
/// Bound for one call with all its attempts.
const CALL: Duration = Duration::from_secs(15);
/// The first back-off is at most this long; each further one at most twice the one before.
const PAUSE: Duration = Duration::from_millis(200);
/// Longest JSON answer. A DynamoDB item has at most 400 KB, a secret 64 KB.
const ANSWER: usize = 1024 * 1024;

/// What tells one service from another.
#[derive(Debug)]
pub(crate) struct Service {
    /// As errors call it.
    pub(crate) name: &'static str,
    /// First label of its host.
    pub(crate) host: &'static str,
    /// As signatures call it.
    pub(crate) signing: &'static str,
    /// As the SDK's service-specific settings call it.
    pub(crate) id: &'static str,
    /// Version of the AWS JSON protocol.
    pub(crate) json: &'static str,
    /// What comes before the operation in `x-amz-target`.
    pub(crate) target: &'static str,
}

/// A client for one service.
#[derive(Clone, Debug)]
pub(crate) struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    service: &'static Service,
    endpoint: Result<Endpoint, String>,
    connector: Option<SharedHttpConnector>,
    signer: Signer,
    attempts: u32,
    pause: Duration,
}

/// One request, before it is signed.
struct Call {
    operation: &'static str,
    method: &'static str,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    limit: usize,
}

/// A failed call, with what the service said.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: ServiceError,
    /// The error's other members; `Null` where there are none. Not for logs.
    #[cfg_attr(
        not(feature = "state"),
        expect(dead_code, reason = "only DynamoDB says more")
    )]
    pub(crate) members: Value,
}

impl From<Failed> for ServiceError {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl From<ServiceError> for Failed {
    fn from(error: ServiceError) -> Self {
        Self {
            error,
            members: Value::Null,
        }
    }
}

impl Api {
    /// A client with the configuration's Region, credentials, endpoints and HTTP client.
    pub(crate) fn new(service: &'static Service, config: &SdkConfig) -> Self {
        let configured = config.retry_config().map_or(ATTEMPTS, |x| x.max_attempts());
        Self(Arc::new(Inner {
            service,
            endpoint: endpoint::of(service, config),
            connector: connect::connector(config),
            signer: Signer::new(config.credentials_provider()),
            attempts: configured.clamp(1, ATTEMPTS),
            pause: PAUSE,
        }))
    }

    /// Makes a call of the AWS JSON protocol and gives back the answer's members.
    #[cfg_attr(
        not(any(
            feature = "events",
            feature = "secrets",
            feature = "sqs",
            feature = "ssm",
            feature = "state"
        )),
        expect(dead_code, reason = "S3 speaks another protocol")
    )]
    pub(crate) async fn json(
        &self,
        operation: &'static str,
        input: &Value,
    ) -> Result<Value, Failed> {
        let Service { json, target, .. } = self.0.service;
        let call = Call {
            operation,
            method: "POST",
            url: format!("{}/", self.endpoint(operation)?.url),
            headers: vec![
                ("content-type", format!("application/x-amz-json-{json}")),
                ("x-amz-target", format!("{target}.{operation}")),
            ],
            body: Bytes::from(input.to_string()),
            limit: ANSWER,
        };
        self.members(&call).await
    }

    /// Makes a call of the AWS REST-JSON protocol and gives back the answer's members. `path` needs
    /// no encoding.
    #[cfg(feature = "scheduler")]
    pub(crate) async fn rest(
        &self,
        operation: &'static str,
        path: &str,
        input: &Value,
    ) -> Result<Value, Failed> {
        let call = Call {
            operation,
            method: "POST",
            url: format!("{}{path}", self.endpoint(operation)?.url),
            headers: vec![("content-type", "application/json".to_owned())],
            body: Bytes::from(input.to_string()),
            limit: ANSWER,
        };
        self.members(&call).await
    }

    #[cfg_attr(
        not(any(
            feature = "events",
            feature = "scheduler",
            feature = "secrets",
            feature = "sqs",
            feature = "ssm",
            feature = "state"
        )),
        expect(dead_code, reason = "S3 speaks another protocol")
    )]
    async fn members(&self, call: &Call) -> Result<Value, Failed> {
        let operation = call.operation;
        let body = self.call(call).await?.body.ok_or_else(|| {
            self.error(
                operation,
                Kind::Unreadable,
                "the answer is longer than 1 MiB",
            )
        })?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        // The parser's message names a place and never the content, which may be a secret.
        let unreadable = |x: serde_json::Error| {
            self.error(operation, Kind::Unreadable, &format!("no JSON: {x}"))
        };
        Ok(serde_json::from_slice(&body).map_err(unreadable)?)
    }

    /// Reads one S3 object of at most `limit` bytes.
    #[cfg(feature = "s3")]
    pub(crate) async fn get_object(
        &self,
        bucket: &str,
        key: &str,
        known_etag: Option<&str>,
        limit: usize,
    ) -> Result<Answer, ServiceError> {
        const OPERATION: &str = "GetObject";
        let url = self
            .endpoint(OPERATION)?
            .object(bucket, key)
            .map_err(|x| self.error(OPERATION, Kind::Invalid, &x))?;
        let call = Call {
            operation: OPERATION,
            method: "GET",
            url,
            headers: known_etag
                .map(|x| ("if-none-match", x.to_owned()))
                .into_iter()
                .collect(),
            body: Bytes::new(),
            limit,
        };
        Ok(self.call(&call).await?)
    }

    fn endpoint(&self, operation: &'static str) -> Result<&Endpoint, ServiceError> {
        self.0
            .endpoint
            .as_ref()
            .map_err(|x| self.error(operation, Kind::Invalid, x))
    }

    fn error(&self, operation: &'static str, kind: Kind, message: &str) -> ServiceError {
        ServiceError::new(self.0.service.name, operation, kind, message)
    }

    async fn call(&self, call: &Call) -> Result<Answer, Failed> {
        let within = tokio::time::timeout(CALL, self.attempts(call)).await;
        within.unwrap_or_else(|_| Err(self.late(call, CALL).into()))
    }

    fn late(&self, call: &Call, bound: Duration) -> ServiceError {
        let message = format!("no answer within {} s", bound.as_secs());
        self.error(call.operation, Kind::Timeout, &message)
    }

    async fn attempts(&self, call: &Call) -> Result<Answer, Failed> {
        let mut attempt = 1;
        loop {
            let within = tokio::time::timeout(ATTEMPT, self.attempt(call)).await;
            let failed = match within.unwrap_or_else(|_| Err(self.late(call, ATTEMPT).into())) {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            // Credentials that the service calls expired are asked for anew.
            let expired = failed.error.kind() == Kind::Credentials && failed.error.code().is_some();
            if expired {
                self.0.signer.forget();
            }
            if attempt >= self.0.attempts || !(expired || passes(failed.error.kind())) {
                return Err(failed);
            }
            tokio::time::sleep(back_off(self.0.pause, attempt)).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, call: &Call) -> Result<Answer, Failed> {
        let service = self.0.service;
        let failed =
            |kind, source| ServiceError::failed(service.name, call.operation, kind, source);
        let connector = self
            .0
            .connector
            .as_ref()
            .ok_or_else(|| self.error(call.operation, Kind::Invalid, "no HTTP client"))?;
        let region = &self.endpoint(call.operation)?.region;
        let signed = self
            .0
            .signer
            .sign(service, region, call)
            .await
            .map_err(|(kind, source)| failed(kind, source))?;

        let mut request = http::Request::builder().method(call.method).uri(&call.url);
        for (name, value) in call.headers.iter().chain(&signed) {
            request = request.header(*name, value);
        }
        if let Some(value) = trace() {
            request = request.header("x-amzn-trace-id", value);
        }
        let request = request
            .header(
                "user-agent",
                concat!("ecr-steward/", env!("CARGO_PKG_VERSION")),
            )
            .body(SdkBody::from(call.body.clone()))
            .map_err(|x| failed(Kind::Invalid, x.into()))?;
        let request =
            HttpRequest::try_from(request).map_err(|x| failed(Kind::Invalid, x.into()))?;

        let response = connector.call(request).await.map_err(|error| {
            let kind = if error.is_timeout() {
                Kind::Timeout
            } else if error.is_user() {
                Kind::Invalid
            } else {
                Kind::Connection
            };
            failed(kind, error.into())
        })?;
        let answer = answer::read(response, call.limit, ANSWER)
            .await
            .map_err(|x| failed(Kind::Connection, x))?;
        if answer.is_good() {
            Ok(answer)
        } else {
            Err(answer.into_failed(service.name, call.operation))
        }
    }
}

/// Lambda's trace, by which AWS notices a function that feeds itself and stops the loop (Lambda
/// developer guide, "Use Lambda recursive loop detection").
fn trace() -> Option<http::HeaderValue> {
    std::env::var_os("AWS_LAMBDA_FUNCTION_NAME")?;
    let trace = std::env::var("_X_AMZN_TRACE_ID").ok()?;
    http::HeaderValue::try_from(trace).ok()
}

/// Whether another attempt within the same call makes sense.
fn passes(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Throttled | Kind::Unavailable | Kind::Timeout | Kind::Connection
    )
}

/// A random time up to a bound that doubles with every attempt, so that callers who failed together do
/// not come back together.
fn back_off(pause: Duration, attempt: u32) -> Duration {
    let bound = pause.saturating_mul(1 << attempt.saturating_sub(1).min(8));
    bound.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests;
