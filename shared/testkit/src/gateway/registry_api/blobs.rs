use std::ops::RangeInclusive;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyStream, StreamBody};
use hyper::body::Incoming;
use steward_core::Digest;

use crate::gateway::{
    refusal::Refusal,
    registry::Registry,
    reply::{self, Body, BoxError},
    server::Shared,
};

/// Headers that pass the gateway, in either direction. All others, credentials first, do not.
static PASSED: [HeaderName; 6] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::RANGE,
    HeaderName::from_static("docker-content-digest"),
    HeaderName::from_static("docker-upload-uuid"),
];

/// `/v2/<name>/blobs/<digest>`
pub(crate) async fn serve(
    shared: &Shared,
    registry: &Registry,
    name: &str,
    digest: &str,
    method: &Method,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    let digest: Digest = digest
        .parse()
        .map_err(|error: steward_core::NameError| Refusal::DigestInvalid(error.to_string()))?;
    let at = shared.images.repository(registry, name).await?;
    match *method {
        Method::HEAD | Method::DELETE => forward(shared, registry, request).await,
        Method::GET => {
            let size = shared
                .images
                .blob_size(&at, &digest)
                .await?
                .ok_or_else(|| Refusal::BlobUnknown(digest.to_string()))?;
            let wanted = request
                .headers()
                .get(header::RANGE)
                .and_then(|value| value.to_str().ok())
                .map(|value| range(value, size));
            let mut response = forward(shared, registry, request).await?;
            reply::set(&mut response, "accept-ranges", "bytes");
            match wanted {
                None | Some(Requested::Whole) => Ok(response),
                Some(Requested::Nothing) => {
                    let mut response = reply::status(StatusCode::RANGE_NOT_SATISFIABLE);
                    reply::set(&mut response, "content-range", &format!("bytes */{size}"));
                    Ok(response)
                }
                Some(Requested::Part(part)) => Ok(cut(response, &part, size)),
            }
        }
        _ => Err(Refusal::Unsupported(method.to_string())),
    }
}

/// `POST /v2/<name>/blobs/uploads/`, which may create the repository.
pub(crate) async fn start(
    shared: &Shared,
    registry: &Registry,
    name: &str,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    shared.ensure_repository(registry, name).await?;
    forward(shared, registry, request).await
}

/// Sends a request on as it is, and its answer back, both as streams.
pub(crate) async fn forward(
    shared: &Shared,
    registry: &Registry,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    let (parts, body) = request.into_parts();
    let is_part = parts.method == Method::PATCH;
    let path = parts
        .uri
        .path_and_query()
        .map_or("/v2/", |path| path.as_str());
    let mut headers = passed(&parts.headers);
    // The emulator ignores ranges today; should it learn them, the gateway would cut twice.
    headers.remove(header::RANGE);
    let answer = shared
        .images
        .upstream
        .registry(registry, parts.method, path, headers, reply::boxed(body))
        .await?;
    let (parts, body) = answer.into_parts();
    let mut response = Response::new(reply::boxed(body));
    *response.status_mut() = match parts.status {
        // ECR's answer to a part; the specification says 202.
        StatusCode::ACCEPTED if is_part => StatusCode::CREATED,
        status => status,
    };
    *response.headers_mut() = passed(&parts.headers);
    if let Some(location) = parts.headers.get(header::LOCATION) {
        let location = location.to_str().unwrap_or_default();
        reply::set(&mut response, "location", relative(location));
    }
    Ok(response)
}

fn passed(headers: &HeaderMap) -> HeaderMap {
    PASSED
        .iter()
        .filter_map(|name| Some((name.clone(), headers.get(name)?.clone())))
        .collect()
}

/// A `Location` without scheme and host: clients resolve it against the address that they asked,
/// whichever of the gateway's names that was.
fn relative(location: &str) -> &str {
    match location.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => location,
    }
}

/// What a `Range` header asks for (RFC 9110, section 14).
#[derive(Clone, Debug, PartialEq, Eq)]
enum Requested {
    /// The header is none that is understood: it is to be ignored.
    Whole,
    Part(RangeInclusive<u64>),
    /// Nothing of it exists.
    Nothing,
}

