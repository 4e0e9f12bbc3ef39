//! One blob on its way into a registry: attempts, and what is left of one that has to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use super::super::CopyError;
use super::super::clock::Way;
use super::Mover;
use crate::blob::{Download, Flow, Part, Started, UploadSession, UploadState};
use crate::endpoint::Kind;
use crate::error::{Exchange, RegistryError};
use crate::manifest::Descriptor;
use crate::reply;
use crate::repository::Repository;

/// The length of a part where a registry does not take a blob in one piece: ECR takes parts of 5 to
/// 10 MiB, Azure bodies of up to 20 MB.
pub(super) const PART: u64 = 10 * 1024 * 1024;
/// How long a broken upload may hold on to its download before it is left behind.
const RELEASE: Duration = Duration::from_secs(2);
/// The pause between two questions how far an upload came that has to stop.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(50);

/// How a registry takes the bytes of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    /// One streaming `PUT`.
    Whole,
    /// `PATCH`es of [`PART`] bytes, closed by a `PUT` without a body.
    Parts,
}

/// How far an upload came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// To its end.
    All,
    /// The registry had the blob meanwhile.
    Exists,
    /// To the end of a part; time is up.
    Stopped,
}

/// The upload of one blob.
pub(super) struct Upload<'a> {
    pub(super) mover: &'a Mover<'a>,
    pub(super) to: &'a Repository,
    pub(super) blob: &'a Descriptor,
    pub(super) session: UploadSession,
    /// Bytes that the registry has acknowledged.
    pub(super) start: u64,
    pub(super) strategy: Strategy,
    pub(super) source: Arc<Mutex<Download>>,
    pub(super) flow: Arc<Flow>,
}

