//! Moves one blob.

mod upload;

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use steward_core::RepositoryPath;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::CopyError;
use super::clock::{Clock, Way};
use super::lanes::{Lane, Lanes};
use super::progress::{Moved, Progress, ProgressEvent};
use super::target::Target;
use crate::blob::{Download, Flow, Ranges, Started, UploadSession, UploadState};
use crate::endpoint::Kind;
use crate::error::RegistryError;
use crate::layout::{Layout, PutBlobError};
use crate::manifest::Descriptor;
use crate::place::Place;
use crate::repository::Repository;
use upload::{PART, Sent, Strategy, Upload};

/// Moves blobs from one place to another.
pub(super) struct Mover<'a> {
    pub(super) from: &'a Place,
    pub(super) to: &'a Target,
    pub(super) clock: &'a Clock,
    pub(super) lanes: &'a Arc<Lanes>,
    pub(super) mount_from: Vec<RepositoryPath>,
    /// Those of them that nothing may be mounted from. Each refusal costs a token or two and an upload
    /// that was opened for nothing.
    pub(super) closed: std::sync::Mutex<HashSet<RepositoryPath>>,
    pub(super) resume: &'a [UploadState],
    pub(super) ranges: Option<Ranges>,
    pub(super) progress: Arc<dyn Progress>,
}

/// What is known about a blob before it is moved.
#[derive(Clone, Copy, Default)]
pub(super) struct Known<'a> {
    /// The target is known not to have it.
    pub(super) absent: bool,
    /// A repository of the target's registry that has it.
    pub(super) neighbour: Option<&'a RepositoryPath>,
}

/// What became of a blob.
#[derive(Debug)]
pub(super) enum Ended {
    /// The target has it.
    There(Moved),
    /// Time was up.
    Stopped {
        /// Bytes that this run moved and that count.
        moved: u64,
        upload: Option<UploadState>,
    },
}

