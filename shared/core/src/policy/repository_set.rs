use std::fmt;

use globset::{Glob, GlobBuilder};

use super::lazy_glob::LazyGlob;
use crate::names::RepositoryName;

/// A glob over repository names: `*` and `?` stay within one path component, `**` crosses `/`.
///
/// `[a-z]` and `{a,b}` work as usual. `prod/**` is everything below `prod`, not `prod` itself.
#[derive(Clone)]
pub struct RepositoryGlob {
    text: String,
    matcher: Matcher,
}

/// The frequent shapes are compared as text: a policy with a hundred rules is asked for every push.
#[derive(Clone)]
enum Matcher {
    All,
    Exact,
    /// Everything behind this prefix, which ends in `/`.
    Below(String),
    /// One component, or the rest of one, behind this prefix: `prod/*`, `prod/app-*`.
    Within(String),
    Glob(Box<LazyGlob>),
}

/// A text that is not a glob over repository names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryGlobError {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// More than [`RepositoryGlob::MAX_LEN`] bytes.
    #[error("is longer than {} characters", RepositoryGlob::MAX_LEN)]
    TooLong,
    /// A character that neither a repository name nor a glob has.
    #[error("holds {0:?}, which no repository name has")]
    Character(char),
    /// A `**` that is only a part of a path component.
    #[error(
        "joins `**` with other text, where it is no more than `*`: `**` stands alone between slashes"
    )]
    Recursive,
    /// An empty path component, or a slash at the start or the end.
    #[error("has an empty path component")]
    EmptyComponent,
    /// The glob engine's reason.
    #[error("is not a valid glob: {0}")]
    Glob(String),
}

impl RepositoryGlob {
    /// The longest glob, in bytes; an ECR repository name has at most 256.
    pub const MAX_LEN: usize = 512;

