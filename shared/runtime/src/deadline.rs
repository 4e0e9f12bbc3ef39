//! How long there is left.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The moment when a piece of work must be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline `time` from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// A deadline at a moment of the wall clock; one that has passed is over at once.
    #[must_use]
    pub fn at(time: SystemTime) -> Self {
        Self::after(
            time.duration_since(SystemTime::now())
                .unwrap_or(Duration::ZERO),
        )
    }

    /// The time left; zero when it is over.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The same deadline, `margin` earlier.
    #[must_use]
    pub fn earlier(self, margin: Duration) -> Self {
        Self(self.0.checked_sub(margin).unwrap_or_else(Instant::now))
    }

    /// The moment itself.
    #[must_use]
    pub fn instant(self) -> Instant {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn remaining_time_shrinks_to_zero() {
        let deadline = Deadline::after(Duration::from_secs(10));
        assert_eq!(deadline.remaining(), Duration::from_secs(10));
        assert_eq!(
            deadline.earlier(Duration::from_secs(4)).remaining(),
            Duration::from_secs(6)
        );
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(deadline.remaining(), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_moment_in_the_past_is_over() {
        assert_eq!(
            Deadline::at(SystemTime::UNIX_EPOCH).remaining(),
            Duration::ZERO
        );
    }
}
