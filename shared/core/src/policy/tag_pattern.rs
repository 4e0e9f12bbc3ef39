//! Patterns over tags, compiled once when the policy is read.

mod calver;
mod composed;
mod git;
mod overlap;
mod range;
mod semantic;
mod text;
mod version;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use globset::GlobBuilder;
use regex::bytes::{Regex, RegexBuilder};

use super::lazy_glob::LazyGlob;
use crate::names::Tag;

pub use calver::{CalverError, CalverScheme};
pub use semantic::SemverPattern;
pub use version::TagVersion;

use composed::Composed;

/// A pattern over tags.
///
/// As text: `semver`, `calver`, `git`, an exact tag (`latest`), a glob (`release-*`), a pattern
/// with placeholders (`sha-{git}`), or a regular expression between slashes (`/pr-[0-9]+/`), which
/// must match the whole tag.
///
/// A copy costs no memory: a decision keeps the pattern that allowed a tag.
#[derive(Clone)]
pub struct TagPattern {
    text: Arc<str>,
    /// Where in the text stands what every tag that matches begins with.
    start: Range<usize>,
    matcher: Matcher,
}

#[derive(Clone)]
enum Matcher {
    Semver(Arc<SemverPattern>),
    /// Any of the usual schemes.
    AnyCalver,
    Calver(Arc<CalverScheme>),
    Git,
    Any,
    Exact,
    /// A glob whose only wildcard is a `*` at its end.
    Prefix,
    /// A glob whose only wildcards are `*`.
    Stars,
    Glob(Arc<LazyGlob>),
    Regex(Arc<Regex>),
    Composed(Arc<Composed>),
}

/// A text that is not a pattern over tags.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagPatternError {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// More than [`TagPattern::MAX_LEN`] bytes.
    #[error("is longer than {} characters", TagPattern::MAX_LEN)]
    TooLong,
    /// A word that is nearly one of the keywords.
    #[error("would only match the tag `{text}` itself: did you mean `{keyword}`?")]
    NearKeyword {
        /// The word as written.
        text: String,
        /// The keyword that it resembles.
        keyword: &'static str,
    },
    /// A character that no tag has.
    #[error("holds {0:?}, which no tag has")]
    Character(char),
    /// An exact text that is not a tag.
    #[error("is not a tag: {0}")]
    Exact(&'static str),
    /// The glob engine's reason.
    #[error("is not a valid glob: {0}")]
    Glob(String),
    /// A `/` at the start without one at the end.
    #[error("begins with `/` like a regular expression, and does not end with one")]
    OpenRegex,
    /// The regex engine's reason.
    #[error("is not a valid regular expression: {0}")]
    Regex(String),
    /// A placeholder that does not exist.
    #[error("has the unknown placeholder `{{{0}}}`")]
    Placeholder(String),
    /// A brace or bracket in a pattern with placeholders.
    #[error("mixes placeholders with {0:?}; beside a placeholder only `*` and `?` are wildcards")]
    Mixed(char),
    /// A semver range that the semver crate refuses.
    #[error("is not a valid version range: {0}")]
    Range(String),
    /// A semver range that no version is in.
    #[error("has no version in it: its parts leave nothing for one another")]
    EmptyRange,
    /// A calendar version scheme that cannot be read.
    #[error(transparent)]
    Calver(CalverError),
}

impl TagPattern {
    /// The longest pattern, in bytes.
    pub const MAX_LEN: usize = 1024;

    /// Reads the text form.
    ///
    /// # Errors
    ///
    /// When the text is no pattern, or one that can never match a tag.
    pub fn new(text: &str) -> Result<Self, TagPatternError> {
        check_length(text)?;
        let matcher = match text {
            "semver" => Matcher::Semver(Arc::default()),
            "calver" => Matcher::AnyCalver,
            "git" => Matcher::Git,
            _ if text.starts_with('/') => {
                let inner = text
                    .strip_prefix('/')
                    .and_then(|text| text.strip_suffix('/'))
                    .ok_or(TagPatternError::OpenRegex)?;
                return Self::regex(inner);
            }
            _ if composed::has_placeholder(text) => {
                Matcher::Composed(Arc::new(Composed::new(text)?))
            }
            _ if text.contains(['*', '?', '[', ']', '{', '}']) => return Self::glob(text),
            _ => {
                if let Some(keyword) = near_keyword(text) {
                    let text = text.to_owned();
                    return Err(TagPatternError::NearKeyword { text, keyword });
                }
                return Self::exact(text);
            }
        };
        Ok(Self::of(text, matcher))
    }

