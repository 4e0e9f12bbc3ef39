//! How often a request is tried again, and how long is waited in between.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// Attempts and pauses for what failed in a way that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; at least 1.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles from there. Each pause is drawn at random
    /// between half of its length and all of it.
    pub base: Duration,
    /// The longest pause. A registry that asks (`Retry-After`) for a longer one is not tried again.
    pub max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_millis(250),
            max: Duration::from_secs(20),
        }
    }
}

impl RetryPolicy {
    /// One attempt only.
    #[must_use]
    pub fn none() -> Self {
        Self {
            attempts: 1,
            ..Self::default()
        }
    }

    /// As many attempts as usual with pauses of about a millisecond, for tests.
    #[must_use]
    pub fn immediate() -> Self {
        Self {
            base: Duration::from_millis(1),
            max: Duration::from_secs(2),
            ..Self::default()
        }
    }

    /// The pause after the `attempt`th attempt (counted from 1) failed, or none where it was the
    /// last one or the registry asks for more patience than allowed.
    pub(crate) fn pause(&self, attempt: u32, asked: Option<Duration>) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        if let Some(asked) = asked {
            return (asked <= self.max).then_some(asked);
        }
        let factor = 1u32
            .checked_shl(attempt.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let longest = self.base.saturating_mul(factor).min(self.max);
        Some(longest.mul_f64(0.5 + fastrand::f64() / 2.0))
    }
}

/// The pause that a `Retry-After` header asks for, in seconds or as a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    let date = SystemTime::from(date.timestamp());
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn asked(text: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_700);
        retry_after(&headers, now)
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_date() {
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            asked("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(77))
        );
        assert_eq!(
            asked("Sun, 06 Nov 1983 08:49:37 GMT"),
            Some(Duration::ZERO),
            "a date in the past means now"
        );
        assert_eq!(asked("soon"), None);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        let policy = RetryPolicy {
            attempts: 6,
            base: Duration::from_millis(100),
            max: Duration::from_millis(300),
        };
        for (attempt, longest) in [(1, 100), (2, 200), (3, 300), (4, 300)] {
            let pause = policy.pause(attempt, None).unwrap();
            assert!(
                pause <= Duration::from_millis(longest),
                "{attempt}: {pause:?}"
            );
            assert!(
                pause >= Duration::from_millis(longest / 2),
                "{attempt}: {pause:?}"
            );
        }
        assert_eq!(policy.pause(6, None), None);
    }

    #[test]
    fn a_registry_may_ask_for_a_pause_but_not_for_any() {
        let policy = RetryPolicy::default();
        assert_eq!(
            policy.pause(1, Some(Duration::from_secs(3))),
            Some(Duration::from_secs(3))
        );
        assert_eq!(policy.pause(1, Some(Duration::from_secs(3600))), None);
    }
}
