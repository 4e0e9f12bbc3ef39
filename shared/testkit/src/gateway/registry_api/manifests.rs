use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use steward_core::{Digest, Reference};

use crate::gateway::{
    images::{ImageId, Put, RemoveFailure, Repository},
    manifest::MANIFEST_LIMIT,
    outage::Door,
    refusal::Refusal,
    registry::Registry,
    reply::{self, Body},
    server::Shared,
};

/// `/v2/<name>/manifests/<reference>`
pub(crate) async fn serve(
    shared: &Shared,
    registry: &Registry,
    name: &str,
    reference: &str,
    method: &Method,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    let reference: Reference = reference
        .parse()
        .map_err(|error: steward_core::NameError| Refusal::TagInvalid(error.to_string()))?;
    match *method {
        Method::GET | Method::HEAD => {
            let at = shared.images.repository(registry, name).await?;
            get(shared, &at, &reference, *method == Method::HEAD).await
        }
        Method::PUT => {
            let at = shared.ensure_repository(registry, name).await?;
            put(shared, &at, reference, request).await
        }
        Method::DELETE => {
            let at = shared.images.repository(registry, name).await?;
            delete(shared, &at, &reference).await
        }
        _ => Err(Refusal::Unsupported(method.to_string())),
    }
}

async fn get(
    shared: &Shared,
    at: &Repository,
    reference: &Reference,
    head: bool,
) -> Result<Response<Body>, Refusal> {
    let _guard = shared.images.reading(&at.registry).await;
    let manifest = shared
        .images
        .manifest(at, &reference.to_string())
        .await?
        .ok_or(Refusal::ManifestUnknown)?;
    let length = manifest.bytes.len();
    let mut response = Response::new(if head {
        reply::empty()
    } else {
        reply::full(manifest.bytes)
    });
    reply::set(&mut response, "content-type", &manifest.media_type);
    reply::set(&mut response, "content-length", &length.to_string());
    reply::set(
        &mut response,
        "docker-content-digest",
        manifest.digest.as_str(),
    );
    Ok(response)
}

async fn put(
    shared: &Shared,
    at: &Repository,
    reference: Reference,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    let (parts, body) = request.into_parts();
    let media_type = parts
        .headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let bytes = Limited::new(body, MANIFEST_LIMIT)
        .collect()
        .await
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                Refusal::TooLarge(MANIFEST_LIMIT)
            } else {
                Refusal::Malformed(error.to_string())
            }
        })?
        .to_bytes();
    let (tag, digest) = match reference {
        Reference::Tag(tag) => (Some(tag), None),
        Reference::Digest(digest) => (None, Some(digest)),
    };
    let put = Put {
        tag,
        digest,
        media_type,
        bytes,
        door: Door::Registry,
    };
    let stored = shared.images.put(at, put).await?;
    // ECR gives no `Location` here.
    let mut response = reply::status(StatusCode::CREATED);
    reply::set(
        &mut response,
        "docker-content-digest",
        stored.digest.as_str(),
    );
    if let Some(subject) = stored.subject {
        reply::set(&mut response, "oci-subject", subject.as_str());
    }
    Ok(response)
}

async fn delete(
    shared: &Shared,
    at: &Repository,
    reference: &Reference,
) -> Result<Response<Body>, Refusal> {
    let id = match reference {
        Reference::Tag(tag) => ImageId {
            image_tag: Some(tag.to_string()),
            image_digest: None,
        },
        Reference::Digest(digest) => ImageId {
            image_tag: None,
            image_digest: Some(digest.to_string()),
        },
    };
    let _guard = shared.images.writing(&at.registry).await;
    match shared.images.remove(at, &id).await? {
        Ok(_) => Ok(reply::status(StatusCode::ACCEPTED)),
        Err(RemoveFailure::ImageReferencedByManifestList(by)) => Err(Refusal::Referenced { by }),
        Err(_) => Err(Refusal::ManifestUnknown),
    }
}

/// `/v2/<name>/referrers/<digest>`
pub(crate) async fn referrers(
    shared: &Shared,
    registry: &Registry,
    name: &str,
    digest: &str,
    query: Option<&str>,
) -> Result<Response<Body>, Refusal> {
    let digest: Digest = digest
        .parse()
        .map_err(|error: steward_core::NameError| Refusal::DigestInvalid(error.to_string()))?;
    let at = shared.images.repository(registry, name).await?;
    let wanted = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(key, _)| key == "artifactType")
        .map(|(_, value)| value.into_owned());
    let _guard = shared.images.reading(registry).await;
    let manifests: Vec<Value> = shared
        .images
        .referrers(&at, &digest)
        .await?
        .iter()
        .filter(|(_, manifest)| wanted.is_none() || manifest.artifact_type == wanted)
        .map(|(digest, manifest)| manifest.referrer_descriptor(digest))
        .collect();
    let media_type = "application/vnd.oci.image.index.v1+json";
    let body = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": manifests });
    let mut response = reply::json(StatusCode::OK, media_type, &body);
    if wanted.is_some() {
        reply::set(&mut response, "oci-filters-applied", "artifactType");
    }
    Ok(response)
}
