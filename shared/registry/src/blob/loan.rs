//! The bytes that a request sends, lent to its connection.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};

type Chunks = BoxStream<'static, Result<Bytes, Ended>>;

/// Why a body ends before its bytes do.
#[derive(Debug, thiserror::Error)]
#[error("the blob could not be read to its end")]
pub(super) struct Ended;

/// What was lent; dropped, it is taken back, whatever the connection does.
///
/// A connection whose request is dropped sends what it has in its buffer before it lets go of the body
/// (hyper's `Buffered::poll_shutdown`). A peer that reads nothing would hold on to the download for
/// ever, and with it to all that a later run needs to go on.
#[must_use]
pub(super) struct Loan(Arc<Mutex<Option<Chunks>>>);

impl Loan {
    /// Lends chunks to a body.
    pub(super) fn of(
        chunks: impl Stream<Item = Result<Bytes, Ended>> + Send + 'static,
    ) -> (Self, reqwest::Body) {
        let lent = Arc::new(Mutex::new(Some(chunks.boxed())));
        let here = Arc::clone(&lent);
        let body = stream::poll_fn(move |context| {
            let mut chunks = here.lock().unwrap_or_else(PoisonError::into_inner);
            match chunks.as_mut() {
                Some(chunks) => chunks.poll_next_unpin(context),
                None => Some(Err(Ended)).into(),
            }
        });
        (Self(lent), reqwest::Body::wrap_stream(body))
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let chunks = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(chunks);
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_taken_back_is_free_and_ends_the_body() {
        let held = Arc::new(());
        let chunks = {
            let held = Arc::clone(&held);
            stream::once(async { Ok(Bytes::from_static(b"one")) }).chain(stream::poll_fn(
                move |_| {
                    let _held = &held;
                    std::task::Poll::Pending
                },
            ))
        };
        let (loan, mut body) = Loan::of(chunks);
        let first = body.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "one");
        assert_eq!(Arc::strong_count(&held), 2);
        drop(loan);
        assert_eq!(Arc::strong_count(&held), 1, "although the body lives on");
        assert!(
            body.frame().await.unwrap().is_err(),
            "not a body that is whole"
        );
    }
}
