//! The order of a copy.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::{StreamExt, TryStreamExt, stream};
use steward_core::{Digest, Reference};

use super::progress::{Moved, ProgressEvent};
use super::target::Target;
use super::transfer::Mover;
use super::tree::{self, Tree};
use super::{BlobCounts, CopyError, CopyOptions, CopyReport, CopyRequest, Outcome, RequestCounts};
use crate::manifest::{Descriptor, Manifest};
use crate::place::Place;

/// Child manifests written at once.
const MANIFESTS: usize = 4;

/// One copy as it runs.
pub(super) struct Run<'a> {
    pub(super) from: Place,
    pub(super) to: Target,
    pub(super) options: &'a CopyOptions,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    manifests: AtomicU64,
    copied: AtomicU64,
    mounted: AtomicU64,
    present: AtomicU64,
    foreign: AtomicU64,
    bytes: AtomicU64,
}

/// What the first requests told.
enum Found {
    /// The target has the image already.
    Unchanged(Box<Descriptor>),
    /// It has to be copied.
    Image(Box<Manifest>),
}

pub(super) async fn run(
    request: &CopyRequest,
    options: &CopyOptions,
) -> Result<Outcome, CopyError> {
    let started = Instant::now();
    let to = match request.to.metered() {
        Place::Repository(repository) => Place::Repository(repository.for_writing()),
        layout @ Place::Layout(_) => layout,
    };
    let run = Run {
        from: request.from.metered(),
        to: Target::new(to, options.create.clone()),
        options,
        counts: Counts::default(),
    };
    let found = run.look(request).await?;
    let (digest, media_type, unchanged) = match &found {
        Found::Unchanged(image) => (image.digest.clone(), image.media_type.clone(), true),
        Found::Image(manifest) => {
            let media_type = manifest.media_type().to_string();
            (manifest.digest().clone(), media_type, false)
        }
    };
    let mut subjects = vec![digest.clone()];
    if let Found::Image(manifest) = found {
        match run.image(*manifest, request).await? {
            Ok(children) => subjects.extend(children),
            Err(moved) => return Ok(moved),
        }
    }
    let mut referrers = 0;
    if options.referrers {
        referrers += run.referrers(subjects).await?;
    }
    if options.cosign_tags {
        referrers += run.cosign_tags(&digest).await?;
    }
    Ok(Outcome::Done(CopyReport {
        digest,
        media_type,
        unchanged,
        manifests: run.counts.manifests.load(Ordering::Relaxed),
        blobs: BlobCounts {
            copied: run.counts.copied.load(Ordering::Relaxed),
            mounted: run.counts.mounted.load(Ordering::Relaxed),
            present: run.counts.present.load(Ordering::Relaxed),
            foreign: run.counts.foreign.load(Ordering::Relaxed),
        },
        bytes: run.counts.bytes.load(Ordering::Relaxed),
        requests: RequestCounts {
            source: run.from.requests(),
            target: run.to.place().requests(),
        },
        referrers,
        elapsed: started.elapsed(),
    }))
}

