//! Whether registries say by a mount that they have a blob.
//!
//! `POST …?mount=<digest>&from=<the repository itself>` opens an upload and tells whether the upload
//! is needed: one request for both, where the registry follows the specification. One that always
//! opens an upload (202) would get again what it has. To look (`HEAD`) behind every 202 would cost a
//! request for each blob of every cold copy, so it is done only behind a doubtful one: of a blob that
//! this client saw there, or in a repository in which the copy found an older image. Two contradictions
//! settle the matter, and from then on the look comes first; one mount settles it the other way, and
//! so do three looks that found nothing.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use steward_core::{Digest, RegistryHost};

use crate::repository::Repository;

/// Blobs that were there although no mount said so, until a registry is taken for a silent one. Two,
/// because somebody else may have brought one in between.
const CONTRADICTIONS: u32 = 2;
/// Looks that find nothing, until a registry is believed.
const FRUITLESS: u32 = 3;
/// Blobs that are remembered, 8 bytes each; with one more, all are forgotten.
const MEMORY: usize = 8192;

#[derive(Clone, Copy)]
enum Answers {
    Unknown { contradictions: u32, fruitless: u32 },
    Believed,
    Silent,
}

impl Default for Answers {
    fn default() -> Self {
        Self::Unknown {
            contradictions: 0,
            fruitless: 0,
        }
    }
}

/// What was seen of all registries.
#[derive(Default)]
pub(crate) struct Probes {
    registries: Mutex<HashMap<RegistryHost, Answers>>,
    /// Hashes of blobs that were in their repository.
    seen: Mutex<HashSet<u64>>,
    hashes: RandomState,
}

impl Probes {
    /// Whether mounts tell nothing here.
    pub(crate) fn is_silent(&self, host: &RegistryHost) -> bool {
        matches!(self.answers(host), Answers::Silent)
    }

    /// A mount from a repository itself said that the blob is there.
    pub(crate) fn answered(&self, host: &RegistryHost) {
        self.change(host, |_| Answers::Believed);
    }

    /// A blob is in its repository.
    pub(crate) fn saw_blob(&self, repository: &Repository, digest: &Digest) {
        let hash = self.hash(repository, digest);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MEMORY {
            seen.clear();
        }
        seen.insert(hash);
    }

    /// Whether a refused mount is a reason to look. `has_image`: the repository is not a new one.
    pub(crate) fn is_doubtful(
        &self,
        repository: &Repository,
        digest: &Digest,
        has_image: bool,
    ) -> bool {
        let hash = self.hash(repository, digest);
        let was_there = {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.contains(&hash)
        };
        match self.answers(repository.host()) {
            Answers::Unknown { .. } => has_image || was_there,
            Answers::Believed => was_there,
            Answers::Silent => false,
        }
    }

    /// What a look behind a refused mount found.
    pub(crate) fn looked(&self, host: &RegistryHost, there: bool) {
        self.change(host, |answers| match answers {
            Answers::Unknown {
                contradictions,
                fruitless,
            } => {
                let contradictions = contradictions + u32::from(there);
                let fruitless = fruitless + u32::from(!there);
                if contradictions >= CONTRADICTIONS {
                    Answers::Silent
                } else if fruitless >= FRUITLESS {
                    Answers::Believed
                } else {
                    Answers::Unknown {
                        contradictions,
                        fruitless,
                    }
                }
            }
            settled => settled,
        });
    }

    fn answers(&self, host: &RegistryHost) -> Answers {
        let registries = self
            .registries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        registries.get(host).copied().unwrap_or_default()
    }

    fn change(&self, host: &RegistryHost, change: impl FnOnce(Answers) -> Answers) {
        let mut registries = self
            .registries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let answers = registries.entry(host.clone()).or_default();
        *answers = change(*answers);
    }

    fn hash(&self, repository: &Repository, digest: &Digest) -> u64 {
        self.hashes
            .hash_one((repository.host(), repository.path(), digest))
    }
}
