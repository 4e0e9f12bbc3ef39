use std::sync::LazyLock;

use regex::bytes::Regex;

/// A scheme of calendar versions, such as `YYYY.0M.MICRO`; the words are those of calver.org.
#[derive(Clone, Debug)]
pub struct CalverScheme {
    text: String,
    parts: Vec<Part>,
    regex: Regex,
}

/// A text that is not a scheme of calendar versions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalverError {
    /// A word that calver.org does not have.
    #[error("is not a calendar version scheme: `{0}` is not known")]
    Word(String),
    /// The same word twice.
    #[error("is not a calendar version scheme: `{0}` is there twice")]
    Twice(&'static str),
    /// No word for the year.
    #[error("is not a calendar version scheme: it has no year")]
    NoYear,
    /// Two words touch of which the first has no fixed width.
    #[error("is not a calendar version scheme: `{0}` has no fixed width, so `{1}` cannot touch it")]
    Touching(&'static str, &'static str),
    /// More than 128 characters.
    #[error("is too long for a calendar version scheme")]
    TooLong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Word(&'static Word),
    Separator(char),
}

#[derive(Debug, PartialEq, Eq)]
struct Word {
    text: &'static str,
    /// The group's name in the regular expression where it takes part in the calendar check.
    group: Option<&'static str>,
    regex: &'static str,
    fixed_width: bool,
    example: &'static str,
}

const fn word(
    text: &'static str,
    group: Option<&'static str>,
    regex: &'static str,
    fixed_width: bool,
    example: &'static str,
) -> Word {
    Word {
        text,
        group,
        regex,
        fixed_width,
        example,
    }
}

/// Longer words before the shorter ones that they begin with.
static WORDS: [Word; 13] = [
    word("YYYY", Some("year"), "[12][0-9]{3}", true, "2026"),
    word("YY", Some("year"), "[1-9][0-9]{0,2}", false, "26"),
    word("0Y", Some("year"), "[0-9]{2,3}", false, "26"),
    word("MAJOR", None, "(?:0|[1-9][0-9]*)", false, "1"),
    word("MINOR", None, "(?:0|[1-9][0-9]*)", false, "2"),
    word("MICRO", None, "(?:0|[1-9][0-9]*)", false, "0"),
    word("MODIFIER", None, "[0-9A-Za-z]+", false, "rc1"),
    word("MM", Some("month"), "(?:[1-9]|1[0-2])", false, "5"),
    word("0M", Some("month"), "(?:0[1-9]|1[0-2])", true, "05"),
    word("WW", None, "(?:[1-9]|[1-4][0-9]|5[0-3])", false, "20"),
    word("0W", None, "(?:0[1-9]|[1-4][0-9]|5[0-3])", true, "20"),
    word("DD", Some("day"), "(?:[1-9]|[12][0-9]|3[01])", false, "17"),
    word("0D", Some("day"), "(?:0[1-9]|[12][0-9]|3[01])", true, "17"),
];

/// The schemes that `calver` alone stands for. All have a year of four digits: with two, most
/// semantic versions would be calendar versions too.
const DEFAULTS: [&str; 9] = [
    "YYYY.MM.DD",
    "YYYY.0M.0D",
    "YYYY-0M-0D",
    "YYYY0M0D",
    "YYYY.0M",
    "YYYY.MM.MICRO",
    "YYYY.0M.MICRO",
    "YYYY.MM.DD.MICRO",
    "YYYY.0M.0D.MICRO",
];

impl CalverScheme {
    /// What a valid scheme looks like.
    pub(in super::super) const EXPECTED: &str = "words of calver.org with a year, such as \
         `YYYY.0M.MICRO`: YYYY, YY, 0Y, MM, 0M, WW, 0W, DD, 0D, MAJOR, MINOR, MICRO, MODIFIER";

    /// Reads a scheme: words joined by `.`, `-` or `_`, or by nothing where the width is fixed.
    ///
    /// # Errors
    ///
    /// When a word is unknown, no year is there, or the text is too long.
    pub fn new(text: &str) -> Result<Self, CalverError> {
        if text.len() > 128 {
            return Err(CalverError::TooLong);
        }
        let parts = parse(text)?;
        // The parts are few and known, so the expression is small and valid.
        let regex = Regex::new(&format!("^v?{}$", expression(&parts, true)))
            .map_err(|_| CalverError::TooLong)?;
        Ok(Self {
            text: text.to_owned(),
            parts,
            regex,
        })
    }

    /// Whether a tag is a version of one of the schemes that `calver` alone stands for.
    pub(super) fn any_default_matches(tag: &str) -> bool {
        let number = tag.strip_prefix('v').unwrap_or(tag);
        // All of them have a year in front; most tags are told apart here.
        number
            .get(..4)
            .is_some_and(|year| year.bytes().all(|b| b.is_ascii_digit()))
            && Self::defaults().iter().any(|scheme| scheme.matches(tag))
    }

    /// The schemes that `calver` alone stands for, compiled once for all rules.
    fn defaults() -> &'static [Self] {
        static COMPILED: LazyLock<Vec<CalverScheme>> = LazyLock::new(|| {
            DEFAULTS
                .iter()
                .filter_map(|text| CalverScheme::new(text).ok())
                .collect()
        });
        &COMPILED
    }

    /// The scheme as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a tag is a version of this scheme, and a day that exists where it names one.
    #[must_use]
    pub fn matches(&self, tag: &str) -> bool {
        if !self.regex.is_match(tag.as_bytes()) {
            return false;
        }
        let Some(found) = self.regex.captures(tag.as_bytes()) else {
            return false;
        };
        let number = |name| {
            let text = std::str::from_utf8(found.name(name)?.as_bytes()).ok()?;
            text.parse::<i16>().ok()
        };
        let (Some(year), Some(month), Some(day)) = (number("year"), number("month"), number("day"))
        else {
            return true;
        };
        let year = if year < 1000 { 2000 + year } else { year };
        let (Ok(month), Ok(day)) = (i8::try_from(month), i8::try_from(day)) else {
            return false;
        };
        jiff::civil::Date::new(year, month, day).is_ok()
    }

    /// A version of this scheme.
    pub(super) fn example(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Word(word) => text.push_str(word.example),
                Part::Separator(c) => text.push(*c),
            }
        }
        text
    }
}

