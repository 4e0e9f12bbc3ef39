use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use steward_core::RepositoryName;

/// How long resource tags are taken for current.
const FRESH: Duration = Duration::from_secs(300);
/// How many repositories' tags are kept before all are forgotten.
const KEPT: usize = 1000;

type Known = HashMap<RepositoryName, (Instant, BTreeMap<String, String>)>;

/// The resource tags of repositories, for five minutes.
#[derive(Debug, Default)]
pub struct ResourceTags(Mutex<Known>);

impl ResourceTags {
    pub(crate) fn get(&self, repository: &RepositoryName) -> Option<BTreeMap<String, String>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, tags) = known.get(repository)?;
        (since.elapsed() < FRESH).then(|| tags.clone())
    }

    pub(crate) fn keep(&self, repository: &RepositoryName, tags: &BTreeMap<String, String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(repository.clone(), (Instant::now(), tags.clone()));
    }
}
