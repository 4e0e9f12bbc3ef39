//! What fits into the time that is left.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const MIB: f64 = 1024.0 * 1024.0;
/// The speed of one stream before anything was measured, in bytes per second: less than what
/// registries give, so that the first large blobs go up in parts.
const ASSUMED: f64 = 8.0 * MIB;
/// What one stream gives at best, in bytes per second. Before anything was measured, all that fits by
/// this is begun: a run that begins nothing measures nothing, and neither would the next.
const HOPED: f64 = 256.0 * MIB;
/// A blob has to look as if it took no more than this share of the time that is left.
const SAFETY: f64 = 0.5;
/// Time kept for ending in good order: at least, at most, and as a share of the whole run.
const CLOSING: (Duration, Duration, f64) =
    (Duration::from_millis(200), Duration::from_secs(3), 0.1);
/// A measurement over less says more about latency than about speed.
const MEASURABLE: u64 = 4 * 1024 * 1024;

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
    /// What lies between the two.
    closing: Duration,
    speed: Mutex<Speed>,
}

impl Clock {
    pub(super) fn new(deadline: Option<std::time::Instant>) -> Self {
        let deadline = deadline.map(Instant::from_std);
        let now = Instant::now();
        let left = deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(now));
        let closing = closing(left);
        Self {
            deadline,
            stop: deadline.map(|deadline| deadline.checked_sub(closing).unwrap_or(now)),
            closing,
            speed: Mutex::default(),
        }
    }

    /// How long ending in good order may take.
    pub(super) fn closing(&self) -> Duration {
        self.closing
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
            Some(left) => way(bytes, part, left, self.measured()),
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

    fn measured(&self) -> Option<f64> {
        let speed = self.speed.lock().unwrap_or_else(PoisonError::into_inner);
        speed.0
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
fn way(bytes: u64, part: Option<u64>, left: Duration, measured: Option<f64>) -> Way {
    let seconds = left.as_secs_f64();
    let fits = |bytes: u64| bytes as f64 <= seconds * SAFETY * measured.unwrap_or(ASSUMED);
    let can_fit = |bytes: u64| match measured {
        Some(_) => fits(bytes),
        None => bytes as f64 <= seconds * HOPED,
    };
    match part {
        _ if left.is_zero() => Way::Later,
        _ if fits(bytes) => Way::Whole,
        Some(part) if bytes > part => match can_fit(part) {
            true => Way::Parts,
            false => Way::Later,
        },
        _ if can_fit(bytes) => Way::Whole,
        _ => Way::Later,
    }
}

/// How much of a run is kept for its end.
fn closing(run: Duration) -> Duration {
    let (least, most, share) = CLOSING;
    // A run without end would overflow.
    run.min(Duration::from_secs(86_400))
        .mul_f64(share)
        .clamp(least, most)
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

    const M: u64 = 1024 * 1024;

    #[test]
    fn what_is_begun_is_likely_to_arrive() {
        let s = Duration::from_secs;
        let part = Some(10 * M);
        for (bytes, part, left, mib_per_second, expected) in [
            (10 * M, part, s(60), 8.0, Way::Whole),
            (240 * M, part, s(60), 8.0, Way::Whole),
            (241 * M, part, s(60), 8.0, Way::Parts),
            (241 * M, None, s(60), 8.0, Way::Later),
            (5000 * M, part, s(1), 8.0, Way::Later),
            (10 * M, part, s(1), 8.0, Way::Later),
            (0, part, s(1), 8.0, Way::Whole),
            (0, None, s(0), 8.0, Way::Later),
        ] {
            let found = way(bytes, part, left, Some(mib_per_second * MIB));
            assert_eq!(found, expected, "{bytes} in {left:?}");
        }
    }

    #[test]
    fn before_anything_was_measured_something_is_begun() {
        let s = Duration::from_secs;
        let part = Some(10 * M);
        for (bytes, part, left, expected) in [
            (240 * M, part, s(60), Way::Whole),
            (241 * M, part, s(60), Way::Parts),
            (5000 * M, part, s(1), Way::Parts),
            (10 * M, part, s(1), Way::Whole),
            (5000 * M, None, s(900), Way::Whole),
            (u64::MAX, None, s(900), Way::Later),
            (u64::MAX, part, s(900), Way::Parts),
            (1, part, s(0), Way::Later),
        ] {
            assert_eq!(
                way(bytes, part, left, None),
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
        speed.measure(M, Duration::from_secs(1));
        for _ in 0..20 {
            speed.measure(10 * M, Duration::from_secs(1));
        }
        let mib = speed.0.unwrap() / MIB;
        assert!((9.0..=10.0).contains(&mib), "{mib}");
    }

    #[test]
    fn without_a_deadline_everything_fits() {
        let clock = Clock::new(None);
        assert_eq!(clock.way(u64::MAX, None), Way::Whole);
        assert!(!clock.is_over());
    }
}
