//! Two rules that say the same, or that no tag can satisfy together.

use super::super::{Policy, TagPattern, TagRule};
use super::Problem;
use crate::mode::Mode;

/// A rule that an earlier one makes superfluous.
pub(super) fn says_nothing_new(rule: &TagRule, earlier: &[&TagRule]) -> Problem {
    let found = earlier.iter().find(|other| {
        other.repositories.surely_covers(&rule.repositories)
            && other.tags == rule.tags
            && other.allow == rule.allow
            && other.deny == rule.deny
            && other.immutable == rule.immutable
            && other.protected == rule.protected
            && other.derive == rule.derive
            && other.image == rule.image
            && other.companion == rule.companion
            && other.when == rule.when
            && other.exempt == rule.exempt
            && other.mode == rule.mode
            && other.severity >= rule.severity
            && (rule.message.is_none() || other.message == rule.message)
            && (rule.mark.is_none() || other.mark == rule.mark)
            && (rule.delete_after.is_none() || other.delete_after == rule.delete_after)
            && rule
                .on_violation
                .iter()
                .all(|action| other.on_violation.contains(action))
    })?;
    let message = format!(
        "the rule `{}` of line {} already does all this in these repositories",
        found.name, found.location.line
    );
    Some(("", message, "other checks, other actions, or no rule"))
}

/// Two enforcing rules over the same repositories of which every tag violates one.
pub(super) fn contradicts(policy: &Policy, rule: &TagRule, earlier: &[&TagRule]) -> Problem {
    if !speaks_of_all(policy, rule) {
        return None;
    }
    let found = earlier.iter().find(|other| {
        speaks_of_all(policy, other)
            && (other.repositories.surely_covers(&rule.repositories)
                || rule.repositories.surely_covers(&other.repositories))
            && leave_no_tag(rule, other)
    })?;
    let message = format!(
        "no tag is allowed both here and by the rule `{}` of line {}, so every tag violates one of \
         the two",
        found.name, found.location.line
    );
    let field = if rule.allow.is_empty() {
        "deny"
    } else {
        "allow"
    };
    Some((
        field,
        message,
        "one `allow` with all the patterns, or `tags` that part the two rules",
    ))
}

/// Whether a rule acts upon every tag that it does not like.
fn speaks_of_all(policy: &Policy, rule: &TagRule) -> bool {
    rule.tags.is_none()
        && rule.when.is_none()
        && rule.exempt.is_empty()
        && rule.effective_mode(policy.mode) == Mode::Enforce
        // Who denies every tag says in so many words that nothing may be pushed there.
        && !rule.deny.iter().any(|pattern| pattern.as_str() == "*")
}

/// Whether each tag that one of two rules allows is one that the other refuses, for sure.
fn leave_no_tag(one: &TagRule, two: &TagRule) -> bool {
    let allowed_by = |rule: &'_ TagRule, other: &TagRule| -> Vec<TagPattern> {
        let denied = |allow: &TagPattern| {
            let mut denies = rule.deny.iter().chain(&other.deny);
            denies.any(|deny| deny.surely_covers(allow))
        };
        let left = rule.allow.iter().filter(|allow| !denied(allow));
        left.cloned().collect()
    };
    let (ours, theirs) = (allowed_by(one, two), allowed_by(two, one));
    match (one.allow.is_empty(), two.allow.is_empty()) {
        (true, true) => false,
        (true, false) => theirs.is_empty(),
        (false, true) => ours.is_empty(),
        (false, false) => ours
            .iter()
            .all(|one| theirs.iter().all(|two| one.is_surely_disjoint(two))),
    }
}
