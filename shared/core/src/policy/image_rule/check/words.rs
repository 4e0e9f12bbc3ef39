//! How values are told to a person.

use std::time::Duration;

use jiff::Timestamp;

/// How many entries of a list a message names.
const NAMED: usize = 5;

/// A text from an image, bounded and on one line, between backticks.
pub(super) fn shown(text: &str) -> String {
    const MAX: usize = 80;
    let mut short: String = text
        .chars()
        .take(MAX)
        .flat_map(char::escape_debug)
        .filter(|c| *c != '`')
        .collect();
    if text.chars().nth(MAX).is_some() {
        short.push('…');
    }
    format!("`{short}`")
}

/// `a, b and c`, with the number of the rest where there are many.
pub(super) fn joined(texts: &[String], and: &str) -> String {
    let named = if texts.len() > NAMED + 1 {
        NAMED
    } else {
        texts.len()
    };
    let mut text = String::new();
    for (i, part) in texts.iter().take(named).enumerate() {
        if i > 0 {
            let is_last = i + 1 == texts.len();
            text.push_str(&if is_last {
                format!(" {and} ")
            } else {
                ", ".to_owned()
            });
        }
        text.push_str(part);
    }
    if named < texts.len() {
        text.push_str(&format!(" {and} {} more", texts.len() - named));
    }
    text
}

/// A size in the unit that leaves one to three digits in front of the point, rounded down.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [(&str, u64); 4] = [
        ("TiB", 1 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
    ];
    match UNITS.iter().find(|(_, size)| count >= *size) {
        None => format!("{count} bytes"),
        Some((unit, size)) => {
            let (whole, tenths) = (count / size, count % size * 10 / size);
            if count.is_multiple_of(*size) {
                format!("{whole} {unit}")
            } else {
                format!("{whole}.{tenths} {unit} ({count} bytes)")
            }
        }
    }
}

/// A duration in its largest whole unit.
pub(super) fn length(duration: Duration) -> String {
    const UNITS: [(&str, u64); 3] = [("day", 86_400), ("hour", 3600), ("minute", 60)];
    let seconds = duration.as_secs();
    let (unit, count) = UNITS
        .iter()
        .find(|(_, size)| seconds >= *size && seconds.is_multiple_of(*size))
        .map_or(("second", seconds), |(unit, size)| (*unit, seconds / size));
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// A time, to the minute.
pub(super) fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A sentence from a clause.
pub(super) fn sentence(clause: String) -> String {
    let mut rest = clause.chars();
    let first = rest.next().map(|c| c.to_ascii_uppercase());
    let mut text: String = first.into_iter().collect();
    text.push_str(rest.as_str());
    text.push('.');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_shortly() {
        assert_eq!(bytes(2 << 30), "2 GiB");
        assert_eq!(bytes((2 << 30) + 1), "2.0 GiB (2147483649 bytes)");
        assert_eq!(bytes(12), "12 bytes");
        assert_eq!(length(Duration::from_secs(900)), "15 minutes");
        assert_eq!(length(Duration::from_secs(86_400)), "1 day");
        assert_eq!(length(Duration::from_secs(61)), "61 seconds");
        assert_eq!(shown("a`b\n"), "`ab\\n`");
        assert_eq!(shown(&"x".repeat(81)).chars().count(), 83);
        let many: Vec<String> = (0..9).map(|n| n.to_string()).collect();
        assert_eq!(joined(&many[..3], "or"), "0, 1 or 2");
        assert_eq!(joined(&many, "and"), "0, 1, 2, 3, 4 and 4 more");
        assert_eq!(sentence("the end".to_owned()), "The end.");
    }
}