impl Upload<'_> {
    /// Sends the blob, as often as it takes.
    pub(super) async fn run(&mut self) -> Result<Sent, CopyError> {
        let policy = self.mover.to.place().retry_policy();
        let mut attempt = 1;
        let mut furthest = self.start;
        let mut read_again = false;
        loop {
            let error = match self.send().await {
                Ok(sent) => return Ok(sent),
                Err(error) => error,
            };
            let failure = release(&self.source).await.and_then(|mut s| s.failure());
            if let Some(failure) = failure {
                if read_again || !failure.is_wrong_bytes() {
                    return Err(CopyError::Source(failure));
                }
                tracing::debug!(digest = %self.blob.digest, %failure, "reading again");
                read_again = true;
                if !self.begin_again().await? {
                    return Ok(Sent::Exists);
                }
                continue;
            }
            // A proxy that closes the connection on a large body gives no other sign than that.
            let is_cut_again = matches!(error, RegistryError::Network { .. })
                && attempt > 1
                && self.blob.size > PART
                && self.kind() != Kind::Ecr;
            if self.strategy == Strategy::Whole && (wants_parts(&error) || is_cut_again) {
                self.strategy = Strategy::Parts;
            } else if !is_worth_another(&error) {
                return Err(CopyError::Target(error));
            }
            // A connection that breaks now and then must not end a layer that takes hours.
            if self.start > furthest {
                (furthest, attempt) = (self.start, 1);
            }
            let Some(pause) = policy.pause(attempt, error.retry_after()) else {
                return Err(CopyError::Target(error));
            };
            tracing::debug!(digest = %self.blob.digest, attempt, ?pause, %error, "uploading again");
            attempt += 1;
            tokio::time::sleep(pause).await;
            // Where the registry can say how far it came, go on there; else begin again: the same
            // session must not be used twice.
            let resumed = error.is_transient() && self.resume().await;
            if !resumed && !self.begin_again().await? {
                return Ok(Sent::Exists);
            }
        }
    }

    /// What another run needs to go on, as far as this one came. To be asked when nothing is sent any
    /// more.
    pub(super) async fn state(&mut self) -> Option<UploadState> {
        if self.kind() != Kind::Ecr && self.flow.sent() > self.start {
            let patience = self.mover.clock.closing() / 2;
            let _ = tokio::time::timeout(patience, self.ask()).await;
        }
        if self.start == 0 {
            return None;
        }
        let source = release(&self.source).await?;
        let hasher = source.checkpoint(self.start);
        self.to
            .upload_state(&self.session, self.blob, self.start, hasher)
    }

    /// Asks how far the upload came, and again where the registry may not have noticed yet that
    /// nothing more comes. Distribution cannot say it of a part that was cut: its upload is lost.
    async fn ask(&mut self) {
        while let Ok(Some((has, session))) = self.to.upload_status(&self.session).await {
            if has > self.start && has <= self.blob.size {
                (self.start, self.session) = (has, session);
                return;
            }
            tokio::time::sleep(BETWEEN_QUESTIONS).await;
        }
    }

    async fn send(&mut self) -> Result<Sent, RegistryError> {
        if self.blob.size == 0 {
            // Nothing is sent, so nothing but this looks at the digest.
            let mut source = self.source.lock().await;
            if let Err(error) = source.next().await {
                let seen = reply::cut(&Exchange::unsent(), 0, 0);
                source.fail(error);
                return Err(seen);
            }
        }
        if self.strategy == Strategy::Parts {
            while self.start < self.blob.size {
                let length = PART.min(self.blob.size - self.start);
                if self.mover.clock.way(length, None) == Way::Later {
                    return Ok(Sent::Stopped);
                }
                let began = Instant::now();
                let part = self.part(length);
                let sent = self
                    .to
                    .send_part(&self.session, &self.source, part, &self.flow);
                self.session = sent.await?;
                self.start += length;
                self.mover.clock.moved(length, began.elapsed());
            }
        }
        let part = self.part(self.blob.size.saturating_sub(self.start));
        let began = Instant::now();
        self.to
            .finish_upload(&self.session, &self.source, part, &self.flow)
            .await?;
        self.mover.clock.moved(part.length, began.elapsed());
        Ok(Sent::All)
    }

    fn part(&self, length: u64) -> Part {
        Part {
            start: self.start,
            length,
        }
    }

    /// Goes on where the registry says that it stands; whether it says so.
    async fn resume(&mut self) -> bool {
        // ECR does not tell (404), and its sessions take no second try.
        if self.kind() == Kind::Ecr || self.flow.sent() == 0 {
            return false;
        }
        let Ok(Some((has, session))) = self.to.upload_status(&self.session).await else {
            return false;
        };
        if has > self.flow.sent() {
            return false;
        }
        let Some(mut source) = release(&self.source).await else {
            return false;
        };
        source.rewind(has);
        (self.session, self.start) = (session, has);
        true
    }

    /// Opens another upload; whether one was opened, or the blob is there by now.
    async fn begin_again(&mut self) -> Result<bool, CopyError> {
        self.source = Arc::new(Mutex::new(self.mover.download(self.blob)));
        self.start = 0;
        // Where only the answer was lost, the blob is there: Distribution says so to a mount from where
        // it is, and opens an upload where it is not. Others are asked.
        let probes = self.to.client().probes();
        let answers = self.kind() == Kind::Distribution && !probes.is_silent(self.to.host());
        if !answers && self.mover.is_there(self.to, self.blob).await {
            return Ok(false);
        }
        let digest = Some(&self.blob.digest);
        let mount = digest.filter(|_| answers);
        let from = mount.map(|_| self.to.path());
        match self.mover.to.start_upload(self.to, mount, from).await? {
            Started::Exists => Ok(false),
            Started::Session(session) => {
                self.session = session;
                Ok(true)
            }
        }
    }

    fn kind(&self) -> Kind {
        self.to.endpoint().kind
    }
}

/// The download of an attempt that is over. Nothing where the connection holds on to it still.
async fn release(source: &Arc<Mutex<Download>>) -> Option<OwnedMutexGuard<Download>> {
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