    fn of(text: &str, matcher: Matcher) -> Self {
        Self {
            text: text.into(),
            start: text::literal_start(text, &matcher),
            matcher,
        }
    }

    /// What every tag that matches begins with; empty where nothing is certain.
    fn literal_start(&self) -> &str {
        self.text.get(self.start.clone()).unwrap_or_default()
    }

    /// A semantic version with options.
    ///
    /// # Errors
    ///
    /// When the range cannot be read, or no version is in it.
    pub fn semver(range: Option<&str>, prerelease: bool) -> Result<Self, TagPatternError> {
        let pattern = SemverPattern::new(range, prerelease)?;
        let text = pattern.to_string();
        Ok(Self::of(&text, Matcher::Semver(Arc::new(pattern))))
    }

    /// A calendar version of one scheme, such as `YYYY.0M.MICRO`.
    ///
    /// # Errors
    ///
    /// When the scheme cannot be read.
    pub fn calver(scheme: &str) -> Result<Self, TagPatternError> {
        check_length(scheme)?;
        let scheme = CalverScheme::new(scheme).map_err(TagPatternError::Calver)?;
        let text = format!("calver {}", scheme.as_str());
        Ok(Self::of(&text, Matcher::Calver(Arc::new(scheme))))
    }

    /// One tag, whatever its text means elsewhere.
    ///
    /// # Errors
    ///
    /// When the text is not a tag.
    pub fn exact(text: &str) -> Result<Self, TagPatternError> {
        check_length(text)?;
        text.parse::<Tag>()
            .map_err(|e| TagPatternError::Exact(e.reason.trim_start_matches("expected ")))?;
        Ok(Self::of(text, Matcher::Exact))
    }

    /// A glob.
    ///
    /// # Errors
    ///
    /// When the engine refuses it, or it holds a character that no tag has.
    pub fn glob(text: &str) -> Result<Self, TagPatternError> {
        check_length(text)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-*?[]{},!^".contains(c);
        if let Some(c) = text.chars().find(|c| !allowed(*c)) {
            return Err(TagPatternError::Character(c));
        }
        let has_meta = |s: &str| s.contains(['*', '?', '[', ']', '{', '}', ',', '!', '^']);
        let matcher = match text.strip_suffix('*') {
            Some("") => Matcher::Any,
            Some(prefix) if !has_meta(prefix) => Matcher::Prefix,
            _ if !has_meta(&text.replace('*', "")) => Matcher::Stars,
            _ => {
                let glob = GlobBuilder::new(text)
                    .backslash_escape(false)
                    .build()
                    .map_err(|e| TagPatternError::Glob(e.kind().to_string()))?;
                Matcher::Glob(Arc::new(LazyGlob::new(glob)))
            }
        };
        Ok(Self::of(text, matcher))
    }

    /// A regular expression, given without its slashes, that must match the whole tag.
    ///
    /// # Errors
    ///
    /// When the engine refuses it, or it would need more than 128 KiB.
    pub fn regex(inner: &str) -> Result<Self, TagPatternError> {
        check_length(inner)?;
        // Alone first: `a)(b` would be fine within the anchors' group.
        compile(inner)?;
        let regex = compile(&format!("^(?:{inner})$"))?;
        let matcher = Matcher::Regex(Arc::new(regex));
        Ok(Self::of(&format!("/{inner}/"), matcher))
    }

    /// Whether the pattern matches a tag.
    #[must_use]
    pub fn matches(&self, tag: &Tag) -> bool {
        let tag = tag.as_str();
        match &self.matcher {
            Matcher::Semver(pattern) => pattern.matches(tag),
            Matcher::AnyCalver => CalverScheme::any_default_matches(tag),
            Matcher::Calver(scheme) => scheme.matches(tag),
            Matcher::Git => git::is_commit(tag),
            Matcher::Any => true,
            Matcher::Exact => *self.text == *tag,
            Matcher::Prefix => tag.starts_with(self.literal_start()),
            Matcher::Stars => text::matches_stars(&self.text, tag),
            Matcher::Glob(glob) => glob.is_match(tag),
            Matcher::Regex(regex) => {
                tag.starts_with(self.literal_start()) && regex.is_match(tag.as_bytes())
            }
            Matcher::Composed(composed) => composed.matches(tag),
        }
    }

