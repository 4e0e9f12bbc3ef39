//! What came back.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::Failed;
use crate::error::ServiceError;

/// Headers with the request's id, by which AWS finds a call again.
const REQUEST_ID: &[&str] = &["x-amzn-requestid", "x-amz-request-id"];

/// An answer whose body has been read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    #[cfg_attr(not(feature = "s3"), expect(dead_code, reason = "only S3 has them"))]
    pub(crate) etag: Option<String>,
    /// `None` where it is longer than the limit.
    pub(crate) body: Option<Bytes>,
    error_type: Option<String>,
    request_id: Option<String>,
}

/// Reads at most `limit` bytes of a good answer, and `error_limit` of another.
pub(super) async fn read(
    response: HttpResponse,
    limit: usize,
    error_limit: usize,
) -> Result<Answer, Box<dyn StdError + Send + Sync>> {
    let headers = response.headers();
    let header = |name: &str| headers.get(name).map(str::to_owned);
    let mut answer = Answer {
        status: response.status().as_u16(),
        etag: header("etag"),
        body: None,
        error_type: header("x-amzn-errortype"),
        request_id: REQUEST_ID.iter().find_map(|x| header(x)),
    };
    let limit = if answer.is_good() { limit } else { error_limit };
    let announced = header("content-length").and_then(|x| x.parse::<usize>().ok());
    if announced.is_some_and(|x| x > limit) {
        return Ok(answer);
    }
    let mut stream = ByteStream::new(response.into_body());
    let mut body = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        if body.len() + chunk.len() > limit {
            return Ok(answer);
        }
        body.extend_from_slice(&chunk);
    }
    answer.body = Some(body.freeze());
    Ok(answer)
}

impl Answer {
    /// Whether it is what was asked for, or says that nothing changed.
    pub(super) fn is_good(&self) -> bool {
        matches!(self.status, 200..=299 | 304)
    }

    /// The error that the answer is.
    pub(super) fn into_failed(self, service: &'static str, operation: &'static str) -> Failed {
        let body = self.body.unwrap_or_default();
        let members: Value = serde_json::from_slice(&body).unwrap_or_default();
        let member = |names: &[&str]| {
            let mut found = names.iter().filter_map(|x| members.get(x)?.as_str());
            found.next().map(str::to_owned)
        };
        let (code, message) = if members.is_object() {
            let code = self.error_type.or_else(|| member(&["__type", "code"]));
            (code, member(&["message", "Message"]))
        } else {
            let text = String::from_utf8_lossy(&body);
            let code = self.error_type.or_else(|| element(&text, "Code"));
            (code, element(&text, "Message"))
        };
        let code = code.as_deref().map(bare).filter(|x| !x.is_empty());
        Failed {
            error: ServiceError::from_answer(
                service,
                operation,
                self.status,
                code.map(str::to_owned),
                message,
                self.request_id,
            ),
            members,
        }
    }
}

/// `com.amazonaws.sqs#QueueDoesNotExist:http://…` is `QueueDoesNotExist` (AWS JSON protocol,
/// "operation error serialization").
fn bare(code: &str) -> &str {
    let code = code.split_once(':').map_or(code, |(x, _)| x);
    code.rsplit_once('#').map_or(code, |(_, x)| x).trim()
}

/// The text of the first element of this name. S3's errors are four flat elements.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
    ];
    let plain = entities
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    // Last, so that nothing is decoded twice.
    Some(plain.replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn failed(status: u16, error_type: Option<&str>, body: &str) -> ServiceError {
        let answer = Answer {
            status,
            etag: None,
            body: Some(Bytes::copy_from_slice(body.as_bytes())),
            error_type: error_type.map(str::to_owned),
            request_id: Some("r-1".to_owned()),
        };
        answer.into_failed("service", "Operation").error
    }

    #[test]
    fn codes_come_from_wherever_a_service_puts_them() {
        for (header, body, code) in [
            (
                None,
                r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}"#,
                "QueueDoesNotExist",
            ),
            (
                None,
                r#"{"__type":"ParameterNotFound"}"#,
                "ParameterNotFound",
            ),
            (Some("Throttled:http://example.com/x#y"), "{}", "Throttled"),
            (Some("a.b#InternalError"), "", "InternalError"),
            (
                None,
                "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>",
                "NoSuchKey",
            ),
        ] {
            let error = failed(400, header, body);
            assert_eq!(error.code(), Some(code), "{header:?} {body}");
        }
    }

    #[test]
    fn messages_and_the_request_are_named() {
        assert_eq!(
            failed(
                400,
                None,
                r#"{"__type":"x#ValidationException","Message":"no table"}"#
            )
            .to_string(),
            "service refused Operation: ValidationException: no table (request r-1)"
        );
        let error = failed(
            403,
            None,
            "<Code>AccessDenied</Code><Message>a &amp;lt; b</Message>",
        );
        assert_eq!(error.message(), Some("a &lt; b"));
        assert_eq!(error.kind(), Kind::Denied);
    }

    #[test]
    fn answers_that_say_nothing_have_their_status() {
        for body in ["", "<html>", "[1]", "{"] {
            let error = failed(502, None, body);
            assert_eq!(error.kind(), Kind::Unavailable);
            assert_eq!(error.message(), Some("status 502"));
        }
    }
}
