use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::mode::{Mode, Severity};
use crate::names::{Digest, RepositoryName, RuleName, Tag};

use super::exemption::exemption_for;
use super::tag_set::accepted;
use super::{
    ActionKind, Companion, Condition, Derive, Exemption, ExemptionState, ImageRule, Location, Mark,
    RepositorySet, TagFilter, TagPattern, TagSet,
};

/// Which tags the images of some repositories may have, and what happens to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRule {
    /// The rule's name; unique among the tag rules.
    pub name: RuleName,
    /// The repositories that the rule watches, within the policy's scope.
    pub repositories: RepositorySet,
    /// The tags that the rule speaks about at all; `None`: every tag.
    pub tags: Option<TagFilter>,
    /// A tag must match one of these; empty: any tag that `deny` does not match.
    pub allow: Vec<TagPattern>,
    /// A tag may match none of these, even where `allow` matches it.
    pub deny: Vec<TagPattern>,
    /// Tags that may not move to another image.
    pub immutable: TagSet,
    /// Tags that may not be deleted.
    pub protected: TagSet,
    /// Tags that follow others.
    pub derive: Option<Derive>,
    /// What the image must be like.
    pub image: Option<ImageRule>,
    /// Which tag an image with a floating tag must have as well.
    pub companion: Option<Companion>,
    /// A condition: by itself it is the violation, beside other checks it says when they are made.
    pub when: Option<Condition>,
    /// The tag that the action `tag` puts on the image.
    pub mark: Option<Mark>,
    /// The age from which the action `delete` may delete, counted from the push.
    pub delete_after: Option<Duration>,
    /// Images that the rule lets pass for a while.
    pub exempt: Vec<Exemption>,
    /// What to do about a violation, each action once, in the order of execution.
    pub on_violation: Vec<ActionKind>,
    /// The rule's own mode; see [`effective_mode`](Self::effective_mode).
    pub mode: Option<Mode>,
    /// How much a violation matters.
    pub severity: Severity,
    /// A sentence for the pusher, added to what would be accepted.
    pub message: Option<String>,
    /// Where the rule stands in the policy file.
    pub location: Location,
}

/// What a rule says to a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'r> {
    /// The tag is fine.
    Allowed {
        /// The pattern that allows it; `None` where the rule only denies.
        by: Option<&'r TagPattern>,
    },
    /// No pattern of `allow` matches.
    NotAllowed {
        /// What would be accepted, for a person, with an example near to the tag.
        accepted: String,
    },
    /// A pattern of `deny` matches.
    Denied {
        /// The pattern that denies the tag.
        by: &'r TagPattern,
        /// What would be accepted, for a person, with an example near to the tag; `None` where
        /// the rule only denies.
        accepted: Option<String>,
    },
}

impl Verdict<'_> {
    /// Whether the tag is fine.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }

    /// What would be accepted, where the tag was not and the rule can say so.
    #[must_use]
    pub fn accepted(&self) -> Option<&str> {
        match self {
            Self::Allowed { .. } => None,
            Self::NotAllowed { accepted } => Some(accepted),
            Self::Denied { accepted, .. } => accepted.as_deref(),
        }
    }
}

impl TagRule {
    /// Whether the rule watches a repository. The policy's scope is a question of its own:
    /// [`Policy::in_scope`](super::Policy::in_scope).
    #[must_use]
    pub fn applies_to(&self, repository: &RepositoryName) -> bool {
        self.repositories.contains(repository)
    }

    /// What the rule says to a tag. `deny` wins over `allow`.
    #[must_use]
    pub fn check(&self, tag: &Tag) -> Verdict<'_> {
        let accepted = || accepted(&self.allow, &self.deny, tag);
        if let Some(by) = self.deny.iter().find(|pattern| pattern.matches(tag)) {
            let accepted = (!self.allow.is_empty()).then(accepted);
            return Verdict::Denied { by, accepted };
        }
        if self.allow.is_empty() {
            return Verdict::Allowed { by: None };
        }
        match self.allow.iter().find(|pattern| pattern.matches(tag)) {
            Some(by) => Verdict::Allowed { by: Some(by) },
            None => Verdict::NotAllowed {
                accepted: accepted(),
            },
        }
    }

    /// Whether the rule speaks about a tag at all.
    #[must_use]
    pub fn speaks_of(&self, tag: &Tag) -> bool {
        self.tags.as_ref().is_none_or(|filter| filter.accepts(tag))
    }

    /// What the derived tags should point to that a tag has a say in, among those that the rule
    /// speaks of; see [`Derive::wanted`].
    #[must_use]
    pub fn wanted(&self, tags: &BTreeMap<Tag, Digest>, pushed: &Tag) -> Vec<(Tag, Tag, Digest)> {
        let Some(derive) = &self.derive else {
            return Vec::new();
        };
        if self.tags.is_none() {
            return derive.wanted(tags, pushed);
        }
        let spoken_of = tags
            .iter()
            .filter(|(tag, _)| self.speaks_of(tag))
            .map(|(tag, digest)| (tag.clone(), digest.clone()))
            .collect();
        derive.wanted(&spoken_of, pushed)
    }

    /// The exemption that speaks about an image, and whether it holds: the one that holds longest,
    /// else the one that ended last.
    #[must_use]
    pub fn exemption(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        now: Timestamp,
    ) -> Option<(&Exemption, ExemptionState)> {
        exemption_for(&self.exempt, repository, tag, now)
    }

    /// The mode in which the rule runs: its own where it has one, else the policy's.
    #[must_use]
    pub fn effective_mode(&self, policy: Mode) -> Mode {
        self.mode.unwrap_or(policy)
    }
}
