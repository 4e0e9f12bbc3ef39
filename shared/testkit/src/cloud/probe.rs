//! Looking into registries as any client would, to see whether an image arrived.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::api::ApiError;

/// Registries take manifests up to 4 MiB.
const READ_LIMIT: usize = 8 << 20;

const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// The digest of a manifest, computed from what the registry serves. `None` where there is none.
///
/// `registry` is `host:port` and `reference` a tag or a digest.
///
/// # Errors
/// When the registry cannot be reached or answers something else.
pub async fn digest(
    registry: &str,
    repository: &str,
    reference: &str,
) -> Result<Option<String>, ApiError> {
    let manifest = get(registry, &format!("/v2/{repository}/manifests/{reference}")).await?;
    Ok(manifest.map(|bytes| format!("sha256:{}", hex::encode(Sha256::digest(&bytes)))))
}

/// The digests of what refers to a manifest: by the referrers API, or by the tag schema of the OCI
/// distribution specification where the registry has no such API.
///
/// # Errors
/// When the registry cannot be reached or answers something else.
pub async fn referrers(
    registry: &str,
    repository: &str,
    digest: &str,
) -> Result<Vec<String>, ApiError> {
    let api = format!("/v2/{repository}/referrers/{digest}");
    let found = match get(registry, &api).await? {
        Some(index) => index,
        None => {
            let tag = digest.replace(':', "-");
            get(registry, &format!("/v2/{repository}/manifests/{tag}"))
                .await?
                .unwrap_or_default()
        }
    };
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let index: Value = serde_json::from_slice(&found).map_err(|error| ApiError::Answer {
        what: format!("GET {api}"),
        problem: error.to_string(),
    })?;
    let manifests = index.get("manifests").and_then(Value::as_array);
    Ok(manifests
        .into_iter()
        .flatten()
        .filter_map(|manifest| manifest.get("digest")?.as_str())
        .map(str::to_owned)
        .collect())
}

async fn get(registry: &str, path: &str) -> Result<Option<Bytes>, ApiError> {
    let what = format!("GET http://{registry}{path}");
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| ApiError::Connection {
        what: what.clone(),
        source,
    };
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = Request::get(format!("http://{registry}{path}"))
        .header(header::ACCEPT, MANIFESTS)
        .body(Full::default())
        .map_err(|source| failed(source.into()))?;
    let answer = client
        .request(request)
        .await
        .map_err(|source| failed(source.into()))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), READ_LIMIT)
        .collect()
        .await
        .map_err(failed)?
        .to_bytes();
    match status {
        StatusCode::OK => Ok(Some(body)),
        StatusCode::NOT_FOUND => Ok(None),
        status => Err(ApiError::Refused {
            what,
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
        }),
    }
}
