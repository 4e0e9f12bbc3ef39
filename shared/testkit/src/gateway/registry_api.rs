//! The door of the registry protocol: `/v2/`.

mod blobs;
mod manifests;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::{
    images::Repository,
    refusal::Refusal,
    registry::Registry,
    reply::{self, Body},
    route::Route,
    server::Shared,
    upstream::collect,
};

/// The largest page of tags (ECR: "Member must have value less than or equal to 1000").
const TAGS_PAGE: usize = 1_000;

/// Answers a request under `/v2/`.
pub(crate) async fn answer(
    shared: &Shared,
    registry: &Registry,
    request: Request<Incoming>,
) -> Response<Body> {
    let host = request.headers().get(header::HOST).cloned();
    let mut response = match serve(shared, registry, request).await {
        Ok(response) => response,
        Err(refusal) => {
            if let Refusal::Upstream(_) = &refusal {
                tracing::warn!(%registry, error = refusal.message(), "the emulator failed");
            }
            let mut response = reply::refuse_oci(&refusal);
            if matches!(refusal, Refusal::Unauthenticated) {
                let host = host
                    .as_ref()
                    .and_then(|h| h.to_str().ok())
                    .unwrap_or_default();
                let challenge =
                    format!(r#"Basic realm="http://{host}/",service="ecr.amazonaws.com""#);
                reply::set(&mut response, "www-authenticate", &challenge);
            }
            response
        }
    };
    response.headers_mut().insert(
        "docker-distribution-api-version",
        HeaderValue::from_static("registry/2.0"),
    );
    response
}

async fn serve(
    shared: &Shared,
    registry: &Registry,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    if shared.require_auth {
        authenticate(shared, registry, request.headers()).await?;
    }
    let unsupported =
        || Refusal::Unsupported(format!("{} {}", request.method(), request.uri().path()));
    let route = Route::parse(request.uri().path()).ok_or_else(unsupported)?;
    let method = request.method().clone();
    match (route, method) {
        (Route::Ping, Method::GET | Method::HEAD) => {
            Ok(reply::json(StatusCode::OK, "application/json", &json!({})))
        }
        (Route::Catalog, Method::GET) => catalog(shared, registry, request).await,
        (Route::Tags { name }, Method::GET) => {
            let at = shared.images.repository(registry, &name).await?;
            tags(shared, &at, request.uri().query().unwrap_or_default()).await
        }
        (Route::Manifest { name, reference }, method) => {
            manifests::serve(shared, registry, &name, &reference, &method, request).await
        }
        (Route::Referrers { name, digest }, Method::GET) => {
            manifests::referrers(shared, registry, &name, &digest, request.uri().query()).await
        }
        (Route::Blob { name, digest }, method) => {
            blobs::serve(shared, registry, &name, &digest, &method, request).await
        }
        (Route::Uploads { name }, Method::POST) => {
            blobs::start(shared, registry, &name, request).await
        }
        (
            Route::Upload { name, .. },
            Method::GET | Method::PATCH | Method::PUT | Method::DELETE,
        ) => {
            // The name decides where the emulator keeps the session: it must be a proper one.
            shared.images.repository(registry, &name).await?;
            blobs::forward(shared, registry, request).await
        }
        _ => Err(unsupported()),
    }
}

/// Checks the token of `GetAuthorizationToken`: Basic with the user `AWS`.
async fn authenticate(
    shared: &Shared,
    registry: &Registry,
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(|encoded| STANDARD.decode(encoded.trim()).ok())
        .ok_or(Refusal::Unauthenticated)?;
    let body = shared
        .images
        .upstream
        .ecr(registry, "GetAuthorizationToken", &json!({}))
        .await?
        .success("GetAuthorizationToken")?;
    let expected = body
        .pointer("/authorizationData/0/authorizationToken")
        .and_then(Value::as_str)
        .and_then(|token| STANDARD.decode(token).ok());
    if expected == Some(given) {
        Ok(())
    } else {
        Err(Refusal::Unauthenticated)
    }
}

async fn catalog(
    shared: &Shared,
    registry: &Registry,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/v2/_catalog", |path| path.as_str());
    let response = shared
        .images
        .upstream
        .registry(
            registry,
            Method::GET,
            path,
            HeaderMap::new(),
            reply::empty(),
        )
        .await?;
    let status = response.status();
    let bytes = collect(path, response.into_body()).await?;
    let mut response = Response::new(reply::full(bytes));
    *response.status_mut() = status;
    reply::set(&mut response, "content-type", "application/json");
    Ok(response)
}

/// One page of the tags, with a `Link` to the next (OCI distribution specification, "Listing
/// Tags").
async fn tags(shared: &Shared, at: &Repository, query: &str) -> Result<Response<Body>, Refusal> {
    let parameter = |name: &str| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let size = match parameter("n") {
        None => TAGS_PAGE,
        Some(n) => {
            n.parse()
                .ok()
                .filter(|n| *n <= TAGS_PAGE)
                .ok_or_else(|| Refusal::Parameter {
                    at: "maxResults",
                    reason: "'Member must have value less than or equal to 1000'".to_owned(),
                })?
        }
    };
    let _guard = shared.images.reading(&at.registry).await;
    let mut tags: Vec<String> = shared
        .images
        .images(at)
        .await?
        .into_iter()
        .flat_map(|image| image.tags)
        .collect();
    tags.sort();
    if let Some(last) = parameter("last") {
        tags.retain(|tag| *tag > last);
    }
    let more = tags.len() > size;
    tags.truncate(size);
    let link = tags.last().filter(|_| more).map(|last| {
        format!(
            r#"</v2/{}/tags/list?n={size}&last={last}>; rel="next""#,
            at.name
        )
    });
    let body = json!({ "name": at.name, "tags": tags });
    let mut response = reply::json(StatusCode::OK, "application/json", &body);
    if let Some(link) = link {
        reply::set(&mut response, "link", &link);
    }
    Ok(response)
}
