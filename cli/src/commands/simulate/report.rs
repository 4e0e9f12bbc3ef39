//! What a simulation says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use steward_core::{Mode, Severity};

/// Everything that a simulation says; its JSON form is part of the command's interface.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) policy: String,
    /// The policy's own mode.
    pub(super) mode: Mode,
    /// Where the images come from.
    pub(super) source: String,
    /// The moment of the decisions.
    pub(super) now: Timestamp,
    pub(super) totals: Totals,
    /// Tags that no rule was looked at for, by the reason.
    pub(super) skipped: BTreeMap<&'static str, u64>,
    /// The tag rules in the policy's order.
    pub(super) rules: Vec<RuleTally>,
    /// By action, in the order of execution.
    pub(super) actions: Vec<ActionTally>,
    /// The repositories with a violation, or with something to do, those with most first.
    pub(super) repositories: Vec<RepositoryTally>,
    /// Lines of the inventory that were left out with `--skip-invalid`.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) skipped_lines: u64,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Totals {
    pub(super) repositories: u64,
    pub(super) images: u64,
    pub(super) untagged_images: u64,
    pub(super) tags: u64,
    /// Tags that violate at least one rule.
    pub(super) violating_tags: u64,
    /// Tags that something would be done about even though nothing is violated.
    pub(super) derived_tags: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct RuleTally {
    pub(super) rule: String,
    pub(super) mode: Mode,
    pub(super) severity: Severity,
    /// Tags that the rule was looked at for.
    pub(super) looked_at: u64,
    /// Tags that violate it.
    pub(super) violated: u64,
    /// Tags for which it has no answer.
    pub(super) undecided: u64,
    /// Repositories with a tag that violates it.
    pub(super) repositories: u64,
    pub(super) examples: Vec<Example>,
    /// Why it had no answer, for one tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) undecided_example: Option<Example>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Example {
    pub(super) repository: String,
    pub(super) tag: String,
    pub(super) message: String,
}

#[derive(Debug, Serialize)]
pub(super) struct ActionTally {
    pub(super) action: &'static str,
    /// Tags for which it would be carried out once the policy is live.
    pub(super) enforced: u64,
    /// Tags for which it would only be reported.
    pub(super) observed: u64,
    /// Tags for which it is asked for and impossible.
    pub(super) blocked: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct RepositoryTally {
    pub(super) repository: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<String>,
    pub(super) images: u64,
    pub(super) tags: u64,
    pub(super) violating_tags: u64,
    pub(super) derived_tags: u64,
    /// Violating tags by rule, without the rules that nothing violates.
    pub(super) rules: BTreeMap<String, u64>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
