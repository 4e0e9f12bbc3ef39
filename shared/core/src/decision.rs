//! What every decision has in common, whatever it decides.

use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::{Digest, Mode, NameError, RepositoryName, RuleName, Tag};

/// How one rule of the policy looked at one image. `W` is what the reason is kept in: the text, or
/// what becomes one when it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleOutcome<W = String> {
    /// The rule's name.
    pub rule: RuleName,
    /// Whether the rule asks for anything here: a tag rule is violated, a replication rule selects.
    pub matched: bool,
    /// Why, as a sentence for a person.
    pub why: W,
    /// Whether the rule may act.
    pub mode: Mode,
    /// Whether the rule has no answer, because a fact is missing or its condition failed; `why` says
    /// which. Such a rule asks for nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undecided: bool,
}

/// Why nothing was decided about an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Skip {
    /// The policy's `repositories` leave it out.
    OutOfScope {
        /// Which one.
        repository: RepositoryName,
    },
    /// It is where quarantined images are kept.
    Quarantine {
        /// Which one.
        repository: RepositoryName,
    },
    /// The policy's `ignore_tags` name the tag.
    IgnoredTag {
        /// Which one.
        tag: Tag,
    },
    /// ecr-steward itself put the tag there, so that the image is kept.
    GuardTag {
        /// Which one.
        tag: Tag,
    },
    /// ecr-steward itself put the tag there, as the mark that a rule asks for.
    Mark {
        /// Which one.
        tag: Tag,
    },
    /// The event outlived the image or its tag: the registry does not have it any more.
    Gone,
    /// Nothing in the policy speaks about an image without a tag.
    Untagged,
}

impl std::fmt::Display for Skip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OutOfScope { repository } => {
                write!(f, "{repository} is outside the policy's repositories")
            }
            Self::Quarantine { repository } => write!(f, "{repository} holds quarantined images"),
            Self::IgnoredTag { tag } => write!(f, "the policy ignores the tag {tag}"),
            Self::GuardTag { tag } => {
                write!(f, "ecr-steward keeps the image under the guard tag {tag}")
            }
            Self::Mark { tag } => write!(f, "ecr-steward put the tag {tag} there as a mark"),
            Self::Gone => f.write_str("the image or its tag is no longer there"),
            Self::Untagged => f.write_str("the image has no tag and refers to no other image"),
        }
    }
}

/// Why the policy does not look at an image at all, if so. `digest` is what the tag points to now;
/// `None` says that the tag is gone, which is the last reason given.
#[must_use]
pub fn skip(
    policy: &Policy,
    repository: &RepositoryName,
    tag: &Tag,
    digest: Option<&Digest>,
) -> Option<Skip> {
    if policy.is_quarantine(repository) {
        return Some(Skip::Quarantine {
            repository: repository.clone(),
        });
    }
    if !policy.in_scope(repository) {
        return Some(Skip::OutOfScope {
            repository: repository.clone(),
        });
    }
    if policy.ignores_tag(tag) {
        return Some(Skip::IgnoredTag { tag: tag.clone() });
    }
    match digest {
        None => Some(Skip::Gone),
        Some(digest) if is_guard_tag(tag, digest) => Some(Skip::GuardTag { tag: tag.clone() }),
        Some(_) => None,
    }
}

const GUARD: &str = "untagged-";

/// How many digits the longer guard tag has: all of a SHA-256, and as many as a tag holds of others.
const LONG: usize = 64;

/// The tag that keeps an image whose last tag is taken away: `untagged-<first 12 hex digits>`.
///
/// ECR deletes an image with its last tag (`BatchDeleteImage`), so one must remain.
///
/// # Errors
///
/// None in practice: the parts are always valid.
pub fn guard_tag(digest: &Digest) -> Result<Tag, NameError> {
    format!("{GUARD}{}", digest.short()).try_into()
}

/// The guard tag where somebody else has the short one: nobody can have two images whose digests
/// begin with the same 64 digits.
///
/// # Errors
///
/// None in practice: the parts are always valid.
pub fn long_guard_tag(digest: &Digest) -> Result<Tag, NameError> {
    format!("{GUARD}{}", long(digest)).try_into()
}

fn long(digest: &Digest) -> &str {
    digest.hex().get(..LONG).unwrap_or_else(|| digest.hex())
}

/// Whether `tag` is a guard tag of this very image.
///
/// Only its own digest makes a tag a guard tag: otherwise anyone could push past every rule as
/// `untagged-something`.
#[must_use]
pub fn is_guard_tag(tag: &Tag, digest: &Digest) -> bool {
    tag.as_str()
        .strip_prefix(GUARD)
        .is_some_and(|rest| rest == digest.short() || rest == long(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_digest_makes_a_guard_tag() {
        let digest: Digest = format!("sha256:{}", "a1".repeat(32)).parse().unwrap();
        let other: Digest = format!("sha256:{}", "b2".repeat(32)).parse().unwrap();
        let guard = guard_tag(&digest).unwrap();
        assert_eq!(guard.as_str(), "untagged-a1a1a1a1a1a1");
        assert!(is_guard_tag(&guard, &digest));
        assert!(!is_guard_tag(&guard, &other));
        let guard = long_guard_tag(&digest).unwrap();
        assert_eq!(guard.as_str(), format!("untagged-{}", "a1".repeat(32)));
        assert!(is_guard_tag(&guard, &digest));
        assert!(!is_guard_tag(&guard, &other));
        let half = format!("untagged-{}", "a1".repeat(16)).parse().unwrap();
        assert!(!is_guard_tag(&half, &digest));
        assert!(!is_guard_tag(&"untagged-".parse().unwrap(), &digest));
    }
}