fn parse(text: &str) -> Result<Vec<Part>, CalverError> {
    let mut parts: Vec<Part> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if matches!(first, '.' | '-' | '_') {
            parts.push(Part::Separator(first));
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let Some(word) = WORDS.iter().find(|word| rest.starts_with(word.text)) else {
            let unknown = rest.split(['.', '-', '_']).next().unwrap_or(rest);
            return Err(CalverError::Word(unknown.to_owned()));
        };
        if parts.contains(&Part::Word(word)) {
            return Err(CalverError::Twice(word.text));
        }
        if let Some(Part::Word(before)) = parts.last()
            && !before.fixed_width
        {
            return Err(CalverError::Touching(before.text, word.text));
        }
        let same_group = |part: &Part| match part {
            Part::Word(other) => word.group.is_some() && other.group == word.group,
            Part::Separator(_) => false,
        };
        if parts.iter().any(same_group) {
            return Err(CalverError::Twice(word.text));
        }
        parts.push(Part::Word(word));
        rest = rest.get(word.text.len()..).unwrap_or_default();
    }
    let is_year = |part: &Part| matches!(part, Part::Word(word) if word.group == Some("year"));
    if !parts.iter().any(is_year) {
        return Err(CalverError::NoYear);
    }
    Ok(parts)
}

fn expression(parts: &[Part], with_groups: bool) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Word(word) => match word.group {
                Some(group) if with_groups => {
                    text.push_str(&format!("(?P<{group}>{})", word.regex));
                }
                _ => text.push_str(word.regex),
            },
            Part::Separator(c) => text.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    text
}

/// Every default scheme as one regular expression, for `{calver}`.
pub(super) fn any_default() -> String {
    let each: Vec<String> = DEFAULTS
        .iter()
        .filter_map(|text| parse(text).ok())
        .map(|parts| expression(&parts, false))
        .collect();
    format!("(?:{})", each.join("|"))
}

/// What `calver` alone accepts, for a person.
pub(super) const ANY: &str = "a calendar version (`YYYY.MM.DD`, `YYYY.0M.MICRO` and the like)";

/// A calendar version, for `{calver}`.
pub(super) const EXAMPLE: &str = "2026.5.17";
