//! What fits into the time that is left.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The speed of one stream before anything was measured, in bytes per second: less than what
/// registries give, so that the first blobs are begun with care.
const ASSUMED: f64 = 8.0 * 1024.0 * 1024.0;
/// A blob has to look as if it took no more than this share of the time that is left.
const SAFETY: f64 = 0.5;
/// Time kept for ending in good order: at least, at most, and as a share of the whole run.
const CLOSING: (Duration, Duration, f64) =
    (Duration::from_millis(200), Duration::from_secs(3), 0.1);
/// A measurement over less says more about latency than about speed.
const MEASURABLE: u64 = 256 * 1024;

/// How a blob is best begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// In one piece: it arrives in time.
    Whole,
    /// In parts, each of which counts by itself.
    Parts,
    /// Not in this run.
    Later,
}

/// The time of one copy.
pub(super) struct Clock {
    deadline: Option<Instant>,
    /// When nothing more moves.
    stop: Option<Instant>,
    speed: Mutex<Speed>,
}

impl Clock {
    pub(super) fn new(deadline: Option<std::time::Instant>) -> Self {
        let deadline = deadline.map(Instant::from_std);
        let now = Instant::now();
        let stop = deadline.map(|deadline| {
            let left = deadline.saturating_duration_since(now);
            deadline.checked_sub(closing(left)).unwrap_or(now)
        });
        Self {
            deadline,
            stop,
            speed: Mutex::default(),
        }
    }

    /// Runs something until the deadline; nothing where it was not done by then.
    pub(super) async fn until_deadline<F: Future>(&self, future: F) -> Option<F::Output> {
        until(self.deadline, future).await
    }

    /// Runs something as long as things may move; nothing where it was not done by then.
    pub(super) async fn while_moving<F: Future>(&self, future: F) -> Option<F::Output> {
        until(self.stop, future).await
    }

    /// Whether there is no time left to move anything.
    pub(super) fn is_over(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    /// How to begin, or go on with, `bytes` of which `part` can be sent and acknowledged at a time;
    /// nothing where the target cannot take parts up again.
    pub(super) fn way(&self, bytes: u64, part: Option<u64>) -> Way {
        match self.left() {
            None => Way::Whole,
            Some(left) => way(bytes, part, left, self.bytes_per_second()),
        }
    }

    /// Remembers how long some bytes took.
    pub(super) fn moved(&self, bytes: u64, took: Duration) {
        if bytes >= MEASURABLE {
            let mut speed = self.speed.lock().unwrap_or_else(PoisonError::into_inner);
            speed.measure(bytes, took);
        }
    }

    fn left(&self) -> Option<Duration> {
        Some(self.stop?.saturating_duration_since(Instant::now()))
    }

    fn bytes_per_second(&self) -> f64 {
        let speed = self.speed.lock().unwrap_or_else(PoisonError::into_inner);
        speed.0.unwrap_or(ASSUMED)
    }
}

/// The speed of one stream in bytes per second, the last measurements weighing most.
#[derive(Default)]
struct Speed(Option<f64>);

impl Speed {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a speed needs no more precision"
    )]
    fn measure(&mut self, bytes: u64, took: Duration) {
        let now = bytes as f64 / took.as_secs_f64().max(1e-6);
        self.0 = Some(
            self.0
                .map_or(now, |before| 0.7f64.mul_add(before, 0.3 * now)),
        );
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "an estimate needs no more precision"
)]
fn way(bytes: u64, part: Option<u64>, left: Duration, bytes_per_second: f64) -> Way {
    let fits = |bytes: u64| bytes as f64 <= left.as_secs_f64() * SAFETY * bytes_per_second;
    match part {
        _ if left.is_zero() => Way::Later,
        _ if fits(bytes) => Way::Whole,
        Some(part) if bytes > part && fits(part) => Way::Parts,
        _ => Way::Later,
    }
}

/// How much of a run is kept for its end.
fn closing(run: Duration) -> Duration {
    let (least, most, share) = CLOSING;
    run.mul_f64(share).clamp(least, most)
}

async fn until<F: Future>(end: Option<Instant>, future: F) -> Option<F::Output> {
    match end {
        Some(end) => tokio::time::timeout_at(end, future).await.ok(),
        None => Some(future.await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn what_is_begun_is_likely_to_arrive() {
        let s = Duration::from_secs;
        for (bytes, part, left, mib_per_second, expected) in [
            (10 * MIB, Some(10 * MIB), s(60), 8.0, Way::Whole),
            (240 * MIB, Some(10 * MIB), s(60), 8.0, Way::Whole),
            (241 * MIB, Some(10 * MIB), s(60), 8.0, Way::Parts),
            (241 * MIB, None, s(60), 8.0, Way::Later),
            (5000 * MIB, Some(10 * MIB), s(1), 8.0, Way::Later),
            (10 * MIB, Some(10 * MIB), s(1), 8.0, Way::Later),
            (0, Some(10 * MIB), s(1), 8.0, Way::Whole),
            (0, None, s(0), 8.0, Way::Later),
        ] {
            let speed = mib_per_second * 1024.0 * 1024.0;
            assert_eq!(
                way(bytes, part, left, speed),
                expected,
                "{bytes} in {left:?}"
            );
        }
    }

    #[test]
    fn time_is_kept_for_the_end() {
        assert_eq!(closing(Duration::from_secs(900)), Duration::from_secs(3));
        assert_eq!(closing(Duration::from_secs(5)), Duration::from_millis(500));
        assert_eq!(closing(Duration::ZERO), Duration::from_millis(200));
    }

    #[test]
    fn the_last_measurements_weigh_most() {
        let mut speed = Speed::default();
        speed.measure(MIB, Duration::from_secs(1));
        for _ in 0..20 {
            speed.measure(10 * MIB, Duration::from_secs(1));
        }
        let mib = speed.0.unwrap() / (1024.0 * 1024.0);
        assert!((9.0..=10.0).contains(&mib), "{mib}");
    }

    #[test]
    fn without_a_deadline_everything_fits() {
        let clock = Clock::new(None);
        assert_eq!(clock.way(u64::MAX, None), Way::Whole);
        assert!(!clock.is_over());
    }
}
