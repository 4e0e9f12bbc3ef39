//! Rules that are well written and cannot work.
//!
//! Only what is certain is reported: a glob or a regular expression that cannot be compared says
//! nothing, and what a derived tag would violate is shown with an example.

mod circle;
mod derived;
mod pair;

use super::{Companion, Policy, TagFilter, TagPattern, TagRule, TagSet};

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
                    + rule.allow.len() * other.allow.len()
                    + (rule.allow.len() + other.allow.len()) * (rule.deny.len() + other.deny.len());
                comparisons <= MAX_COMPARISONS
            })
            .collect();
        let problem = never_watches(policy, rule)
            .or_else(|| never_speaks(policy, rule))
            .or_else(|| allows_nothing(policy, rule))
            .or_else(|| refuses_nothing(rule))
            .or_else(|| never_exempts(policy, rule))
            .or_else(|| pair::says_nothing_new(rule, &earlier))
            .or_else(|| pair::contradicts(policy, rule, &earlier));
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
    if ignored.iter().any(|pattern| pattern.as_str() == "*") {
        let message = "the policy's `ignore_tags` leave no tag for the rule";
        return Some(("", message.to_owned(), "an `ignore_tags` without `*`"));
    }
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
        .map(|companion| ("companion", companion.floating.as_slice()));
    let from = rule
        .derive
        .iter()
        .map(|derive| ("derive", std::slice::from_ref(&derive.from)));
    [
        ("deny", rule.deny.as_slice()),
        ("immutable", &rule.immutable.patterns),
        ("protected", &rule.protected.patterns),
    ]
    .into_iter()
    .chain(floating)
    .chain(from)
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
fn allows_nothing(policy: &Policy, rule: &TagRule) -> Problem {
    let is_denied = |allow: &TagPattern| rule.deny.iter().any(|deny| deny.surely_covers(allow));
    let is_left_out = |allow: &TagPattern| {
        is_denied(allow) || is_left_out(allow, rule, &policy.ignore_tags.patterns)
    };
    let why = if rule.allow.is_empty() {
        return None;
    } else if rule.allow.iter().all(is_denied) {
        "everything in `allow` is also in `deny`"
    } else if rule.allow.iter().all(is_left_out) {
        "nothing in `allow` passes the rule's `tags` and the policy's `ignore_tags`"
    } else {
        return None;
    };
    let message = format!("every tag violates the rule: {why}");
    Some(("allow", message, "an `allow` that leaves some tags"))
}

/// A check that nothing can violate.
fn refuses_nothing(rule: &TagRule) -> Problem {
    let covered =
        |by: &[TagPattern], pattern: &TagPattern| by.iter().any(|p| p.surely_covers(pattern));
    if let Some(Companion { floating, requires }) = &rule.companion
        && floating.iter().all(|pattern| covered(requires, pattern))
    {
        let message = "every tag in `floating` is also in `requires`, so each is its own companion";
        let expected = "a `requires` without the floating tags";
        return Some(("companion", message.to_owned(), expected));
    }
    if let Some(filter) = &rule.tags
        && is_only_about_names(rule)
        && rule.deny.is_empty()
        && !filter.allow.is_empty()
        && filter
            .allow
            .iter()
            .all(|pattern| covered(&rule.allow, pattern))
    {
        let message = "no tag violates the rule: everything that passes `tags` is in `allow`";
        let expected = "a `tags` that lets other tags through, or no rule";
        return Some(("allow", message.to_owned(), expected));
    }
    if let Some(condition) = &rule.when
        && let Some(holds) = condition.always()
    {
        let message = format!("the condition is always {holds}: it asks for nothing of the image");
        return Some(("when", message, "a condition with a variable, or none"));
    }
    None
}

/// Whether `allow` and `deny` are the only checks of a rule.
fn is_only_about_names(rule: &TagRule) -> bool {
    rule.immutable.patterns.is_empty()
        && rule.protected.patterns.is_empty()
        && rule.derive.is_none()
        && rule.image.is_none()
        && rule.companion.is_none()
}

/// An exemption for what the rule does not look at.
fn never_exempts(policy: &Policy, rule: &TagRule) -> Problem {
    let ignored = &policy.ignore_tags.patterns;
    rule.exempt.iter().enumerate().find_map(|(i, exemption)| {
        let elsewhere = exemption.repositories.as_ref().is_some_and(|set| {
            set.is_surely_disjoint(&rule.repositories) || set.is_surely_disjoint(&policy.scope)
        });
        let other_tags = exemption.tags.as_ref().is_some_and(|TagSet { patterns }| {
            patterns
                .iter()
                .all(|pattern| is_left_out(pattern, rule, ignored))
        });
        let what = match (elsewhere, other_tags) {
            (true, _) => "repositories",
            (false, true) => "tags",
            (false, false) => return None,
        };
        let message = format!(
            "entry {} is about {what} that the rule does not look at",
            i + 1
        );
        Some(("exempt", message, "what the rule looks at"))
    })
}

#[cfg(test)]
mod tests;
