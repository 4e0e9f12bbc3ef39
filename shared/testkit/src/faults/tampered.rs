//! A body that does not arrive as it was sent.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

use super::http::BoxError;

/// What happens to a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tamper {
    Nothing,
    /// It breaks off after so many bytes.
    Break(u64),
    /// It ends in order after so many bytes.
    End(u64),
    /// The lowest bit of this byte is another.
    Flip(u64),
}

/// A body on its way, tampered with and counted.
pub(super) struct Tampered {
    inner: Incoming,
    tamper: Tamper,
    passed: u64,
    counter: Arc<AtomicU64>,
    /// Runs before a break: what was passed on has to leave first, or nobody sees that it began.
    pause: Option<Pin<Box<Sleep>>>,
}

/// Long enough for hyper to send what it holds.
const PAUSE: Duration = Duration::from_millis(2);

impl Tampered {
    pub(super) fn new(inner: Incoming, tamper: Tamper, counter: Arc<AtomicU64>) -> Self {
        Self {
            inner,
            tamper,
            passed: 0,
            counter,
            pause: None,
        }
    }

    /// What is left of a piece, and whether it is the last.
    fn apply(&mut self, mut piece: Bytes) -> Bytes {
        let length = piece.len() as u64;
        match self.tamper {
            Tamper::Break(after) | Tamper::End(after) => {
                let left = after.saturating_sub(self.passed);
                piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            }
            Tamper::Flip(at) if (self.passed..self.passed + length).contains(&at) => {
                let mut changed = BytesMut::from(piece.as_ref());
                let at = usize::try_from(at - self.passed).unwrap_or(usize::MAX);
                if let Some(byte) = changed.get_mut(at) {
                    *byte ^= 1;
                }
                piece = changed.freeze();
            }
            Tamper::Flip(_) | Tamper::Nothing => {}
        }
        let length = piece.len() as u64;
        self.passed += length;
        self.counter.fetch_add(length, Ordering::Relaxed);
        piece
    }
}

impl Body for Tampered {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.tamper {
            Tamper::Break(after) if self.passed >= after => {
                let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(PAUSE)));
                ready!(pause.as_mut().poll(context));
                return Poll::Ready(Some(Err("cut by the proxy".into())));
            }
            Tamper::End(after) if self.passed >= after => return Poll::Ready(None),
            _ => {}
        }
        let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(context)) else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(match frame.map(Frame::into_data) {
            Ok(Ok(piece)) => Ok(Frame::data(self.apply(piece))),
            Ok(Err(other)) => Ok(other),
            Err(error) => Err(error.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.tamper == Tamper::Nothing && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.tamper {
            Tamper::End(after) => SizeHint::with_exact(after.saturating_sub(self.passed)),
            _ => self.inner.size_hint(),
        }
    }
}
