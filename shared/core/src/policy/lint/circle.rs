//! Rules that derive from what others derived, round in a circle.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::super::loops::samples;
use super::super::{Derive, Policy, TagRule};
use super::Finding;
use super::derived::{MAX_REPOSITORIES, made_by};
use crate::names::{RepositoryName, Tag};

/// How many tags are derived before the search gives up, and how many repositories are tried.
const MAX_STEPS: usize = 20_000;
const MAX_GROUPS: usize = 256;

/// A rule that derives, with its place among the rules and what it makes of some tags.
struct Deriving<'p> {
    place: usize,
    rule: &'p TagRule,
    derive: &'p Derive,
    made: Vec<(Tag, Tag)>,
}

pub(super) fn findings(
    policy: &Policy,
    deriving: &[(usize, &TagRule, &Derive)],
    words: &[String],
    found: &mut Vec<Finding>,
) {
    let deriving: Vec<Deriving<'_>> = deriving
        .iter()
        .map(|(place, rule, derive)| Deriving {
            place: *place,
            rule,
            derive,
            made: derive
                .tags
                .iter()
                .flat_map(|template| made_by(rule, derive, template))
                .collect(),
        })
        .collect();
    let mut steps = 0;
    let mut told = BTreeSet::new();
    for (repository, group) in groups(policy, &deriving, words) {
        // A circle is told once, at its last rule; a rule by itself was told already.
        for (i, last) in group.iter().enumerate().skip(1) {
            let Some(before) = group.get(..i).filter(|_| !told.contains(&last.place)) else {
                continue;
            };
            let Some(way) = circle(last, before, &mut steps) else {
                continue;
            };
            told.insert(last.place);
            found.push(Finding {
                rule: last.place,
                field: "derive",
                message: format!(
                    "in `{repository}`, {way}, from which the first would be derived again"
                ),
                expected: "derived tags that no other rule turns back into sources".to_owned(),
            });
        }
    }
}

/// The rules that meet in one repository, with that repository; each group once.
fn groups<'d, 'p>(
    policy: &Policy,
    deriving: &'d [Deriving<'p>],
    words: &[String],
) -> Vec<(RepositoryName, Vec<&'d Deriving<'p>>)> {
    let mut known = BTreeSet::new();
    let mut groups = Vec::new();
    let repositories = deriving
        .iter()
        .flat_map(|one| samples(&one.rule.repositories, words).take(MAX_REPOSITORIES));
    for repository in repositories {
        if groups.len() >= MAX_GROUPS || !policy.in_scope(&repository) {
            continue;
        }
        let group: Vec<&Deriving<'_>> = deriving
            .iter()
            .filter(|one| one.rule.applies_to(&repository))
            .collect();
        let places: Vec<usize> = group.iter().map(|one| one.place).collect();
        if group.len() > 1 && known.insert(places) {
            groups.push((repository, group));
        }
    }
    groups
}

/// The way from a tag of `last` through other rules back to a tag of which it derives, in words.
fn circle(last: &Deriving<'_>, others: &[&Deriving<'_>], steps: &mut usize) -> Option<String> {
    let mut open: Vec<(Tag, String)> = last
        .made
        .iter()
        .rev()
        .map(|(source, made)| (made.clone(), format!("`{source}` makes `{made}`")))
        .collect();
    let mut seen: BTreeSet<Tag> = open.iter().map(|(tag, _)| tag.clone()).collect();
    while let Some((tag, way)) = open.pop() {
        for other in others.iter().filter(|other| other.rule.speaks_of(&tag)) {
            *steps += 1;
            if *steps > MAX_STEPS {
                return None;
            }
            for made in other.derive.derived_from(&tag) {
                let mut way = way.clone();
                // Writing to a string cannot fail.
                let _ = write!(
                    way,
                    ", of which the rule `{}` makes `{made}`",
                    other.rule.name
                );
                if last.derive.from.matches(&made) && last.rule.speaks_of(&made) {
                    return Some(way);
                }
                if seen.insert(made.clone()) {
                    open.push((made, way));
                }
            }
        }
    }
    None
}
