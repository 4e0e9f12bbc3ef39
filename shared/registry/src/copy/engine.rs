//! The order of a copy.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use steward_core::facts::Platform;
use steward_core::{Digest, Reference};
use tokio::time::Instant;

use super::CopyError;
use super::clock::Clock;
use super::lanes::Lanes;
use super::options::{CopyOptions, CopyRequest, Verify};
use super::platforms::{self, Selected, Selection};
use super::progress::ProgressEvent;
use super::report::{CopyReport, Outcome, Paused, RequestCounts};
use super::tally::Tally;
use super::target::Target;
use super::tree::{self, Tree};
use crate::manifest::{Descriptor, Manifest};
use crate::place::Place;

/// Child manifests written at once.
const MANIFESTS: usize = 4;

/// One copy as it runs.
pub(super) struct Run<'a> {
    pub(super) from: Place,
    pub(super) to: Target,
    pub(super) options: &'a CopyOptions,
    pub(super) clock: Clock,
    pub(super) lanes: Arc<Lanes>,
    pub(super) tally: Tally,
    started: Instant,
}

/// Why a copy ends before its end.
#[derive(Debug)]
pub(super) enum Stop {
    Failed(CopyError),
    /// Time is up.
    Paused,
    /// There is nothing (more) to do.
    Over(Outcome),
}

impl From<CopyError> for Stop {
    fn from(error: CopyError) -> Self {
        Self::Failed(error)
    }
}

impl Found {
    fn whole(root: Manifest) -> Self {
        Self::Image {
            selection: Box::new(Selection::whole(root)),
            unchanged: false,
        }
    }
}

/// What the first requests told.
pub(super) enum Found {
    /// The target has the image already, and so does the source.
    Unchanged(Descriptor),
    /// The image, or the part of it that is wanted, was read; the target may have it already.
    Image {
        selection: Box<Selection>,
        unchanged: bool,
    },
    /// The image is one of another platform.
    Other(Digest, Platform),
}

