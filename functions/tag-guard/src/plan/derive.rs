//! Tags that follow others.

use std::borrow::Cow;
use std::collections::BTreeMap;

use steward_core::facts::Facts;
use steward_core::policy::{ActionKind, Policy};
use steward_core::{Digest, Mode, Tag};

use super::action::{Action, PlannedAction};
use super::judge::Judged;

/// The actions that take a tag away.
const TAKING: [ActionKind; 3] = [
    ActionKind::Quarantine,
    ActionKind::Untag,
    ActionKind::Delete,
];

/// What the tag in question means once the plan is carried out.
#[derive(Clone, Copy)]
pub(super) enum Now<'f> {
    /// What it does.
    Stays,
    /// Another image, on which it is put back.
    Means(Option<&'f Digest>),
    /// Nothing.
    Goes,
}

/// The derived tags that are not where they should be.
pub(super) fn wanted(
    facts: &Facts,
    policy: &Policy,
    judged: &[Judged<'_>],
    now: Now<'_>,
) -> Vec<PlannedAction> {
    let Some(siblings) = &facts.siblings else {
        return Vec::new();
    };
    let mut siblings = Cow::Borrowed(siblings);
    match now {
        Now::Means(Some(digest)) => {
            siblings.to_mut().insert(facts.tag.clone(), digest.clone());
        }
        Now::Goes => {
            siblings.to_mut().remove(&facts.tag);
        }
        Now::Means(None) | Now::Stays => {}
    }
    // A tag that is taken from an image is not given to it again.
    let refused = facts.digest().filter(|_| matches!(now, Now::Goes));
    let mut wanted: BTreeMap<Tag, PlannedAction> = BTreeMap::new();
    for judged in judged.iter().filter(|judged| judged.speaks) {
        for (tag, from, digest) in judged.rule.wanted(&siblings, &facts.tag) {
            if siblings.get(&tag) == Some(&digest)
                || (tag == facts.tag && refused == Some(&digest))
                || taken_away(&tag, facts, policy)
            {
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
pub(super) fn taken_away(tag: &Tag, facts: &Facts, policy: &Policy) -> bool {
    policy.ignores_tag(tag)
        || policy
            .tag_rules_for(&facts.repository)
            .filter(|rule| rule.speaks_of(tag))
            .filter(|rule| rule.effective_mode(policy.mode) == Mode::Enforce)
            .filter(|rule| TAKING.iter().any(|kind| rule.on_violation.contains(kind)))
            .any(|rule| !rule.check(tag).is_allowed())
}
