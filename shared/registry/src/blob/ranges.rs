//! A blob that is read over several connections at once.
//!
//! Some blob stores give each connection only so much (S3 about 90 MB/s), and a path with a long
//! round trip gives each connection only its window. Several ranges at once fill the link; they are
//! handed out in order, so who reads sees one stream.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::header::RANGE;
use http::{HeaderValue, Method, StatusCode};

use super::ByteStream;
use super::body::bytes_of;
use crate::error::RegistryError;
use crate::manifest::Descriptor;
use crate::repository::Repository;
use crate::request::{Call, Reply};

/// How a large blob is read in ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranges {
    /// Ranges read at once; each keeps up to `length` bytes in memory.
    pub at_once: usize,
    /// The length of a range in bytes.
    pub length: u64,
}

impl Default for Ranges {
    /// Four ranges of 4 MiB: 16 MiB for each blob.
    fn default() -> Self {
        Self {
            at_once: 4,
            length: 4 * 1024 * 1024,
        }
    }
}

impl Ranges {
    /// Whether so many bytes are worth more than one connection.
    pub(super) fn are_worth_it(self, bytes: u64) -> bool {
        self.at_once > 1 && self.length > 0 && bytes > self.length.saturating_mul(2)
    }
}

impl Repository {
    /// The bytes of a blob from `offset` on, read in ranges; in one piece where the registry gives no
    /// ranges.
    pub(super) async fn open_blob_in_ranges(
        &self,
        blob: &Descriptor,
        offset: u64,
        ranges: Ranges,
    ) -> Result<ByteStream, RegistryError> {
        let first = self.range(blob, offset, ranges.length).await?;
        if first.status() != StatusCode::PARTIAL_CONTENT {
            let skip = self.start_of_body(&first, blob, offset)?;
            let idle = self.client().transport().idle_timeout();
            return Ok(bytes_of(first, skip, idle));
        }
        let mut reads = Vec::new();
        let step = usize::try_from(ranges.length).unwrap_or(usize::MAX);
        let mut first = Some(first);
        for start in (offset..blob.size).step_by(step) {
            let (from, blob, first) = (self.clone(), blob.clone(), first.take());
            reads.push(async move {
                let reply = match first {
                    Some(reply) => reply,
                    None => from.range(&blob, start, ranges.length).await?,
                };
                from.chunks(reply, &blob, start).await
            });
        }
        let chunks = stream::iter(reads)
            .buffered(ranges.at_once)
            .map_ok(|chunks| stream::iter(chunks.into_iter().map(Ok)))
            .try_flatten();
        Ok(Box::pin(chunks))
    }

    async fn range(
        &self,
        blob: &Descriptor,
        start: u64,
        length: u64,
    ) -> Result<Reply, RegistryError> {
        let last = blob.size.min(start + length) - 1;
        let range = HeaderValue::from_str(&format!("bytes={start}-{last}"))
            .map_err(|e| RegistryError::Setup(e.into()))?;
        let hop = self.hop(&format!("blobs/{}", blob.digest))?;
        let call = Call::new(Method::GET, hop, self.read_scope()).header(RANGE, range);
        self.send_once(&call).await
    }

    /// The body of one range, in the pieces in which it came.
    async fn chunks(
        &self,
        reply: Reply,
        blob: &Descriptor,
        start: u64,
    ) -> Result<Vec<Bytes>, RegistryError> {
        if reply.status() != StatusCode::PARTIAL_CONTENT {
            return Err(reply.protocol("a range was asked for, and given before"));
        }
        self.start_of_body(&reply, blob, start)?;
        let idle = self.client().transport().idle_timeout();
        bytes_of(reply, 0, idle).try_collect().await
    }
}