impl Mover<'_> {
    /// Sees to it that the target has the blob.
    pub(super) async fn blob(
        &self,
        blob: &Descriptor,
        known: Known<'_>,
    ) -> Result<Ended, CopyError> {
        match self.to.place() {
            Place::Repository(repository) => {
                let ended = self.to_registry(repository, blob, known).await?;
                if matches!(ended, Ended::There(_)) {
                    let probes = repository.client().probes();
                    probes.saw_blob(repository, &blob.digest);
                }
                Ok(ended)
            }
            Place::Layout(layout) => self.to_layout(layout, blob).await,
        }
    }

    async fn to_layout(&self, layout: &Layout, blob: &Descriptor) -> Result<Ended, CopyError> {
        if layout.has_blob(blob).await.map_err(CopyError::Target)? {
            return Ok(Ended::There(Moved::Present));
        }
        let stopped = Ended::Stopped {
            moved: 0,
            upload: None,
        };
        let Some(_lane) = self.lane(blob.size).await else {
            return Ok(stopped);
        };
        if self.clock.way(blob.size, None) == Way::Later {
            return Ok(stopped);
        }
        self.started(blob);
        let began = Instant::now();
        let mut source = self.download(blob);
        let mut moved = 0;
        let written = layout.put_blob(&mut source, |sent| {
            self.lanes.moved(sent - moved);
            moved = sent;
            tell(&*self.progress, blob, sent);
        });
        match self.clock.while_moving(written).await {
            None => Ok(stopped),
            Some(Ok(())) => {
                self.clock.moved(blob.size, began.elapsed());
                Ok(Ended::There(Moved::Copied))
            }
            Some(Err(PutBlobError::Read(error))) => Err(CopyError::Source(error)),
            Some(Err(PutBlobError::Write(error))) => Err(CopyError::Target(error)),
        }
    }

    async fn to_registry(
        &self,
        to: &Repository,
        blob: &Descriptor,
        known: Known<'_>,
    ) -> Result<Ended, CopyError> {
        let earlier = self.resume.iter().find(|state| state.digest == blob.digest);
        let nothing = || Ended::Stopped {
            moved: 0,
            upload: earlier.cloned(),
        };
        let left = blob.size - earlier.map_or(0, |state| state.offset.min(blob.size));
        let Some(_lane) = self.lane(left).await else {
            return Ok(nothing());
        };
        let way = self.clock.way(left, resumable(to, blob).then_some(PART));
        if way == Way::Later {
            // A look tells what is left without opening an upload that nobody would close.
            let looked =
                async { known.absent || earlier.is_some() || !self.is_there(to, blob).await };
            return Ok(match self.clock.until_deadline(looked).await {
                Some(false) => Ended::There(Moved::Present),
                _ => nothing(),
            });
        }
        let began = self
            .clock
            .while_moving(self.begin(to, blob, known, earlier));
        let (session, start, source) = match began.await {
            None => return Ok(nothing()),
            Some(Ok(Begun::Done(moved))) => return Ok(Ended::There(moved)),
            Some(Ok(Begun::Upload(session, start, source))) => (session, start, *source),
            Some(Err(error)) => return Err(error),
        };
        self.started(blob);
        let in_parts = to.endpoint().kind == Kind::Azure && blob.size > PART
            || way == Way::Parts
            // What was begun in parts on ECR goes on in parts.
            || to.endpoint().kind == Kind::Ecr && start > 0;
        let flow = self.flow(blob);
        let mut upload = Upload {
            mover: self,
            to,
            blob,
            session,
            start,
            strategy: if in_parts {
                Strategy::Parts
            } else {
                Strategy::Whole
            },
            source: Arc::new(Mutex::new(source)),
            flow,
        };
        match self.clock.while_moving(upload.run()).await {
            Some(Ok(Sent::All)) => Ok(Ended::There(Moved::Copied)),
            Some(Ok(Sent::Exists)) => Ok(Ended::There(Moved::Present)),
            Some(Err(error)) => Err(error),
            Some(Ok(Sent::Stopped)) | None => {
                let upload = match resumable(to, blob) {
                    true => upload.state().await,
                    false => None,
                };
                let moved = upload.as_ref().map_or(0, |state| state.offset);
                Ok(Ended::Stopped {
                    moved: moved.saturating_sub(start),
                    upload,
                })
            }
        }
    }

    async fn is_there(&self, to: &Repository, blob: &Descriptor) -> bool {
        matches!(to.find_blob(&blob.digest).await, Ok(Some(_)))
    }

    /// Takes up an earlier upload, or opens a new one where that is not possible.
    async fn begin(
        &self,
        to: &Repository,
        blob: &Descriptor,
        known: Known<'_>,
        earlier: Option<&UploadState>,
    ) -> Result<Begun, CopyError> {
        if let Some(state) = earlier
            && let Some((session, start)) = self.take_up(to, blob, state).await
        {
            let hasher = state.hasher().filter(|(at, _)| *at <= start);
            let retry = self.from.retry_policy();
            let source = Download::resumed(self.from.clone(), blob.clone(), retry, start, hasher);
            let source = Box::new(source.in_ranges(self.ranges));
            return Ok(Begun::Upload(session, start, source));
        }
        Ok(match self.start(to, blob, known).await? {
            Start::Done(moved) => Begun::Done(moved),
            Start::Session(session) => Begun::Upload(session, 0, Box::new(self.download(blob))),
        })
    }

    /// Where an earlier upload goes on.
    async fn take_up(
        &self,
        to: &Repository,
        blob: &Descriptor,
        state: &UploadState,
    ) -> Option<(UploadSession, u64)> {
        let Some(session) = to.taken_up(state, blob) else {
            tracing::warn!(digest = %blob.digest, "an upload to take up does not fit; beginning again");
            return None;
        };
        if to.endpoint().kind == Kind::Ecr {
            // ECR cannot be asked. It refuses a part that does not follow the last one it has.
            return Some((session, state.offset));
        }
        let (has, session) = to.upload_status(&session).await.ok()??;
        (has <= blob.size).then_some((session, has))
    }

    /// Opens an upload, unless the target has the blob or can take it from a neighbour.
    async fn start(
        &self,
        to: &Repository,
        blob: &Descriptor,
        known: Known<'_>,
    ) -> Result<Start, CopyError> {
        let mut session = None;
        let neighbours = known.neighbour.into_iter().chain(&self.mount_from);
        for from in neighbours {
            if self.closed().contains(from) {
                continue;
            }
            match self.mount(to, blob, from).await? {
                Started::Exists => return Ok(Start::Done(Moved::Mounted)),
                Started::Session(refused) => session = Some(refused),
            }
        }
        let registry = to.client().probes();
        let probes = to.endpoint().kind == Kind::Distribution && !registry.is_silent(to.host());
        if session.is_none() && probes && !known.absent {
            // To mount a blob from the repository itself tells whether it is there, and opens the
            // upload where it is not: one request for both.
            match self.mount(to, blob, to.path()).await? {
                Started::Exists => {
                    registry.answered(to.host());
                    return Ok(Start::Done(Moved::Present));
                }
                Started::Session(opened) => session = Some(opened),
            }
        }
        if probes && !known.absent && self.overlooked(to, blob).await {
            return Ok(Start::Done(Moved::Present));
        }
        // These registries say nothing about blobs of their own when they refuse a mount, and a
        // look is cheaper than a layer.
        if !probes && !known.absent {
            let found = to
                .find_blob(&blob.digest)
                .await
                .map_err(CopyError::Target)?;
            if found.is_some() {
                return Ok(Start::Done(Moved::Present));
            }
        }
        if let Some(session) = session {
            return Ok(Start::Session(session));
        }
        Ok(match self.to.start_upload(to, None, None).await? {
            Started::Exists => Start::Done(Moved::Present),
            Started::Session(session) => Start::Session(session),
        })
    }

    /// Whether the target has a blob that it did not mount. Looks only where there is reason to
    /// doubt the refusal, so that nothing is added to a copy into a new repository.
    async fn overlooked(&self, to: &Repository, blob: &Descriptor) -> bool {
        let registry = to.client().probes();
        if !registry.is_doubtful(to, &blob.digest, self.to.has_image()) {
            return false;
        }
        let found = self.is_there(to, blob).await;
        registry.looked(to.host(), found);
        found
    }

    async fn mount(
        &self,
        to: &Repository,
        blob: &Descriptor,
        from: &RepositoryPath,
    ) -> Result<Started, CopyError> {
        let mounted = self
            .to
            .start_upload(to, Some(&blob.digest), Some(from))
            .await;
        match mounted {
            // Who may not read the other repository, or names one that is gone, can still upload.
            Err(CopyError::Target(
                error @ (RegistryError::Unauthorized(_)
                | RegistryError::Denied(_)
                | RegistryError::NotFound(_)),
            )) if from != to.path() => {
                // What is not found may be this blob alone.
                if !error.is_not_found() {
                    self.closed().insert(from.clone());
                }
                self.to.start_upload(to, None, None).await
            }
            other => other,
        }
    }

    fn closed(&self) -> std::sync::MutexGuard<'_, HashSet<RepositoryPath>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn download(&self, blob: &Descriptor) -> Download {
        Download::new(self.from.clone(), blob.clone(), self.from.retry_policy())
            .in_ranges(self.ranges)
    }

    fn started(&self, blob: &Descriptor) {
        self.progress.event(&ProgressEvent::BlobStarted {
            digest: blob.digest.clone(),
            size: blob.size,
        });
    }

    fn flow(&self, blob: &Descriptor) -> Arc<Flow> {
        let progress = Arc::clone(&self.progress);
        let lanes = Arc::clone(self.lanes);
        let blob = blob.clone();
        Arc::new(Flow::new(move |bytes, sent| {
            lanes.moved(bytes);
            tell(&*progress, &blob, sent);
        }))
    }

    /// Waits for a lane as long as things may move. Nothing where time is up.
    async fn lane(&self, size: u64) -> Option<Option<Lane>> {
        self.clock.while_moving(self.lanes.enter(size)).await
    }
}

/// Where a blob's upload begins.
enum Begun {
    Done(Moved),
    Upload(UploadSession, u64, Box<Download>),
}

enum Start {
    Done(Moved),
    Session(UploadSession),
}

/// Parts of one upload to ECR, at most; a larger layer goes up in one piece or not at all.
const ECR_PARTS: u64 = 4200;

/// Whether an upload of the blob can be left and taken up again. GHCR and Artifact Registry take no
/// parts of this length.
fn resumable(to: &Repository, blob: &Descriptor) -> bool {
    match to.endpoint().kind {
        Kind::Distribution | Kind::Azure => true,
        Kind::Ecr => blob.size <= ECR_PARTS * PART,
        Kind::NoMountProbe => false,
    }
}

fn tell(progress: &dyn Progress, blob: &Descriptor, sent: u64) {
    progress.event(&ProgressEvent::BlobMoved {
        digest: blob.digest.clone(),
        sent,
    });
}