impl Run<'_> {
    /// Looks at the target first: where it has nothing, the source's manifest can be read at once
    /// instead of being looked up before; where it has something, two `HEAD`s tell whether it is
    /// the same.
    async fn look(&self, request: &CopyRequest) -> Result<Found, CopyError> {
        let wanted = match (&request.tag, &request.reference) {
            (Some(tag), _) => Some(Reference::Tag(tag.clone())),
            (None, Reference::Digest(digest)) => Some(Reference::Digest(digest.clone())),
            (None, Reference::Tag(_)) => None,
        };
        let existing = match &wanted {
            Some(wanted) => self
                .to
                .place()
                .find(wanted)
                .await
                .map_err(CopyError::Target)?,
            None => None,
        };
        let source = |error| CopyError::Source(error);
        match (&request.reference, existing) {
            (Reference::Digest(digest), Some(existing)) if existing.digest == *digest => {
                Ok(Found::Unchanged(Box::new(existing)))
            }
            (Reference::Digest(_), _) | (Reference::Tag(_), None) => {
                let manifest = self.from.manifest(&request.reference).await;
                Ok(Found::Image(Box::new(manifest.map_err(source)?)))
            }
            (Reference::Tag(_), Some(existing)) => {
                let found = self.from.find(&request.reference).await.map_err(source)?;
                if found.is_some_and(|found| found.digest == existing.digest) {
                    return Ok(Found::Unchanged(Box::new(existing)));
                }
                // By tag again: had the source lost the tag, this is the request that says so.
                let manifest = self.from.manifest(&request.reference).await;
                Ok(Found::Image(Box::new(manifest.map_err(source)?)))
            }
        }
    }

    /// Copies the image itself; the digests of its children, or that the source has moved.
    async fn image(
        &self,
        root: Manifest,
        request: &CopyRequest,
    ) -> Result<Result<Vec<Digest>, Outcome>, CopyError> {
        let tree = if self.is_retag() {
            // Everything below the manifest is where it has to be.
            Tree::bare(root)
        } else {
            let tree = tree::read(&self.from, self.to.place(), root).await?;
            self.contents(&tree).await?;
            tree
        };
        if let Some(tag) = &self.options.recheck {
            let found = self
                .from
                .find(&Reference::Tag(tag.clone()))
                .await
                .map_err(CopyError::Source)?
                .map(|found| found.digest);
            if found.as_ref() != Some(tree.root.digest()) {
                return Ok(Err(Outcome::SourceMoved {
                    expected: tree.root.digest().clone(),
                    found,
                }));
            }
        }
        let name = match &request.tag {
            Some(tag) => Reference::Tag(tag.clone()),
            None => Reference::Digest(tree.root.digest().clone()),
        };
        let listed = self.manifest(&name, &tree.root, true).await?;
        // An image that is itself a referrer has to be found under its subject.
        if let (Some(subject), false) = (tree.root.subject(), listed) {
            self.list_referrers(&subject.digest, &[tree.root.descriptor()])
                .await?;
        }
        Ok(Ok(tree.children))
    }

    /// Copies blobs and child manifests: everything below the root.
    pub(super) async fn contents(&self, tree: &Tree) -> Result<(), CopyError> {
        self.counts
            .foreign
            .fetch_add(tree.foreign, Ordering::Relaxed);
        self.options.progress.event(&ProgressEvent::Planned {
            blobs: tree.blobs.len() as u64,
            bytes: tree.blobs.iter().map(|blob| blob.size).sum(),
        });
        let known = self.known_blobs(tree).await;
        let mover = Mover {
            from: &self.from,
            to: &self.to,
            mount_from: self.neighbours(),
            progress: Arc::clone(&self.options.progress),
        };
        // Made outside of the stream: a closure inside of it that borrows its argument would make this
        // future's `Send` unprovable for callers (rust-lang/rust#102211).
        let blobs: Vec<_> = tree
            .blobs
            .iter()
            .map(|blob| self.blob(&mover, blob, known.as_ref()))
            .collect();
        stream::iter(blobs)
            .buffer_unordered(self.options.concurrency.max(1))
            .try_collect::<()>()
            .await?;
        // The deepest first: a registry takes an index only when it has its children.
        for level in tree.levels.iter().rev() {
            let puts: Vec<_> = level
                .iter()
                .map(|manifest| self.put_child(manifest))
                .collect();
            stream::iter(puts)
                .buffer_unordered(MANIFESTS)
                .try_collect::<()>()
                .await?;
        }
        Ok(())
    }

    async fn put_child(&self, manifest: &Manifest) -> Result<(), CopyError> {
        let name = Reference::Digest(manifest.digest().clone());
        self.manifest(&name, manifest, false).await.map(drop)
    }

    async fn blob(
        &self,
        mover: &Mover<'_>,
        blob: &Descriptor,
        known: Option<&HashSet<Digest>>,
    ) -> Result<(), CopyError> {
        let is_known = known.is_some_and(|known| known.contains(&blob.digest));
        let how = if is_known {
            Moved::Present
        } else {
            match mover.blob(blob, known.is_some()).await {
                // Layers with addresses of their own need not be in the source.
                Err(error) if error.is_source_missing() && !blob.urls.is_empty() => {
                    self.counts.foreign.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                moved => moved?,
            }
        };
        let count = match how {
            Moved::Copied => {
                self.counts.bytes.fetch_add(blob.size, Ordering::Relaxed);
                &self.counts.copied
            }
            Moved::Mounted => &self.counts.mounted,
            Moved::Present => &self.counts.present,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.options.progress.event(&ProgressEvent::BlobDone {
            digest: blob.digest.clone(),
            size: blob.size,
            how,
        });
        Ok(())
    }

    /// Writes a manifest; whether the registry said that it lists it under its subject.
    pub(super) async fn manifest(
        &self,
        name: &Reference,
        manifest: &Manifest,
        root: bool,
    ) -> Result<bool, CopyError> {
        let listed = self.to.put_manifest(name, manifest, root).await?;
        self.counts.manifests.fetch_add(1, Ordering::Relaxed);
        self.options.progress.event(&ProgressEvent::ManifestDone {
            digest: manifest.digest().clone(),
        });
        Ok(listed)
    }

    pub(super) async fn list_referrers(
        &self,
        subject: &Digest,
        referrers: &[Descriptor],
    ) -> Result<(), CopyError> {
        if self.to.list_referrers(subject, referrers).await? {
            self.counts.manifests.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The blobs that the target has, where somebody knows.
    async fn known_blobs(&self, tree: &Tree) -> Option<HashSet<Digest>> {
        let (Some(availability), Place::Repository(to)) =
            (&self.options.availability, self.to.place())
        else {
            return None;
        };
        if tree.blobs.is_empty() {
            return None;
        }
        let digests: Vec<Digest> = tree.blobs.iter().map(|blob| blob.digest.clone()).collect();
        let present = availability.present(to.host(), to.path(), &digests).await?;
        Some(present.into_iter().collect())
    }

    fn neighbours(&self) -> Vec<steward_core::RepositoryPath> {
        let Place::Repository(to) = self.to.place() else {
            return Vec::new();
        };
        let mut neighbours = Vec::new();
        if let Place::Repository(from) = &self.from
            && from.shares_registry(to)
        {
            neighbours.push(from.path().clone());
        }
        for path in &self.options.mount_from {
            if path != to.path() && !neighbours.contains(path) {
                neighbours.push(path.clone());
            }
        }
        neighbours
    }

    /// Whether source and target are the same repository.
    pub(super) fn is_retag(&self) -> bool {
        match (&self.from, self.to.place()) {
            (Place::Repository(from), Place::Repository(to)) => from.is_same(to),
            (Place::Layout(from), Place::Layout(to)) => from.path() == to.path(),
            _ => false,
        }
    }
}
