//! Tags that follow others.

use std::collections::BTreeMap;

use steward_core::facts::Facts;
use steward_core::policy::{ActionKind, Policy};
use steward_core::{Mode, Tag};

use super::action::{Action, PlannedAction};
use super::judge::Judged;

/// The actions that take a tag away.
const TAKING: [ActionKind; 3] = [
    ActionKind::Quarantine,
    ActionKind::Untag,
    ActionKind::Delete,
];

/// The derived tags that are not where they should be.
pub(super) fn wanted(facts: &Facts, policy: &Policy, judged: &[Judged<'_>]) -> Vec<PlannedAction> {
    let Some(siblings) = &facts.siblings else {
        return Vec::new();
    };
    let mut wanted: BTreeMap<Tag, PlannedAction> = BTreeMap::new();
    for judged in judged.iter().filter(|judged| judged.speaks) {
        for (tag, from, digest) in judged.rule.wanted(siblings, &facts.tag) {
            if siblings.get(&tag) == Some(&digest) || taken_away(&tag, facts, policy) {
                continue;
            }
            let planned = PlannedAction {
                action: Action::Derive {
                    tag: tag.clone(),
                    digest,
                    from,
                },
                mode: judged.mode(),
            };
            match wanted.get(&tag) {
                // Two rules that keep the same tag: the first one counts, unless only the second acts.
                Some(known) if known.mode.acts() || !planned.mode.acts() => {}
                _ => {
                    wanted.insert(tag, planned);
                }
            }
        }
    }
    wanted.into_values().collect()
}

/// Whether a rule that acts would take the tag away again for its name.
fn taken_away(tag: &Tag, facts: &Facts, policy: &Policy) -> bool {
    policy.ignores_tag(tag)
        || policy
            .tag_rules_for(&facts.repository)
            .filter(|rule| rule.speaks_of(tag))
            .filter(|rule| rule.effective_mode(policy.mode) == Mode::Enforce)
            .filter(|rule| TAKING.iter().any(|kind| rule.on_violation.contains(kind)))
            .any(|rule| !rule.check(tag).is_allowed())
}
