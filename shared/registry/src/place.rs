//! Where images are: a repository of a registry, or a folder.

use std::fmt;

use steward_core::{Digest, Reference};

use crate::blob::ByteStream;
use crate::error::RegistryError;
use crate::layout::Layout;
use crate::manifest::{Descriptor, Manifest};
use crate::repository::Repository;
use crate::retry::RetryPolicy;

/// A place that images are copied from and to.
#[derive(Clone, Debug)]
pub enum Place {
    /// A repository of a registry.
    Repository(Repository),
    /// An OCI layout folder.
    Layout(Layout),
}

impl Place {
    /// What a tag or digest stands for here, if anything.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong other than that it does not exist.
    pub async fn find(&self, reference: &Reference) -> Result<Option<Descriptor>, RegistryError> {
        match self {
            Self::Repository(repository) => repository.find(reference).await,
            Self::Layout(layout) => layout.find(reference).await,
        }
    }

    /// Reads a manifest, checked against its digest.
    ///
    /// # Errors
    ///
    /// As [`Repository::manifest`].
    pub async fn manifest(&self, reference: &Reference) -> Result<Manifest, RegistryError> {
        match self {
            Self::Repository(repository) => repository.manifest(reference).await,
            Self::Layout(layout) => layout.manifest(reference).await,
        }
    }

    /// What refers to a manifest.
    ///
    /// # Errors
    ///
    /// As [`Repository::referrers`].
    pub async fn referrers(&self, digest: &Digest) -> Result<Vec<Descriptor>, RegistryError> {
        match self {
            Self::Repository(repository) => repository.referrers(digest, None).await,
            Self::Layout(layout) => layout.referrers(digest).await,
        }
    }

    /// Whether a blob is here.
    pub(crate) async fn has_blob(&self, blob: &Descriptor) -> Result<bool, RegistryError> {
        match self {
            Self::Repository(repository) => Ok(repository.find_blob(&blob.digest).await?.is_some()),
            Self::Layout(layout) => layout.has_blob(blob).await,
        }
    }

    pub(crate) async fn open_blob(
        &self,
        descriptor: &Descriptor,
        offset: u64,
    ) -> Result<ByteStream, RegistryError> {
        match self {
            Self::Repository(repository) => repository.open_blob(descriptor, offset).await,
            Self::Layout(layout) => layout.open_blob(&descriptor.digest, offset).await,
        }
    }

    pub(crate) fn metered(&self) -> Self {
        match self {
            Self::Repository(repository) => Self::Repository(repository.metered()),
            Self::Layout(layout) => Self::Layout(layout.clone()),
        }
    }

    pub(crate) fn requests(&self) -> u64 {
        match self {
            Self::Repository(repository) => repository.requests(),
            Self::Layout(_) => 0,
        }
    }

    pub(crate) fn retry_policy(&self) -> RetryPolicy {
        match self {
            Self::Repository(repository) => *repository.client().retry_policy(),
            // A file that cannot be read will not be readable in a second.
            Self::Layout(_) => RetryPolicy::none(),
        }
    }
}

impl From<Repository> for Place {
    fn from(repository: Repository) -> Self {
        Self::Repository(repository)
    }
}

impl From<Layout> for Place {
    fn from(layout: Layout) -> Self {
        Self::Layout(layout)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(repository) => repository.fmt(f),
            Self::Layout(layout) => layout.fmt(f),
        }
    }
}
