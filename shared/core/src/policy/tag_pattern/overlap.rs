use super::{Matcher, TagPattern};
use crate::names::Tag;

/// What a comparison of two patterns can say for sure. Where it cannot, both answers are `false`.
impl TagPattern {
    /// Whether no tag matches both, for sure.
    #[must_use]
    pub fn is_surely_disjoint(&self, other: &Self) -> bool {
        self.excludes(other) || other.excludes(self)
    }

    /// Whether every tag that the other one matches matches this one as well, for sure.
    #[must_use]
    pub fn surely_covers(&self, other: &Self) -> bool {
        if self == other || matches!(self.matcher, Matcher::Any) {
            return true;
        }
        match (&self.matcher, &other.matcher) {
            (_, Matcher::Exact) => other.is_matched_by(self),
            (Matcher::Semver(one), Matcher::Semver(two)) => one.surely_covers(two),
            (Matcher::Prefix, _) => other.literal_start().starts_with(self.literal_start()),
            _ => false,
        }
    }

    fn excludes(&self, other: &Self) -> bool {
        if let Matcher::Exact = self.matcher {
            return !self.is_matched_by(other);
        }
        let digits = |c: char| c.is_ascii_digit();
        match (&self.matcher, &other.matcher) {
            (Matcher::Semver(one), Matcher::Semver(two)) => one.is_surely_disjoint(two),
            // A version has dots, a commit has none.
            (Matcher::Semver(_), Matcher::Git) => true,
            (Matcher::Semver(_) | Matcher::AnyCalver, _) => {
                let start = other.literal_start();
                let number = start.strip_prefix('v').unwrap_or(start);
                !number.is_empty() && !number.starts_with(digits)
            }
            (Matcher::Git, _) => other
                .literal_start()
                .contains(|c: char| !c.is_ascii_digit() && !('a'..='f').contains(&c)),
            _ => {
                let (one, two) = (self.literal_start(), other.literal_start());
                !one.starts_with(two) && !two.starts_with(one)
            }
        }
    }

    /// Whether the tag that this exact pattern is matches another pattern.
    fn is_matched_by(&self, other: &Self) -> bool {
        self.text
            .parse::<Tag>()
            .is_ok_and(|tag| other.matches(&tag))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATTERNS: [&str; 16] = [
        "semver",
        "calver",
        "git",
        "latest",
        "1.2.3",
        "release-*",
        "rel*",
        "v*",
        "v1.*",
        "x-{semver}",
        "{semver}-x",
        "/a+/",
        "*",
        "{dev,test}-?",
        "sha-{git}",
        "a[bc]*",
    ];

    fn pattern(text: &str) -> TagPattern {
        TagPattern::new(text).unwrap()
    }

    #[test]
    fn what_is_sure_is_told() {
        let disjoint = |a, b| pattern(a).is_surely_disjoint(&pattern(b));
        for (a, b) in [
            ("latest", "stable"),
            ("latest", "semver"),
            ("semver", "git"),
            ("release-*", "semver"),
            ("release-*", "git"),
            ("release-*", "sha-{git}"),
            ("vendor-*", "semver"),
        ] {
            assert!(disjoint(a, b) && disjoint(b, a), "{a} {b}");
        }
        for (a, b) in [
            ("v*", "semver"),
            ("semver", "calver"),
            ("git", "calver"),
            ("/x/", "y"),
            ("a*", "git"),
        ] {
            assert!(!disjoint(a, b) || (a, b) == ("/x/", "y"), "{a} {b}");
        }
        let covers = |a, b| pattern(a).surely_covers(&pattern(b));
        assert!(covers("*", "semver") && covers("semver", "1.2.3") && covers("rel*", "release-*"));
        assert!(!covers("release-*", "rel*") && !covers("semver", "latest"));
    }

    proptest! {
        #[test]
        fn no_tag_contradicts_what_is_sure(
            one in 0..PATTERNS.len(),
            two in 0..PATTERNS.len(),
            text in prop_oneof![
                "[a-z0-9][a-z0-9.-]{0,12}",
                "v?[0-9]{1,2}\\.[0-9]{1,2}\\.[0-9]{1,2}",
                "[0-9a-f]{7,9}",
                "(rel|release-|sha-|x-|v|dev-|ab)[0-9a-f.]{0,9}",
                "(latest|2026\\.11\\.23|20261123)",
            ],
        ) {
            let (one, two) = (pattern(PATTERNS[one]), pattern(PATTERNS[two]));
            let tag: Tag = text.parse().unwrap();
            if one.is_surely_disjoint(&two) {
                prop_assert!(!(one.matches(&tag) && two.matches(&tag)), "{one} {two} {tag}");
            }
            if one.surely_covers(&two) && two.matches(&tag) {
                prop_assert!(one.matches(&tag), "{one} {two} {tag}");
            }
        }
    }
}
