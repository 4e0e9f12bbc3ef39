//! Building responses.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Full, combinators::UnsyncBoxBody};
use serde_json::Value;

use super::refusal::Refusal;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A body of either direction: read piece by piece, never collected on the way.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Any body as a [`Body`].
pub(crate) fn boxed<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// A response without a body.
pub(crate) fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = status;
    response
}

/// A JSON response of the given media type.
pub(crate) fn json(status: StatusCode, media_type: &'static str, value: &Value) -> Response<Body> {
    let mut response = Response::new(full(value.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// Sets a header; a value that is no header value is left out.
pub(crate) fn set(response: &mut Response<Body>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// An ECR API answer (AWS JSON 1.1 protocol).
pub(crate) fn api(value: &Value) -> Response<Body> {
    json(StatusCode::OK, "application/x-amz-json-1.1", value)
}

/// A refusal at the API's door.
pub(crate) fn refuse_api(refusal: &Refusal) -> Response<Body> {
    let (status, name) = refusal.api();
    let mut response = json(status, "application/x-amz-json-1.1", &refusal.api_body());
    set(&mut response, "x-amzn-errortype", name);
    response
}

/// A refusal at the registry protocol's door.
pub(crate) fn refuse_oci(refusal: &Refusal) -> Response<Body> {
    let (status, _) = refusal.oci();
    json(status, "application/json", &refusal.oci_body())
}
