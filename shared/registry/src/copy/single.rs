//! The parts of a copy one by one, for images that many hands copy.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use steward_core::Digest;

use super::CopyError;
use super::engine::{Found, Run};
use super::options::{CopyOptions, CopyRequest};
use super::report::{BlobOutcome, BlobReport};
use super::transfer::Ended;
use crate::blob::UploadState;
use crate::manifest::Descriptor;
use crate::place::Place;

pub(super) async fn missing(
    request: &CopyRequest,
    options: &CopyOptions,
) -> Result<Vec<Descriptor>, CopyError> {
    let run = Run::new(&request.from, &request.to, options);
    let Found::Image {
        selection,
        unchanged: false,
    } = run.look(request).await?
    else {
        return Ok(Vec::new());
    };
    let tree = run.tree(&selection).await?;
    let absent = run.absent(&tree.blobs).await?;
    let is_absent = |blob: &Descriptor| absent.contains(&blob.digest);
    Ok(tree.blobs.into_iter().filter(is_absent).collect())
}

pub(super) async fn copy_blob(
    from: &Place,
    to: &Place,
    blob: &Descriptor,
    options: &CopyOptions,
    resume: Option<UploadState>,
) -> Result<BlobOutcome, CopyError> {
    let mut options = options.clone();
    options.resume.extend(resume.clone());
    let run = Run::new(from, to, &options);
    let mover = run.mover();
    let moved = run
        .clock
        .until_deadline(run.shared_blob(&mover, blob, false));
    let stopped = Ended::Stopped {
        moved: 0,
        upload: resume,
    };
    let nothing = || (stopped, std::time::Duration::ZERO);
    let (ended, elapsed) = moved.await.transpose()?.unwrap_or_else(nothing);
    Ok(match ended {
        Ended::There(how) => BlobOutcome::Done(BlobReport {
            digest: blob.digest.clone(),
            size: blob.size,
            how,
            elapsed,
        }),
        Ended::Stopped { moved, upload } => BlobOutcome::Paused { moved, upload },
    })
}

impl Run<'_> {
    /// Those of some blobs that the target lacks.
    pub(super) async fn absent(&self, blobs: &[Descriptor]) -> Result<HashSet<Digest>, CopyError> {
        if let Some(known) = self.known_blobs(blobs).await {
            let digests = blobs.iter().map(|blob| blob.digest.clone());
            return Ok(digests.filter(|digest| !known.contains(digest)).collect());
        }
        let looks: Vec<_> = blobs.iter().map(|blob| self.lacks(blob)).collect();
        let absent: Vec<Option<Digest>> = stream::iter(looks)
            .buffer_unordered(self.options.concurrency.max(1))
            .try_collect()
            .await?;
        Ok(absent.into_iter().flatten().collect())
    }

    async fn lacks(&self, blob: &Descriptor) -> Result<Option<Digest>, CopyError> {
        let there = self.to.place().has_blob(blob).await;
        let there = there.map_err(CopyError::Target)?;
        Ok((!there).then(|| blob.digest.clone()))
    }
}
