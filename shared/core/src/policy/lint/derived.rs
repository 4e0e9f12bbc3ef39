//! Derived tags that other rules refuse, move or derive from again.

use std::collections::BTreeSet;

use super::super::loops::{samples, words_of};
use super::super::{Derive, DerivedTag, Policy, TagRule};
use super::{Finding, circle};
use crate::names::{RepositoryName, Tag};

/// Versions from which tags are derived to see what becomes of them. Some agree in their parts, so
/// that a derived tag that moves is found out.
const VERSIONS: [&str; 8] = [
    "1.2.3", "1.2.4", "1.3.0", "2.0.0", "v1.2.3", "v1.2.4", "v1.3.0", "v2.0.0",
];

/// How many pairs of rules are compared, and how many repositories are tried for each.
const MAX_PAIRS: usize = 2_000;
pub(super) const MAX_REPOSITORIES: usize = 64;

pub(super) fn findings(policy: &Policy, found: &mut Vec<Finding>) {
    let deriving: Vec<(usize, &TagRule, &Derive)> = policy
        .tag_rules
        .iter()
        .enumerate()
        .filter_map(|(i, rule)| Some((i, rule, rule.derive.as_ref()?)))
        .collect();
    if deriving.is_empty() {
        return;
    }
    let words = words_of(policy);
    let mut pairs = 0;
    for (i, rule, derive) in &deriving {
        for template in &derive.tags {
            let made = made_by(rule, derive, template);
            if let Some((source, derived)) = made.iter().find(|(_, made)| derive.from.matches(made))
            {
                found.push(Finding {
                    rule: *i,
                    field: "derive",
                    message: format!(
                        "`{template}` makes `{derived}` of `{source}`, which others would be \
                         derived from again"
                    ),
                    expected: format!("a tag that `{}` does not match", derive.from),
                });
                continue;
            }
            for (j, other) in policy.tag_rules.iter().enumerate() {
                pairs += 1;
                if pairs > MAX_PAIRS {
                    return;
                }
                let Some(problem) = problem(policy, (rule, template), other, &made, i == &j) else {
                    continue;
                };
                let Some(repository) = common(policy, rule, other, &words) else {
                    continue;
                };
                if problem
                    .derived
                    .iter()
                    .any(|tag| is_exempt(other, &repository, tag))
                {
                    continue;
                }
                found.push(Finding {
                    rule: *i,
                    field: "derive",
                    message: format!("in `{repository}`, {}", problem.message),
                    expected: problem.expected.to_owned(),
                });
                break;
            }
        }
    }
    circle::findings(policy, &deriving, &words, found);
}

struct Problem {
    message: String,
    expected: &'static str,
    derived: Option<Tag>,
}

/// What a template makes of some tags, each with the tag that it is made of.
pub(super) fn made_by(rule: &TagRule, derive: &Derive, template: &DerivedTag) -> Vec<(Tag, Tag)> {
    let near = "1.2.3".parse::<Tag>().ok();
    // A rule may look at a few tags only, which the usual versions are not among.
    let looked_at = rule.tags.iter().flat_map(|tags| &tags.allow);
    let examples = [&derive.from].into_iter().chain(looked_at);
    let examples = examples.filter_map(|pattern| pattern.example_near(near.as_ref()?));
    let versions = VERSIONS.iter().filter_map(|text| text.parse::<Tag>().ok());
    let sources: BTreeSet<Tag> = versions.chain(examples).collect();
    sources
        .into_iter()
        .filter(|tag| derive.is_source(tag))
        .filter(|tag| rule.speaks_of(tag))
        .filter_map(|tag| {
            let version = derive.from.version(&tag);
            let version = version.as_ref().and_then(|version| version.semantic());
            let made = template.render(&tag, version)?;
            Some((tag, made))
        })
        .collect()
}

/// What another rule, or the same one, has against the derived tags.
fn problem(
    policy: &Policy,
    (rule, template): (&TagRule, &DerivedTag),
    other: &TagRule,
    made: &[(Tag, Tag)],
    is_same: bool,
) -> Option<Problem> {
    let looked_at = |tag: &Tag| !policy.ignores_tag(tag) && other.speaks_of(tag);
    if other.when.is_none() {
        let refused = made
            .iter()
            .find(|(_, tag)| looked_at(tag) && !other.check(tag).is_allowed());
        if let Some((source, derived)) = refused {
            return Some(Problem {
                message: format!(
                    "`{derived}`, which `{template}` makes of `{source}`, violates the rule `{}`",
                    other.name
                ),
                expected: "a derived tag that every rule of its repository allows",
                derived: Some(derived.clone()),
            });
        }
        // `1.2.3` and `v1.2.3` are the same release.
        let release = |tag: &Tag| tag.as_str().trim_start_matches('v').to_owned();
        let moves = |source: &Tag, derived: &Tag| {
            template.is_fixed()
                || made
                    .iter()
                    .any(|(tag, made)| made == derived && release(tag) != release(source))
        };
        let moving = made.iter().find(|(source, tag)| {
            looked_at(tag) && other.immutable.contains(tag) && moves(source, tag)
        });
        if let Some((_, derived)) = moving {
            return Some(Problem {
                message: format!(
                    "`{derived}` moves with each release, and the rule `{}` says that it may not",
                    other.name
                ),
                expected: "an `immutable` without the derived tags",
                derived: Some(derived.clone()),
            });
        }
    }
    // Two rules that keep the same tag on different images would move it to and fro for ever.
    let theirs = other.derive.as_ref().filter(|_| !is_same)?;
    if rule.effective_mode(policy.mode) != other.effective_mode(policy.mode)
        || (theirs.from == rule.derive.as_ref()?.from && other.tags == rule.tags)
    {
        return None;
    }
    let shared = made.iter().find(|(_, tag)| {
        theirs
            .tags
            .iter()
            .flat_map(|template| made_by(other, theirs, template))
            .any(|(_, made)| made == *tag)
    })?;
    Some(Problem {
        message: format!(
            "`{}` is derived by the rule `{}` as well",
            shared.1, other.name
        ),
        expected: "each derived tag in one rule",
        derived: None,
    })
}

fn is_exempt(rule: &TagRule, repository: &RepositoryName, tag: &Tag) -> bool {
    rule.exempt
        .iter()
        .any(|exemption| exemption.covers(repository, tag))
}

/// A repository that both rules watch, and the policy looks after.
fn common(
    policy: &Policy,
    one: &TagRule,
    two: &TagRule,
    words: &[String],
) -> Option<RepositoryName> {
    let of = |rule: &'_ TagRule| -> Vec<RepositoryName> {
        samples(&rule.repositories, words)
            .take(MAX_REPOSITORIES)
            .collect()
    };
    of(one)
        .into_iter()
        .chain(of(two))
        .find(|name| policy.in_scope(name) && one.applies_to(name) && two.applies_to(name))
}
