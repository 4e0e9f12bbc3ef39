//! A blob on its way in: resumed after a cut, and never handed out whole before it is verified.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::StreamExt;

use super::hasher::Hasher;
use super::{ByteStream, Ranges};
use crate::error::{Exchange, RegistryError};
use crate::manifest::Descriptor;
use crate::place::Place;
use crate::reply;
use crate::retry::RetryPolicy;

/// The distance between two states of the hasher that are kept for a rewind. At 52 GB, ECR's
/// largest layer, that is about 2 MB of states.
const CHECKPOINT: u64 = 4 * 1024 * 1024;
/// A connection that moved this much before it broke has earned a fresh count of attempts.
const PROGRESS: u64 = 1024 * 1024;

/// A blob that is read from a place. [`Download::next`] hands out its bytes in order; the last ones
/// come only after size and digest of the whole were found right, so that nothing that reads from
/// here can complete a wrong blob.
pub(crate) struct Download {
    place: Place,
    descriptor: Descriptor,
    retry: RetryPolicy,
    ranges: Option<Ranges>,
    body: Option<ByteStream>,
    /// Read and hashed so far.
    offset: u64,
    hasher: Hasher,
    checkpoints: Vec<(u64, Hasher)>,
    /// Bytes to read and hash, but not to hand out again, after a rewind.
    skip: u64,
    /// Read, and not handed out yet.
    ready: VecDeque<Bytes>,
    verified: bool,
    attempt: u32,
    last_break: u64,
    /// Why the last call failed, for a reader that can only pass on that it did.
    failure: Option<RegistryError>,
}

impl Download {
    pub(crate) fn new(place: Place, descriptor: Descriptor, retry: RetryPolicy) -> Self {
        Self {
            hasher: Hasher::of(&descriptor.digest),
            place,
            descriptor,
            retry,
            ranges: None,
            body: None,
            offset: 0,
            checkpoints: Vec::new(),
            skip: 0,
            ready: VecDeque::new(),
            verified: false,
            attempt: 1,
            last_break: 0,
            failure: None,
        }
    }

    /// The same download, over several connections where the blob is large.
    pub(crate) fn in_ranges(self, ranges: Option<Ranges>) -> Self {
        Self { ranges, ..self }
    }

    /// A download that hands out the bytes from `start` on. What the hasher has not seen of those
    /// before is read again.
    pub(crate) fn resumed(
        place: Place,
        descriptor: Descriptor,
        retry: RetryPolicy,
        start: u64,
        hasher: Option<(u64, Hasher)>,
    ) -> Self {
        let mut download = Self::new(place, descriptor, retry);
        download.checkpoints.extend(hasher);
        download.rewind(start);
        download
    }

    /// The last state of the hasher that was kept at or before a place in the blob.
    pub(crate) fn checkpoint(&self, place: u64) -> Option<(u64, Hasher)> {
        let mut kept = self.checkpoints.iter().rev();
        kept.find(|(at, _)| *at <= place).cloned()
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The next bytes; nothing at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
        loop {
            // One chunk stays behind until there is another one or the blob is verified.
            let handed_out = if self.verified || self.ready.len() > 1 {
                self.ready.pop_front()
            } else {
                None
            };
            if handed_out.is_some() {
                return Ok(handed_out);
            }
            if self.verified {
                return Ok(None);
            }
            match self.read().await {
                Ok(Some(chunk)) => self.take(chunk)?,
                Ok(None) if self.offset < self.descriptor.size => {
                    let exchange = Exchange::of_blob(&self.place, &self.descriptor);
                    let error = reply::cut(&exchange, self.offset, self.descriptor.size);
                    self.broke(error).await?;
                }
                Ok(None) => self.verify()?,
                // Cut between the last byte and the end: everything is here.
                Err(_) if self.offset > 0 && self.offset == self.descriptor.size => {
                    self.verify()?
                }
                Err(error) => self.broke(error).await?,
            }
        }
    }

    /// Puts back bytes that were handed out but not used.
    pub(crate) fn unread(&mut self, bytes: Bytes) {
        self.ready.push_front(bytes);
    }

