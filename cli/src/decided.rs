//! What a plan of the tag guard says, in the few words that tests and summaries need.

use std::collections::BTreeMap;

use steward_core::Tag;
use tag_guard::plan::{Action, Plan};

/// The words of the planned actions, each once, in their order.
pub fn actions(plan: &Plan) -> impl Iterator<Item = &'static str> {
    let mut words: Vec<&'static str> = Vec::new();
    for planned in &plan.actions {
        let word = planned.action.name();
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.into_iter()
}

/// The derived tags that the plan puts or moves, and the tag that each follows.
#[must_use]
pub fn derived(plan: &Plan) -> BTreeMap<&Tag, &Tag> {
    let derive = plan
        .actions
        .iter()
        .filter_map(|planned| match &planned.action {
            Action::Derive { tag, from, .. } => Some((tag, from)),
            _ => None,
        });
    derive.collect()
}
