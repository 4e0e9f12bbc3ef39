//! How far an upload has come, and whether it still moves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// An upload may stand still this many idle times: the source has one of its own to notice that it
/// is the one that stands.
const PATIENCE: u32 = 3;
/// When everything is sent, a registry may take this many idle times to put a large layer in place.
const FINAL_PATIENCE: u32 = 5;

/// How far an upload has come: who waits for the reply sees whether anything moves.
pub(crate) struct Flow {
    sent: AtomicU64,
    told: Box<dyn Fn(u64, u64) + Send + Sync>,
}

impl Flow {
    /// `told` is called with the bytes that moved and the position in the blob, whenever it changes.
    pub(crate) fn new(told: impl Fn(u64, u64) + Send + Sync + 'static) -> Self {
        Self {
            sent: AtomicU64::new(0),
            told: Box::new(told),
        }
    }

    /// The position in the blob up to which bytes were handed to the connection.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn at(&self, position: u64) {
        self.sent.store(position, Ordering::Relaxed);
    }

    pub(super) fn moved(&self, bytes: u64) {
        let position = self.sent.fetch_add(bytes, Ordering::Relaxed) + bytes;
        (self.told)(bytes, position);
    }
}

/// How long an upload may stand still.
pub(super) fn patience(idle: Duration) -> Duration {
    idle * PATIENCE
}

/// Waits for a reply as long as bytes move. Nothing where they do not.
pub(super) async fn watched<F: Future>(
    future: F,
    flow: &Flow,
    total: u64,
    idle: Duration,
) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut stood_still = 0;
    let mut before = flow.sent();
    loop {
        if let Ok(output) = tokio::time::timeout(idle, &mut future).await {
            return Some(output);
        }
        let now = flow.sent();
        stood_still = if now == before { stood_still + 1 } else { 0 };
        before = now;
        let patience = if now >= total {
            FINAL_PATIENCE
        } else {
            PATIENCE
        };
        if stood_still >= patience {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_stands_still_is_given_up_and_one_that_moves_is_not() {
        let idle = Duration::from_millis(20);
        let flow = Flow::new(|_, _| {});
        assert!(
            watched(std::future::pending::<()>(), &flow, 10, idle)
                .await
                .is_none()
        );
        let moving = async {
            for _ in 0..10 {
                tokio::time::sleep(idle * 2).await;
                flow.moved(1);
            }
        };
        assert!(watched(moving, &flow, 100, idle).await.is_some());
    }
}
