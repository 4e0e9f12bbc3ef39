use std::fmt;

use semver::{Version, VersionReq};

use super::TagPatternError;
use super::range::Releases;

/// A semantic version as a tag: `1.2.3`, or `v1.2.3`.
///
/// A tag cannot hold the `+` of build metadata, so a version has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SemverPattern {
    range: Option<VersionReq>,
    prerelease: bool,
}

impl Default for SemverPattern {
    fn default() -> Self {
        Self {
            range: None,
            prerelease: true,
        }
    }
}

impl SemverPattern {
    /// A version in a range (`>=1, <3`; `None`: any), with or without pre-releases.
    ///
    /// # Errors
    ///
    /// When the range cannot be read, or no version is in it.
    pub fn new(range: Option<&str>, prerelease: bool) -> Result<Self, TagPatternError> {
        let range = range
            .map(|range| {
                if range.len() > 256 {
                    return Err(TagPatternError::TooLong);
                }
                VersionReq::parse(range).map_err(|e| TagPatternError::Range(e.to_string()))
            })
            .transpose()?;
        let new = Self { range, prerelease };
        if new.releases().is_some_and(|releases| releases.is_empty()) {
            return Err(TagPatternError::EmptyRange);
        }
        Ok(new)
    }

    /// Whether a tag is such a version.
    #[must_use]
    pub fn matches(&self, tag: &str) -> bool {
        self.version(tag).is_some()
    }

    /// The version of a tag that is one.
    #[must_use]
    pub fn version(&self, tag: &str) -> Option<Version> {
        let text = tag.strip_prefix('v').unwrap_or(tag);
        // Versions begin with a digit; most tags that are none are told apart here.
        if !text.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        release(text)
            .or_else(|| text.contains('-').then(|| Version::parse(text).ok())?)
            .filter(|version| self.accepts(version))
    }

    /// Whether pre-releases are such versions.
    #[must_use]
    pub const fn takes_prereleases(&self) -> bool {
        self.prerelease
    }

    fn accepts(&self, version: &Version) -> bool {
        if version.pre.is_empty() {
            return self
                .range
                .as_ref()
                .is_none_or(|range| range.matches(version));
        }
        if !self.prerelease {
            return false;
        }
        let Some(range) = &self.range else {
            return true;
        };
        // A range that names a pre-release is taken exactly; another one as it is for the release
        // that the pre-release leads to, so that `<2` leaves out `2.0.0-rc.1`.
        if range
            .comparators
            .iter()
            .any(|comparator| !comparator.pre.is_empty())
        {
            range.matches(version)
        } else {
            range.matches(&Version::new(version.major, version.minor, version.patch))
        }
    }

    /// Whether no version matches both, for sure.
    pub(super) fn is_surely_disjoint(&self, other: &Self) -> bool {
        match (self.releases(), other.releases()) {
            (Some(one), Some(two)) => one.and(two).is_empty(),
            _ => false,
        }
    }

    /// Whether every version that the other one matches matches this one as well, for sure.
    pub(super) fn surely_covers(&self, other: &Self) -> bool {
        match (self.releases(), other.releases()) {
            (Some(one), Some(two)) => one.and(two) == two && (self.prerelease || !other.prerelease),
            _ => false,
        }
    }

    /// The releases in the range. A pre-release is where its release is, unless the range itself
    /// names one; of such a range nothing is said.
    fn releases(&self) -> Option<Releases> {
        let comparators = self.range.iter().flat_map(|range| &range.comparators);
        comparators
            .map(Releases::of)
            .try_fold(Releases::ALL, |all, one| Some(all.and(one?)))
    }

    pub(super) fn describe(&self) -> String {
        let mut text = String::from("a semantic version");
        if let Some(range) = &self.range {
            text.push_str(&format!(" in the range `{range}`"));
        }
        if !self.prerelease {
            text.push_str(" that is not a pre-release");
        }
        text
    }

    /// Versions near to a text, the nearest first; the caller takes the first that matches.
    pub(super) fn examples_near(&self, text: &str) -> Vec<String> {
        let found = numbers(text);
        let v = if found.is_none() || text.starts_with('v') {
            "v"
        } else {
            ""
        };
        let mut versions = Vec::new();
        if let Some([major, minor, patch]) = found {
            versions.push(Version::new(major, minor, patch));
        }
        versions.push(Version::new(1, 2, 3));
        for comparator in self.range.iter().flat_map(|range| &range.comparators) {
            let (major, minor, patch) = (
                comparator.major,
                comparator.minor.unwrap_or(0),
                comparator.patch.unwrap_or(0),
            );
            versions.push(Version::new(major, minor, patch));
            versions.push(Version::new(major, minor, patch.saturating_add(1)));
            versions.push(Version::new(major, minor.saturating_add(1), 0));
            versions.push(Version::new(major.saturating_add(1), 0, 0));
            versions.push(Version::new(major, minor.saturating_sub(1), 0));
            versions.push(Version::new(major.saturating_sub(1), 0, 0));
            if self.prerelease && !comparator.pre.is_empty() {
                let mut version = Version::new(major, minor, patch);
                version.pre = comparator.pre.clone();
                versions.push(version);
            }
        }
        versions
            .into_iter()
            .map(|version| format!("{v}{version}"))
            .collect()
    }
}

/// A version without a pre-release. Most tags are one, and a policy with a hundred rules asks for
/// each push.
fn release(text: &str) -> Option<Version> {
    let mut parts = text.split('.').map(|digits| {
        let is_plain = matches!(digits.len(), 1..=19)
            && digits.bytes().all(|b| b.is_ascii_digit())
            && (digits.len() == 1 || !digits.starts_with('0'));
        is_plain.then(|| digits.parse::<u64>().ok())?
    });
    let version = Version::new(parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(version)
}

/// The first one to three numbers of a text that are joined by dots, the missing ones as 0.
fn numbers(text: &str) -> Option<[u64; 3]> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let mut numbers = [0; 3];
    let dotted = text
        .get(start..)?
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .next()?;
    for (number, digits) in numbers.iter_mut().zip(dotted.split('.')) {
        // More than 9 digits are a date or a build number, not a version.
        if digits.is_empty() || digits.len() > 9 {
            break;
        }
        *number = digits.parse().ok()?;
    }
    Some(numbers)
}

impl fmt::Display for SemverPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("semver")?;
        if let Some(range) = &self.range {
            write!(f, " {range}")?;
        }
        if !self.prerelease {
            f.write_str(" without pre-releases")?;
        }
        Ok(())
    }
}
