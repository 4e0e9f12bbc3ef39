//! An upload that one run leaves and another takes up.
//!
//! The digest of the whole blob is computed over all runs: the state of the hasher travels with the
//! upload, as of a place at or before the last byte that counts, and what lies between is read again.
//! So a wrong byte is noticed before the upload is closed, whichever run read it; the registry checks
//! the digest once more when it closes.

use std::fmt;

use serde::{Deserialize, Serialize};
use steward_core::{Digest, RegistryHost, RepositoryPath};

use super::UploadSession;
use super::hasher::Hasher;
use crate::manifest::Descriptor;
use crate::origin::{Hop, Purpose};
use crate::repository::Repository;

/// An upload that can be taken up again: in another process, on another day as far as the registry
/// keeps it. Bound to its registry, repository and blob. Holds no credentials; but who has it and may
/// write to the repository can write to this upload.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadState {
    /// The registry of the upload.
    pub host: RegistryHost,
    /// The repository of the upload.
    pub repository: RepositoryPath,
    /// The digest of the blob.
    pub digest: Digest,
    /// The size of the blob in bytes.
    pub size: u64,
    /// Bytes that the registry has.
    pub offset: u64,
    /// Path and query of the upload at the registry.
    location: String,
    /// The hasher's state, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hasher: Option<HasherState>,
}

/// The state of a hasher after the first `at` bytes of a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HasherState {
    at: u64,
    state: String,
}

/// The location stays out of logs: some registries sign it.
impl fmt::Debug for UploadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadState")
            .field("host", &self.host)
            .field("repository", &self.repository)
            .field("digest", &self.digest)
            .field("size", &self.size)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl UploadState {
    /// The hasher to go on with, and after how many bytes it stands.
    pub(crate) fn hasher(&self) -> Option<(u64, Hasher)> {
        let known = self.hasher.as_ref()?;
        Some((known.at, Hasher::restore(&self.digest, &known.state)?))
    }
}

impl Repository {
    /// What another run needs to take up an upload; nothing where the upload has left the registry,
    /// or is kept in a place where no other run could be sure that it is an upload of this
    /// repository.
    pub(crate) fn upload_state(
        &self,
        session: &UploadSession,
        blob: &Descriptor,
        offset: u64,
        hasher: Option<(u64, Hasher)>,
    ) -> Option<UploadState> {
        let url = session.url();
        let location = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let state = UploadState {
            host: self.host().clone(),
            repository: self.path().clone(),
            digest: blob.digest.clone(),
            size: blob.size,
            offset,
            location,
            hasher: hasher.map(|(at, hasher)| HasherState {
                at,
                state: hasher.state(),
            }),
        };
        session.is_own().then_some(())?;
        self.taken_up(&state, blob).map(|_| state)
    }

    /// The upload that a state speaks of. A state comes from outside, so it leads nowhere but to an
    /// upload of this very blob in this very repository.
    pub(crate) fn taken_up(&self, state: &UploadState, blob: &Descriptor) -> Option<UploadSession> {
        let fits = state.host == *self.host()
            && state.repository == *self.path()
            && state.digest == blob.digest
            && state.size == blob.size
            && state.offset <= blob.size
            && state.hasher.as_ref().is_none_or(|h| h.at <= state.offset);
        let base = Hop::to(self.endpoint(), "/").ok()?;
        let hop = Hop::follow(self.endpoint(), &base.url, &state.location, Purpose::Upload).ok()?;
        let uploads = format!("/v2/{}/blobs/uploads/", self.path());
        let is_upload = hop
            .url
            .path()
            .strip_prefix(&uploads)
            .is_some_and(|id| !id.is_empty() && !id.contains('%'));
        (fits && hop.own && is_upload).then(|| UploadSession::at(hop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(path: &str) -> Repository {
        let client = crate::client::Client::builder().build().unwrap();
        let host = "registry.example.com".parse().unwrap();
        client.repository(&host, &path.parse().unwrap()).unwrap()
    }

    fn blob() -> Descriptor {
        let digest = crate::blob::digest_of(b"hello world");
        Descriptor::new("application/octet-stream", digest, 11)
    }

    fn state(location: &str) -> UploadState {
        let mut hasher = Hasher::of(&blob().digest);
        hasher.update(b"hello");
        UploadState {
            host: "registry.example.com".parse().unwrap(),
            repository: "team/app".parse().unwrap(),
            digest: blob().digest,
            size: 11,
            offset: 6,
            location: location.to_owned(),
            hasher: Some(HasherState {
                at: 5,
                state: hasher.state(),
            }),
        }
    }

    #[test]
    fn a_digest_is_computed_over_several_runs() {
        let text = serde_json::to_string(&state("/v2/team/app/blobs/uploads/1?_state=x")).unwrap();
        let state: UploadState = serde_json::from_str(&text).unwrap();
        assert!(repository("team/app").taken_up(&state, &blob()).is_some());
        assert!(!format!("{state:?}").contains("_state"), "{state:?}");
        let (at, mut hasher) = state.hasher().unwrap();
        assert_eq!(at, 5);
        hasher.update(b" world");
        assert_eq!(hasher.finish(), blob().digest.as_str());
    }

    #[test]
    fn a_state_leads_to_an_upload_of_its_repository_only() {
        let repository_ = repository("team/app");
        for location in [
            "https://other.example.com/v2/team/app/blobs/uploads/1",
            "//other.example.com/v2/team/app/blobs/uploads/1",
            "http://registry.example.com/v2/team/app/blobs/uploads/1",
            "https://registry.example.com:8443/v2/team/app/blobs/uploads/1",
            "/v2/team/other/blobs/uploads/1",
            "/v2/team/app/manifests/latest",
            "/v2/team/app/blobs/uploads/../../manifests/latest",
            "/v2/team/app/blobs/uploads/%2e%2e/%2e%2e/manifests/latest",
            "/v2/team/app/blobs/uploads/..%2f..%2fmanifests/latest",
            "/v2/team/app/blobs/uploads/",
            "",
        ] {
            assert!(
                repository_.taken_up(&state(location), &blob()).is_none(),
                "{location}"
            );
        }
        let good = state("/v2/team/app/blobs/uploads/1");
        assert!(repository_.taken_up(&good, &blob()).is_some());
        assert!(repository("team/other").taken_up(&good, &blob()).is_none());
        for change in [
            |state: &mut UploadState| state.offset = 12,
            |state: &mut UploadState| state.size = 12,
            |state: &mut UploadState| state.host = "other.example.com".parse().unwrap(),
            |state: &mut UploadState| state.digest = crate::blob::digest_of(b"other"),
            |state: &mut UploadState| state.offset = 4,
        ] {
            let mut changed = good.clone();
            change(&mut changed);
            assert!(
                repository_.taken_up(&changed, &blob()).is_none(),
                "{changed:?}"
            );
        }
    }

    #[test]
    fn a_broken_hasher_state_is_no_hasher() {
        for wrong in ["", "zz", "00", &"ff".repeat(105), &"0".repeat(4000)] {
            let mut state = state("/v2/team/app/blobs/uploads/1");
            state.hasher.as_mut().unwrap().state = wrong.to_owned();
            assert!(state.hasher().is_none(), "{wrong:.10}");
        }
    }
}
