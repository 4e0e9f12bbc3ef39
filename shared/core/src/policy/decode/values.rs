//! Durations, sizes, dates and counts.

use std::time::Duration;

use jiff::civil::Date;

use super::super::document::Value;
use super::{At, Decoder};

const DAY: u64 = 24 * 60 * 60;

/// The shortest and the longest duration that a field takes, as they are written.
pub(super) struct Limits {
    pub(super) shortest: &'static str,
    pub(super) longest: &'static str,
}

/// A whole number with a unit, such as `15m` or `90d`.
pub(super) fn duration(d: &mut Decoder<'_>, at: &At<'_>, limits: &Limits) -> Option<Duration> {
    let Limits { shortest, longest } = limits;
    let expected =
        format!("a whole number with `s`, `m`, `h` or `d`, from `{shortest}` to `{longest}`");
    let (min, max) = (read_duration(shortest).ok()?, read_duration(longest).ok()?);
    d.parsed(at, &expected, |text| match read_duration(text)? {
        Duration::ZERO => Err("is no time at all"),
        found if found < min => Err("is too short"),
        found if found > max => Err("is too long"),
        found => Ok(found),
    })
}

fn read_duration(text: &str) -> Result<Duration, &'static str> {
    const WRONG: &str = "is not a duration";
    let mut digits = text.chars();
    let unit = match digits.next_back() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 60 * 60,
        Some('d') => DAY,
        _ => return Err(WRONG),
    };
    let digits = digits.as_str();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(WRONG);
    }
    let seconds = digits
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(unit));
    Ok(Duration::from_secs(seconds.ok_or("is too long")?))
}

/// A number of bytes: `2GiB`, `500MB`, or a plain number.
pub(super) fn size(d: &mut Decoder<'_>, at: &At<'_>) -> Option<u64> {
    const EXPECTED: &str = "a size such as `2GiB` or `500MB`, or a number of bytes";
    if let Value::Number(text) = &at.node.value {
        let found = text.parse::<u64>().ok().filter(|bytes| *bytes > 0);
        if found.is_none() {
            d.invalid(at, format!("`{text}` is not a number of bytes"), EXPECTED);
        }
        return found;
    }
    d.parsed(at, EXPECTED, read_size)
}

fn read_size(text: &str) -> Result<u64, &'static str> {
    const WRONG: &str = "is not a size";
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or("has no unit")?;
    let (number, unit) = (text.get(..end), text.get(end..));
    let unit: u64 = match unit.unwrap_or_default().trim_start() {
        "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(WRONG),
    };
    let (whole, fraction) = match number.unwrap_or_default().split_once('.') {
        None => (number.unwrap_or_default(), ""),
        Some((_, "")) => return Err(WRONG),
        Some(parts) => parts,
    };
    if fraction.contains('.') || fraction.len() > 3 {
        return Err(WRONG);
    }
    let whole = whole.parse::<u64>().map_err(|_| WRONG)?;
    let mut bytes = whole.checked_mul(unit).ok_or("is too large")?;
    let mut part = unit;
    for digit in fraction.chars().filter_map(|c| c.to_digit(10)) {
        part /= 10;
        bytes = bytes
            .checked_add(part * u64::from(digit))
            .ok_or("is too large")?;
    }
    if bytes == 0 {
        return Err("is nothing at all");
    }
    Ok(bytes)
}

/// A day, such as `2027-01-31`.
pub(super) fn date(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Date> {
    d.parsed(at, "a day such as `2027-01-31`", |text| {
        let shape = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        text.parse::<Date>()
            .ok()
            .filter(|_| shape)
            .ok_or("is not a day")
    })
}

/// A whole number within limits.
pub(super) fn number(d: &mut Decoder<'_>, at: &At<'_>, min: u32, max: u32) -> Option<u32> {
    let expected = format!("a whole number from {min} to {max}");
    let Value::Number(text) = &at.node.value else {
        d.wrong_type(at, &expected);
        return None;
    };
    let found = text
        .parse::<u32>()
        .ok()
        .filter(|found| (min..=max).contains(found));
    if found.is_none() {
        d.invalid(at, format!("found the number `{text}`"), &expected);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(read_size("2GiB"), Ok(2 << 30));
        assert_eq!(read_size("500MB"), Ok(500_000_000));
        assert_eq!(read_size("1.5 GB"), Ok(1_500_000_000));
        assert_eq!(read_size("12B"), Ok(12));
        for wrong in [
            "", "2", "GiB", "2GiBs", "1.GB", "1.2.3GB", "-1GB", "0MB", "2gib",
        ] {
            assert!(read_size(wrong).is_err(), "{wrong}");
        }
        assert_eq!(read_size("99999999999TB"), Err("is too large"));
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(read_duration("90d"), Ok(Duration::from_secs(90 * DAY)));
        assert_eq!(read_duration("15m"), Ok(Duration::from_secs(900)));
        for wrong in [
            "",
            "d",
            "1",
            "1.5h",
            "-1h",
            "1 h",
            "1w",
            "99999999999999999999d",
        ] {
            assert!(read_duration(wrong).is_err(), "{wrong}");
        }
    }
}
