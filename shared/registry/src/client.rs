//! The client: what is shared by all requests to all registries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use steward_core::{ImageRef, RegistryHost, RepositoryPath};
use url::Url;

use crate::auth::{Credentials, NoCredentials, Scope, Session};
use crate::endpoint::{Endpoint, EndpointOverrides};
use crate::error::RegistryError;
use crate::limit::{Action, Gate, Limits};
use crate::origin::Hop;
use crate::probes::Probes;
use crate::repository::Repository;
use crate::request::Call;
use crate::retry::RetryPolicy;
use crate::transport::{Transport, TransportSettings};

/// A client of OCI registries. Cheap to clone; connections, tokens and what was learned about
/// registries are shared by the clones.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    session: Session,
    transport: Transport,
    overrides: EndpointOverrides,
    insecure: Vec<RegistryHost>,
    trusted: Vec<RegistryHost>,
    retry: RetryPolicy,
    limits: Limits,
    /// Which registries list referrers by themselves, as far as seen.
    referrers: Mutex<HashMap<RegistryHost, bool>>,
    probes: Probes,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Settings of a [`Client`]. The defaults are right for production.
pub struct ClientBuilder {
    credentials: Arc<dyn Credentials>,
    overrides: EndpointOverrides,
    insecure: Vec<RegistryHost>,
    trusted: Vec<RegistryHost>,
    retry: RetryPolicy,
    requests_at_once: usize,
    transport: TransportSettings,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            credentials: Arc::new(NoCredentials),
            overrides: EndpointOverrides::default(),
            insecure: Vec::new(),
            trusted: Vec::new(),
            retry: RetryPolicy::default(),
            requests_at_once: 64,
            transport: TransportSettings::default(),
        }
    }
}

impl ClientBuilder {
    /// Where credentials come from; without this, every registry is visited anonymously.
    #[must_use]
    pub fn credentials(mut self, credentials: Arc<dyn Credentials>) -> Self {
        self.credentials = credentials;
        self
    }

    /// Other addresses for some registries.
    #[must_use]
    pub fn endpoints(mut self, overrides: EndpointOverrides) -> Self {
        self.overrides = overrides;
        self
    }

    /// Registries that are spoken to over plain HTTP. Loopback addresses need not be named.
    #[must_use]
    pub fn insecure(mut self, hosts: impl IntoIterator<Item = RegistryHost>) -> Self {
        self.insecure.extend(hosts);
        self
    }

    /// Hosts in private networks that registries may point to: token services and blob stores.
    /// Without being named here, a host that a registry points to has to be on the public internet
    /// before credentials or layers go there.
    #[must_use]
    pub fn trust(mut self, hosts: impl IntoIterator<Item = RegistryHost>) -> Self {
        self.trusted.extend(hosts);
        self
    }

    /// How often and how patiently requests are tried again.
    #[must_use]
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// How many requests of one kind (manifests read, manifests written, blobs read, uploads begun,
    /// uploads sent) a registry gets at once, at most; 64 by default. The bound begins lower, grows
    /// as the registry answers and falls when it refuses requests for being too many.
    #[must_use]
    pub fn requests_at_once(mut self, requests: usize) -> Self {
        self.requests_at_once = requests;
        self
    }

