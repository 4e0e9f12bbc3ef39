//! Rules that are well written and cannot work.
//!
//! Only what is certain is reported: a glob or a regular expression that cannot be compared says
//! nothing, and what a derived tag would violate is shown with an example.

mod derived;

use super::{Policy, TagFilter, TagPattern, TagRule, TagSet};
use crate::mode::Mode;

/// What is wrong with a rule.
pub(super) struct Finding {
    /// Its place among the tag rules.
    pub(super) rule: usize,
    /// The field; empty for the rule as a whole.
    pub(super) field: &'static str,
    pub(super) message: String,
    pub(super) expected: String,
}

/// How many pairs of patterns are compared before the search for rules that contradict each other
/// gives up: the time that a policy takes to be read is bounded, whatever it says.
const MAX_COMPARISONS: usize = 1_000_000;

/// Everything that is wrong with the tag rules.
pub(super) fn findings(policy: &Policy) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut comparisons = 0;
    for (i, rule) in policy.tag_rules.iter().enumerate() {
        let earlier: Vec<&TagRule> = policy
            .tag_rules
            .iter()
            .take(i)
            .filter(|other| {
                comparisons += rule.repositories.include.len() * other.repositories.include.len()
                    + rule.allow.len() * other.allow.len();
                comparisons <= MAX_COMPARISONS
            })
            .collect();
        let problem = never_watches(policy, rule)
            .or_else(|| never_speaks(policy, rule))
            .or_else(|| allows_nothing(rule))
            .or_else(|| says_nothing_new(rule, &earlier))
            .or_else(|| contradicts(policy, rule, &earlier));
        if let Some((field, message, expected)) = problem {
            found.push(Finding {
                rule: i,
                field,
                message,
                expected: expected.to_owned(),
            });
        }
    }
    derived::findings(policy, &mut found);
    found
}

type Problem = Option<(&'static str, String, &'static str)>;

/// A rule of which every repository is outside the policy's scope, or excluded by itself.
fn never_watches(policy: &Policy, rule: &TagRule) -> Problem {
    policy.scope.is_surely_disjoint(&rule.repositories).then(|| {
        (
            "repositories",
            "no repository of the rule is one that the policy looks after".to_owned(),
            "repositories within the policy's own `repositories`, which the rule does not exclude",
        )
    })
}

/// A rule whose checks are about tags that it never speaks of.
fn never_speaks(policy: &Policy, rule: &TagRule) -> Problem {
    let ignored = &policy.ignore_tags.patterns;
    if let Some(filter) = &rule.tags
        && is_empty(filter, ignored)
    {
        let message = "no tag passes: everything in `allow` is also denied or ignored";
        return Some((
            "tags",
            message.to_owned(),
            "an `allow` that leaves some tags",
        ));
    }
    let never = |patterns: &[TagPattern]| {
        !patterns.is_empty()
            && patterns
                .iter()
                .all(|pattern| is_left_out(pattern, rule, ignored))
    };
    let floating = rule
        .companion
        .iter()
        .map(|companion| ("companion", &companion.floating));
    [
        ("immutable", &rule.immutable),
        ("protected", &rule.protected),
    ]
    .into_iter()
    .map(|(field, TagSet { patterns })| (field, patterns))
    .chain(floating)
    .find(|(_, patterns)| never(patterns))
    .map(|(field, _)| {
        (
            field,
            "no such tag passes the rule's `tags` and the policy's `ignore_tags`".to_owned(),
            "tags that the rule speaks of",
        )
    })
}

/// Whether a filter lets nothing through, for sure.
fn is_empty(filter: &TagFilter, ignored: &[TagPattern]) -> bool {
    let is_denied = |pattern: &TagPattern| {
        let mut denied = filter.deny.iter().chain(ignored);
        denied.any(|deny| deny.surely_covers(pattern))
    };
    (!filter.allow.is_empty() && filter.allow.iter().all(is_denied))
        || filter.deny.iter().any(|deny| deny.as_str() == "*")
}

/// Whether the rule never speaks of a tag that a pattern matches, for sure.
fn is_left_out(pattern: &TagPattern, rule: &TagRule, ignored: &[TagPattern]) -> bool {
    let covered = |patterns: &[TagPattern]| patterns.iter().any(|p| p.surely_covers(pattern));
    let filtered = rule.tags.as_ref().is_some_and(|filter| {
        covered(&filter.deny)
            || (!filter.allow.is_empty()
                && filter
                    .allow
                    .iter()
                    .all(|allow| allow.is_surely_disjoint(pattern)))
    });
    filtered || covered(ignored)
}

/// A rule that every tag violates.
fn allows_nothing(rule: &TagRule) -> Problem {
    let is_denied = |allow: &TagPattern| rule.deny.iter().any(|deny| deny.surely_covers(allow));
    (!rule.allow.is_empty() && rule.allow.iter().all(is_denied)).then(|| {
        (
            "allow",
            "every tag violates the rule: everything in `allow` is also in `deny`".to_owned(),
            "an `allow` that leaves some tags",
        )
    })
}

/// A rule that an earlier one makes superfluous.
fn says_nothing_new(rule: &TagRule, earlier: &[&TagRule]) -> Problem {
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
fn contradicts(policy: &Policy, rule: &TagRule, earlier: &[&TagRule]) -> Problem {
    let speaks_of_all = |rule: &TagRule| {
        !rule.allow.is_empty()
            && rule.tags.is_none()
            && rule.when.is_none()
            && rule.exempt.is_empty()
            && rule.effective_mode(policy.mode) == Mode::Enforce
    };
    if !speaks_of_all(rule) {
        return None;
    }
    let found = earlier.iter().find(|other| {
        speaks_of_all(other)
            && (other.repositories.surely_covers(&rule.repositories)
                || rule.repositories.surely_covers(&other.repositories))
            && rule
                .allow
                .iter()
                .all(|one| other.allow.iter().all(|two| one.is_surely_disjoint(two)))
    })?;
    let message = format!(
        "no tag is allowed both here and by the rule `{}` of line {}, so every tag violates one of \
         the two",
        found.name, found.location.line
    );
    Some((
        "allow",
        message,
        "one `allow` with all the patterns, or `tags` that part the two rules",
    ))
}

#[cfg(test)]
mod tests;
