//! Moves one blob.

use std::sync::Arc;
use std::time::Duration;

use steward_core::RepositoryPath;
use tokio::sync::Mutex;

use super::CopyError;
use super::progress::{Moved, Progress, ProgressEvent};
use super::target::Target;
use crate::blob::{Download, Flow, Part, Started, UploadSession};
use crate::endpoint::Kind;
use crate::error::RegistryError;
use crate::layout::{Layout, PutBlobError};
use crate::manifest::Descriptor;
use crate::place::Place;
use crate::reply;
use crate::repository::Repository;

/// The length of a part where a registry does not take a blob in one piece: ECR takes parts of 5 to
/// 10 MiB, Azure bodies of up to 20 MB.
const PART: u64 = 10 * 1024 * 1024;
/// How long a broken upload may hold on to its download before it is left behind.
const RELEASE: Duration = Duration::from_secs(2);

/// How a registry takes the bytes of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strategy {
    /// One streaming `PUT`.
    Whole,
    /// `PATCH`es of [`PART`] bytes, closed by a `PUT` without a body.
    Parts,
}

/// Moves blobs from one place to another.
pub(super) struct Mover<'a> {
    pub(super) from: &'a Place,
    pub(super) to: &'a Target,
    pub(super) mount_from: Vec<RepositoryPath>,
    pub(super) progress: Arc<dyn Progress>,
}

impl Mover<'_> {
    /// Sees to it that the target has the blob. `absent` says that it is known not to.
    pub(super) async fn blob(&self, blob: &Descriptor, absent: bool) -> Result<Moved, CopyError> {
        match self.to.place() {
            Place::Repository(repository) => self.to_registry(repository, blob, absent).await,
            Place::Layout(layout) => self.to_layout(layout, blob).await,
        }
    }

    async fn to_layout(&self, layout: &Layout, blob: &Descriptor) -> Result<Moved, CopyError> {
        if layout
            .has_blob(&blob.digest)
            .await
            .map_err(CopyError::Target)?
        {
            return Ok(Moved::Present);
        }
        self.started(blob);
        let mut source = self.download(blob);
        layout
            .put_blob(&mut source, |sent| tell(&*self.progress, blob, sent))
            .await
            .map_err(|error| match error {
                PutBlobError::Read(error) => CopyError::Source(error),
                PutBlobError::Write(error) => CopyError::Target(error),
            })?;
        Ok(Moved::Copied)
    }

    async fn to_registry(
        &self,
        to: &Repository,
        blob: &Descriptor,
        absent: bool,
    ) -> Result<Moved, CopyError> {
        let mut session = match self.start(to, blob, absent).await? {
            Begun::Done(moved) => return Ok(moved),
            Begun::Session(session) => session,
        };
        self.started(blob);
        let mut strategy = match to.endpoint().kind {
            Kind::Azure if blob.size > PART => Strategy::Parts,
            _ => Strategy::Whole,
        };
        let policy = self.to.place().retry_policy();
        let mut source = Arc::new(Mutex::new(self.download(blob)));
        let flow = self.flow(blob);
        let mut start = 0;
        let mut attempt = 1;
        loop {
            let error = match self
                .send(to, &session, &source, blob, start, strategy, &flow)
                .await
            {
                Ok(()) => return Ok(Moved::Copied),
                Err(error) => error,
            };
            if let Some(failure) = release(&source).await.and_then(|mut s| s.failure()) {
                return Err(CopyError::Source(failure));
            }
            // A proxy that closes the connection on a large body gives no other sign than that.
            let is_cut_again = matches!(error, RegistryError::Network { .. })
                && attempt > 1
                && blob.size > PART
                && to.endpoint().kind != Kind::Ecr;
            if strategy == Strategy::Whole && (wants_parts(&error) || is_cut_again) {
                strategy = Strategy::Parts;
            } else if !is_worth_another(&error) {
                return Err(CopyError::Target(error));
            }
            let Some(pause) = policy.pause(attempt, error.retry_after()) else {
                return Err(CopyError::Target(error));
            };
            tracing::debug!(digest = %blob.digest, attempt, ?pause, %error, "uploading again");
            attempt += 1;
            tokio::time::sleep(pause).await;
            // Where the registry can say how far it came, go on there; else begin again: the same
            // session must not be used twice.
            let resumed = if error.is_transient() {
                self.resume(to, &session, &source, flow.sent()).await
            } else {
                None
            };
            (session, start) = match resumed {
                Some(resumed) => resumed,
                None => {
                    source = Arc::new(Mutex::new(self.download(blob)));
                    match self.to.start_upload(to, None, None).await? {
                        Started::Exists => return Ok(Moved::Present),
                        Started::Session(session) => (session, 0),
                    }
                }
            };
        }
    }

    /// Opens an upload, unless the target has the blob or can take it from a neighbour.
    async fn start(
        &self,
        to: &Repository,
        blob: &Descriptor,
        absent: bool,
    ) -> Result<Begun, CopyError> {
        let mut session = None;
        for from in &self.mount_from {
            match self.mount(to, blob, from).await? {
                Started::Exists => return Ok(Begun::Done(Moved::Mounted)),
                Started::Session(refused) => session = Some(refused),
            }
        }
        let probes = to.endpoint().kind == Kind::Distribution;
        if session.is_none() && probes && !absent {
            // To mount a blob from the repository itself tells whether it is there, and opens the
            // upload where it is not: one request for both.
            return Ok(match self.mount(to, blob, to.path()).await? {
                Started::Exists => Begun::Done(Moved::Present),
                Started::Session(session) => Begun::Session(session),
            });
        }
        // These registries say nothing about blobs of their own when they refuse a mount, and a
        // look is cheaper than a layer.
        if !probes && !absent {
            let found = to
                .find_blob(&blob.digest)
                .await
                .map_err(CopyError::Target)?;
            if found.is_some() {
                return Ok(Begun::Done(Moved::Present));
            }
        }
        if let Some(session) = session {
            return Ok(Begun::Session(session));
        }
        Ok(match self.to.start_upload(to, None, None).await? {
            Started::Exists => Begun::Done(Moved::Present),
            Started::Session(session) => Begun::Session(session),
        })
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
                RegistryError::Unauthorized(_)
                | RegistryError::Denied(_)
                | RegistryError::NotFound(_),
            )) if from != to.path() => self.to.start_upload(to, None, None).await,
            other => other,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one attempt")]
    async fn send(
        &self,
        to: &Repository,
        session: &UploadSession,
        source: &Arc<Mutex<Download>>,
        blob: &Descriptor,
        start: u64,
        strategy: Strategy,
        flow: &Arc<Flow>,
    ) -> Result<(), RegistryError> {
        if blob.size == 0 {
            // Nothing is sent, so nothing but this looks at the digest.
            let mut source = source.lock().await;
            if let Err(error) = source.next().await {
                let seen = reply::cut(&crate::error::Exchange::unsent(), 0, 0);
                source.fail(error);
                return Err(seen);
            }
        }
        let length = blob.size.saturating_sub(start);
        if strategy == Strategy::Whole {
            return to
                .finish_upload(session, source, Part { start, length }, flow)
                .await;
        }
        let mut session = session.clone();
        let mut start = start;
        while start < blob.size {
            let length = PART.min(blob.size - start);
            session = to
                .send_part(&session, source, Part { start, length }, flow)
                .await?;
            start += length;
        }
        let end = Part { start, length: 0 };
        to.finish_upload(&session, source, end, flow).await
    }

    async fn resume(
        &self,
        to: &Repository,
        session: &UploadSession,
        source: &Arc<Mutex<Download>>,
        sent: u64,
    ) -> Option<(UploadSession, u64)> {
        // ECR does not tell (404), and its sessions take no second try.
        if to.endpoint().kind == Kind::Ecr || sent == 0 {
            return None;
        }
        let (has, session) = to.upload_status(session).await.ok()??;
        if has > sent {
            return None;
        }
        release(source).await?.rewind(has);
        Some((session, has))
    }

    fn download(&self, blob: &Descriptor) -> Download {
        Download::new(self.from.clone(), blob.clone(), self.from.retry_policy())
    }

    fn started(&self, blob: &Descriptor) {
        self.progress.event(&ProgressEvent::BlobStarted {
            digest: blob.digest.clone(),
            size: blob.size,
        });
    }

    fn flow(&self, blob: &Descriptor) -> Arc<Flow> {
        let progress = Arc::clone(&self.progress);
        let blob = blob.clone();
        Arc::new(Flow::new(move |sent| tell(&*progress, &blob, sent)))
    }
}

