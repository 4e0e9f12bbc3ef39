//! How much a registry is asked at once. Registries limit each kind of request by itself, so each
//! kind has a bound of its own, which everybody who uses the same client shares.

mod gate;
mod window;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use steward_core::RegistryHost;

pub(crate) use gate::{Gate, Pass};
use window::Window;

/// The kinds of request that registries limit one by one (ECR's quotas are per API action:
/// `PutImage` 10/s, `InitiateLayerUpload` 100/s, `UploadLayerPart` 500/s …).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    ManifestRead,
    ManifestWrite,
    BlobRead,
    UploadBegin,
    UploadSend,
    /// Listings and everything else.
    Other,
}

impl Action {
    /// The kind of a request to a registry's own address.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        if path.contains("/blobs/uploads/") {
            if *method == Method::POST {
                Self::UploadBegin
            } else {
                Self::UploadSend
            }
        } else if path.contains("/blobs/") {
            Self::BlobRead
        } else if path.contains("/manifests/") {
            if reads {
                Self::ManifestRead
            } else {
                Self::ManifestWrite
            }
        } else {
            Self::Other
        }
    }
}

/// The bounds of all registries that a client has spoken to.
pub(crate) struct Limits {
    ceiling: usize,
    gates: Mutex<HashMap<(RegistryHost, Action), Arc<Gate>>>,
}

impl Limits {
    pub(crate) fn new(ceiling: usize) -> Self {
        Self {
            ceiling,
            gates: Mutex::default(),
        }
    }

    /// Where requests of this kind to this registry pass.
    pub(crate) fn gate(&self, host: &RegistryHost, action: Action) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = gates
            .entry((host.clone(), action))
            .or_insert_with(|| Arc::new(Gate::new(Window::new(self.ceiling))));
        Arc::clone(gate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_request_is_told_apart() {
        use Action::{BlobRead, ManifestRead, ManifestWrite, Other, UploadBegin, UploadSend};
        for (method, path, expected) in [
            (Method::GET, "/v2/a/manifests/v1", ManifestRead),
            (Method::HEAD, "/v2/a/manifests/v1", ManifestRead),
            (Method::PUT, "/v2/a/manifests/v1", ManifestWrite),
            (Method::DELETE, "/v2/a/manifests/v1", ManifestWrite),
            (Method::GET, "/v2/a/blobs/sha256:0", BlobRead),
            (Method::HEAD, "/v2/a/blobs/sha256:0", BlobRead),
            (Method::POST, "/v2/a/blobs/uploads/", UploadBegin),
            (Method::PATCH, "/v2/a/blobs/uploads/1", UploadSend),
            (Method::PUT, "/v2/a/blobs/uploads/1", UploadSend),
            (Method::GET, "/v2/a/tags/list", Other),
            (Method::GET, "/v2/", Other),
        ] {
            assert_eq!(Action::of(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn registries_and_kinds_do_not_share_a_bound() {
        let limits = Limits::new(8);
        let a: RegistryHost = "a.example.com".parse().unwrap();
        let b: RegistryHost = "b.example.com".parse().unwrap();
        let gate = limits.gate(&a, Action::BlobRead);
        assert!(Arc::ptr_eq(&gate, &limits.gate(&a, Action::BlobRead)));
        assert!(!Arc::ptr_eq(&gate, &limits.gate(&b, Action::BlobRead)));
        assert!(!Arc::ptr_eq(&gate, &limits.gate(&a, Action::Other)));
    }
}
