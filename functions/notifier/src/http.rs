//! Posting to webhooks.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// The longest answer that is read, in bytes: enough for the words of a refusal.
const MAX_ANSWER: usize = 4 << 10;

/// Posts one message to one address.
#[async_trait]
pub trait Post: Send + Sync {
    /// Posts `body`; an answer of any status is an answer.
    ///
    /// # Errors
    ///
    /// When there was no answer.
    async fn post(
        &self,
        url: &Url,
        headers: &[(String, SecretString)],
        body: Vec<u8>,
    ) -> Result<Answer, NoAnswer>;
}

/// What a receiver said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Seconds to wait, where the receiver said so.
    pub retry_after: Option<u64>,
    /// The beginning of the body.
    pub body: String,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The connection could not be made, or broke, or took too long.
    #[error("no answer from {host}")]
    Unreachable {
        /// Who did not answer; the rest of the address may be a secret.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// A header is not one that HTTP allows.
    #[error("the header {name:?} cannot be sent: expected printable ASCII")]
    Header {
        /// The header's name.
        name: String,
    },
}

/// The client of all webhooks.
#[derive(Clone, Debug)]
pub struct Webhooks {
    client: reqwest::Client,
}

impl Webhooks {
    /// Builds the client: no redirects (a webhook that moved is a mistake to be seen, and a way
    /// into other networks), no proxy from the environment, 10 s for everything.
    ///
    /// # Errors
    ///
    /// When the TLS library refuses its own defaults.
    pub fn new() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = rustls::RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(10))
            .user_agent(concat!("ecr-steward/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Post for Webhooks {
    async fn post(
        &self,
        url: &Url,
        headers: &[(String, SecretString)],
        body: Vec<u8>,
    ) -> Result<Answer, NoAnswer> {
        let headers = header_map(headers)?;
        let unreachable = |error: reqwest::Error| NoAnswer::Unreachable {
            host: url.host_str().unwrap_or_default().to_owned(),
            // The path of a webhook is its secret.
            source: error.without_url(),
        };
        let request = self.client.post(url.clone()).headers(headers).body(body);
        let mut response = request.send().await.map_err(unreachable)?;
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = Vec::new();
        while body.len() < MAX_ANSWER {
            // What was refused, and why, is known from the status; a body that breaks off is fine.
            let Ok(Some(chunk)) = response.chunk().await else {
                break;
            };
            body.extend_from_slice(&chunk);
        }
        body.truncate(MAX_ANSWER);
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

fn header_map(headers: &[(String, SecretString)]) -> Result<HeaderMap, NoAnswer> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let error = || NoAnswer::Header { name: name.clone() };
        let key: HeaderName = name.parse().map_err(|_| error())?;
        let mut value: HeaderValue = value.expose_secret().parse().map_err(|_| error())?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    Ok(map)
}
