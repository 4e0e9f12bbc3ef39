//! The bytes of a blob as one reply brings them.

use std::time::Duration;

use futures_util::stream;
use http::header::{CONTENT_RANGE, RANGE};
use http::{HeaderValue, Method, StatusCode};

use super::ByteStream;
use crate::error::RegistryError;
use crate::manifest::Descriptor;
use crate::repository::Repository;
use crate::request::{Call, Reply};

impl Repository {
    /// The bytes of a blob from `offset` on. Follows redirects to a blob store, without
    /// credentials; does not retry, because who reads knows best where to go on.
    pub(crate) async fn open_blob(
        &self,
        descriptor: &Descriptor,
        offset: u64,
    ) -> Result<ByteStream, RegistryError> {
        let hop = self.hop(&format!("blobs/{}", descriptor.digest))?;
        let mut call = Call::new(Method::GET, hop, self.read_scope());
        if offset > 0 {
            let range = HeaderValue::from_str(&format!("bytes={offset}-"))
                .map_err(|e| RegistryError::Setup(e.into()))?;
            call = call.header(RANGE, range);
        }
        let reply = self.send_once(&call).await?;
        let skip = self.start_of_body(&reply, descriptor, offset)?;
        let idle = self.client().transport().idle_timeout();
        Ok(bytes_of(reply, skip, idle))
    }

    /// How many bytes at the start of the body are already known: none, unless the registry
    /// ignores ranges.
    pub(super) fn start_of_body(
        &self,
        reply: &Reply,
        descriptor: &Descriptor,
        offset: u64,
    ) -> Result<u64, RegistryError> {
        if reply.status() == StatusCode::PARTIAL_CONTENT {
            let range = reply.header(CONTENT_RANGE).unwrap_or_default();
            return match content_range(range) {
                Some((start, total))
                    if start == offset && total.is_none_or(|n| n == descriptor.size) =>
                {
                    Ok(0)
                }
                _ => Err(reply.protocol(format!(
                    "expected the bytes from {offset} of {}, the registry sends {:?}",
                    descriptor.size,
                    crate::error::printable(range)
                ))),
            };
        }
        if let Some(length) = reply.response.content_length()
            && length != descriptor.size
        {
            return Err(RegistryError::SizeMismatch {
                subject: format!("blob {} of {self}", descriptor.digest),
                expected: descriptor.size,
                found: length,
            });
        }
        Ok(offset)
    }
}

/// `bytes 5-9/10` as start and, where it is known, the size of the whole.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.trim().split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let total = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some((start.parse().ok()?, total))
}

/// The body of a reply without its first `skip` bytes.
pub(super) fn bytes_of(reply: Reply, skip: u64, idle: Duration) -> ByteStream {
    let url = reply.response.url().clone();
    let exchange = reply.exchange;
    let state = (reply.response, skip, exchange, url);
    Box::pin(stream::try_unfold(
        state,
        move |(mut response, mut skip, exchange, url)| async move {
            loop {
                let chunk = match tokio::time::timeout(idle, response.chunk()).await {
                    Ok(Ok(chunk)) => chunk,
                    Ok(Err(error)) => {
                        return Err(crate::transport::failed(error, &exchange, &url));
                    }
                    Err(_) => return Err(RegistryError::Stalled { exchange, idle }),
                };
                let Some(mut chunk) = chunk else {
                    return Ok(None);
                };
                let known = skip.min(chunk.len() as u64);
                skip -= known;
                let _ = chunk.split_to(usize::try_from(known).unwrap_or(chunk.len()));
                if !chunk.is_empty() {
                    return Ok(Some((chunk, (response, skip, exchange, url))));
                }
            }
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        for (text, expected) in [
            ("bytes 5-9/10", Some((5, Some(10)))),
            ("bytes 0-0/*", Some((0, None))),
            ("bytes */10", None),
            ("5-9/10", None),
            ("bytes x-9/10", None),
            ("bytes 5-9", None),
            ("", None),
        ] {
            assert_eq!(content_range(text), expected, "{text}");
        }
    }
}
