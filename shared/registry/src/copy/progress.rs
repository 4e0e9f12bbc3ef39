use steward_core::Digest;

/// What a copy does, as it does it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgressEvent {
    /// All blobs are known: how many, and how many bytes at most will move.
    Planned {
        /// Different blobs.
        blobs: u64,
        /// Their sizes added up, in bytes.
        bytes: u64,
    },
    /// A blob begins to move.
    BlobStarted {
        /// Which one.
        digest: Digest,
        /// Its size in bytes.
        size: u64,
    },
    /// Bytes of a blob went to the target.
    BlobMoved {
        /// Which one.
        digest: Digest,
        /// How many bytes of it the target has been sent by now.
        sent: u64,
    },
    /// A blob is in the target.
    BlobDone {
        /// Which one.
        digest: Digest,
        /// Its size in bytes.
        size: u64,
        /// How it came there.
        how: Moved,
    },
    /// A manifest is in the target.
    ManifestDone {
        /// Which one.
        digest: Digest,
    },
}

/// How a blob came to be in the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It was moved from the source.
    Copied,
    /// It was mounted from another repository.
    Mounted,
    /// It was there.
    Present,
}

/// Is told what a copy does. Called from within the copy: return quickly.
pub trait Progress: Send + Sync {
    /// One step was taken.
    fn event(&self, event: &ProgressEvent);
}

/// Nobody is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn event(&self, _: &ProgressEvent) {}
}
