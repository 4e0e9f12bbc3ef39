//! Copies an image from one place to another.
//!
//! The order is the one in which nothing that a reader can see is ever incomplete: blobs, child
//! manifests by digest, the image itself under its tag, then what refers to it. Dropping the
//! future at any moment leaves nothing tagged that is not whole.

mod batch;
mod blobs;
mod clock;
mod engine;
mod lanes;
mod options;
mod part;
mod platforms;
mod progress;
mod referrers;
mod report;
mod single;
mod tally;
mod target;
mod transfer;
mod tree;
mod verify;

use futures_util::{StreamExt as _, stream};

use crate::blob::UploadState;
use crate::error::RegistryError;
use crate::manifest::Descriptor;
use crate::place::Place;

pub use batch::Batch;
pub use options::{
    BlobAvailability, CopyOptions, CopyRequest, CreateError, CreateRepository, Verify,
};
pub use part::{Part, part_of};
pub use platforms::{Filtered, PlatformFilter};
pub use progress::{Moved, NoProgress, Progress, ProgressEvent};
pub use report::{
    Amount, BlobCounts, BlobOutcome, BlobReport, CopyReport, Outcome, Paused, RequestCounts,
};

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

    pub(crate) fn into_error(self) -> RegistryError {
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

    /// Whether the target refused a manifest because it lacks one of its blobs.
    pub(super) fn is_blob_missing(&self) -> bool {
        match self {
            Self::Target(RegistryError::Refused(exchange) | RegistryError::NotFound(exchange)) => {
                exchange.has_code("MANIFEST_BLOB_UNKNOWN") || exchange.has_code("BLOB_UNKNOWN")
            }
            _ => false,
        }
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

/// Copies many images, `images` of them at once; the outcomes are in the order of the requests. A
/// blob that several of them need at one registry moves once (see [`Batch`]), and all of them
/// together move as many blobs at once as [`CopyOptions::concurrency`] says. The memory is that of one
/// copy, and up to 32 MiB of manifests for each further image at once.
pub async fn copy_many(
    requests: &[CopyRequest],
    options: &CopyOptions,
    images: usize,
) -> Vec<Result<Outcome, CopyError>> {
    /// Blobs that a batch remembers.
    const REMEMBERED: usize = 20_000;
    let batch = options.batch.clone();
    let batch = batch.unwrap_or_else(|| Batch::new(options.concurrency, REMEMBERED));
    let options = CopyOptions {
        batch: Some(batch),
        ..options.clone()
    };
    let copies: Vec<_> = requests
        .iter()
        .map(|request| copy(request, &options))
        .collect();
    stream::iter(copies).buffered(images.max(1)).collect().await
}

/// The blobs of an image that the target lacks, the largest first; none where it has the image. What
/// refers to the image is not looked at.
///
/// With [`copy_blob`] for each of them, in any order and in any process, and [`copy`] at the end, an
/// image is copied by many hands.
///
/// # Errors
///
/// As [`copy`].
pub async fn missing(
    request: &CopyRequest,
    options: &CopyOptions,
) -> Result<Vec<Descriptor>, CopyError> {
    single::missing(request, options).await
}

/// Copies one blob. `resume` is what an earlier call for the same blob and target left, if any; one
/// that does not fit, or that the registry does not know any more, is left aside.
///
/// # Errors
///
/// As [`copy`].
pub async fn copy_blob(
    from: &Place,
    to: &Place,
    blob: &Descriptor,
    options: &CopyOptions,
    resume: Option<UploadState>,
) -> Result<BlobOutcome, CopyError> {
    single::copy_blob(from, to, blob, options, resume).await
}

/// Callers spawn copies and put them behind `async_trait`: the futures have to be `Send`.
#[cfg(test)]
fn _a_copy_is_send(request: &CopyRequest, options: &CopyOptions) -> impl Send {
    let blob = Descriptor::new("", crate::blob::digest_of(b""), 0);
    (
        copy(request, options),
        copy_many(std::slice::from_ref(request), options, 1),
        missing(request, options),
        async move { copy_blob(&request.from, &request.to, &blob, options, None).await },
    )
}

#[cfg(test)]
mod tests;
