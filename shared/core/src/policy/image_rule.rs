use std::time::Duration;

use regex::Regex;

use crate::facts::Platform;

/// What an image must be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageRule {
    /// What the configuration's labels must say.
    pub labels: Metadata,
    /// What the manifest's annotations must say.
    pub annotations: Metadata,
    /// Platforms that must all be there.
    pub platforms: Vec<Platform>,
    /// Largest compressed size in bytes: of an image its configuration and layers, of an index the
    /// sum over its images with each layer counted once.
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
    /// Globs over artifact types; one must match.
    pub artifact_types: Vec<TextGlob>,
    /// How long after the push it may be missing.
    pub within: Duration,
}

/// A glob over any text: `*` is any number of characters, `?` is one.
#[derive(Clone, Debug)]
pub struct TextGlob {
    text: String,
    regex: Regex,
}

/// A pattern over a value: a glob, or a regular expression between slashes that must match the whole
/// value.
#[derive(Clone, Debug)]
pub struct TextPattern {
    text: String,
    regex: Regex,
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
        let mut pattern = String::new();
        for c in text.chars() {
            match c {
                '*' => pattern.push_str(".*"),
                '?' => pattern.push('.'),
                c => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            }
        }
        Ok(Self {
            regex: whole(text, &pattern)?,
            text: text.to_owned(),
        })
    }

    /// Whether a text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The glob as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
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
        let regex = match inner {
            Some(inner) => whole(text, inner)?,
            None => TextGlob::new(text)?.regex,
        };
        Ok(Self {
            text: text.to_owned(),
            regex,
        })
    }

    /// Whether a value matches.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn whole(text: &str, pattern: &str) -> Result<Regex, TextPatternError> {
    if text.is_empty() || text.len() > TextGlob::MAX_LEN {
        return Err(TextPatternError::Length);
    }
    regex::RegexBuilder::new(&format!("^(?s:{pattern})$"))
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
