//! What an image must be like.

mod check;
mod referrers;

use std::time::Duration;

use regex::Regex;

use crate::facts::Platform;

pub use check::ImageVerdict;

/// What an image must be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageRule {
    /// What the configuration's labels must say.
    pub labels: Metadata,
    /// What the manifest's annotations must say.
    pub annotations: Metadata,
    /// Platforms that must all be there.
    pub platforms: Vec<Platform>,
    /// Largest compressed size in bytes: of an image the sum of its layers, of an index that over
    /// all its images with each layer counted once.
    pub max_size: Option<u64>,
    /// Whether the process must not run as root.
    pub non_root: bool,
    /// Oldest age of the build, by the configuration's `created`.
    pub created_within: Option<Duration>,
    /// Globs over the base image's name, the annotation or label
    /// `org.opencontainers.image.base.name`; one must match.
    pub base_images: Vec<TextGlob>,
    /// Globs over the media types of the manifest and its layers; one must match each.
    pub media_types: Vec<TextGlob>,
    /// Whether layers that registries must not distribute are refused.
    pub no_foreign_layers: bool,
    /// Largest number of layers of one image.
    pub max_layers: Option<u32>,
    /// The ports that an image may expose; `None` where any may be.
    pub exposed_ports: Option<Vec<u16>>,
    /// What must refer to the image.
    pub referrers: Vec<RequiredReferrer>,
    /// For which images of an index the rules about one image hold.
    pub index: IndexScope,
}

/// For which images of an index a rule about one image holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndexScope {
    /// For each of them.
    #[default]
    Every,
    /// For at least one.
    Any,
}

/// What labels or annotations must say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Names that must be there with a value that is not empty.
    pub required: Vec<String>,
    /// Patterns that the values of names must match; a name that is not there does not.
    pub matching: Vec<(String, TextPattern)>,
}

/// A referrer that an image must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredReferrer {
    /// What it is called in messages: `signature`, `SBOM`, `provenance`, or the artifact type.
    pub what: String,
    /// Globs over artifact types; one must match, unless the referrer says what it states.
    pub artifact_types: Vec<TextGlob>,
    /// Globs over the predicate type of a statement (in-toto), of which one must match where a
    /// referrer tells its predicate type; empty: only the artifact type counts.
    pub predicate_types: Vec<TextGlob>,
    /// How long after the push it may be missing.
    pub within: Duration,
}

/// A glob over any text: `*` is any number of characters, `?` is one.
#[derive(Clone, Debug)]
pub struct TextGlob {
    text: String,
    matcher: Matcher,
}

/// A pattern over a value: a glob, or a regular expression between slashes that must match the whole
/// value.
#[derive(Clone, Debug)]
pub struct TextPattern {
    text: String,
    matcher: Matcher,
}

/// Most globs need no engine, which costs time when a function starts.
#[derive(Clone, Debug)]
enum Matcher {
    Exact,
    Prefix(String),
    Regex(Box<Regex>),
}

impl Matcher {
    fn matches(&self, pattern: &str, text: &str) -> bool {
        match self {
            Self::Exact => pattern == text,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

/// Why a text is not a pattern over values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextPatternError {
    /// The text is empty or too long.
    #[error("is empty or longer than {} bytes", TextGlob::MAX_LEN)]
    Length,
    /// The regex engine's reason.
    #[error("is not a valid regular expression: {0}")]
    Regex(String),
}

impl TextGlob {
    /// The longest glob, in bytes.
    pub const MAX_LEN: usize = 1024;

    /// Reads a glob.
    ///
    /// # Errors
    ///
    /// When the text is empty or too long.
    pub fn new(text: &str) -> Result<Self, TextPatternError> {
        check_length(text)?;
        let is_plain = |text: &str| !text.contains(['*', '?']);
        let matcher = match text.strip_suffix('*') {
            _ if is_plain(text) => Matcher::Exact,
            Some(prefix) if is_plain(prefix) => Matcher::Prefix(prefix.to_owned()),
            _ => {
                let mut pattern = String::new();
                for c in text.chars() {
                    match c {
                        '*' => pattern.push_str(".*"),
                        '?' => pattern.push('.'),
                        c => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
                    }
                }
                Matcher::Regex(Box::new(compile(&pattern)?))
            }
        };
        Ok(Self {
            text: text.to_owned(),
            matcher,
        })
    }

    /// Whether a text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.matcher.matches(&self.text, text)
    }

    /// The glob as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the glob costs memory and time to compile.
    pub(super) const fn is_costly(&self) -> bool {
        matches!(self.matcher, Matcher::Regex(_))
    }
}

impl TextPattern {
    /// Reads a glob, or a regular expression between slashes.
    ///
    /// # Errors
    ///
    /// When the text is empty, too long, or no regular expression.
    pub fn new(text: &str) -> Result<Self, TextPatternError> {
        let inner = text
            .strip_prefix('/')
            .and_then(|text| text.strip_suffix('/'));
        let matcher = match inner {
            Some(inner) => {
                check_length(text)?;
                // Alone first: `a)(b` would be fine within the anchors' group.
                regex_with_limits(inner)?;
                Matcher::Regex(Box::new(compile(inner)?))
            }
            None => TextGlob::new(text)?.matcher,
        };
        Ok(Self {
            text: text.to_owned(),
            matcher,
        })
    }

    /// Whether a value matches.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        self.matcher.matches(&self.text, value)
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern costs memory and time to compile.
    pub(super) const fn is_costly(&self) -> bool {
        matches!(self.matcher, Matcher::Regex(_))
    }
}

const fn check_length(text: &str) -> Result<(), TextPatternError> {
    if text.is_empty() || text.len() > TextGlob::MAX_LEN {
        return Err(TextPatternError::Length);
    }
    Ok(())
}

/// An expression that must match the whole text.
fn compile(pattern: &str) -> Result<Regex, TextPatternError> {
    regex_with_limits(&format!("^(?s:{pattern})$"))
}

fn regex_with_limits(pattern: &str) -> Result<Regex, TextPatternError> {
    regex::RegexBuilder::new(pattern)
        .size_limit(256 << 10)
        .dfa_size_limit(256 << 10)
        .nest_limit(64)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            TextPatternError::Regex(last.trim().trim_start_matches("error: ").to_owned())
        })
}

impl PartialEq for TextGlob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TextGlob {}

impl PartialEq for TextPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TextPattern {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_and_expressions_match_the_whole_text() {
        let cases: [(&str, &[&str], &[&str]); 6] = [
            ("a/b", &["a/b"], &["a/bc", "xa/b"]),
            ("a/*", &["a/", "a/b/c"], &["b/a/"]),
            ("*", &["", "x"], &[]),
            (
                "*.example.com/?",
                &["x.example.com/1"],
                &["xexample.com/1", "x.example.com/12"],
            ),
            ("/[0-9a-f]{4}/", &["0af1"], &["0af12", "x0af1"]),
            ("/a|b/", &["a", "b"], &["ab"]),
        ];
        for (text, yes, no) in cases {
            let pattern = TextPattern::new(text).unwrap();
            assert!(yes.iter().all(|value| pattern.matches(value)), "{text}");
            assert!(!no.iter().any(|value| pattern.matches(value)), "{text}");
        }
        for wrong in ["", "/(/", "/a)(b/", "/a{5000}{5000}/"] {
            assert!(TextPattern::new(wrong).is_err(), "{wrong}");
        }
        // A slash at one end only is text.
        assert!(TextPattern::new("/a").unwrap().matches("/a"));
        assert_eq!(
            TextGlob::new(&"a".repeat(1025)),
            Err(TextPatternError::Length)
        );
    }
}
