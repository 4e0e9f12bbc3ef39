//! The HTTP client of every AWS call: HTTP/1.1 over rustls with `ring` and compiled-in roots.
//!
//! The SDK's own client brings HTTP/2, which no service here needs, a second copy of everything that
//! the registry client has already, and parses every root certificate for each service client that is
//! built. This one is the registry client's HTTP stack behind the SDK's interface: 0.8 MB less per
//! function, and nothing to do at start-up.

use std::sync::OnceLock;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;

/// How long a connection may take to be made. The SDK bounds the rest of a call.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an unused connection is kept; AWS closes them after a while, and a function may have been
/// frozen in between.
const IDLE: Duration = Duration::from_secs(50);

/// Connections, made when they are wanted.
#[derive(Debug, Default)]
struct Connections {
    client: OnceLock<reqwest::Client>,
}

/// One client for all services, so that they share connections and TLS sessions.
pub(crate) fn client() -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connections::default());
    http_client_fn(move |_, _| connector.clone())
}

impl Connections {
    fn client(&self) -> Result<reqwest::Client, ConnectorError> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let client = build().map_err(ConnectorError::user)?;
        Ok(self.client.get_or_init(|| client).clone())
    }
}

impl HttpConnector for Connections {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.client();
        HttpConnectorFuture::new(async move { send(client?, request).await })
    }
}

fn build() -> Result<reqwest::Client, Box<dyn std::error::Error + Send + Sync>> {
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        // Every answer is the service's own, and a signed request goes nowhere else. The SDK retries.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .build()?;
    Ok(client)
}

async fn send(
    client: reqwest::Client,
    request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let request = request
        .try_into_http1x()
        .map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    // All calls here send small texts; a stream would be one of an operation nobody here calls.
    let body = body
        .bytes()
        .map(<[u8]>::to_vec)
        .ok_or_else(|| ConnectorError::user("a streamed request body is not supported".into()))?;
    let request = reqwest::Request::try_from(http::Request::from_parts(parts, body))
        .map_err(|error| ConnectorError::user(error.into()))?;
    let response = client.execute(request).await.map_err(failed)?;
    let response: http::Response<reqwest::Body> = response.into();
    HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
        .map_err(|error| ConnectorError::other(error.into(), None))
}

/// Sorts errors as the SDK's retries need them.
fn failed(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_builder() {
        ConnectorError::user(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

#[cfg(test)]
mod tests;
