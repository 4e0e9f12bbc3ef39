//! Which copies a pushed image calls for, and which removals a deleted tag: pure decisions.

mod removal;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use steward_core::decision::{RuleOutcome, Skip, skip};
use steward_core::event::incoming::ImageAction;
use steward_core::facts::Platform;
use steward_core::policy::{Policy, ReplicationRule};
use steward_core::{
    AccountId, Digest, EcrHost, ImageRef, Mode, Region, RegistryHost, RepositoryName, Tag,
};

pub use removal::{PlannedRemoval, removals};

/// What the registry says about an image now; the event only said where to look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The account of the registry that was pushed to.
    pub account: AccountId,
    /// Its Region.
    pub region: Region,
    /// The repository that was pushed to.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
    /// What the tag points to; `None` when it is gone.
    pub digest: Option<Digest>,
    /// Every tag of the repository and when its image was pushed; read only where a rule is about
    /// the newest tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub siblings: Option<BTreeMap<Tag, Option<Timestamp>>>,
}

impl Facts {
    /// Takes the event at its word: for explanations without a registry at hand.
    #[must_use]
    pub fn from_event(account: &AccountId, region: &Region, action: &ImageAction) -> Option<Self> {
        Some(Self {
            account: account.clone(),
            region: region.clone(),
            repository: action.repository.clone(),
            tag: action.tag.clone()?,
            digest: action.digest.clone(),
            siblings: None,
        })
    }

    /// The address of the registry that was pushed to.
    #[must_use]
    pub fn registry(&self) -> Option<RegistryHost> {
        EcrHost::new(self.account.clone(), self.region.clone())
            .registry_host()
            .ok()
    }
}

/// Everything decided about one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The repository.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
    /// The image behind the tag.
    pub digest: Option<Digest>,
    /// Why no rule was looked at, where that is so.
    pub skipped: Option<Skip>,
    /// Each rule that speaks about the repository, in the policy's order.
    pub rules: Vec<RuleOutcome>,
    /// The copies to make; a target that several rules name stands here once.
    pub copies: Vec<PlannedCopy>,
}

/// One copy of a [`Plan`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCopy {
    /// The rule that asks for it.
    pub rule: String,
    /// Which of the rule's targets it is, from 0.
    pub target_index: usize,
    /// Where the image goes.
    pub to: ImageRef,
    /// Whether signatures, SBOMs and attestations go with it.
    pub referrers: bool,
    /// The platforms that an index is reduced to; empty: it travels as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Platform>,
    /// Whether to do it or only to say so.
    pub mode: Mode,
}

impl PlannedCopy {
    /// Takes in what another rule says of the same target. Only a rule that acts has a say in a copy
    /// that is made: its role, its secret and its platforms hold, and not those of one that observes.
    fn join(&mut self, other: Self) {
        if self.mode.acts() == other.mode.acts() {
            self.referrers |= other.referrers;
        } else if other.mode.acts() {
            *self = other;
        }
    }
}

/// Decides about one image.
/// Where two rules name the same target, the first one that acts holds; the referrers go along where
/// one of those that act says so.
#[must_use]
pub fn plan(facts: &Facts, policy: &Policy) -> Plan {
    let mut plan = Plan {
        repository: facts.repository.clone(),
        tag: facts.tag.clone(),
        digest: facts.digest.clone(),
        skipped: skip(policy, &facts.repository, &facts.tag, facts.digest.as_ref()),
        rules: Vec::new(),
        copies: Vec::new(),
    };
    if plan.skipped.is_some() {
        return plan;
    }
    for rule in policy
        .replication
        .iter()
        .filter(|rule| rule.applies_to(&facts.repository))
    {
        let mode = rule.effective_mode(policy.mode);
        let mut outcome = RuleOutcome {
            rule: rule.name.clone(),
            matched: false,
            why: String::new(),
            mode,
            undecided: false,
        };
        select(rule, facts, policy, &mut outcome);
        if outcome.matched {
            for (target_index, target) in rule.to.iter().enumerate() {
                let Some(to) = destination(rule, target_index, facts) else {
                    outcome.why = format!(
                        "{}, but the name for {} would not be valid",
                        outcome.why, target.registry
                    );
                    continue;
                };
                if facts.registry().as_ref() == Some(&to.registry)
                    && to.repository.as_str() == facts.repository.as_str()
                {
                    outcome.why = format!("{}, but the target is the image itself", outcome.why);
                    continue;
                }
                let copy = PlannedCopy {
                    rule: rule.name.to_string(),
                    target_index,
                    to,
                    referrers: rule.referrers,
                    platforms: rule.platforms.clone(),
                    mode,
                };
                match plan.copies.iter_mut().find(|known| known.to == copy.to) {
                    Some(known) => known.join(copy),
                    None => plan.copies.push(copy),
                }
            }
        }
        plan.rules.push(outcome);
    }
    plan
}

/// Whether the rule takes the tag, and why.
fn select(rule: &ReplicationRule, facts: &Facts, policy: &Policy, outcome: &mut RuleOutcome) {
    let tag = &facts.tag;
    outcome.matched = rule.accepts_tag(tag);
    outcome.why = match &rule.tags {
        None => "the rule takes every tag".to_owned(),
        Some(_) if outcome.matched => format!("the rule's tags include {tag}"),
        Some(_) => format!("the rule's tags do not include {tag}"),
    };
    let (Some(newest), true) = (rule.newest, outcome.matched) else {
        return;
    };
    let Some(siblings) = &facts.siblings else {
        outcome.matched = false;
        outcome.undecided = true;
        outcome.why = format!(
            "{}, of which it takes the newest {newest}; which these are is not known",
            outcome.why
        );
        return;
    };
    let others = siblings
        .iter()
        .filter(|(tag, _)| !policy.ignores_tag(tag))
        .map(|(tag, pushed)| (tag, *pushed));
    let pushed = siblings.get(tag).copied().flatten();
    outcome.matched = rule.is_among_newest(tag, pushed, others);
    outcome.why = if outcome.matched {
        format!("{}, and it is among the newest {newest}", outcome.why)
    } else {
        format!("{}, but it is not among the newest {newest}", outcome.why)
    };
}

fn destination(rule: &ReplicationRule, target_index: usize, facts: &Facts) -> Option<ImageRef> {
    let target = rule.to.get(target_index)?;
    Some(ImageRef {
        registry: target.registry.clone(),
        repository: target.repository_for(&facts.repository).ok()?,
        tag: Some(target.tag_for(&facts.tag).ok()?),
        digest: facts.digest.clone(),
    })
}

#[cfg(test)]
mod tests;
