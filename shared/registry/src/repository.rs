//! One repository of a registry, and the requests that can be made of it.

use std::fmt;

use bytes::Bytes;
use steward_core::{Digest, Reference, RegistryHost, RepositoryPath, Tag};

use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::RegistryError;
use crate::manifest::{Descriptor, Manifest};
use std::sync::Arc;

/// A repository of a registry. Cheap to clone.
#[derive(Clone)]
pub struct Repository {
    client: Client,
    endpoint: Arc<Endpoint>,
    path: RepositoryPath,
}

fn unfinished() -> RegistryError {
    RegistryError::Setup("not there yet".into())
}

impl Repository {
    pub(crate) fn new(client: Client, endpoint: Endpoint, path: RepositoryPath) -> Self {
        Self { client, endpoint: Arc::new(endpoint), path }
    }

    /// The registry.
    #[must_use]
    pub fn host(&self) -> &RegistryHost { &self.endpoint.host }

    /// The repository's name within the registry.
    #[must_use]
    pub fn path(&self) -> &RepositoryPath { &self.path }

    /// What a tag or digest stands for: media type, digest and size. One `HEAD`.
    pub async fn resolve(&self, _reference: &Reference) -> Result<Descriptor, RegistryError> { Err(unfinished()) }

    /// As [`Repository::resolve`], where "does not exist" is an answer and no error.
    pub async fn find(&self, _reference: &Reference) -> Result<Option<Descriptor>, RegistryError> { Err(unfinished()) }

    /// Reads a manifest; by digest, its bytes are checked against it.
    pub async fn manifest(&self, _reference: &Reference) -> Result<Manifest, RegistryError> { Err(unfinished()) }

    /// Writes a manifest's raw bytes under a tag or its digest. A tag that may not be moved but
    /// points at this very manifest already is a success.
    pub async fn put_manifest(&self, _reference: &Reference, _manifest: &Manifest) -> Result<(), RegistryError> { Err(unfinished()) }

    /// Deletes a manifest (by digest) or a tag, where the registry can.
    pub async fn delete_manifest(&self, _reference: &Reference) -> Result<(), RegistryError> { Err(unfinished()) }

    /// The size of a blob in bytes, where the repository has it.
    pub async fn find_blob(&self, _digest: &Digest) -> Result<Option<u64>, RegistryError> { Err(unfinished()) }

    /// Reads a small blob whole, such as a configuration; digest and size are checked.
    pub async fn blob(&self, _descriptor: &Descriptor, _limit: u64) -> Result<Bytes, RegistryError> { Err(unfinished()) }

    /// Writes a small blob that is at hand.
    pub async fn put_blob(&self, _bytes: Bytes) -> Result<Descriptor, RegistryError> { Err(unfinished()) }

    /// All tags, at most 100 pages of 1,000.
    pub async fn tags(&self) -> Result<Vec<Tag>, RegistryError> { Err(unfinished()) }

    /// What refers to a manifest, by the referrers API or, where there is none, the tag schema.
    pub async fn referrers(&self, _digest: &Digest, _artifact_type: Option<&str>) -> Result<Vec<Descriptor>, RegistryError> { Err(unfinished()) }
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
