use std::time::Duration;

/// The longest back-off.
pub const MAX_BACKOFF: Duration = Duration::from_secs(900);

/// How long a record waits before its next attempt: the base, doubled with every attempt, at most
/// [`MAX_BACKOFF`]; of that, one half for certain and the other half times `jitter` (0 to 1), so that
/// records that failed together do not come back together.
#[must_use]
pub fn back_off(base: Duration, receive_count: u32, jitter: f64) -> Duration {
    let doublings = receive_count.saturating_sub(1).min(16);
    let full = base.saturating_mul(1 << doublings).min(MAX_BACKOFF);
    full.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_limit() {
        let base = Duration::from_secs(20);
        let seconds: Vec<u64> = (1..=8).map(|x| back_off(base, x, 1.0).as_secs()).collect();
        assert_eq!(seconds, [20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(back_off(base, u32::MAX, 1.0), MAX_BACKOFF);
        assert_eq!(back_off(base, 0, 1.0), base);
    }

    #[test]
    fn jitter_takes_away_at_most_half() {
        let base = Duration::from_secs(20);
        assert_eq!(back_off(base, 2, 0.0), Duration::from_secs(20));
        assert_eq!(back_off(base, 2, 0.5), Duration::from_secs(30));
        assert_eq!(back_off(base, 2, 7.0), Duration::from_secs(40));
    }
}
