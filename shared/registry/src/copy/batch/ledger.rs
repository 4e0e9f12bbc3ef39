//! Who moves which blob, and where it is.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use steward_core::{Digest, RegistryHost, RepositoryPath};
use tokio::sync::Notify;

/// Repositories that are remembered for one blob: one is enough to mount from.
const REPOSITORIES: usize = 16;

/// A blob of a registry.
type Key = (RegistryHost, Digest);

/// Which blobs a batch has brought where.
pub(crate) struct Ledger {
    entries: Mutex<Entries>,
    changed: Notify,
}

struct Entries {
    by_blob: HashMap<Key, Entry>,
    /// In the order in which they were first heard of.
    order: VecDeque<Key>,
    capacity: usize,
}

#[derive(Default)]
struct Entry {
    there: Vec<RepositoryPath>,
    moving: Vec<RepositoryPath>,
}

/// What a copy has to do about a blob.
pub(crate) enum Claim {
    /// Nothing: the repository has it.
    Present,
    /// Move it, or mount it from the neighbour.
    Lead(Lead),
}

/// The right, and the duty, to move a blob. Dropped without [`Lead::done`], the next one gets it.
pub(crate) struct Lead {
    ledger: Arc<Ledger>,
    key: Key,
    repository: RepositoryPath,
    neighbour: Option<RepositoryPath>,
    done: bool,
}

impl Lead {
    /// A repository of the same registry that has the blob.
    pub(crate) fn neighbour(&self) -> Option<&RepositoryPath> {
        self.neighbour.as_ref()
    }

    /// The repository has the blob now.
    pub(crate) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        {
            let mut entries = self.ledger.lock();
            if let Some(entry) = entries.by_blob.get_mut(&self.key) {
                entry.moving.retain(|moving| *moving != self.repository);
                if self.done && entry.there.len() < REPOSITORIES {
                    entry.there.push(self.repository.clone());
                }
            }
        }
        self.ledger.changed.notify_waiters();
    }
}

