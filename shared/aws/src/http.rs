//! The HTTP client of every AWS call: HTTP over rustls with `ring` and compiled-in roots.

use std::fmt;
use std::sync::OnceLock;

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use base64::Engine;

/// Builds its TLS configuration when the first connection is wanted.
///
/// The SDK's own client parses every root certificate once for each service client that is built,
/// which is most of a function's start-up; here it happens once, and not at all where every endpoint
/// is plain HTTP (the local cloud).
#[derive(Default)]
struct LazyTls {
    inner: OnceLock<SharedHttpClient>,
}

impl fmt::Debug for LazyTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyTls")
            .field("built", &self.inner.get().is_some())
            .finish()
    }
}

impl HttpClient for LazyTls {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.inner
            .get_or_init(build)
            .http_connector(settings, components)
    }
}

/// One client for all services, so that they share connections and the TLS session cache.
pub(crate) fn client() -> SharedHttpClient {
    SharedHttpClient::new(LazyTls::default())
}

fn build() -> SharedHttpClient {
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    match TlsContext::builder()
        .with_trust_store(compiled_in_roots())
        .build()
    {
        Ok(context) => builder.tls_context(context).build_https(),
        // The roots are constants, so this cannot differ from one run to the next; the SDK's
        // default (the system's roots) is the safe answer if it ever does.
        Err(_) => builder.build_https(),
    }
}

/// Mozilla's roots, compiled in. The SDK takes PEM only, so they are wrapped first (0.2 ms).
fn compiled_in_roots() -> TrustStore {
    let mut pem = String::with_capacity(300 * 1024);
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        base64::engine::general_purpose::STANDARD.encode_string(certificate, &mut pem);
        pem.push_str("\n-----END CERTIFICATE-----\n");
    }
    TrustStore::empty().with_pem_certificate(pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_roots_are_accepted() {
        let context = TlsContext::builder()
            .with_trust_store(compiled_in_roots())
            .build();
        assert!(context.is_ok(), "{context:?}");
    }
}