pub(super) async fn run(
    request: &CopyRequest,
    options: &CopyOptions,
) -> Result<Outcome, CopyError> {
    let run = Run::new(&request.from, &request.to, options);
    let copied = run.clock.until_deadline(run.image(request)).await;
    match copied.unwrap_or(Err(Stop::Paused)) {
        Ok(report) => Ok(Outcome::Done(report)),
        Err(Stop::Over(outcome)) => Ok(outcome),
        Err(Stop::Paused) => Ok(Outcome::Paused(run.paused())),
        Err(Stop::Failed(error)) => Err(error),
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(from: &Place, to: &Place, options: &'a CopyOptions) -> Self {
        let to = match to.metered() {
            Place::Repository(repository) => Place::Repository(repository.for_writing()),
            layout @ Place::Layout(_) => layout,
        };
        let lanes = match &options.batch {
            Some(batch) => Arc::clone(batch.lanes()),
            None => Arc::new(Lanes::new(options.concurrency)),
        };
        Self {
            from: from.metered(),
            to: Target::new(to, options.create.clone()),
            options,
            clock: Clock::new(options.deadline),
            lanes,
            tally: Tally::default(),
            started: Instant::now(),
        }
    }

    /// Copies the image and what belongs to it.
    async fn image(&self, request: &CopyRequest) -> Result<CopyReport, Stop> {
        let (selection, unchanged) = match self.look(request).await? {
            Found::Other(digest, platform) => {
                return Err(Stop::Over(Outcome::OtherPlatform { digest, platform }));
            }
            Found::Unchanged(image) => (Err(image), true),
            Found::Image {
                selection,
                unchanged,
            } => (Ok(selection), unchanged),
        };
        let image = match &selection {
            Ok(selection) => selection.root.descriptor(),
            Err(image) => image.clone(),
        };
        let mut report = CopyReport::of(image.digest.clone(), image.media_type);
        report.unchanged = unchanged;
        // What is about the image is asked for by the digest that the source knows.
        let mut subjects = match &selection {
            Ok(selection) => selection.subjects(),
            Err(image) => vec![image.digest.clone()],
        };
        let signed = subjects.clone();
        if let Ok(selection) = selection {
            report.filtered.clone_from(&selection.filtered);
            if !unchanged {
                let children = self.contents_and_root(&selection, request).await?;
                let of_source = |child: &Digest| !selection.made.contains_key(child);
                subjects.extend(children.into_iter().filter(of_source));
            }
        }
        if self.options.verify == Verify::Full {
            self.verify(request, &report.digest).await?;
            report.verified = Verify::Full;
        }
        if self.options.referrers {
            report.referrers += self.referrers(subjects).await?;
        }
        if self.options.cosign_tags {
            for image in &signed {
                report.referrers += self.cosign_tags(image).await?;
            }
        }
        report.manifests = self.tally.manifests();
        (report.blobs, report.bytes, report.details) = self.tally.blobs();
        report.requests = self.requests();
        report.elapsed = self.started.elapsed();
        Ok(report)
    }

    /// Looks at the target first: where it has nothing, the source's manifest can be read at once
    /// instead of being looked up before; where it has something, two `HEAD`s tell whether it is
    /// the same.
    pub(super) async fn look(&self, request: &CopyRequest) -> Result<Found, CopyError> {
        let wanted = match (&request.tag, &request.reference) {
            (Some(tag), _) => Some(Reference::Tag(tag.clone())),
            (None, Reference::Digest(digest)) if self.options.platforms.is_none() => {
                Some(Reference::Digest(digest.clone()))
            }
            (None, _) => None,
        };
        let existing = match &wanted {
            Some(wanted) => self.to.existing(wanted).await?,
            None => None,
        };
        if let Some(filter) = &self.options.platforms {
            let root = self.from.manifest(&request.reference).await;
            let root = root.map_err(CopyError::Source)?;
            return self.look_at_part(root, filter, existing, request).await;
        }
        let source = |error| CopyError::Source(error);
        match (&request.reference, existing) {
            (Reference::Digest(digest), Some(existing)) if existing.digest == *digest => {
                Ok(Found::Unchanged(existing))
            }
            (Reference::Digest(_), _) | (Reference::Tag(_), None) => {
                let manifest = self.from.manifest(&request.reference).await;
                Ok(Found::whole(manifest.map_err(source)?))
            }
            (Reference::Tag(_), Some(existing)) => {
                let found = self.from.find(&request.reference).await.map_err(source)?;
                if found.is_some_and(|found| found.digest == existing.digest) {
                    return Ok(Found::Unchanged(existing));
                }
                // By tag again: had the source lost the tag, this is the request that says so.
                let manifest = self.from.manifest(&request.reference).await;
                Ok(Found::whole(manifest.map_err(source)?))
            }
        }
    }

    /// What the target should have is known only once the source's index was read.
    async fn look_at_part(
        &self,
        root: Manifest,
        filter: &platforms::PlatformFilter,
        existing: Option<Descriptor>,
        request: &CopyRequest,
    ) -> Result<Found, CopyError> {
        let has = |digest: &Digest| {
            let existing = existing.as_ref();
            existing.is_some_and(|existing| existing.digest == *digest)
        };
        // A single image that is there was wanted once: its configuration need not be read again.
        if !root.media_type().is_index() && has(root.digest()) {
            return Ok(Found::Image {
                selection: Box::new(Selection::whole(root)),
                unchanged: true,
            });
        }
        let digest = root.digest().clone();
        Ok(match platforms::select(&self.from, root, filter).await? {
            Selected::Other(platform) => Found::Other(digest, platform),
            Selected::Part(selection) => {
                let digest = selection.root.digest();
                let unchanged = match &request.tag {
                    Some(_) => has(digest),
                    None => {
                        let found = self.to.place().find(&digest.clone().into()).await;
                        found.map_err(CopyError::Target)?.is_some()
                    }
                };
                Found::Image {
                    selection,
                    unchanged,
                }
            }
        })
    }

    /// What of an image has to be copied: everything below its root that the target lacks.
    pub(super) async fn tree(&self, selection: &Selection) -> Result<Tree, CopyError> {
        if self.is_retag() && selection.filtered.is_none() {
            // Everything below the manifest is where it has to be.
            return Ok(Tree::bare(selection.root.clone()));
        }
        tree::read(&self.from, Some(self.to.place()), selection).await
    }

    /// Copies the image itself; the digests of its children.
    async fn contents_and_root(
        &self,
        selection: &Selection,
        request: &CopyRequest,
    ) -> Result<Vec<Digest>, Stop> {
        let tree = self.tree(selection).await?;
        self.contents(&tree).await?;
        if let Some(tag) = &self.options.recheck {
            let found = self
                .from
                .find(&Reference::Tag(tag.clone()))
                .await
                .map_err(CopyError::Source)?
                .map(|found| found.digest);
            let expected = selection.original();
            if found.as_ref() != Some(expected) {
                return Err(Stop::Over(Outcome::SourceMoved {
                    expected: expected.clone(),
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
        Ok(tree.children)
    }

    /// Copies blobs and child manifests: everything below the root.
    pub(super) async fn contents(&self, tree: &Tree) -> Result<(), Stop> {
        self.tally.planned(&tree.blobs, tree.foreign);
        self.options.progress.event(&ProgressEvent::Planned {
            blobs: tree.blobs.len() as u64,
            bytes: Descriptor::total(&tree.blobs),
        });
        let known = self.known_blobs(&tree.blobs).await;
        if !self.blobs(&tree.blobs, known.as_ref()).await? || self.clock.is_over() {
            return Err(Stop::Paused);
        }
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

    /// Writes a manifest; whether the registry said that it lists it under its subject.
    pub(super) async fn manifest(
        &self,
        name: &Reference,
        manifest: &Manifest,
        root: bool,
    ) -> Result<bool, CopyError> {
        let mut written = self.to.put_manifest(name, manifest, root).await;
        if let Err(error) = &written {
            self.forget(manifest);
            if error.is_blob_missing() && self.refill(manifest).await? {
                written = self.to.put_manifest(name, manifest, root).await;
            }
        }
        let listed = written?;
        self.tally.manifest();
        self.options.progress.event(&ProgressEvent::ManifestDone {
            digest: manifest.digest().clone(),
        });
        Ok(listed)
    }

    /// A refused manifest may lack a blob that somebody deleted meanwhile: the next look is at the target.
    fn forget(&self, manifest: &Manifest) {
        if let (Some(batch), Place::Repository(to)) = (&self.options.batch, self.to.place()) {
            for blob in manifest.blobs() {
                batch.ledger().forget(to.host(), to.path(), &blob.digest);
            }
        }
    }

    pub(super) async fn list_referrers(
        &self,
        subject: &Digest,
        referrers: &[Descriptor],
    ) -> Result<(), CopyError> {
        if self.to.list_referrers(subject, referrers).await? {
            self.tally.manifest();
        }
        Ok(())
    }

    fn paused(&self) -> Paused {
        let (moved, left, uploads) = self.tally.paused();
        Paused {
            moved,
            left,
            uploads,
            requests: self.requests(),
            elapsed: self.started.elapsed(),
        }
    }

    fn requests(&self) -> RequestCounts {
        RequestCounts {
            source: self.from.requests(),
            target: self.to.place().requests(),
        }
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