impl Ledger {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            entries: Mutex::new(Entries {
                by_blob: HashMap::new(),
                order: VecDeque::new(),
                capacity: capacity.max(1),
            }),
            changed: Notify::new(),
        }
    }

    /// Waits until a blob is in the repository, or is this copy's to move. With `across`, a blob on
    /// its way to another repository of the registry is waited for as well, to be mounted.
    pub(crate) async fn claim(
        self: &Arc<Self>,
        host: &RegistryHost,
        repository: &RepositoryPath,
        digest: &Digest,
        across: bool,
    ) -> Claim {
        let key = (host.clone(), digest.clone());
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(claim) = self.try_claim(&key, repository, across) {
                return claim;
            }
            changed.await;
        }
    }

    fn try_claim(
        self: &Arc<Self>,
        key: &Key,
        repository: &RepositoryPath,
        across: bool,
    ) -> Option<Claim> {
        let mut entries = self.lock();
        let entry = entries.entry(key);
        if entry.there.contains(repository) {
            return Some(Claim::Present);
        }
        let elsewhere = across && entry.there.is_empty() && !entry.moving.is_empty();
        if elsewhere || entry.moving.contains(repository) {
            return None;
        }
        entry.moving.push(repository.clone());
        Some(Claim::Lead(Lead {
            ledger: Arc::clone(self),
            key: key.clone(),
            repository: repository.clone(),
            neighbour: entry.there.first().cloned(),
            done: false,
        }))
    }

    /// Forgets a blob that turned out not to be where it was thought to be.
    pub(crate) fn forget(&self, host: &RegistryHost, repository: &RepositoryPath, digest: &Digest) {
        let mut entries = self.lock();
        if let Some(entry) = entries.by_blob.get_mut(&(host.clone(), digest.clone())) {
            entry.there.retain(|there| there != repository);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn entry(&mut self, key: &Key) -> &mut Entry {
        if !self.by_blob.contains_key(key) {
            self.make_room();
            self.order.push_back(key.clone());
        }
        self.by_blob.entry(key.clone()).or_default()
    }

    /// Forgets the oldest blob that nobody moves.
    fn make_room(&mut self) {
        for _ in 0..self.order.len() {
            if self.by_blob.len() < self.capacity {
                return;
            }
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            let is_moving = self
                .by_blob
                .get(&oldest)
                .is_some_and(|entry| !entry.moving.is_empty());
            if is_moving {
                self.order.push_back(oldest);
            } else {
                self.by_blob.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(n: u8) -> Digest {
        Digest::from_sha256(&[n; 32])
    }

    fn path(text: &str) -> RepositoryPath {
        text.parse().unwrap()
    }

    async fn claim(ledger: &Arc<Ledger>, repository: &str, n: u8, across: bool) -> Claim {
        let host: RegistryHost = "registry.example.com".parse().unwrap();
        ledger
            .claim(&host, &path(repository), &blob(n), across)
            .await
    }

    fn lead(claim: Claim) -> Lead {
        match claim {
            Claim::Lead(lead) => lead,
            Claim::Present => panic!("expected to lead"),
        }
    }

    #[tokio::test]
    async fn the_first_leads_and_the_others_find_the_blob_or_a_neighbour() {
        let ledger = Arc::new(Ledger::new(10));
        let first = lead(claim(&ledger, "a", 1, true).await);
        assert!(first.neighbour().is_none());
        let same = tokio::spawn({
            let ledger = Arc::clone(&ledger);
            async move { claim(&ledger, "a", 1, true).await }
        });
        let other = tokio::spawn({
            let ledger = Arc::clone(&ledger);
            async move { claim(&ledger, "b", 1, true).await }
        });
        tokio::task::yield_now().await;
        assert!(!same.is_finished() && !other.is_finished());
        first.done();
        assert!(matches!(same.await.unwrap(), Claim::Present));
        assert_eq!(lead(other.await.unwrap()).neighbour(), Some(&path("a")));
    }

    #[tokio::test]
    async fn a_leader_that_fails_hands_over() {
        let ledger = Arc::new(Ledger::new(10));
        drop(lead(claim(&ledger, "a", 1, true).await));
        assert!(
            lead(claim(&ledger, "b", 1, true).await)
                .neighbour()
                .is_none()
        );
    }

    #[tokio::test]
    async fn where_nothing_can_be_mounted_nobody_waits_for_another_repository() {
        let ledger = Arc::new(Ledger::new(10));
        let _first = lead(claim(&ledger, "a", 1, false).await);
        lead(claim(&ledger, "b", 1, false).await).done();
        assert!(matches!(
            claim(&ledger, "b", 1, false).await,
            Claim::Present
        ));
    }

    #[tokio::test]
    async fn what_is_remembered_is_bounded_and_what_moves_is_kept() {
        let ledger = Arc::new(Ledger::new(2));
        let moving = lead(claim(&ledger, "a", 1, true).await);
        for n in 2..20 {
            lead(claim(&ledger, "a", n, true).await).done();
        }
        assert!(ledger.lock().by_blob.len() <= 2);
        moving.done();
        assert!(matches!(claim(&ledger, "a", 1, true).await, Claim::Present));
        // An old one is forgotten: it is looked at again, and nothing worse.
        drop(lead(claim(&ledger, "a", 2, true).await));
    }

    #[tokio::test]
    async fn what_turns_out_wrong_is_forgotten() {
        let ledger = Arc::new(Ledger::new(10));
        lead(claim(&ledger, "a", 1, true).await).done();
        let host: RegistryHost = "registry.example.com".parse().unwrap();
        ledger.forget(&host, &path("a"), &blob(1));
        assert!(matches!(claim(&ledger, "a", 1, true).await, Claim::Lead(_)));
    }
}
