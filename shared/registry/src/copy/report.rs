//! How a copy ended, and what it did.

use std::time::Duration;

use steward_core::Digest;
use steward_core::facts::Platform;

use super::options::Verify;
use super::platforms::Filtered;
use super::progress::Moved;
use crate::blob::UploadState;

/// How a copy ended, where it did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The target has the image under its tag.
    Done(CopyReport),
    /// The source's tag pointed elsewhere when the target's tag was about to be written (see
    /// [`super::CopyOptions::recheck`]). The target's tag is as it was.
    SourceMoved {
        /// The digest that was copied.
        expected: Digest,
        /// What the tag points at now; nothing where it is gone.
        found: Option<Digest>,
    },
    /// The image is a single one of a platform that is not wanted (see
    /// [`super::CopyOptions::platforms`]). Nothing was copied.
    OtherPlatform {
        /// The digest of the image.
        digest: Digest,
        /// Its platform.
        platform: Platform,
    },
    /// Time was up (see [`super::CopyOptions::deadline`]). The target's tag is as it was, unless the
    /// image was complete and only its referrers are left. What was moved stays in the target: the
    /// same copy later goes on from there.
    Paused(Paused),
}

impl Outcome {
    /// The report, where the target has the image.
    #[must_use]
    pub fn report(&self) -> Option<&CopyReport> {
        match self {
            Self::Done(report) => Some(report),
            Self::SourceMoved { .. } | Self::OtherPlatform { .. } | Self::Paused(_) => None,
        }
    }
}

/// How far a copy came before its time was up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paused {
    /// Blobs that were completed by this run, and the bytes it moved.
    pub moved: Amount,
    /// Blobs that the target lacks, and their bytes less those that wait in `uploads`. Nothing
    /// where time was up before the image was read.
    pub left: Amount,
    /// Uploads that can be taken up again: see [`super::CopyOptions::resume`].
    pub uploads: Vec<UploadState>,
    /// Requests sent, retries included; requests to token services not.
    pub requests: RequestCounts,
    /// How long it took.
    pub elapsed: Duration,
}

/// So many blobs, and so many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Blobs.
    pub blobs: u64,
    /// Bytes.
    pub bytes: u64,
}

/// How the copy of one blob ended, where it did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobOutcome {
    /// The target has the blob.
    Done(BlobReport),
    /// Time was up (see [`super::CopyOptions::deadline`]).
    Paused {
        /// Bytes that this run moved and that count.
        moved: u64,
        /// The upload, where it can be taken up again; without one, the next run begins afresh.
        upload: Option<UploadState>,
    },
}

/// What a copy did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyReport {
    /// The digest of the image at the target; the same as at the source, unless `filtered` says
    /// otherwise.
    pub digest: Digest,
    /// The media type of its manifest.
    pub media_type: String,
    /// What was taken out of the image, where only some platforms were wanted and it has others.
    pub filtered: Option<Filtered>,
    /// Whether the target had the image under its tag already, so that nothing was written to it
    /// (referrers apart).
    pub unchanged: bool,
    /// How it was made sure that the target has the image.
    pub verified: Verify,
    /// Manifests written to the target, referrers included.
    pub manifests: u64,
    /// What became of the blobs, referrers' blobs included.
    pub blobs: BlobCounts,
    /// The same for each blob, in the order in which they were done; at most
    /// [`CopyReport::MAX_DETAILS`].
    pub details: Vec<BlobReport>,
    /// Bytes of blobs moved from source to target.
    pub bytes: u64,
    /// Requests sent, retries included; requests to token services not.
    pub requests: RequestCounts,
    /// Referrers found at the source and now at the target, cosign's tags included.
    pub referrers: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl CopyReport {
    /// How many blobs are told about one by one.
    pub const MAX_DETAILS: usize = 1000;

    /// The report of an image about which nothing but its digest and type is known: nothing was
    /// moved. A start for reports that are made by hand.
    #[must_use]
    pub fn of(digest: Digest, media_type: impl Into<String>) -> Self {
        Self {
            digest,
            media_type: media_type.into(),
            filtered: None,
            unchanged: false,
            verified: Verify::default(),
            manifests: 0,
            blobs: BlobCounts::default(),
            details: Vec::new(),
            bytes: 0,
            requests: RequestCounts::default(),
            referrers: 0,
            elapsed: Duration::ZERO,
        }
    }
}

/// What became of one blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobReport {
    /// Which one.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// How it came to be in the target.
    pub how: Moved,
    /// How long that took, waiting for its turn not included.
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
