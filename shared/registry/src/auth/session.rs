//! What is known about the authentication of each registry, shared by all requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use steward_core::{RegistryHost, RepositoryPath};
use tokio::sync::Mutex as AsyncMutex;

use super::token::{self, Token};
use super::{Auth, Credentials, realm};
use crate::challenge::{self, Challenge};
use crate::endpoint::{Endpoint, Kind};
use crate::error::RegistryError;
use crate::origin::Hop;
use crate::retry::RetryPolicy;
use crate::transport::Transport;

/// What a token is good for: one or more `repository:<path>:<actions>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope(Arc<str>);

impl Scope {
    /// No repository: just being known.
    pub(crate) fn none() -> Self {
        Self("".into())
    }

    /// Reading a repository.
    pub(crate) fn pull(path: &RepositoryPath) -> Self {
        Self(format!("repository:{path}:pull").into())
    }

    /// Listing the registry's repositories (Distribution's token specification, "Resource class").
    pub(crate) fn catalog() -> Self {
        Self("registry:catalog:*".into())
    }

    /// Reading and writing a repository. One scope for both, so that a copy needs one token.
    pub(crate) fn push(path: &RepositoryPath) -> Self {
        Self(format!("repository:{path}:pull,push").into())
    }

    /// Deleting from a repository.
    pub(crate) fn delete(path: &RepositoryPath) -> Self {
        Self(format!("repository:{path}:pull,push,delete").into())
    }

    /// The same and reading another repository, for a mount from there.
    pub(crate) fn and_pull(&self, path: &RepositoryPath) -> Self {
        Self(format!("{} repository:{path}:pull", self.0).into())
    }

    /// The same without deleting, for token services that do not know it: Quay refuses a scope that
    /// names it (400), and takes who may push for one who may delete (its `v2auth.py`).
    fn without_delete(&self) -> Option<Self> {
        let narrower = self.0.replace(",delete", "");
        (narrower != *self.0).then(|| Self(narrower.into()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|part| !part.is_empty())
    }
}

/// How a registry wants to be shown who asks.
#[derive(Clone)]
enum Scheme {
    /// Not seen a challenge yet: asks go without credentials.
    Unknown,
    Basic,
    Bearer {
        realm: Hop,
        service: Option<String>,
    },
}

/// How long credentials are used before their provider is asked again whether they still hold. A
/// provider knows when they expire; the registry says so only by refusing.
const AUTH_LIFE: Duration = Duration::from_secs(300);

/// Credentials and when they were given.
struct Fetched {
    auth: Auth,
    at: Instant,
}

impl Fetched {
    fn now(auth: Auth) -> Self {
        Self {
            auth,
            at: Instant::now(),
        }
    }
}

type TokenSlot = Arc<AsyncMutex<Option<Token>>>;

/// One registry's state. The async mutexes make every fetch single-flight: whoever comes second
/// waits and finds the result.
struct Host {
    scheme: Mutex<Scheme>,
    auth: AsyncMutex<Option<Fetched>>,
    tokens: Mutex<HashMap<Scope, TokenSlot>>,
}

/// The authentication state of all registries.
pub(crate) struct Session {
    credentials: Arc<dyn Credentials>,
    retry: RetryPolicy,
    hosts: Mutex<HashMap<RegistryHost, Arc<Host>>>,
}

impl Session {
    pub(crate) fn new(credentials: Arc<dyn Credentials>, retry: RetryPolicy) -> Self {
        Self {
            credentials,
            retry,
            hosts: Mutex::default(),
        }
    }

    fn host(&self, endpoint: &Endpoint) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry(endpoint.host.clone()).or_insert_with(|| {
            // ECR always wants Basic: saying so at once saves the refused first request.
            let scheme = if endpoint.kind == Kind::Ecr {
                Scheme::Basic
            } else {
                Scheme::Unknown
            };
            Arc::new(Host {
                scheme: Mutex::new(scheme),
                auth: AsyncMutex::new(None),
                tokens: Mutex::default(),
            })
        });
        Arc::clone(host)
    }

    /// The `Authorization` header for a request to the registry itself, as far as is known what it
    /// wants.
    pub(crate) async fn authorization(
        &self,
        transport: &Transport,
        endpoint: &Endpoint,
        scope: &Scope,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let host = self.host(endpoint);
        let scheme = host.scheme();
        match scheme {
            Scheme::Unknown => Ok(None),
            Scheme::Basic => {
                let auth = self.auth(&host, endpoint, None).await?;
                Ok(direct(&auth))
            }
            Scheme::Bearer { realm, service } => {
                self.token(
                    transport,
                    endpoint,
                    &host,
                    &realm,
                    service.as_deref(),
                    scope,
                    None,
                )
                .await
            }
        }
    }