    /// Compiles a glob.
    ///
    /// # Errors
    ///
    /// When the text is not a glob, or can never match a repository name.
    pub fn new(text: &str) -> Result<Self, RepositoryGlobError> {
        if text.is_empty() {
            return Err(RepositoryGlobError::Empty);
        }
        if text.len() > Self::MAX_LEN {
            return Err(RepositoryGlobError::TooLong);
        }
        let allowed =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/*?[]{},!^".contains(c);
        if let Some(c) = text.chars().find(|c| !allowed(*c)) {
            return Err(RepositoryGlobError::Character(c));
        }
        if text.split('/').any(str::is_empty) {
            return Err(RepositoryGlobError::EmptyComponent);
        }
        // The engine would take `a**` for `a*`, which is not what its writer meant.
        if text
            .split(['/', '{', '}', ','])
            .any(|part| part.contains("**") && part != "**")
        {
            return Err(RepositoryGlobError::Recursive);
        }
        let has_meta = |s: &str| s.contains(['*', '?', '[', ']', '{', '}', ',', '!', '^']);
        let matcher = if text == "**" {
            Matcher::All
        } else if !has_meta(text) {
            Matcher::Exact
        } else if let Some(prefix) = text.strip_suffix("**").filter(|prefix| !has_meta(prefix)) {
            Matcher::Below(prefix.to_owned())
        } else if let Some(prefix) = text.strip_suffix('*').filter(|prefix| !has_meta(prefix)) {
            Matcher::Within(prefix.to_owned())
        } else {
            let glob = GlobBuilder::new(text)
                .literal_separator(true)
                .backslash_escape(false)
                .build()
                .map_err(|e| RepositoryGlobError::Glob(e.kind().to_string()))?;
            Matcher::Glob(Box::new(LazyGlob::new(glob)))
        };
        Ok(Self {
            text: text.to_owned(),
            matcher,
        })
    }

    /// Whether the glob matches the name of a repository.
    #[must_use]
    pub fn matches(&self, repository: &str) -> bool {
        match &self.matcher {
            Matcher::All => true,
            Matcher::Exact => self.text == repository,
            Matcher::Below(prefix) => {
                repository.len() > prefix.len() && repository.starts_with(prefix.as_str())
            }
            Matcher::Within(prefix) => repository
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| !rest.contains('/')),
            Matcher::Glob(glob) => glob.is_match(repository),
        }
    }

    /// The glob as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether no repository matches both, for sure.
    pub(super) fn is_surely_disjoint(&self, other: &Self) -> bool {
        let (one, two) = (self.literal_start(), other.literal_start());
        match (&self.matcher, &other.matcher) {
            (Matcher::Exact, _) => !other.matches(&self.text),
            (_, Matcher::Exact) => !self.matches(&other.text),
            _ => !one.starts_with(two) && !two.starts_with(one),
        }
    }

    /// Whether every repository that the other one matches matches this one as well, for sure.
    pub(super) fn surely_covers(&self, other: &Self) -> bool {
        match (&self.matcher, &other.matcher) {
            (Matcher::All, _) => true,
            (_, Matcher::Exact) => self.matches(&other.text),
            (Matcher::Below(prefix), _) => other.literal_start().starts_with(prefix.as_str()),
            _ => self.text == other.text,
        }
    }

    /// The first path component of every name that matches, where that is one.
    pub(super) fn first_component(&self) -> Option<&str> {
        match self.literal_start().split_once('/') {
            Some((first, _)) => Some(first),
            None => self.is_exact().then_some(&self.text),
        }
    }

    /// What every name that matches begins with.
    fn literal_start(&self) -> &str {
        let meta = ['*', '?', '[', ']', '{', '}', ',', '!', '^'];
        self.text.split(meta).next().unwrap_or_default()
    }

    /// Whether the glob matches every name.
    pub(super) const fn is_all(&self) -> bool {
        matches!(self.matcher, Matcher::All)
    }

    /// Whether the glob matches one name only.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        matches!(self.matcher, Matcher::Exact)
    }

    /// What the glob engine made of the glob, where it was needed.
    pub(super) fn compiled(&self) -> Option<&Glob> {
        match &self.matcher {
            Matcher::Glob(glob) => Some(glob.glob()),
            _ => None,
        }
    }

    /// Whether the glob needed the glob engine, which costs memory and time to compile.
    pub(super) fn is_costly(&self) -> bool {
        matches!(self.matcher, Matcher::Glob(_))
    }
}

impl fmt::Debug for RepositoryGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl fmt::Display for RepositoryGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for RepositoryGlob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RepositoryGlob {}

/// Repositories by globs: those that an `include` matches and no `exclude` does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositorySet {
    /// What belongs to the set.
    pub include: Vec<RepositoryGlob>,
    /// What does not, although an `include` matches it.
    pub exclude: Vec<RepositoryGlob>,
}

impl RepositorySet {
    /// Every repository.
    #[must_use]
    pub fn all() -> Self {
        let all = RepositoryGlob {
            text: "**".to_owned(),
            matcher: Matcher::All,
        };
        Self {
            include: vec![all],
            exclude: Vec::new(),
        }
    }

    /// Whether a repository belongs to the set.
    #[must_use]
    pub fn contains(&self, repository: &RepositoryName) -> bool {
        self.contains_path(repository.as_str())
    }

    /// As [`contains`](Self::contains), for the name of a repository outside ECR.
    #[must_use]
    pub fn contains_path(&self, repository: &str) -> bool {
        self.include.iter().any(|glob| glob.matches(repository))
            && !self.exclude.iter().any(|glob| glob.matches(repository))
    }

    /// Whether every repository of the other set belongs to this one as well, for sure.
    pub(super) fn surely_covers(&self, other: &Self) -> bool {
        self == other
            || (self.exclude.is_empty()
                && other
                    .include
                    .iter()
                    .all(|inner| self.include.iter().any(|outer| outer.surely_covers(inner))))
    }

    /// Whether no repository belongs to both sets, for sure.
    pub(super) fn is_surely_disjoint(&self, other: &Self) -> bool {
        let mut excluded = self.exclude.iter().chain(&other.exclude);
        self.include.iter().all(|one| {
            excluded.clone().any(|glob| glob.surely_covers(one))
                || other.include.iter().all(|two| {
                    one.is_surely_disjoint(two)
                        || excluded.clone().any(|glob| glob.surely_covers(two))
                })
        }) || excluded.any(|glob| matches!(glob.matcher, Matcher::All))
    }

    /// Whether at most the literally named repositories belong to the set.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.include.iter().all(RepositoryGlob::is_exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_stays_and_two_cross() {
        let cases: [(&str, &[&str], &[&str]); 11] = [
            ("**", &["app", "prod/app", "a/b/c"], &[]),
            ("*", &["app"], &["prod/app"]),
            (
                "prod/**",
                &["prod/app", "prod/shop/app"],
                &["prod", "product/app", "dev/prod/app"],
            ),
            ("prod/*", &["prod/app"], &["prod/shop/app", "prod"]),
            (
                "**/api",
                &["api", "prod/api", "a/b/api"],
                &["prod/api/x", "myapi"],
            ),
            ("prod/**/api", &["prod/api", "prod/a/b/api"], &["dev/api"]),
            ("prod/app", &["prod/app"], &["prod/apps", "prod/app/x"]),
            ("{prod,live}/**", &["prod/app", "live/a/b"], &["dev/app"]),
            (
                "team-?/[a-c]*",
                &["team-1/abc", "team-x/c"],
                &["team-10/a", "team-1/d", "team-1/a/b"],
            ),
            ("pr.d/*", &["pr.d/x"], &["prod/x"]),
            ("app-*", &["app-1", "app-"], &["app", "app-1/x", "x/app-1"]),
        ];
        for (text, yes, no) in cases {
            let glob = RepositoryGlob::new(text).unwrap();
            for name in yes {
                assert!(glob.matches(name), "{text} should match {name}");
            }
            for name in no {
                assert!(!glob.matches(name), "{text} should not match {name}");
            }
        }
    }

    #[test]
    fn globs_that_cannot_mean_anything_are_refused() {
        let error = |text: &str| RepositoryGlob::new(text).unwrap_err();
        assert_eq!(error(""), RepositoryGlobError::Empty);
        assert_eq!(error("Prod/**"), RepositoryGlobError::Character('P'));
        assert_eq!(error("prod/app:v1"), RepositoryGlobError::Character(':'));
        assert_eq!(error("prod**"), RepositoryGlobError::Recursive);
        assert_eq!(error("***"), RepositoryGlobError::Recursive);
        assert_eq!(error("/prod"), RepositoryGlobError::EmptyComponent);
        assert_eq!(error("prod/"), RepositoryGlobError::EmptyComponent);
        assert_eq!(error(&"a".repeat(513)), RepositoryGlobError::TooLong);
        assert!(matches!(error("prod/[a"), RepositoryGlobError::Glob(_)));
        assert!(matches!(error("prod/{a"), RepositoryGlobError::Glob(_)));
    }

    #[test]
    fn exclude_wins() {
        let glob = |text| RepositoryGlob::new(text).unwrap();
        let set = RepositorySet {
            include: vec![glob("prod/**"), glob("live/*")],
            exclude: vec![glob("prod/legacy/**")],
        };
        let contains = |name: &str| set.contains(&name.parse().unwrap());
        assert!(contains("prod/app") && contains("live/app"));
        assert!(!contains("prod/legacy/app") && !contains("dev/app"));
    }
}
