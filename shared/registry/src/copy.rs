//! Copies an image from one place to another.
//!
//! The order is the one in which nothing that a reader can see is ever incomplete: blobs, child
//! manifests by digest, the image itself under its tag, then what refers to it. Dropping the
//! future at any moment leaves nothing tagged that is not whole.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use steward_core::{Digest, Reference, RegistryHost, RepositoryPath, Tag};

use crate::error::{BoxError, RegistryError};
use crate::place::Place;

mod engine;
mod progress;
mod referrers;
mod target;
mod transfer;
mod tree;

pub use progress::{Moved, NoProgress, Progress, ProgressEvent};

/// What to copy, and where to.
#[derive(Clone, Debug)]
pub struct CopyRequest {
    /// Where the image is.
    pub from: Place,
    /// Which image; by digest wherever the digest is known, because a tag can move meanwhile.
    pub reference: Reference,
    /// Where it goes.
    pub to: Place,
    /// The tag it gets there; without one it is there by digest only.
    pub tag: Option<Tag>,
}

/// How to copy.
#[derive(Clone)]
pub struct CopyOptions {
    /// Copy what refers to the image as well (signatures, SBOMs, attestations), recursively.
    pub referrers: bool,
    /// Copy what cosign keeps about the image under tags of its own (`sha256-<hex>.sig`, `.att`,
    /// `.sbom`) as well. Three more looks at the source.
    pub cosign_tags: bool,
    /// The source's tag that has to point at the copied image still, right before the target's tag
    /// is written; otherwise nothing is tagged and the outcome is [`Outcome::SourceMoved`].
    pub recheck: Option<Tag>,
    /// How many blobs travel at once.
    pub concurrency: usize,
    /// Repositories of the target's registry that may hold some of the blobs already, so that they
    /// can be mounted instead of moved. The source repository is tried by itself where it is on the
    /// same registry.
    pub mount_from: Vec<RepositoryPath>,
    /// Creates the target repository where it does not exist.
    pub create: Option<Arc<dyn CreateRepository>>,
    /// Knows which blobs the target has already, cheaper than one question each.
    pub availability: Option<Arc<dyn BlobAvailability>>,
    /// Is told what happens.
    pub progress: Arc<dyn Progress>,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self {
            referrers: false,
            cosign_tags: false,
            recheck: None,
            concurrency: 6,
            mount_from: Vec::new(),
            create: None,
            availability: None,
            progress: Arc::new(NoProgress),
        }
    }
}

/// How a copy ended, where it did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The target has the image under its tag.
    Done(CopyReport),
    /// The source's tag pointed elsewhere when the target's tag was about to be written (see
    /// [`CopyOptions::recheck`]). The target's tag is as it was.
    SourceMoved {
        /// The digest that was copied.
        expected: Digest,
        /// What the tag points at now; nothing where it is gone.
        found: Option<Digest>,
    },
}

impl Outcome {
    /// The report, where the target has the image.
    #[must_use]
    pub fn report(&self) -> Option<&CopyReport> {
        match self {
            Self::Done(report) => Some(report),
            Self::SourceMoved { .. } => None,
        }
    }
}

/// What a copy did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyReport {
    /// The digest of the image, the same on both sides.
    pub digest: Digest,
    /// The media type of its manifest.
    pub media_type: String,
    /// Whether the target had the image under its tag already, so that nothing was written to it
    /// (referrers apart).
    pub unchanged: bool,
    /// Manifests written to the target, referrers included.
    pub manifests: u64,
    /// What became of the blobs, referrers' blobs included.
    pub blobs: BlobCounts,
    /// Bytes of blobs moved from source to target.
    pub bytes: u64,
    /// Requests sent, retries included; requests to token services not.
    pub requests: RequestCounts,
    /// Referrers found at the source and now at the target, cosign's tags included.
    pub referrers: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// What became of the blobs of a copy. Every blob counts once, however often it is referred to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlobCounts {
    /// Moved from source to target.
    pub copied: u64,
    /// Mounted from another repository of the target's registry.
    pub mounted: u64,
    /// In the target already.
    pub present: u64,
    /// Not meant to be in a registry; only referred to.
    pub foreign: u64,
}

/// Requests sent to the two registries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// To the source's registry.
    pub source: u64,
    /// To the target's registry.
    pub target: u64,
}

/// Creates repositories in registries that do not do so by themselves.
#[async_trait]
pub trait CreateRepository: Send + Sync {
    /// Creates the repository; one that exists by now is a success. Called at most once per copy.
    async fn create(
        &self,
        host: &RegistryHost,
        repository: &RepositoryPath,
    ) -> Result<(), CreateError>;
}

/// Why a repository was not created.
#[derive(Debug, thiserror::Error)]
#[error("creating the repository failed")]
pub struct CreateError {
    /// Whether another try can succeed.
    pub transient: bool,
    /// Why not.
    #[source]
    pub source: BoxError,
}

/// Knows for many blobs at once which of them a repository has (`BatchCheckLayerAvailability` on
/// ECR).
#[async_trait]
pub trait BlobAvailability: Send + Sync {
    /// Those of `digests` that the repository has and can serve; all others are taken as missing.
    /// Nothing where that cannot be told: every blob is then looked up by itself.
    async fn present(
        &self,
        host: &RegistryHost,
        repository: &RepositoryPath,
        digests: &[Digest],
    ) -> Option<Vec<Digest>>;
}

/// On which side a copy failed.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The image could not be read.
    #[error("cannot read from the source")]
    Source(#[source] RegistryError),
    /// The image could not be written.
    #[error("cannot write to the target")]
    Target(#[source] RegistryError),
}

impl CopyError {
    /// What happened.
    #[must_use]
    pub fn error(&self) -> &RegistryError {
        match self {
            Self::Source(error) | Self::Target(error) => error,
        }
    }

    /// Whether the same copy can succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.error().is_transient()
    }

    /// Whether the image to copy does not exist (any more).
    #[must_use]
    pub fn is_source_missing(&self) -> bool {
        matches!(self, Self::Source(error) if error.is_not_found())
    }

    /// A stable name of the kind of error, for metrics, alarms and dead letters.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        self.error().error_type()
    }
}

/// Copies an image.
///
/// # Errors
///
/// [`CopyError`], which says on which side the copy failed and whether it is worth another try.
/// Blobs that were moved already stay in the target and are not moved again.
pub async fn copy(request: &CopyRequest, options: &CopyOptions) -> Result<Outcome, CopyError> {
    engine::run(request, options).await
}

/// Callers spawn copies and put them behind `async_trait`: the future has to be `Send`.
#[cfg(test)]
fn _a_copy_is_send(request: &CopyRequest, options: &CopyOptions) -> impl Send {
    copy(request, options)
}

#[cfg(test)]
mod tests;