    /// Learns from a refusal. Whether there is now something new to show: if not, the refusal is
    /// final.
    pub(crate) async fn refused(
        &self,
        transport: &Transport,
        endpoint: &Endpoint,
        scope: &Scope,
        headers: &HeaderMap,
        shown: Option<&HeaderValue>,
    ) -> Result<bool, RegistryError> {
        let host = self.host(endpoint);
        let scheme = match challenge::strongest(headers) {
            Some(Challenge::Basic) => match host.scheme() {
                // Harbor names Basic to everybody who shows a token, whatever is wrong with it (its
                // `v2auth/auth.go`). Who has nothing else to show needs another token.
                bearer @ Scheme::Bearer { .. }
                    if shown.is_some()
                        && direct(&self.auth(&host, endpoint, None).await?).is_none() =>
                {
                    bearer
                }
                _ => Scheme::Basic,
            },
            Some(Challenge::Bearer { realm, service }) => Scheme::Bearer {
                realm: realm::checked(endpoint, &realm)?,
                service,
            },
            None => host.scheme(),
        };
        host.set_scheme(scheme.clone());
        let header = match scheme {
            Scheme::Unknown => None,
            Scheme::Basic => direct(&self.auth(&host, endpoint, shown).await?),
            Scheme::Bearer { realm, service } => {
                self.token(
                    transport,
                    endpoint,
                    &host,
                    &realm,
                    service.as_deref(),
                    scope,
                    shown,
                )
                .await?
            }
        };
        Ok(header.is_some() && header.as_ref() != shown)
    }

    /// The credentials for a registry; fetched anew where the ones at hand were just `refused`.
    async fn auth(
        &self,
        host: &Host,
        endpoint: &Endpoint,
        refused: Option<&HeaderValue>,
    ) -> Result<Auth, RegistryError> {
        let mut slot = host.auth.lock().await;
        let mut refresh = false;
        if let Some(Fetched { auth, at }) = &*slot {
            refresh = refused.is_some() && direct(auth).as_ref() == refused;
            if !refresh && at.elapsed() < AUTH_LIFE {
                return Ok(auth.clone());
            }
        }
        let auth = self.fetch_auth(endpoint, refresh).await?;
        *slot = Some(Fetched::now(auth.clone()));
        Ok(auth)
    }

    async fn fetch_auth(&self, endpoint: &Endpoint, refresh: bool) -> Result<Auth, RegistryError> {
        tracing::debug!(registry = %endpoint.host, refresh, "asking for credentials");
        self.credentials
            .for_registry(&endpoint.host, refresh)
            .await
            .map_err(|source| RegistryError::Credentials {
                host: endpoint.host.clone(),
                source,
            })
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one challenge")]
    async fn token(
        &self,
        transport: &Transport,
        endpoint: &Endpoint,
        host: &Host,
        realm: &Hop,
        service: Option<&str>,
        scope: &Scope,
        refused: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let auth = self.auth(host, endpoint, refused).await?;
        if let Auth::Bearer(token) = &auth {
            return Ok(token::bearer(token));
        }
        let slot = host.slot(scope);
        let mut slot = slot.lock().await;
        if let Some(token) = &*slot
            && token.is_fresh(Instant::now())
            && Some(&token.header) != refused
        {
            return Ok(Some(token.header.clone()));
        }
        let host_header = endpoint.host_header.as_ref();
        let mut auth = auth;
        let mut attempt = 0;
        let mut renewed = false;
        let mut scope = scope.clone();
        loop {
            attempt += 1;
            let result = token::fetch(transport, realm, host_header, service, &scope, &auth).await;
            match result {
                Ok(token) => {
                    let header = token.header.clone();
                    *slot = Some(token);
                    return Ok(Some(header));
                }
                Err(RegistryError::Unauthorized(_))
                    if !renewed && !matches!(auth, Auth::Anonymous) =>
                {
                    renewed = true;
                    let mut held = host.auth.lock().await;
                    auth = self.fetch_auth(endpoint, true).await?;
                    *held = Some(Fetched::now(auth.clone()));
                }
                Err(RegistryError::Refused(_)) if scope.without_delete().is_some() => {
                    scope = scope.without_delete().unwrap_or(scope);
                }
                Err(error) => {
                    let pause = error
                        .is_transient()
                        .then(|| self.retry.pause(attempt, error.retry_after()))
                        .flatten();
                    match pause {
                        Some(pause) => tokio::time::sleep(pause).await,
                        None => return Err(error),
                    }
                }
            }
        }
    }
}

impl Host {
    fn scheme(&self) -> Scheme {
        self.scheme
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_scheme(&self, scheme: Scheme) {
        *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = scheme;
    }

    fn slot(&self, scope: &Scope) -> TokenSlot {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tokens.entry(scope.clone()).or_default())
    }
}

/// The header that shows credentials to the registry itself.
fn direct(auth: &Auth) -> Option<HeaderValue> {
    match auth {
        Auth::Basic { .. } => token::basic(auth),
        Auth::Bearer(token) => token::bearer(token),
        Auth::Anonymous | Auth::IdentityToken(_) => None,
    }
}
