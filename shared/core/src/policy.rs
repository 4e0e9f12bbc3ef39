//! The policy: what an operator wants of the registry, read from one YAML file.
//!
//! [`Policy::parse`] reads the text and reports every mistake at once, each with its line, column
//! and path. Everything that can be compiled (globs, patterns, templates) is compiled then, so that
//! asking a policy costs little. A policy does no I/O and knows no clock: secrets stay references.

mod action;
mod condition;
mod decode;
mod derive;
mod document;
mod endpoint;
mod error;
mod exemption;
mod image_rule;
mod lazy_glob;
mod lint;
mod loops;
mod mark;
mod needs;
mod notification;
mod quarantine;
mod replication;
mod repository_set;
mod rule_index;
mod schema;
mod secret;
mod tag_pattern;
mod tag_rule;
mod tag_set;
mod template;

pub use action::ActionKind;
pub use condition::{Condition, ConditionError, Undecided};
pub use derive::{Companion, Derive, DerivedTag};
pub use endpoint::{Endpoint, EndpointError, HeaderSource, parse_webhook_url};
pub use error::{Location, PolicyError, PolicyErrorKind, PolicyErrors};
pub use exemption::{Exemption, ExemptionState};
pub use image_rule::{
    ImageRule, ImageVerdict, IndexScope, Metadata, RequiredReferrer, TextGlob, TextPattern,
    TextPatternError,
};
pub use mark::Mark;
pub use needs::Needs;
pub use notification::{Channel, Notifications, Route, RouteFacts, RouteMatch};
pub use quarantine::QuarantineSettings;
pub use replication::{
    CreateSettings, Deletes, ImmutableExcept, Propagation, ReplicationRule, ReplicationTarget,
};
pub use repository_set::{RepositoryGlob, RepositoryGlobError, RepositorySet};
pub use secret::{SecretRef, SecretRefError};
pub use tag_pattern::{
    CalverError, CalverScheme, SemverPattern, TagPattern, TagPatternError, TagVersion,
};
pub use tag_rule::{TagRule, Verdict};
pub use tag_set::{TagFilter, TagSet};
pub use template::{RepositoryTemplate, TagTemplate, TemplateError};

use rule_index::RuleIndex;

use crate::mode::Mode;
use crate::names::{AccountId, Digest, Region, RepositoryName, Tag};

/// A valid policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The mode of every rule that has none of its own.
    pub mode: Mode,
    /// The repositories that the steward looks after at all; see [`in_scope`](Self::in_scope).
    pub scope: RepositorySet,
    /// Tags that no rule looks at; see [`ignores_tag`](Self::ignores_tag).
    pub ignore_tags: TagSet,
    /// Where quarantined images go.
    pub quarantine: QuarantineSettings,
    /// The tag rules, in the order of the file.
    pub tag_rules: Vec<TagRule>,
    /// The replication rules, in the order of the file.
    pub replication: Vec<ReplicationRule>,
    /// Who is told what.
    pub notifications: Notifications,
    index: RuleIndex,
}

impl Policy {
    /// The largest policy, in bytes. An SSM parameter holds 8 KiB, so larger ones are in S3.
    pub const MAX_BYTES: usize = 256 << 10;

    /// Reads a policy. `name` is the file's name, or whatever tells the reader where it came from.
    ///
    /// # Errors
    ///
    /// Every mistake of the policy, each with its place.
    pub fn parse(text: &str, name: &str) -> Result<Self, PolicyErrors> {
        let failed = |errors, omitted| PolicyErrors {
            name: name.to_owned(),
            errors,
            omitted,
        };
        let root = document::read(text).map_err(|error| failed(vec![error], 0))?;
        let mut decoder = decode::Decoder::new(text);
        let policy = decode::policy(&mut decoder, &root);
        let (errors, omitted) = decoder.finish();
        match policy {
            Some(policy) if errors.is_empty() => Ok(policy),
            _ => Err(failed(errors, omitted)),
        }
    }

    /// Whether the steward looks after a repository. A quarantine repository is always outside.
    #[must_use]
    pub fn in_scope(&self, repository: &RepositoryName) -> bool {
        self.scope.contains(repository) && !self.is_quarantine(repository)
    }

    /// Whether a repository is the quarantine of some other.
    #[must_use]
    pub fn is_quarantine(&self, repository: &RepositoryName) -> bool {
        self.quarantine.holds(repository)
    }

    /// Whether no rule looks at a tag, such as the `sha256-…` tags of signatures.
    #[must_use]
    pub fn ignores_tag(&self, tag: &Tag) -> bool {
        self.ignore_tags.contains(tag)
    }

    /// The quarantine repository for a repository; `None` where its name would be too long.
    #[must_use]
    pub fn quarantine_repository(&self, repository: &RepositoryName) -> Option<RepositoryName> {
        self.quarantine.repository_for(repository)
    }

    /// The tag rules that watch a repository, in the order of the file: the same as to ask
    /// [`TagRule::applies_to`] of each, and quicker where there are many. Who changes the rules of a
    /// policy afterwards does so in a copy.
    pub fn tag_rules_for<'p>(
        &'p self,
        repository: &'p RepositoryName,
    ) -> impl Iterator<Item = &'p TagRule> {
        self.index.rules_for(&self.tag_rules, repository)
    }

    /// Whether a tag is the mark that a rule of its repository puts on this very image.
    #[must_use]
    pub fn is_mark(&self, repository: &RepositoryName, tag: &Tag, digest: &Digest) -> bool {
        Mark::could_be_one(tag, digest)
            && self
                .tag_rules_for(repository)
                .filter_map(|rule| rule.mark.as_ref())
                .any(|mark| mark.is_mark_of(tag, digest))
    }

    /// What is wrong with the policy in the registry that it will look after: a replication target
    /// in that very registry whose images a replication rule would copy again.
    ///
    /// [`parse`](Self::parse) cannot know this registry. Who deploys or loads the policy does.
    #[must_use]
    pub fn check_home(&self, account: &AccountId, region: &Region) -> Vec<PolicyError> {
        loops::check_home(self, account, region)
    }

    /// The JSON Schema (2020-12) of the policy file, for editors.
    #[must_use]
    pub fn json_schema() -> serde_json::Value {
        schema::schema()
    }
}

#[cfg(test)]
mod tests;
