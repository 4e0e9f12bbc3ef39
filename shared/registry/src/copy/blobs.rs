//! The blobs of a copy: which of them move, and who else of the batch moves them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use steward_core::{Digest, RepositoryPath};
use tokio::time::Instant;

use super::CopyError;
use super::batch::Claim;
use super::engine::Run;
use super::progress::{Moved, ProgressEvent};
use super::report::BlobReport;
use super::transfer::{Ended, Known, Mover};
use crate::endpoint::Kind;
use crate::manifest::Descriptor;
use crate::place::Place;

impl Run<'_> {
    /// Sees to it that the target has these blobs; whether it has them all when time is up.
    pub(super) async fn blobs(
        &self,
        blobs: &[Descriptor],
        known: Option<&HashSet<Digest>>,
    ) -> Result<bool, CopyError> {
        let mover = self.mover();
        // Made outside of the stream: a closure inside of it that borrows its argument would make this
        // future's `Send` unprovable for callers (rust-lang/rust#102211).
        let moves: Vec<_> = blobs
            .iter()
            .map(|blob| self.counted_blob(&mover, blob, known))
            .collect();
        let ends: Vec<bool> = stream::iter(moves)
            .buffer_unordered(self.options.concurrency.max(1))
            .try_collect()
            .await?;
        Ok(ends.into_iter().all(|there| there))
    }

    /// Moves a blob and counts it; whether the target has it now.
    async fn counted_blob(
        &self,
        mover: &Mover<'_>,
        blob: &Descriptor,
        known: Option<&HashSet<Digest>>,
    ) -> Result<bool, CopyError> {
        let began = Instant::now();
        let is_known = known.is_some_and(|known| known.contains(&blob.digest));
        let (how, elapsed) = if is_known {
            (Moved::Present, began.elapsed())
        } else {
            match self.shared_blob(mover, blob, known.is_some()).await {
                // Layers with addresses of their own need not be in the source.
                Err(error) if error.is_source_missing() && !blob.urls.is_empty() => {
                    self.tally.foreign(blob);
                    return Ok(true);
                }
                Err(error) => return Err(error),
                Ok((Ended::Stopped { moved, upload }, _)) => {
                    self.tally.stopped(moved, upload);
                    return Ok(false);
                }
                Ok((Ended::There(how), elapsed)) => (how, elapsed),
            }
        };
        self.tally.done(BlobReport {
            digest: blob.digest.clone(),
            size: blob.size,
            how,
            elapsed,
        });
        self.options.progress.event(&ProgressEvent::BlobDone {
            digest: blob.digest.clone(),
            size: blob.size,
            how,
        });
        Ok(true)
    }

    /// Moves a blob, unless another copy of the batch does.
    pub(super) async fn shared_blob(
        &self,
        mover: &Mover<'_>,
        blob: &Descriptor,
        absent: bool,
    ) -> Result<(Ended, Duration), CopyError> {
        let (Some(batch), Place::Repository(to)) = (&self.options.batch, self.to.place()) else {
            let began = Instant::now();
            let known = Known {
                absent,
                neighbour: None,
            };
            return Ok((mover.blob(blob, known).await?, began.elapsed()));
        };
        // ECR mounts only what a manifest refers to, so waiting for its blob alone gains nothing.
        let across = to.endpoint().kind != Kind::Ecr;
        let claim = batch
            .ledger()
            .claim(to.host(), to.path(), &blob.digest, across);
        let lead = match self.clock.while_moving(claim).await {
            Some(Claim::Lead(lead)) => lead,
            Some(Claim::Present) => {
                return Ok((Ended::There(Moved::Present), Duration::ZERO));
            }
            None => {
                let stopped = Ended::Stopped {
                    moved: 0,
                    upload: None,
                };
                return Ok((stopped, Duration::ZERO));
            }
        };
        let _slot = batch.slot().await;
        let began = Instant::now();
        let known = Known {
            absent,
            neighbour: lead.neighbour(),
        };
        let ended = mover.blob(blob, known).await?;
        if matches!(ended, Ended::There(_)) {
            lead.done();
        }
        Ok((ended, began.elapsed()))
    }

    /// The blobs that the target has, where somebody knows.
    pub(super) async fn known_blobs(&self, blobs: &[Descriptor]) -> Option<HashSet<Digest>> {
        let (Some(availability), Place::Repository(to)) =
            (&self.options.availability, self.to.place())
        else {
            return None;
        };
        if blobs.is_empty() {
            return None;
        }
        let digests: Vec<Digest> = blobs.iter().map(|blob| blob.digest.clone()).collect();
        let present = availability.present(to.host(), to.path(), &digests).await?;
        Some(present.into_iter().collect())
    }

    pub(super) fn mover(&self) -> Mover<'_> {
        Mover {
            from: &self.from,
            to: &self.to,
            clock: &self.clock,
            lanes: &self.lanes,
            mount_from: self.neighbours(),
            closed: std::sync::Mutex::default(),
            resume: &self.options.resume,
            ranges: self.options.ranges,
            progress: Arc::clone(&self.options.progress),
        }
    }

    fn neighbours(&self) -> Vec<RepositoryPath> {
        let Place::Repository(to) = self.to.place() else {
            return Vec::new();
        };
        let mut neighbours = Vec::new();
        if let Place::Repository(from) = &self.from
            && from.shares_registry(to)
            && from.path() != to.path()
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
}