    /// How long a connection may take to be made; 10 s by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.transport.connect_timeout = timeout;
        self
    }

    /// How long nothing may move on a connection; 60 s by default.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.transport.idle_timeout = timeout;
        self
    }

    /// Certificates of authorities to trust besides the compiled-in public ones.
    #[must_use]
    pub fn root_certificates(
        mut self,
        roots: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Self {
        self.transport.extra_roots.extend(roots);
        self
    }

    /// A proxy for HTTPS registries. The environment is never consulted: a proxy sees every
    /// registry's name, and it resolves names where this client's own guard against private
    /// addresses cannot look, so it has to be chosen on purpose.
    #[must_use]
    pub fn https_proxy(mut self, proxy: Url) -> Self {
        self.transport.https_proxy = Some(proxy);
        self
    }

    /// What the client calls itself.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.transport.user_agent = user_agent.into();
        self
    }

    /// Builds the client. Reads nothing from disk and opens no connection.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Setup`] where a root certificate or the user agent is malformed.
    pub fn build(self) -> Result<Client, RegistryError> {
        let transport = Transport::new(self.transport)?;
        Ok(Client {
            shared: Arc::new(Shared {
                session: Session::new(self.credentials, self.retry),
                transport,
                overrides: self.overrides,
                insecure: self.insecure,
                trusted: self.trusted,
                retry: self.retry,
                limits: Limits::new(self.requests_at_once),
                referrers: Mutex::default(),
                probes: Probes::default(),
            }),
        })
    }
}

/// The certificates in a text in PEM form, for [`ClientBuilder::root_certificates`]; what else stands
/// there is passed over.
pub fn certificates_of_pem(
    text: &str,
) -> impl Iterator<Item = Result<CertificateDer<'static>, PemError>> {
    CertificateDer::pem_slice_iter(text.as_bytes())
}

impl Client {
    /// Settings for a new client.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A repository of a registry. Sends nothing.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Setup`] where the registry's name makes no address.
    pub fn repository(
        &self,
        host: &RegistryHost,
        path: &RepositoryPath,
    ) -> Result<Repository, RegistryError> {
        let endpoint = Endpoint::of(
            host,
            &self.shared.overrides,
            &self.shared.insecure,
            &self.shared.trusted,
        )?;
        let path = match format!("library/{path}").parse() {
            Ok(official) if endpoint.is_docker_hub() && !path.as_str().contains('/') => official,
            _ => path.clone(),
        };
        Ok(Repository::new(self.clone(), endpoint, path))
    }

    /// The repository that an image name speaks of.
    ///
    /// # Errors
    ///
    /// As [`Client::repository`].
    pub fn repository_of(&self, image: &ImageRef) -> Result<Repository, RegistryError> {
        self.repository(&image.registry, &image.repository)
    }

    /// Opens a connection to a registry and authenticates there, so that the first real request
    /// finds both done. `GET /v2/`.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Unauthorized`] where the credentials are not accepted, or whatever else
    /// keeps the registry from answering.
    pub async fn ping(&self, host: &RegistryHost) -> Result<(), RegistryError> {
        let anywhere: RepositoryPath = "ping"
            .parse()
            .map_err(|e: steward_core::NameError| RegistryError::Setup(e.into()))?;
        let registry = self.repository(host, &anywhere)?;
        let hop = Hop::to(registry.endpoint(), "/v2/")?;
        let call = Call::new(Method::GET, hop, Scope::none());
        registry.send(call).await.map(drop)
    }

    pub(crate) fn session(&self) -> &Session {
        &self.shared.session
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.shared.transport
    }

    /// Whether a registry lists referrers by itself, where that was seen already.
    pub(crate) fn has_referrers_api(&self, endpoint: &Endpoint) -> Option<bool> {
        let known = self
            .shared
            .referrers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.get(&endpoint.host).copied()
    }

    pub(crate) fn learn_referrers_api(&self, endpoint: &Endpoint, has: bool) {
        let mut known = self
            .shared
            .referrers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.insert(endpoint.host.clone(), has);
    }

    /// Which registries say by a mount whether a blob is there.
    pub(crate) fn probes(&self) -> &Probes {
        &self.shared.probes
    }

    /// Where requests of one kind to a registry wait for their turn.
    pub(crate) fn gate(&self, endpoint: &Endpoint, action: Action) -> Arc<Gate> {
        self.shared.limits.gate(&endpoint.host, action)
    }

    pub(crate) fn retry_policy(&self) -> &RetryPolicy {
        &self.shared.retry
    }
}

#[cfg(test)]
mod tests;