    /// The pattern as it was written; options in brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the pattern accepts, for a person.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.matcher {
            Matcher::Semver(pattern) => pattern.describe(),
            Matcher::AnyCalver => calver::ANY.to_owned(),
            Matcher::Calver(scheme) => format!("a calendar version `{}`", scheme.as_str()),
            Matcher::Git => format!("a git commit ({})", git::SHAPE),
            Matcher::Any => "any tag".to_owned(),
            Matcher::Exact => format!("`{}`", self.text),
            Matcher::Prefix => format!("a tag that begins with `{}`", self.literal_start()),
            Matcher::Stars | Matcher::Glob(_) => format!("a tag like `{}`", self.text),
            Matcher::Regex(_) => format!("a tag that matches `{}`", self.text),
            Matcher::Composed(composed) => composed.describe(),
        }
    }

    /// A tag that the pattern accepts, as near to `tag` as is easily found; `None` where none is.
    #[must_use]
    pub fn example_near(&self, tag: &Tag) -> Option<Tag> {
        let near = tag.as_str();
        let candidates = match &self.matcher {
            Matcher::Semver(pattern) => pattern.examples_near(near),
            Matcher::AnyCalver => vec![calver::EXAMPLE.to_owned()],
            Matcher::Calver(scheme) => vec![scheme.example()],
            Matcher::Git => vec![git::example_near(near)],
            Matcher::Any => vec![near.to_owned()],
            Matcher::Exact => vec![self.text.as_ref().to_owned()],
            Matcher::Prefix | Matcher::Stars | Matcher::Glob(_) => glob_examples(&self.text, near),
            Matcher::Regex(_) => Vec::new(),
            Matcher::Composed(composed) => composed.examples_near(near),
        };
        candidates
            .into_iter()
            .filter_map(|text| text.parse::<Tag>().ok())
            .find(|example| self.matches(example))
    }

    /// Whether the pattern costs memory and time to compile.
    pub(super) fn is_costly(&self) -> bool {
        match &self.matcher {
            Matcher::Glob(_) | Matcher::Regex(_) | Matcher::Calver(_) => true,
            Matcher::Composed(composed) => composed.is_costly(),
            _ => false,
        }
    }
}

fn check_length(text: &str) -> Result<(), TagPatternError> {
    if text.is_empty() {
        Err(TagPatternError::Empty)
    } else if text.len() > TagPattern::MAX_LEN {
        Err(TagPatternError::TooLong)
    } else {
        Ok(())
    }
}

/// Compiles a regular expression over the ASCII text of a tag, bounded in size.
fn compile(text: &str) -> Result<Regex, TagPatternError> {
    RegexBuilder::new(text)
        .unicode(false)
        .size_limit(128 << 10)
        .dfa_size_limit(256 << 10)
        .nest_limit(64)
        .build()
        .map_err(|e| TagPatternError::Regex(reason(&e)))
}

/// The last line of the engine's message: the lines before it draw a picture of the pattern.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let last = last.trim().trim_start_matches("error: ");
    last.trim_end_matches('.').to_owned()
}

/// The keyword that a word resembles so much that it cannot be meant as a tag.
fn near_keyword(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    if matches!(
        lower.as_str(),
        "git" | "git-sha" | "git_sha" | "gitsha" | "sha" | "git-commit"
    ) {
        return Some("git");
    }
    ["semver", "calver"]
        .into_iter()
        .find(|word| strsim::osa_distance(word, &lower) <= 1)
}

/// Tags made by putting simple texts into the wildcards of a glob; the caller checks them.
fn glob_examples(glob: &str, near: &str) -> Vec<String> {
    let fill = |star: &str| {
        let mut text = String::new();
        let mut rest = glob.chars();
        while let Some(c) = rest.next() {
            match c {
                '*' => text.push_str(star),
                '?' => text.push('1'),
                '[' => {
                    let class: String = rest.by_ref().take_while(|c| *c != ']').collect();
                    text.push(class.chars().next().unwrap_or('1'));
                }
                '{' => {
                    let group: String = rest.by_ref().take_while(|c| *c != '}').collect();
                    text.push_str(group.split(',').next().unwrap_or_default());
                }
                c => text.push(c),
            }
        }
        text
    };
    vec![fill(near), fill("1"), fill("")]
}

impl fmt::Display for TagPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for TagPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl PartialEq for TagPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
            && std::mem::discriminant(&self.matcher) == std::mem::discriminant(&other.matcher)
    }
}

impl Eq for TagPattern {}

#[cfg(test)]
mod tests;
