//! Counts what a copy does, for its report.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::progress::Moved;
use super::report::{Amount, BlobCounts, BlobReport, CopyReport};
use crate::blob::UploadState;
use crate::manifest::Descriptor;

#[derive(Default)]
pub(super) struct Tally {
    manifests: AtomicU64,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    planned: Amount,
    /// Blobs that the target has now, however they came there.
    settled: Amount,
    blobs: BlobCounts,
    bytes: u64,
    /// Bytes of uploads that are not complete.
    unfinished: u64,
    details: Vec<BlobReport>,
    uploads: Vec<UploadState>,
}

impl Tally {
    pub(super) fn manifest(&self) {
        self.manifests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn manifests(&self) -> u64 {
        self.manifests.load(Ordering::Relaxed)
    }

    pub(super) fn planned(&self, blobs: &[Descriptor], foreign: u64) {
        self.with(|counted| {
            counted.planned.blobs += blobs.len() as u64;
            counted.planned.bytes = counted
                .planned
                .bytes
                .saturating_add(Descriptor::total(blobs));
            counted.blobs.foreign += foreign;
        });
    }

    /// A blob is in the target.
    pub(super) fn done(&self, report: BlobReport) {
        self.with(|counted| {
            counted.settled.blobs += 1;
            counted.settled.bytes = counted.settled.bytes.saturating_add(report.size);
            match report.how {
                Moved::Copied => {
                    counted.blobs.copied += 1;
                    counted.bytes += report.size;
                }
                Moved::Mounted => counted.blobs.mounted += 1,
                Moved::Present => counted.blobs.present += 1,
            }
            if counted.details.len() < CopyReport::MAX_DETAILS {
                counted.details.push(report);
            }
        });
    }

    /// A blob need not be in the target.
    pub(super) fn foreign(&self, blob: &Descriptor) {
        self.with(|counted| {
            counted.settled.blobs += 1;
            counted.settled.bytes = counted.settled.bytes.saturating_add(blob.size);
            counted.blobs.foreign += 1;
        });
    }

    /// A blob is on its way; `moved` bytes of it were moved by this run.
    pub(super) fn stopped(&self, moved: u64, upload: Option<UploadState>) {
        self.with(|counted| {
            counted.unfinished += moved;
            counted.uploads.extend(upload);
        });
    }

    pub(super) fn blobs(&self) -> (BlobCounts, u64, Vec<BlobReport>) {
        self.with(|counted| {
            let details = std::mem::take(&mut counted.details);
            (counted.blobs, counted.bytes, details)
        })
    }

    /// What was moved, what is left, and the uploads that wait.
    pub(super) fn paused(&self) -> (Amount, Amount, Vec<UploadState>) {
        self.with(|counted| {
            let uploads = std::mem::take(&mut counted.uploads);
            let waiting: u64 = uploads
                .iter()
                .fold(0, |sum, upload| sum.saturating_add(upload.offset));
            let left = counted.planned.bytes.saturating_sub(counted.settled.bytes);
            (
                Amount {
                    blobs: counted.blobs.copied,
                    bytes: counted.bytes + counted.unfinished,
                },
                Amount {
                    blobs: counted.planned.blobs.saturating_sub(counted.settled.blobs),
                    bytes: left.saturating_sub(waiting),
                },
                uploads,
            )
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut Counted) -> T) -> T {
        change(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
