//! One repository of a registry, and the requests that can be made of it.

mod catalog;
mod listing;
mod manifests;
mod referrers;
mod tags;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use steward_core::{RegistryHost, RepositoryPath};

use crate::auth::Scope;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::RegistryError;
use crate::origin::Hop;

/// What is escaped in a query; digests and names stay readable, as registries' logs expect.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'/')
    .remove(b':');

/// A repository of a registry. Cheap to clone.
#[derive(Clone)]
pub struct Repository {
    client: Client,
    endpoint: Arc<Endpoint>,
    path: RepositoryPath,
    /// Whether what is read here is going to be written to as well, so that one token does both.
    writing: bool,
    requests: Arc<AtomicU64>,
}

impl Repository {
    pub(crate) fn new(client: Client, endpoint: Endpoint, path: RepositoryPath) -> Self {
        Self {
            client,
            endpoint: Arc::new(endpoint),
            path,
            writing: false,
            requests: Arc::default(),
        }
    }

    /// The registry.
    #[must_use]
    pub fn host(&self) -> &RegistryHost {
        &self.endpoint.host
    }

    /// The repository's name within the registry.
    #[must_use]
    pub fn path(&self) -> &RepositoryPath {
        &self.path
    }

    /// Requests sent through this handle and its clones, retries and refused ones included,
    /// requests to token services not.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The same repository with a count of requests of its own.
    #[must_use]
    pub fn metered(&self) -> Self {
        Self {
            requests: Arc::default(),
            ..self.clone()
        }
    }

    /// The same repository, asking for a token that can write even where it only reads.
    pub(crate) fn for_writing(&self) -> Self {
        Self {
            writing: true,
            ..self.clone()
        }
    }

    /// The same repository, taken for one that is not on this machine.
    #[cfg(test)]
    pub(crate) fn not_local(&self) -> Self {
        let endpoint = self.endpoint.taken_for_remote();
        Self {
            endpoint: Arc::new(endpoint),
            ..self.clone()
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn meter(&self) -> &AtomicU64 {
        &self.requests
    }

    pub(crate) fn read_scope(&self) -> Scope {
        if self.writing {
            Scope::push(&self.path)
        } else {
            Scope::pull(&self.path)
        }
    }

    pub(crate) fn write_scope(&self) -> Scope {
        Scope::push(&self.path)
    }

    /// The address of `tail`, a path below `/v2/<name>/`.
    pub(crate) fn hop(&self, tail: &str) -> Result<Hop, RegistryError> {
        Hop::to(&self.endpoint, &format!("/v2/{}/{tail}", self.path))
    }

    /// Whether both are the same repository of the same registry.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.shares_registry(other) && self.path == other.path
    }

    /// Whether both are on the same registry.
    pub(crate) fn shares_registry(&self, other: &Self) -> bool {
        self.endpoint.host == other.endpoint.host && self.endpoint.base == other.endpoint.base
    }
}

/// A value for a query.
pub(crate) fn escaped(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, QUERY).to_string()
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.endpoint.host, self.path)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repository({self})")
    }
}