enum Begun {
    Done(Moved),
    Session(UploadSession),
}

fn tell(progress: &dyn Progress, blob: &Descriptor, sent: u64) {
    progress.event(&ProgressEvent::BlobMoved {
        digest: blob.digest.clone(),
        sent,
    });
}

/// The download of an attempt that is over. Nothing where the connection holds on to it still.
async fn release(source: &Arc<Mutex<Download>>) -> Option<tokio::sync::OwnedMutexGuard<Download>> {
    tokio::time::timeout(RELEASE, Arc::clone(source).lock_owned())
        .await
        .ok()
}

/// Whether a fresh upload can succeed where this one did not: trouble that passes, credentials that
/// were renewed meanwhile, and sessions that the registry has lost count of.
fn is_worth_another(error: &RegistryError) -> bool {
    match error {
        RegistryError::Unauthorized(_) => true,
        RegistryError::Denied(_) => reply::is_expired_token(error),
        RegistryError::NotFound(exchange) => exchange.has_code("BLOB_UPLOAD_UNKNOWN"),
        RegistryError::Refused(exchange) => {
            // The bytes were verified on their way, so their digest is not what is wrong.
            exchange.status == Some(416)
                || exchange.has_code("BLOB_UPLOAD_INVALID")
                || exchange.has_code("DIGEST_INVALID")
        }
        _ => error.is_transient(),
    }
}

/// Whether the registry refuses a blob in one piece, but not the blob.
fn wants_parts(error: &RegistryError) -> bool {
    match error {
        RegistryError::Refused(exchange) => {
            matches!(exchange.status, Some(405 | 411 | 413 | 501))
                || exchange.has_code("UNSUPPORTED")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> RegistryError {
        RegistryError::Refused(Box::new(crate::error::Exchange {
            status: Some(status),
            code: Some(code.to_owned()),
            ..crate::error::Exchange::unsent()
        }))
    }

    #[test]
    fn a_refusal_of_one_piece_is_not_a_refusal_of_the_blob() {
        for (status, code, parts, again) in [
            (413, "", true, false),
            (405, "UNSUPPORTED", true, false),
            (416, "BLOB_UPLOAD_INVALID", false, true),
            (400, "DIGEST_INVALID", false, true),
            (400, "SIZE_INVALID", false, false),
        ] {
            let error = refused(status, code);
            assert_eq!(wants_parts(&error), parts, "{status} {code}");
            assert_eq!(is_worth_another(&error), again, "{status} {code}");
        }
    }
}
