//! Moments and sizes as people write them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, de};

/// A moment: a timestamp, or `30d ago`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenTime {
    /// At this moment.
    At(Timestamp),
    /// So long before the case's `now`.
    Ago(SignedDuration),
}

impl GivenTime {
    /// The moment, seen from `now`.
    ///
    /// # Errors
    ///
    /// Where it lies before any calendar.
    pub fn seen_from(self, now: Timestamp) -> Result<Timestamp, String> {
        match self {
            Self::At(time) => Ok(time),
            Self::Ago(age) => now
                .checked_sub(age)
                .map_err(|_| "reaches back before any calendar".to_owned()),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "`{text}` is no moment (expected such as `2026-08-01T10:00:00Z`, or `30d ago` with \
                 s, m, h, d or w)"
            )
        };
        if let Some(age) = text.strip_suffix(" ago") {
            return duration(age.trim()).map(Self::Ago).ok_or_else(expected);
        }
        text.parse().map(Self::At).map_err(|_| expected())
    }
}

/// `15m`, `30d`: a number and s, m, h, d or w.
pub(super) fn duration(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().last()?;
    let number = text.strip_suffix(unit)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        'w' => 7 * 24 * 3600,
        _ => return None,
    };
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let number: i64 = is_number.then(|| number.parse().ok()).flatten()?;
    number.checked_mul(seconds).map(SignedDuration::from_secs)
}

impl<'de> Deserialize<'de> for GivenTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// A number of bytes: `1048576`, `120MiB`, `2GB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl Size {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits)?;
        let unit: u64 = match unit.trim() {
            "" | "B" => 1,
            "kB" | "KB" => 1000,
            "MB" => 1000 * 1000,
            "GB" => 1000 * 1000 * 1000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        let number: u64 = number.parse().ok()?;
        number.checked_mul(unit).map(Self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is no size (expected bytes, or a number with kB, MB, GB, KiB, MiB or GiB)"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_absolute_or_seen_from_now() {
        let now: Timestamp = "2026-08-01T10:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-07-01T00:00:00Z", "2026-07-01T00:00:00Z"),
            ("90s ago", "2026-08-01T09:58:30Z"),
            ("15m ago", "2026-08-01T09:45:00Z"),
            ("2h ago", "2026-08-01T08:00:00Z"),
            ("30d ago", "2026-07-02T10:00:00Z"),
            ("1w ago", "2026-07-25T10:00:00Z"),
        ] {
            let time = GivenTime::parse(text).unwrap().seen_from(now).unwrap();
            assert_eq!(time.to_string(), expected, "{text}");
        }
        for text in ["yesterday", "1y ago", "ago", "-1d ago", " ago", "1 d"] {
            assert!(GivenTime::parse(text).is_err(), "{text}");
        }
        let age = GivenTime::Ago(SignedDuration::from_secs(i64::MAX));
        assert!(age.seen_from(now).is_err());
    }

    #[test]
    fn sizes_have_units_of_both_kinds() {
        for (text, expected) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("2kB", Some(2000)),
            ("2 KiB", Some(2048)),
            ("3MB", Some(3_000_000)),
            ("1GiB", Some(1 << 30)),
            ("1GB", Some(1_000_000_000)),
            ("1TB", None),
            ("MB", None),
            ("-1", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(Size::parse(text).map(|size| size.0), expected, "{text}");
        }
    }
}
