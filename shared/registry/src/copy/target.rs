//! The target of a copy: a place whose repository may have to be created first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use steward_core::{Digest, Reference, RepositoryPath};
use tokio::sync::OnceCell;

use super::{CopyError, CreateRepository};
use crate::blob::Started;
use crate::error::RegistryError;
use crate::manifest::{Descriptor, Manifest};
use crate::place::Place;
use crate::repository::Repository;

/// A repository that was just created may stay unknown to the registry for a moment.
const AFTER_CREATION: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

pub(super) struct Target {
    place: Place,
    create: Option<Arc<dyn CreateRepository>>,
    created: OnceCell<()>,
    /// Whether an image was found under the name that the copy writes.
    has_image: AtomicBool,
}

impl Target {
    pub(super) fn new(place: Place, create: Option<Arc<dyn CreateRepository>>) -> Self {
        Self {
            place,
            create,
            created: OnceCell::new(),
            has_image: AtomicBool::new(false),
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// What stands under the name that the copy writes.
    pub(super) async fn existing(&self, name: &Reference) -> Result<Option<Descriptor>, CopyError> {
        let found = self.place.find(name).await.map_err(CopyError::Target)?;
        self.has_image.fetch_or(found.is_some(), Ordering::Relaxed);
        Ok(found)
    }

    /// Whether an image was found there, so that its blobs are in the repository.
    pub(super) fn has_image(&self) -> bool {
        self.has_image.load(Ordering::Relaxed)
    }

    pub(super) async fn start_upload(
        &self,
        to: &Repository,
        mount: Option<&Digest>,
        from: Option<&RepositoryPath>,
    ) -> Result<Started, CopyError> {
        self.creating(|| to.start_upload(mount, from).boxed()).await
    }

    /// Writes a manifest. `root` is the image that was asked for, not something below it. Whether
    /// the registry said that it lists the manifest under its subject.
    pub(super) async fn put_manifest(
        &self,
        reference: &Reference,
        manifest: &Manifest,
        root: bool,
    ) -> Result<bool, CopyError> {
        match &self.place {
            Place::Repository(to) => {
                let write = || to.write_manifest(reference, manifest).boxed();
                Ok(self.creating(write).await?.subject_listed)
            }
            Place::Layout(layout) => {
                layout
                    .put_manifest(reference, manifest, root)
                    .await
                    .map_err(CopyError::Target)?;
                Ok(true)
            }
        }
    }

    /// Sees to it that referrers are listed under their subject, where the registry does not do
    /// that by itself. Whether something had to be written.
    pub(super) async fn list_referrers(
        &self,
        subject: &Digest,
        referrers: &[Descriptor],
    ) -> Result<bool, CopyError> {
        let Place::Repository(to) = &self.place else {
            return Ok(false);
        };
        if referrers.is_empty() {
            return Ok(false);
        }
        let by_itself = to
            .lists_referrers(subject)
            .await
            .map_err(CopyError::Target)?;
        if by_itself {
            return Ok(false);
        }
        to.list_referrers_by_tag(subject, referrers)
            .await
            .map_err(CopyError::Target)
    }

    /// Runs a request, and again after the repository was created where it does not exist.
    ///
    /// `request` is a closure that boxes its future and no `AsyncFn`: callers could not prove that
    /// the copy's future is `Send` (rust-lang/rust#110338).
    async fn creating<'f, T>(
        &self,
        request: impl Fn() -> BoxFuture<'f, Result<T, RegistryError>> + Send + Sync,
    ) -> Result<T, CopyError> {
        let mut refused = match request().await {
            Err(error @ RegistryError::RepositoryNotFound(_)) => error,
            other => return other.map_err(CopyError::Target),
        };
        let (Some(create), Place::Repository(to)) = (&self.create, &self.place) else {
            return Err(CopyError::Target(refused));
        };
        self.created
            .get_or_try_init(|| async {
                tracing::info!(repository = %to, "creating the repository");
                create
                    .create(to.host(), to.path())
                    .await
                    .map_err(|error| RegistryError::Create {
                        repository: to.to_string(),
                        transient: error.transient,
                        source: error.source,
                    })
            })
            .await
            .map_err(CopyError::Target)?;
        for pause in AFTER_CREATION {
            tokio::time::sleep(pause).await;
            refused = match request().await {
                Err(error @ RegistryError::RepositoryNotFound(_)) => error,
                other => return other.map_err(CopyError::Target),
            };
        }
        Err(CopyError::Target(refused))
    }
}
