//! The HTTP connections: TLS with compiled-in roots, HTTP/1.1, no redirects, no environment.

mod resolver;

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, ClientConfig, RootCertStore};
use url::Url;

use crate::address::Reach;
use crate::error::{BoxError, Exchange, RegistryError, redacted};
use crate::origin::Hop;
use resolver::{GuardedResolver, RefusedAddress};

/// How connections are made.
pub(crate) struct TransportSettings {
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) extra_roots: Vec<CertificateDer<'static>>,
    pub(crate) https_proxy: Option<Url>,
    pub(crate) user_agent: String,
}

impl Default for TransportSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            extra_roots: Vec::new(),
            https_proxy: None,
            user_agent: concat!("ecr-steward/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// One connection pool per [`Reach`]: which addresses a name may resolve to is decided where the
/// name is resolved for the connection, so that no second look-up can answer differently.
pub(crate) struct Transport {
    anywhere: reqwest::Client,
    not_this_machine: reqwest::Client,
    public: reqwest::Client,
    idle_timeout: Duration,
}

impl Transport {
    pub(crate) fn new(settings: TransportSettings) -> Result<Self, RegistryError> {
        let tls = tls(&settings.extra_roots)?;
        let client = |reach: Reach| -> Result<reqwest::Client, RegistryError> {
            let mut builder = reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .no_proxy()
                .http1_only()
                .tcp_nodelay(true)
                .connect_timeout(settings.connect_timeout)
                .pool_idle_timeout(Duration::from_secs(50))
                .user_agent(&settings.user_agent);
            if let Some(proxy) = &settings.https_proxy {
                let proxy = reqwest::Proxy::https(proxy.clone())
                    .map_err(|e| RegistryError::Setup(e.into()))?;
                builder = builder.proxy(proxy);
            }
            if reach != Reach::Anywhere {
                builder = builder.dns_resolver(Arc::new(GuardedResolver { reach }));
            }
            builder.build().map_err(|e| RegistryError::Setup(e.into()))
        };
        Ok(Self {
            anywhere: client(Reach::Anywhere)?,
            not_this_machine: client(Reach::NotThisMachine)?,
            public: client(Reach::Public)?,
            idle_timeout: settings.idle_timeout,
        })
    }

    /// How long nothing may move.
    pub(crate) fn idle_timeout(&self) -> Duration {
        self.idle_timeout
    }

    /// A request to an address, over the connections that may lead there.
    pub(crate) fn request(&self, method: http::Method, hop: &Hop) -> reqwest::RequestBuilder {
        let client = match hop.reach {
            Reach::Anywhere => &self.anywhere,
            Reach::NotThisMachine => &self.not_this_machine,
            Reach::Public => &self.public,
        };
        client.request(method, hop.url.clone())
    }

    /// Sends a request without a body or with one at hand, and waits for the head of the reply.
    pub(crate) async fn send(
        &self,
        request: reqwest::RequestBuilder,
        exchange: &Exchange,
        url: &Url,
    ) -> Result<reqwest::Response, RegistryError> {
        match tokio::time::timeout(self.idle_timeout, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(failed(error, exchange, url)),
            Err(_) => Err(RegistryError::Stalled {
                exchange: Box::new(exchange.clone()),
                idle: self.idle_timeout,
            }),
        }
    }
}

fn tls(extra_roots: &[CertificateDer<'static>]) -> Result<ClientConfig, RegistryError> {
    let setup = |e: rustls::Error| RegistryError::Setup(e.into());
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for root in extra_roots {
        roots.add(root.clone()).map_err(setup)?;
    }
    let mut provider = rustls::crypto::ring::default_provider();
    // Every byte of a layer is decrypted and encrypted once. AES-128 takes a tenth less for that than
    // the AES-256 that the library offers first.
    provider.cipher_suites.sort_by_key(|offered| {
        !matches!(
            offered.suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        )
    });
    let provider = Arc::new(provider);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(setup)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// What an error of the HTTP library means.
pub(crate) fn failed(error: reqwest::Error, exchange: &Exchange, url: &Url) -> RegistryError {
    let error = error.without_url();
    for cause in causes(&error) {
        if cause.is::<RefusedAddress>() {
            return RegistryError::UnsafeUrl {
                url: redacted(url),
                reason: "its name leads to an address that is not on the public internet",
            };
        }
        if let Some(tls @ rustls::Error::InvalidCertificate(_)) = cause.downcast_ref() {
            return RegistryError::Certificate {
                exchange: Box::new(exchange.clone()),
                source: BoxError::from(tls.clone()),
            };
        }
    }
    RegistryError::Network {
        exchange: Box::new(exchange.clone()),
        source: error.into(),
    }
}

/// The causes of an error, the outermost first. An I/O error does not name the error it wraps as
/// its source, only that one's source; so it is opened.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        match error
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::get_ref)
        {
            Some(Some(wrapped)) => Some(wrapped as &(dyn std::error::Error + 'static)),
            _ => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn the_cheapest_cipher_is_offered_first_and_all_are_offered() {
        let offered = tls(&[]).unwrap().crypto_provider().cipher_suites.clone();
        assert_eq!(
            offered.first().unwrap().suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256
        );
        let all = rustls::crypto::ring::default_provider().cipher_suites;
        assert_eq!(offered.len(), all.len());
    }

    /// A server with a certificate of its own; answers every request with 200.
    async fn tls_server() -> (std::net::SocketAddr, CertificateDer<'static>) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await.ok()?;
                    let mut request = [0; 4096];
                    if stream.read(&mut request).await.ok()? == 0 {
                        return None;
                    }
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                    stream.write_all(answer).await.ok()?;
                    stream.shutdown().await.ok()
                });
            }
        });
        (address, certificate)
    }

    #[tokio::test]
    async fn a_certificate_is_trusted_only_where_its_authority_is() {
        let (address, certificate) = tls_server().await;
        let host: steward_core::RegistryHost = "registry.example.com".parse().unwrap();
        for (roots, error_type) in [
            (vec![certificate], None),
            (vec![], Some("registry_certificate")),
        ] {
            let overrides = format!("{host}=https://localhost:{}", address.port());
            let client = crate::fake::client()
                .endpoints(overrides.parse().unwrap())
                .root_certificates(roots)
                .build()
                .unwrap();
            let error = client.ping(&host).await.err();
            assert_eq!(
                error.as_ref().map(|e| e.error_type()),
                error_type,
                "{error:?}"
            );
            assert!(!error.is_some_and(|error| error.is_transient()));
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_at_the_connection() {
        let transport = Transport::new(TransportSettings::default()).unwrap();
        for reach in [Reach::Public, Reach::NotThisMachine] {
            let hop = Hop {
                url: Url::parse("http://localhost:1/").unwrap(),
                own: false,
                reach,
            };
            let exchange = Exchange::new(&http::Method::GET, &hop.url);
            let request = transport.request(http::Method::GET, &hop);
            let error = transport
                .send(request, &exchange, &hop.url)
                .await
                .unwrap_err();
            assert!(
                matches!(error, RegistryError::UnsafeUrl { .. }),
                "{error:?}"
            );
            assert!(!error.is_transient());
        }
    }
}
