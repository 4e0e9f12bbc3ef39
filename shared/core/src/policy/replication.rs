mod create;
mod newest;

use std::time::Duration;

use crate::facts::Platform;
use crate::mode::Mode;
use crate::names::{NameError, RegistryHost, RepositoryName, RepositoryPath, RuleName, Tag};

use super::{Location, RepositorySet, RepositoryTemplate, SecretRef, TagFilter, TagTemplate};

pub use create::{CreateSettings, ImmutableExcept};

/// Which images are copied, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationRule {
    /// The rule's name; unique among the replication rules.
    pub name: RuleName,
    /// The repositories that the rule copies, within the policy's scope.
    pub repositories: RepositorySet,
    /// The tags that the rule copies; `None`: every tag that `ignore_tags` does not match.
    pub tags: Option<TagFilter>,
    /// Only so many of those tags, the newest; `None`: all. See
    /// [`is_among_newest`](Self::is_among_newest).
    pub newest: Option<u32>,
    /// The platforms that an index is reduced to; empty: the index travels as it is.
    pub platforms: Vec<Platform>,
    /// Whether signatures, SBOMs and other referrers travel with an image. Default: true.
    pub referrers: bool,
    /// What becomes of a copy when the source's tag is deleted. Default: nothing.
    pub deletes: Deletes,
    /// Where to; never empty.
    pub to: Vec<ReplicationTarget>,
    /// The rule's own mode; see [`effective_mode`](Self::effective_mode).
    pub mode: Option<Mode>,
    /// Where the rule stands in the policy file.
    pub location: Location,
}

impl ReplicationRule {
    /// Whether the rule copies from a repository. The policy's scope is a question of its own:
    /// [`Policy::in_scope`](super::Policy::in_scope).
    #[must_use]
    pub fn applies_to(&self, repository: &RepositoryName) -> bool {
        self.repositories.contains(repository)
    }

    /// Whether the rule copies a tag.
    #[must_use]
    pub fn accepts_tag(&self, tag: &Tag) -> bool {
        self.tags.as_ref().is_none_or(|filter| filter.accepts(tag))
    }

    /// The mode in which the rule runs: its own where it has one, else the policy's.
    #[must_use]
    pub fn effective_mode(&self, policy: Mode) -> Mode {
        self.mode.unwrap_or(policy)
    }
}

/// One place that images are copied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationTarget {
    /// The registry's address.
    pub registry: RegistryHost,
    /// The repository's name there.
    pub repository: RepositoryTemplate,
    /// The tag's name there; `None`: the same.
    pub tag: Option<TagTemplate>,
    /// ARN of an IAM role to assume for an ECR registry of another account.
    pub assume_role: Option<String>,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// User name and password, or a token, for a registry that is not ECR.
    pub credentials: Option<SecretRef>,
    /// How to create a missing repository of an ECR registry; `None`: it must exist.
    pub create: Option<CreateSettings>,
    /// Where the target stands in the policy file.
    pub location: Location,
}

impl ReplicationTarget {
    /// The repository there for a repository here.
    ///
    /// # Errors
    ///
    /// When the name would be too long.
    pub fn repository_for(&self, repository: &RepositoryName) -> Result<RepositoryPath, NameError> {
        self.repository.render(repository)
    }

    /// The tag there for a tag here.
    ///
    /// # Errors
    ///
    /// When the tag would be too long.
    pub fn tag_for(&self, tag: &Tag) -> Result<Tag, NameError> {
        match &self.tag {
            Some(template) => template.render(tag),
            None => Ok(tag.clone()),
        }
    }
}

/// What becomes of a copy when the source's tag is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deletes {
    /// It stays.
    #[default]
    Ignore,
    /// Its tag is removed, some time later.
    Propagate(Propagation),
}

impl Deletes {
    /// How deletions propagate, where they do.
    #[must_use]
    pub const fn propagation(&self) -> Option<&Propagation> {
        match self {
            Self::Ignore => None,
            Self::Propagate(propagation) => Some(propagation),
        }
    }
}

/// How deletions propagate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Propagation {
    /// How long after the deletion. Default: a day.
    pub after: Duration,
    /// The most tags that the rule removes in one hour of the clock. Default: 20.
    pub max_per_hour: u32,
}

impl Default for Propagation {
    fn default() -> Self {
        Self {
            after: Duration::from_secs(24 * 60 * 60),
            max_per_hour: 20,
        }
    }
}
