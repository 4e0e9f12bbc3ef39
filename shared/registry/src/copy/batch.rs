//! What the copies of a batch know of each other: a blob of several images moves once.

mod ledger;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::lanes::Lanes;
pub(super) use ledger::{Claim, Ledger};

/// What several copies share: which blobs the targets have by now, which are on their way, and how
/// many may be. Cheap to clone; the clones are the same batch.
///
/// The first copy that needs a blob at a target moves it. The others wait for it, and find it there
/// or mount it from the repository it went to. ECR mounts only what a manifest refers to already, so
/// copies to different repositories of ECR do not wait for each other; they mount what earlier ones
/// completed.
#[derive(Clone)]
pub struct Batch {
    ledger: Arc<Ledger>,
    slots: Arc<Semaphore>,
    lanes: Arc<Lanes>,
}

impl Batch {
    /// A batch of which `concurrency` blobs travel at once, and which remembers the last
    /// `remembered` blobs: about 300 bytes each.
    #[must_use]
    pub fn new(concurrency: usize, remembered: usize) -> Self {
        Self {
            ledger: Arc::new(Ledger::new(remembered)),
            slots: Arc::new(Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS))),
            lanes: Arc::new(Lanes::new(concurrency)),
        }
    }

    pub(super) fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// What the large blobs of all copies share.
    pub(super) fn lanes(&self) -> &Arc<Lanes> {
        &self.lanes
    }

    /// Waits until one more blob may travel.
    pub(super) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }
}
