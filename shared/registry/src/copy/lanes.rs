//! How many large blobs travel at once: as many as make the whole faster.
//!
//! One stream more costs memory and, where the link or the processor is full, brings nothing. So a copy
//! begins with few, tries one more now and then, and keeps it only where more bytes came through.

mod climb;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use climb::Climb;

/// A smaller blob is over before its speed says anything, and what it takes is time to ask, not the
/// link: it needs no lane.
const LARGE: u64 = 8 * 1024 * 1024;
/// How long bytes are counted for one measurement.
const WINDOW: Duration = Duration::from_millis(250);

/// Where large blobs wait for their turn. What moves is counted for all of them together.
pub(super) struct Lanes {
    traffic: Mutex<Traffic>,
    moved: AtomicU64,
    changed: Notify,
}

struct Traffic {
    climb: Climb,
    used: usize,
    waiting: usize,
    /// When the present measurement began; nothing while nobody waits, because what comes through then
    /// says nothing about another lane.
    since: Option<Instant>,
}

/// A lane in use.
pub(super) struct Lane(Arc<Lanes>);

impl Lanes {
    /// At most `most` lanes.
    pub(super) fn new(most: usize) -> Self {
        Self {
            traffic: Mutex::new(Traffic {
                climb: Climb::new(most),
                used: 0,
                waiting: 0,
                since: None,
            }),
            moved: AtomicU64::new(0),
            changed: Notify::new(),
        }
    }

    /// Waits for a lane, where the blob is large enough to need one.
    pub(super) async fn enter(self: &Arc<Self>, size: u64) -> Option<Lane> {
        if size < LARGE {
            return None;
        }
        let mut waits: Option<Waiting<'_>> = None;
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            {
                let mut traffic = self.traffic();
                if traffic.used < traffic.climb.lanes() {
                    traffic.used += 1;
                    break;
                }
            }
            waits.get_or_insert_with(|| Waiting::new(self));
            changed.await;
        }
        drop(waits);
        Some(Lane(Arc::clone(self)))
    }

    /// So many bytes more came through.
    pub(super) fn moved(&self, bytes: u64) {
        self.moved.fetch_add(bytes, Ordering::Relaxed);
        let mut traffic = self.traffic();
        // Streams that are one too many by now end with their blobs. A lane that somebody waits for is
        // empty for a moment only.
        if traffic.used > traffic.climb.lanes() || traffic.waiting == 0 {
            traffic.since = None;
            return;
        }
        let now = Instant::now();
        let Some(since) = traffic.since else {
            traffic.since = Some(now);
            self.moved.store(0, Ordering::Relaxed);
            return;
        };
        let took = now.saturating_duration_since(since);
        if took < WINDOW {
            return;
        }
        let bytes = self.moved.swap(0, Ordering::Relaxed);
        traffic.since = Some(now);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a speed needs no more precision"
        )]
        traffic.climb.measured(bytes as f64 / took.as_secs_f64());
        self.changed.notify_waiters();
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.0.traffic().used -= 1;
        self.0.changed.notify_waiters();
    }
}

/// A blob that waits for a lane; counted as long as somebody waits for it.
struct Waiting<'a>(&'a Lanes);

impl<'a> Waiting<'a> {
    fn new(lanes: &'a Lanes) -> Self {
        lanes.traffic().waiting += 1;
        Self(lanes)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.traffic().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_blobs_need_no_lane_and_large_ones_wait_for_one() {
        let lanes = Arc::new(Lanes::new(1));
        let first = lanes.enter(LARGE).await.unwrap();
        assert!(lanes.enter(LARGE - 1).await.is_none());
        let there = Arc::clone(&lanes);
        let second = tokio::spawn(async move { there.enter(LARGE).await });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        assert_eq!(lanes.traffic().waiting, 1);
        drop(first);
        let second = second.await.unwrap().unwrap();
        assert_eq!(lanes.traffic().waiting, 0);
        // Who gives up waiting leaves no trace.
        let given_up = tokio::time::timeout(Duration::from_millis(5), lanes.enter(LARGE));
        assert!(given_up.await.is_err());
        assert_eq!(lanes.traffic().waiting, 0);
        drop(second);
        assert_eq!(lanes.traffic().used, 0);
    }

    /// A link that gives each stream so much, and all of them together no more than so much; how many
    /// streams there are most of the time.
    async fn streams(each: u64, all: u64, most: usize) -> usize {
        let lanes = Arc::new(Lanes::new(most));
        let blobs: Vec<_> = (0..most + 1)
            .map(|_| {
                let lanes = Arc::clone(&lanes);
                tokio::spawn(async move {
                    loop {
                        let _lane = lanes.enter(LARGE).await;
                        for _ in 0..20 {
                            tokio::time::sleep(Duration::from_millis(10)).await;
                            let used = lanes.traffic().used as u64;
                            lanes.moved(each.min(all / used) / 100);
                        }
                    }
                })
            })
            .collect();
        // It takes some time to find out, and looks for more now and then.
        tokio::time::sleep(Duration::from_secs(4)).await;
        let mut seen = vec![0; most + 1];
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            seen[lanes.traffic().climb.lanes()] += 1;
        }
        for blob in blobs {
            blob.abort();
        }
        (0..=most).max_by_key(|lanes| seen[*lanes]).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_as_many_streams_as_the_link_is_worth() {
        const M: u64 = 1_000_000;
        assert_eq!(streams(10 * M, 20 * M, 8).await, 2, "two fill it");
        assert_eq!(streams(10 * M, 50 * M, 8).await, 5, "five fill it");
        assert_eq!(streams(10 * M, 900 * M, 8).await, 8, "nothing fills it");
        assert_eq!(streams(90 * M, 90 * M, 8).await, 1, "one does");
        assert_eq!(streams(10 * M, 900 * M, 1).await, 1, "no more than allowed");
    }
}
