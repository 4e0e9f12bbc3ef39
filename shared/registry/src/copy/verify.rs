//! Looks at the target after a copy.

use std::collections::HashSet;

use steward_core::{Digest, Reference};

use super::CopyError;
use super::engine::{Run, Stop};
use super::options::CopyRequest;
use super::platforms::Selection;
use super::transfer::Ended;
use super::transfer::Known;
use super::tree;
use crate::error::RegistryError;
use crate::manifest::{Descriptor, Manifest};

impl Run<'_> {
    /// Makes sure that the target has the image under its tag, whole. A blob that is not there is
    /// moved once more.
    pub(super) async fn verify(&self, request: &CopyRequest, digest: &Digest) -> Result<(), Stop> {
        let to = self.to.place();
        let by_digest = Reference::Digest(digest.clone());
        if let Some(tag) = &request.tag {
            let found = to.find(&Reference::Tag(tag.clone())).await;
            let found = found.map_err(CopyError::Target)?.map(|found| found.digest);
            if found.as_ref() != Some(digest) {
                let says = match found {
                    Some(other) => format!("points at {other}"),
                    None => "does not exist".to_owned(),
                };
                return Err(self
                    .unverified(format!("has a tag {tag} that {says}"))
                    .into());
            }
        }
        // What the target says about itself, so its errors are the target's.
        let root = to.manifest(&by_digest).await.map_err(CopyError::Target)?;
        let tree = tree::read(to, None, &Selection::whole(root))
            .await
            .map_err(|error| CopyError::Target(error.into_error()))?;
        // Layers with addresses of their own need not be in a registry.
        let blobs: Vec<Descriptor> = tree
            .blobs
            .into_iter()
            .filter(|blob| blob.urls.is_empty())
            .collect();
        let absent = self.absent(&blobs).await?;
        if absent.is_empty() {
            return Ok(());
        }
        self.repair(&blobs, &absent).await?;
        match self.absent(&blobs).await?.into_iter().next() {
            Some(blob) => Err(self.unverified(format!("lacks the blob {blob}")).into()),
            None => Ok(()),
        }
    }

    /// Moves again what the target lacks of an image's blobs; whether something was lacking.
    pub(super) async fn refill(&self, manifest: &Manifest) -> Result<bool, CopyError> {
        let blobs: Vec<Descriptor> = manifest
            .blobs()
            .filter(|blob| blob.urls.is_empty())
            .cloned()
            .collect();
        let absent = self.absent(&blobs).await?;
        match self.repair(&blobs, &absent).await {
            Ok(()) => Ok(!absent.is_empty()),
            Err(Stop::Failed(error)) => Err(error),
            // Time was up, so the manifest stays refused.
            Err(Stop::Paused | Stop::Over(_)) => Ok(false),
        }
    }

    async fn repair(&self, blobs: &[Descriptor], absent: &HashSet<Digest>) -> Result<(), Stop> {
        let mover = self.mover();
        for blob in blobs.iter().filter(|blob| absent.contains(&blob.digest)) {
            tracing::warn!(digest = %blob.digest, "the target lost a blob; moving it again");
            let known = Known {
                absent: true,
                neighbour: None,
            };
            if matches!(mover.blob(blob, known).await?, Ended::Stopped { .. }) {
                return Err(Stop::Paused);
            }
        }
        Ok(())
    }

    fn unverified(&self, reason: String) -> CopyError {
        CopyError::Target(RegistryError::Unverified {
            subject: self.to.place().to_string(),
            reason,
        })
    }
}
