//! The copy as a whole, between fake registries.

mod batch;
mod budget;
mod changes;
mod deadline;
mod faults;
mod images;
mod layouts;
mod platforms;
mod ranges;
mod referrers;
mod silent;
mod throttled;
mod verify;

use std::sync::Arc;

use async_trait::async_trait;
use steward_core::{Digest, Reference, RegistryHost, RepositoryPath};

use super::*;
use crate::Ranges;
use crate::fake::Fake;
use crate::repository::Repository;

/// A copy of `team/app:v1` to `dr/team/app:v1`.
fn request(from: &Fake, to: &Fake) -> CopyRequest {
    CopyRequest {
        from: from.repository("team/app").into(),
        reference: reference("v1"),
        to: to.repository("dr/team/app").into(),
        tag: Some("v1".parse().unwrap()),
    }
}

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

async fn done(request: &CopyRequest, options: &CopyOptions) -> CopyReport {
    match copy(request, options).await.unwrap() {
        Outcome::Done(report) => report,
        moved => panic!("{moved:?}"),
    }
}

fn with_referrers() -> CopyOptions {
    CopyOptions {
        referrers: true,
        ..CopyOptions::default()
    }
}

/// Reads an image back through a client that checks every digest.
async fn is_whole(repository: &Repository, reference: &Reference) -> bool {
    let mut wanted = vec![reference.clone()];
    while let Some(reference) = wanted.pop() {
        let Ok(manifest) = repository.manifest(&reference).await else {
            return false;
        };
        for blob in manifest.blobs().filter(|blob| !blob.is_nondistributable()) {
            if repository.blob(blob, 1 << 30).await.is_err() {
                return false;
            }
        }
        wanted.extend(manifest.children().iter().map(|c| c.digest.clone().into()));
    }
    true
}
