//! What copies that are under way at the same time know of each other.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use steward_registry::Batch;

/// Blobs that travel at once, of all copies together: as many as four copies move by themselves.
const BLOBS: usize = 24;
/// Blobs that are remembered: about a megabyte.
const REMEMBERED: usize = 4000;

/// The batch of the copies under way. It ends with the last of them: what an earlier run saw at a
/// target may be gone from there by now, so a function that stays warm must not believe it.
#[derive(Default)]
pub(super) struct Together(Mutex<Weak<Batch>>);

impl Together {
    /// Joins the copies under way; alone, begins a batch.
    pub(super) fn join(&self) -> Arc<Batch> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.upgrade().unwrap_or_else(|| {
            let batch = Arc::new(Batch::new(BLOBS, REMEMBERED));
            *known = Arc::downgrade(&batch);
            batch
        })
    }
}
