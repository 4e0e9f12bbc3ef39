use semver::{Comparator, Op};

/// The releases from one to before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Releases {
    from: Release,
    /// `None`: without end.
    before: Option<Release>,
}

/// Major, minor and patch.
type Release = [u64; 3];

impl Releases {
    pub(super) const ALL: Self = Self {
        from: [0, 0, 0],
        before: None,
    };

    /// What one part of a range lets through, as Cargo reads it; `None` where it names a
    /// pre-release or is not known.
    pub(super) fn of(part: &Comparator) -> Option<Self> {
        if !part.pre.is_empty() {
            return None;
        }
        let (major, minor, patch) = (part.major, part.minor, part.patch);
        let from = [major, minor.unwrap_or(0), patch.unwrap_or(0)];
        let of_major = [major.checked_add(1)?, 0, 0];
        let of_minor = [major, minor.unwrap_or(0).checked_add(1)?, 0];
        let of_patch = [major, from[1], from[2].checked_add(1)?];
        // Behind everything that begins as the part is written.
        let behind = match (minor, patch) {
            (None, _) => of_major,
            (Some(_), None) => of_minor,
            (Some(_), Some(_)) => of_patch,
        };
        let (from, before) = match part.op {
            Op::Exact | Op::Wildcard => (from, Some(behind)),
            Op::Greater => (behind, None),
            Op::GreaterEq => (from, None),
            Op::Less => ([0, 0, 0], Some(from)),
            Op::LessEq => ([0, 0, 0], Some(behind)),
            Op::Tilde if minor.is_some() => (from, Some(of_minor)),
            Op::Tilde => (from, Some(of_major)),
            // Behind the first number that is not 0.
            Op::Caret => match (major, minor) {
                (0, Some(0)) => (from, Some(behind)),
                (0, Some(_)) => (from, Some(of_minor)),
                _ => (from, Some(of_major)),
            },
            _ => return None,
        };
        Some(Self { from, before })
    }

    /// What is in both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            from: self.from.max(other.from),
            before: match (self.before, other.before) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            },
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.before.is_some_and(|before| before <= self.from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use semver::{Version, VersionReq};

    use super::super::SemverPattern;
    use super::super::TagPatternError;

    fn parts() -> impl Strategy<Value = String> {
        let part = "(=|>|>=|<|<=|~|\\^|)[0-3](\\.[0-3](\\.[0-3])?)?|[0-3]\\.\\*|[0-3]\\.[0-3]\\.\\*|>=1\\.2\\.3-rc\\.1";
        prop::collection::vec(part, 1..4).prop_map(|parts| parts.join(", "))
    }

    /// Every release with small numbers, and some pre-releases.
    fn versions() -> Vec<String> {
        let mut versions = Vec::new();
        for number in 0..125 {
            let release = format!("{}.{}.{}", number / 25, number / 5 % 5, number % 5);
            versions.push(format!("{release}-rc.1"));
            versions.push(release);
        }
        versions
    }

    proptest! {
        #[test]
        fn no_version_contradicts_what_is_sure(
            (one, two) in (parts(), parts()),
            (pre_one, pre_two) in any::<(bool, bool)>(),
        ) {
            let of = |range: &str, pre| match SemverPattern::new(Some(range), pre) {
                Ok(pattern) => Some(pattern),
                Err(TagPatternError::EmptyRange) => {
                    let range = VersionReq::parse(range).unwrap();
                    let within = |text: &String| range.matches(&Version::parse(text).unwrap());
                    assert!(!versions().iter().any(within), "{range}");
                    None
                }
                Err(error) => panic!("{range}: {error}"),
            };
            let (Some(one), Some(two)) = (of(&one, pre_one), of(&two, pre_two)) else {
                return Ok(());
            };
            for text in versions() {
                let (in_one, in_two) = (one.matches(&text), two.matches(&text));
                if one.is_surely_disjoint(&two) {
                    prop_assert!(!(in_one && in_two), "{one} {two} {text}");
                }
                if one.surely_covers(&two) {
                    prop_assert!(in_one || !in_two, "{one} {two} {text}");
                }
            }
        }
    }

    #[test]
    fn ranges_are_compared() {
        let range = |text: &str| SemverPattern::new(Some(text), true).unwrap();
        for (one, two) in [
            ("<1", ">=1"),
            ("1.2.*", "~1.3"),
            ("^0.2", "^0.3"),
            ("=1", ">=2"),
        ] {
            assert!(range(one).is_surely_disjoint(&range(two)), "{one} {two}");
        }
        for (one, two) in [("<2", ">=1"), ("1.2.*", "~1.2.4"), ("^0.2", ">=0.2.5, <1")] {
            assert!(!range(one).is_surely_disjoint(&range(two)), "{one} {two}");
        }
        assert!(
            range(">=1").surely_covers(&range("^1.2")) && range("1").surely_covers(&range("1.2.3"))
        );
        assert!(!range("^1.2").surely_covers(&range(">=1")));
        for text in [">=2, <1", "<0", "=1, =2", ">1.2.3, <1.2.4", "1.2.*, ~1.3"] {
            assert_eq!(
                SemverPattern::new(Some(text), true),
                Err(TagPatternError::EmptyRange),
                "{text}"
            );
        }
    }
}
