//! What a rule with `platforms` copies of each image, as the copy engine decides it.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt as _, stream};
use steward_core::{Digest, RepositoryName, RepositoryPath};
use steward_registry::{CopyError, Part, PlatformFilter, RegistryError, part_of};
use steward_runtime::registry_access::Access;

use super::{Missing, Sides, Unread, Wanted};
use steward_runtime::failure::chain;

/// Images of a repository that are read at the same time.
const JOBS: usize = 8;

/// The images of one repository that were read for one rule. Its targets all get the same.
pub(super) struct Parts<'a> {
    sides: &'a Sides,
    repository: &'a RepositoryName,
    filter: PlatformFilter,
    known: HashMap<Digest, Wanted>,
}

impl<'a> Parts<'a> {
    pub(super) fn new(
        sides: &'a Sides,
        repository: &'a RepositoryName,
        filter: PlatformFilter,
    ) -> Self {
        Self {
            sides,
            repository,
            filter,
            known: HashMap::new(),
        }
    }

    /// Reads those images that were not read before.
    pub(super) async fn read(&mut self, copies: &[Missing]) {
        let new: HashSet<&Digest> = copies
            .iter()
            .map(|copy| &copy.digest)
            .filter(|digest| !self.known.contains_key(digest))
            .collect();
        let reads: Vec<_> = new.into_iter().map(|digest| self.wanted(digest)).collect();
        let read: Vec<(Digest, Wanted)> =
            stream::iter(reads).buffer_unordered(JOBS).collect().await;
        self.known.extend(read);
    }

    /// What was read; an image that was not is taken whole.
    pub(super) fn of(&self, digest: &Digest) -> Wanted {
        let known = self.known.get(digest).cloned();
        known.unwrap_or_else(|| Wanted::Manifest(digest.clone()))
    }

    async fn wanted(&self, digest: &Digest) -> (Digest, Wanted) {
        let host = &self.sides.host;
        let repository = self
            .sides
            .access
            .client(&Access::own(host.clone()))
            .and_then(|client| client.repository(host, &RepositoryPath::from(self.repository)));
        let part = match repository {
            Ok(repository) => part_of(&repository.into(), digest, &self.filter).await,
            Err(error) => Err(CopyError::Source(error)),
        };
        let wanted = match part {
            Ok(Part::Manifest(digest)) => Wanted::Manifest(digest),
            Ok(Part::OtherPlatform(_)) => Wanted::Nothing,
            Err(error) if error.is_source_missing() => Wanted::Nothing,
            // The replicator fails on it, too: it stays missing, and the copy says why.
            Err(CopyError::Source(RegistryError::NoSuchPlatform { .. })) => {
                Wanted::Manifest(digest.clone())
            }
            Err(error) => Wanted::Unread(Unread {
                to: format!("{host}/{}@{digest}", self.repository),
                error_type: error.error_type().to_owned(),
                error: chain(&error),
            }),
        };
        (digest.clone(), wanted)
    }
}
