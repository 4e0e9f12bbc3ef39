//! Reading replies: bounded bodies, the error envelope, and what a status means.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use serde::Deserialize;

use crate::error::{BoxError, Exchange, RegistryError, printable};
use crate::retry::retry_after;

/// The largest error body that is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// A reply that breaks the specification.
pub(crate) fn protocol(exchange: &Exchange, reason: impl Into<String>) -> RegistryError {
    RegistryError::Protocol {
        exchange: Box::new(exchange.clone()),
        reason: reason.into(),
    }
}

/// Reads a body of at most `limit` bytes. Nothing is allocated by what the other side declares.
pub(crate) async fn body(
    response: reqwest::Response,
    exchange: &Exchange,
    limit: usize,
) -> Result<Bytes, RegistryError> {
    let too_large = || RegistryError::TooLarge {
        subject: exchange.url.clone(),
        limit: limit as u64,
    };
    if response.content_length().is_some_and(|n| n > limit as u64) {
        return Err(too_large());
    }
    match read(response, limit, exchange).await? {
        (bytes, true) => Ok(bytes),
        (_, false) => Err(too_large()),
    }
}

/// Reads up to `limit` bytes; whether that was all.
async fn read(
    mut response: reqwest::Response,
    limit: usize,
    exchange: &Exchange,
) -> Result<(Bytes, bool), RegistryError> {
    let url = response.url().clone();
    let mut bytes = BytesMut::new();
    loop {
        let chunk = tokio::time::timeout(BODY_IDLE, response.chunk())
            .await
            .map_err(|_| RegistryError::Stalled {
                exchange: Box::new(exchange.clone()),
                idle: BODY_IDLE,
            })?
            .map_err(|e| crate::transport::failed(e, exchange, &url))?;
        let Some(chunk) = chunk else {
            return Ok((bytes.freeze(), true));
        };
        if bytes.len() + chunk.len() > limit {
            return Ok((bytes.freeze(), false));
        }
        bytes.extend_from_slice(&chunk);
    }
}

/// How long a small body may stand still.
const BODY_IDLE: std::time::Duration = std::time::Duration::from_secs(60);

#[derive(Deserialize)]
struct Envelope {
    errors: Vec<EnvelopeError>,
}

#[derive(Deserialize)]
struct EnvelopeError {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// Turns a reply that is no success into the error it means.
pub(crate) async fn refused(response: reqwest::Response, mut exchange: Exchange) -> RegistryError {
    let status = response.status();
    let asked = retry_after(response.headers(), SystemTime::now());
    exchange.status = Some(status.as_u16());
    // An error whose text cannot be read is still the error its status says.
    if let Ok((bytes, _)) = read(response, MAX_ERROR_BYTES, &exchange).await
        && let Ok(envelope) = serde_json::from_slice::<Envelope>(&bytes)
        && let Some(first) = envelope.errors.into_iter().next()
    {
        exchange.code = first
            .code
            .map(|code| printable(&code))
            .filter(|code| !code.is_empty());
        exchange.message = first
            .message
            .map(|message| printable(&message))
            .filter(|message| !message.is_empty());
    }
    classify(status, asked, exchange)
}

fn classify(
    status: StatusCode,
    retry_after: Option<std::time::Duration>,
    exchange: Exchange,
) -> RegistryError {
    let exchange = Box::new(exchange);
    let code = exchange.code.as_deref().unwrap_or_default();
    match status.as_u16() {
        429 => RegistryError::RateLimited {
            retry_after,
            exchange,
        },
        _ if code == "TOOMANYREQUESTS" => RegistryError::RateLimited {
            retry_after,
            exchange,
        },
        401 => RegistryError::Unauthorized(exchange),
        403 => RegistryError::Denied(exchange),
        404 if code == "NAME_UNKNOWN" => RegistryError::RepositoryNotFound(exchange),
        404 => RegistryError::NotFound(exchange),
        // 499 and 522 come from proxies before a registry that gave up waiting.
        408 | 499 | 500..=599 if status.as_u16() != 501 => RegistryError::Unavailable(exchange),
        300..=399 => RegistryError::Protocol {
            exchange,
            reason: "a redirect that cannot be followed".to_owned(),
        },
        200..=299 => RegistryError::Protocol {
            exchange,
            reason: "an answer that does not belong to this request".to_owned(),
        },
        _ => RegistryError::Refused(exchange),
    }
}

/// Whether ECR says, with a 403, that the authorization token has expired.
pub(crate) fn is_expired_token(error: &RegistryError) -> bool {
    matches!(error, RegistryError::Denied(exchange)
        if exchange.message.as_deref().is_some_and(|m| m.contains("token has expired")))
}

/// A connection that ended before the body did.
pub(crate) fn cut(exchange: &Exchange, got: u64, expected: u64) -> RegistryError {
    RegistryError::Network {
        exchange: Box::new(exchange.clone()),
        source: BoxError::from(format!("the body ended after {got} of {expected} bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, code: Option<&str>) -> RegistryError {
        let exchange = Exchange {
            method: "GET".to_owned(),
            url: "https://registry.example.com/v2/".to_owned(),
            status: Some(status),
            code: code.map(str::to_owned),
            message: None,
        };
        classify(StatusCode::from_u16(status).unwrap(), None, exchange)
    }

    #[test]
    fn a_status_says_what_can_be_done() {
        for (status, code, error_type, transient) in [
            (401, None, "registry_unauthorized", false),
            (403, Some("DENIED"), "registry_denied", false),
            (404, Some("NAME_UNKNOWN"), "repository_not_found", false),
            (404, Some("MANIFEST_UNKNOWN"), "image_not_found", false),
            (404, None, "image_not_found", false),
            (408, None, "registry_unavailable", true),
            (429, None, "registry_rate_limited", true),
            (400, Some("TOOMANYREQUESTS"), "registry_rate_limited", true),
            (500, None, "registry_unavailable", true),
            (501, None, "registry_refused", false),
            (503, None, "registry_unavailable", true),
            (522, None, "registry_unavailable", true),
            (400, Some("MANIFEST_INVALID"), "registry_refused", false),
            (302, None, "registry_protocol", false),
        ] {
            let error = error(status, code);
            assert_eq!(error.error_type(), error_type, "{status} {code:?}");
            assert_eq!(error.is_transient(), transient, "{status} {code:?}");
        }
    }
}
