use std::time::Duration;

use serde::Serialize;
use steward_core::decision::{Skip, skip};
use steward_core::policy::Policy;
use steward_core::{ImageRef, Mode};

use super::{Facts, destination};

/// A copy whose tag goes, because the source's tag was deleted and the policy says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedRemoval {
    /// The rule that asks for it.
    pub rule: String,
    /// Which of the rule's targets it is, from 0.
    pub target_index: usize,
    /// The copy.
    pub from: ImageRef,
    /// How long after the deletion.
    pub after: Duration,
    /// The most removals of the rule in an hour.
    pub max_per_hour: u32,
    /// Whether to do it or only to say so.
    pub mode: Mode,
}

/// What the deletion of a tag calls for. Whether `newest` would copy the tag today does not matter:
/// it was copied when it was new. A place that another rule names as well goes only where each of
/// them lets deletions propagate, and then as the first one that acts says.
#[must_use]
pub fn removals(facts: &Facts, policy: &Policy) -> Vec<PlannedRemoval> {
    let skipped = skip(policy, &facts.repository, &facts.tag, facts.digest.as_ref());
    if skipped.is_some_and(|skip| skip != Skip::Gone) {
        return Vec::new();
    }
    let mut removals: Vec<PlannedRemoval> = Vec::new();
    let mut kept: Vec<ImageRef> = Vec::new();
    let rules = policy
        .replication
        .iter()
        .filter(|rule| rule.applies_to(&facts.repository) && rule.accepts_tag(&facts.tag));
    for rule in rules {
        for target_index in 0..rule.to.len() {
            let Some(mut from) = destination(rule, target_index, facts) else {
                continue;
            };
            from.digest = None;
            let Some(propagation) = rule.deletes.propagation() else {
                kept.push(from);
                continue;
            };
            let removal = PlannedRemoval {
                rule: rule.name.to_string(),
                target_index,
                from,
                after: propagation.after,
                max_per_hour: propagation.max_per_hour,
                mode: rule.effective_mode(policy.mode),
            };
            match removals.iter_mut().find(|known| known.from == removal.from) {
                None => removals.push(removal),
                Some(known) if removal.mode.acts() && !known.mode.acts() => *known = removal,
                Some(_) => {}
            }
        }
    }
    removals.retain(|removal| !kept.contains(&removal.from));
    removals
}
