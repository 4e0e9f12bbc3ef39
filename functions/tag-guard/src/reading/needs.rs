use steward_core::RepositoryName;
use steward_core::policy::{self, Policy};

use crate::subject::Subject;

/// What the rules ask about one tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Needs {
    /// What has to be read.
    pub(crate) read: policy::Needs,
    /// Whether the tag may not move.
    pub(crate) fixes: bool,
    /// Whether the tag may not go.
    pub(crate) protects: bool,
}

impl Needs {
    /// What the rules ask about this tag.
    pub(crate) fn of(policy: &Policy, subject: &Subject) -> Self {
        let Subject {
            repository, tag, ..
        } = subject;
        let any = |holds: fn(&policy::TagRule) -> &policy::TagSet| {
            policy
                .tag_rules_for(repository)
                .filter(|rule| rule.speaks_of(tag))
                .any(|rule| holds(rule).contains(tag))
        };
        Self {
            read: policy.needs(repository, tag),
            fixes: any(|rule| &rule.immutable),
            protects: any(|rule| &rule.protected),
        }
    }

    /// Whether the deletion of a tag can lead to anything.
    pub(crate) fn cares_for_deletions(&self) -> bool {
        self.fixes || self.protects || self.read.siblings
    }
}

/// Whether a rule about some tag of a repository asks for what refers to images.
pub(crate) fn waits_for_referrers(policy: &Policy, repository: &RepositoryName) -> bool {
    policy.in_scope(repository)
        && policy.tag_rules_for(repository).any(|rule| {
            let by_image = rule
                .image
                .as_ref()
                .is_some_and(policy::ImageRule::asks_about_referrers);
            let by_condition = rule
                .when
                .as_ref()
                .is_some_and(|when| when.variables().contains("image.referrers"));
            by_image || by_condition
        })
}