    /// Goes back, so that the next bytes handed out are those at `to`. What lies between the last
    /// state of the hasher before that and `to` is read again, so that the digest stays the one of
    /// every byte that is handed out.
    pub(crate) fn rewind(&mut self, to: u64) {
        while self.checkpoints.last().is_some_and(|(at, _)| *at > to) {
            self.checkpoints.pop();
        }
        let (offset, hasher) = match self.checkpoints.last() {
            Some((at, hasher)) => (*at, hasher.clone()),
            None => (0, Hasher::of(&self.descriptor.digest)),
        };
        self.offset = offset;
        self.hasher = hasher;
        self.skip = to - offset;
        self.ready.clear();
        self.body = None;
        self.verified = false;
        self.failure = None;
        self.attempt = 1;
        self.last_break = offset;
    }

    /// Remembers why reading failed.
    pub(crate) fn fail(&mut self, error: RegistryError) {
        self.failure = Some(error);
    }

    /// Why reading failed, if it was the reading that failed.
    pub(crate) fn failure(&mut self) -> Option<RegistryError> {
        self.failure.take()
    }

    /// The whole blob, where it is small.
    pub(crate) async fn collect(mut self, limit: u64) -> Result<Bytes, RegistryError> {
        if self.descriptor.size > limit {
            return Err(RegistryError::TooLarge {
                subject: format!("{}@{}", self.place, self.descriptor.digest),
                limit,
            });
        }
        let mut all = bytes::BytesMut::new();
        while let Some(chunk) = self.next().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }

    async fn read(&mut self) -> Result<Option<Bytes>, RegistryError> {
        let body = match &mut self.body {
            Some(body) => body,
            None => {
                let opened = open(&self.place, &self.descriptor, self.offset, self.ranges).await?;
                self.body.insert(opened)
            }
        };
        body.next().await.transpose()
    }

    fn take(&mut self, mut chunk: Bytes) -> Result<(), RegistryError> {
        let end = self.offset + chunk.len() as u64;
        if end > self.descriptor.size {
            return Err(RegistryError::SizeMismatch {
                subject: self.subject(),
                expected: self.descriptor.size,
                found: end,
            });
        }
        self.hasher.update(&chunk);
        self.offset = end;
        let last = self.checkpoints.last().map_or(0, |(at, _)| *at);
        if end - last >= CHECKPOINT {
            self.checkpoints.push((end, self.hasher.clone()));
        }
        let skipped = self.skip.min(chunk.len() as u64);
        self.skip -= skipped;
        let _ = chunk.split_to(usize::try_from(skipped).unwrap_or(chunk.len()));
        if !chunk.is_empty() {
            self.ready.push_back(chunk);
        }
        Ok(())
    }

    fn verify(&mut self) -> Result<(), RegistryError> {
        let found = self.hasher.clone().finish();
        if found != self.descriptor.digest.as_str() {
            return Err(RegistryError::DigestMismatch {
                subject: self.subject(),
                expected: self.descriptor.digest.clone(),
                found,
            });
        }
        self.verified = true;
        self.body = None;
        Ok(())
    }

    /// Prepares to go on where the connection broke, or gives up.
    async fn broke(&mut self, error: RegistryError) -> Result<(), RegistryError> {
        self.body = None;
        if !error.is_transient() {
            return Err(error);
        }
        if self.offset - self.last_break.min(self.offset) >= PROGRESS {
            self.attempt = 1;
        }
        self.last_break = self.offset;
        let Some(pause) = self.retry.pause(self.attempt, error.retry_after()) else {
            return Err(error);
        };
        tracing::debug!(at = self.offset, ?pause, %error, "resuming a download");
        self.attempt += 1;
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn subject(&self) -> String {
        format!("blob {} of {}", self.descriptor.digest, self.place)
    }
}

/// The bytes of a blob from `offset` on.
async fn open(
    place: &Place,
    blob: &Descriptor,
    offset: u64,
    ranges: Option<Ranges>,
) -> Result<ByteStream, RegistryError> {
    let left = blob.size.saturating_sub(offset);
    match (place, ranges) {
        (Place::Repository(from), Some(ranges)) if ranges.are_worth_it(left) => {
            from.open_blob_in_ranges(blob, offset, ranges).await
        }
        _ => place.open_blob(blob, offset).await,
    }
}

impl Exchange {
    fn of_blob(place: &Place, descriptor: &Descriptor) -> Self {
        Self {
            method: "GET".to_owned(),
            url: format!("{place}@{}", descriptor.digest),
            status: None,
            code: None,
            message: None,
        }
    }
}
