use semver::Version;

use super::{Matcher, TagPattern};
use crate::names::Tag;

/// Where a tag stands among those that a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TagVersion {
    /// The numbers of a calendar version, in the order in which they are written.
    Calendar(Vec<u64>),
    /// A semantic version, by the precedence of semver.org.
    Semantic(Version),
}

impl TagVersion {
    /// The semantic version, if it is one.
    #[must_use]
    pub const fn semantic(&self) -> Option<&Version> {
        match self {
            Self::Semantic(version) => Some(version),
            Self::Calendar(_) => None,
        }
    }
}

impl TagPattern {
    /// Whether every tag that the pattern matches holds one semantic version.
    #[must_use]
    pub fn has_semantic_versions(&self) -> bool {
        match &self.matcher {
            Matcher::Semver(_) => true,
            Matcher::Composed(composed) => composed.has_one_version(),
            _ => false,
        }
    }

    /// Whether there is an order among the tags that the pattern matches.
    #[must_use]
    pub fn has_order(&self) -> bool {
        self.has_semantic_versions()
            || matches!(self.matcher, Matcher::AnyCalver | Matcher::Calver(_))
    }

    /// The version of a tag that the pattern matches; `None` where it does not match, or where
    /// there is no order among its tags.
    ///
    /// Calendar versions are compared number by number; a date without separators counts as year,
    /// month and day.
    #[must_use]
    pub fn version(&self, tag: &Tag) -> Option<TagVersion> {
        match &self.matcher {
            Matcher::Semver(pattern) => pattern.version(tag.as_str()).map(TagVersion::Semantic),
            Matcher::Composed(composed) => composed.version(tag.as_str()).map(TagVersion::Semantic),
            Matcher::AnyCalver | Matcher::Calver(_) if self.matches(tag) => {
                Some(TagVersion::Calendar(numbers(tag.as_str())))
            }
            _ => None,
        }
    }

    /// Whether pre-releases were asked for in so many words, by options.
    #[must_use]
    pub fn takes_prereleases(&self) -> bool {
        matches!(&self.matcher, Matcher::Semver(pattern) if pattern.takes_prereleases())
    }

    /// The one tag that the pattern matches, if it is so.
    #[must_use]
    pub fn as_exact(&self) -> Option<&str> {
        matches!(self.matcher, Matcher::Exact).then_some(&*self.text)
    }
}

fn numbers(text: &str) -> Vec<u64> {
    let mut numbers = Vec::new();
    for digits in text.split(|c: char| !c.is_ascii_digit()) {
        let Ok(number) = digits.parse::<u64>() else {
            continue;
        };
        if digits.len() == 8 && numbers.is_empty() {
            numbers.extend([number / 10_000, number / 100 % 100, number % 100]);
        } else {
            numbers.push(number);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest<'t>(pattern: &TagPattern, tags: &[&'t str]) -> &'t str {
        tags.iter()
            .max_by_key(|tag| pattern.version(&tag.parse().unwrap()))
            .unwrap()
    }

    #[test]
    fn versions_have_their_order() {
        let semver = TagPattern::new("semver").unwrap();
        assert_eq!(
            newest(&semver, &["1.9.0", "v1.10.0", "1.10.0-rc.1", "x"]),
            "v1.10.0"
        );
        let composed = TagPattern::new("app-{semver}").unwrap();
        assert_eq!(
            newest(&composed, &["app-1.9.0", "app-1.10.0", "app-2"]),
            "app-1.10.0"
        );
        let calver = TagPattern::new("calver").unwrap();
        assert_eq!(
            newest(&calver, &["2026.9.30", "2026.10.1", "20260901", "9999"]),
            "2026.10.1"
        );
        assert_eq!(newest(&calver, &["20261102", "2026.10.1"]), "20261102");
    }

    #[test]
    fn only_versions_have_an_order() {
        for (text, order, semantic) in [
            ("semver", true, true),
            ("v{semver}-alpine", true, true),
            ("{semver}-{semver}", false, false),
            ("calver", true, false),
            ("{git}", false, false),
            ("release-*", false, false),
            ("latest", false, false),
        ] {
            let pattern = TagPattern::new(text).unwrap();
            assert_eq!(pattern.has_order(), order, "{text}");
            assert_eq!(pattern.has_semantic_versions(), semantic, "{text}");
        }
    }
}
