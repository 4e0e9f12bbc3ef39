//! What a copy is asked to do.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use steward_core::{Digest, Reference, RegistryHost, RepositoryPath, Tag};

use super::batch::Batch;
use super::platforms::PlatformFilter;
use super::progress::{NoProgress, Progress};
use crate::blob::{Ranges, UploadState};
use crate::error::BoxError;
use crate::place::Place;

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
    ///
    /// What refers to an index that [`CopyOptions::platforms`] changes stays behind, because it
    /// would not verify there; what refers to its children travels.
    pub referrers: bool,
    /// Copy what cosign keeps about the image under tags of its own (`sha256-<hex>.sig`, `.att`,
    /// `.sbom`) as well. Three more looks at the source. As with referrers, those of an index that
    /// changes stay behind, and those of its children travel.
    pub cosign_tags: bool,
    /// Copy these platforms of an index only. The target gets another index with another digest;
    /// the same index and the same platforms give the same digest every time. An image that is no
    /// index is copied where its platform is wanted, and [`super::Outcome::OtherPlatform`]
    /// otherwise; what has no platform (artifacts) is copied.
    pub platforms: Option<PlatformFilter>,
    /// The source's tag that has to point at the copied image still, right before the target's tag
    /// is written; otherwise nothing is tagged and the outcome is [`super::Outcome::SourceMoved`].
    pub recheck: Option<Tag>,
    /// How the copy makes sure that the target has the image.
    pub verify: Verify,
    /// When the copy has to be over. It then ends a little earlier, as [`super::Outcome::Paused`]
    /// where it is not done: no blob is begun that is not likely to arrive in time, uploads under
    /// way stop where they can be taken up again, and nothing is tagged.
    pub deadline: Option<Instant>,
    /// Uploads that an earlier run left ([`super::Paused::uploads`]). Those that do not fit, or that
    /// the registry does not know any more, are left aside.
    pub resume: Vec<UploadState>,
    /// How many blobs travel at once, at most: the registries' throttling can make it fewer. The
    /// memory of a copy is bounded by about 1 MiB for each, and 32 MiB for its manifests.
    pub concurrency: usize,
    /// Read large blobs over several connections at once. Helps where each connection is slower than
    /// the link, costs a request for each range and its memory; so it is off by default.
    pub ranges: Option<Ranges>,
    /// Repositories of the target's registry that may hold some of the blobs already, so that they
    /// can be mounted instead of moved. The source repository is tried by itself where it is on the
    /// same registry.
    pub mount_from: Vec<RepositoryPath>,
    /// What this copy shares with others of the same batch, so that a blob of several images moves
    /// once.
    pub batch: Option<Batch>,
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
            platforms: None,
            recheck: None,
            verify: Verify::default(),
            deadline: None,
            resume: Vec::new(),
            concurrency: 6,
            ranges: None,
            mount_from: Vec::new(),
            batch: None,
            create: None,
            availability: None,
            progress: Arc::new(NoProgress),
        }
    }
}

/// How a copy makes sure that the target has the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// By the target's answers to the copy's own requests: their status, and the digest wherever an
    /// answer names one. No further request.
    #[default]
    Answers,
    /// By a look at the target afterwards: the tag has to say the digest, every manifest is read
    /// back, and every blob has to be there. A blob that is not is moved once more. One request for
    /// the tag, one for each manifest, and one for each blob, or one for a hundred where
    /// [`CopyOptions::availability`] knows.
    Full,
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