fn range(header: &str, size: u64) -> Requested {
    let Some((first, last)) = header
        .strip_prefix("bytes=")
        .and_then(|spec| spec.split_once('-'))
    else {
        return Requested::Whole;
    };
    let end = size.saturating_sub(1);
    let part = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..=last.min(end),
        (Ok(first), Err(_)) if last.is_empty() => first..=end,
        (Err(_), Ok(count)) if first.is_empty() && count > 0 => size.saturating_sub(count)..=end,
        (Err(_), Ok(_)) if first.is_empty() => return Requested::Nothing,
        _ => return Requested::Whole,
    };
    if size == 0 || *part.start() > end {
        Requested::Nothing
    } else {
        Requested::Part(part)
    }
}

/// Cuts a part out of the stream of a whole blob.
fn cut(response: Response<Body>, part: &RangeInclusive<u64>, size: u64) -> Response<Body> {
    let (parts, body) = response.into_parts();
    if !parts.status.is_success() {
        return Response::from_parts(parts, body);
    }
    let (skip, take) = (*part.start(), part.end() - part.start() + 1);
    let data = BodyStream::new(body).try_filter_map(|frame| async { Ok(frame.into_data().ok()) });
    let piece = stream::try_unfold(
        (Box::pin(data), skip, take),
        |(mut data, mut skip, take)| async move {
            if take == 0 {
                return Ok(None);
            }
            while let Some(mut bytes) = data.next().await.transpose()? {
                let skipped = skip.min(bytes.len() as u64);
                skip -= skipped;
                let _ = bytes.split_to(usize::try_from(skipped).unwrap_or(usize::MAX));
                if let Ok(take) = usize::try_from(take) {
                    bytes.truncate(take);
                }
                if !bytes.is_empty() {
                    let left = take - bytes.len() as u64;
                    return Ok::<_, BoxError>(Some((Frame::data(bytes), (data, skip, left))));
                }
            }
            Ok(None)
        },
    );
    let mut response: Response<Body> =
        Response::from_parts(parts, reply::boxed(StreamBody::new(piece)));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let range = format!("bytes {}-{}/{size}", part.start(), part.end());
    reply::set(&mut response, "content-range", &range);
    reply::set(&mut response, "content-length", &take.to_string());
    response
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::BodyExt as _;

    use super::*;

    #[test]
    fn ranges_are_read_as_http_says() {
        use Requested::{Nothing, Part, Whole};
        for (header, size, expected) in [
            ("bytes=0-", 10, Part(0..=9)),
            ("bytes=3-5", 10, Part(3..=5)),
            ("bytes=3-50", 10, Part(3..=9)),
            ("bytes=-4", 10, Part(6..=9)),
            ("bytes=-40", 10, Part(0..=9)),
            ("bytes=10-", 10, Nothing),
            ("bytes=-0", 10, Nothing),
            ("bytes=0-", 0, Nothing),
            ("bytes=5-3", 10, Whole),
            ("bytes=0-1,3-4", 10, Whole),
            ("items=0-1", 10, Whole),
        ] {
            assert_eq!(range(header, size), expected, "{header}");
        }
    }

    #[test]
    fn locations_lose_scheme_and_host() {
        for (location, expected) in [
            ("/v2/a/blobs/uploads/1?x=y", "/v2/a/blobs/uploads/1?x=y"),
            ("http://registry.example.com:5000/v2/a?x=y", "/v2/a?x=y"),
            ("http://registry.example.com", "/"),
        ] {
            assert_eq!(relative(location), expected);
        }
    }

    #[tokio::test]
    async fn a_part_is_cut_across_frames() {
        let frames = ["abc", "defg", "", "hij"]
            .map(|part| Ok::<_, BoxError>(Frame::data(Bytes::from_static(part.as_bytes()))));
        let body = reply::boxed(StreamBody::new(stream::iter(frames)));
        let response = cut(Response::new(body), &(2..=7), 10);
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(response.headers()["content-range"], "bytes 2-7/10");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(bytes, "cdefgh");
    }
}
