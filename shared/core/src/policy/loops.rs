//! Whether a policy could feed itself, and names to try it with.
//!
//! Whether one glob can match what another one's template makes is answered with witnesses: names
//! made from the globs and the words of the policy itself. A finding comes with its example, so it
//! is never a false alarm; a policy whose globs share no words with its templates may escape, and
//! the copy engine still writes nothing for an image that is already there.

use std::collections::BTreeSet;

use crate::names::{AccountId, Region, RepositoryName, Tag};

use super::{
    Location, Policy, PolicyError, PolicyErrorKind, ReplicationRule, ReplicationTarget,
    RepositoryGlob, RepositorySet,
};

/// How many words are tried in the wildcards.
const MAX_WORDS: usize = 128;

/// How many pairs of names and rules are looked at before the search gives up.
const MAX_STEPS: usize = 500_000;

/// The words of a policy's own globs and templates, from which names are made.
pub(super) fn words_of(policy: &Policy) -> Vec<String> {
    let mut words: BTreeSet<String> = ["app".to_owned(), "team/app".to_owned()].into();
    let sets = policy.replication.iter().map(|rule| &rule.repositories);
    let sets = sets.chain(policy.tag_rules.iter().map(|rule| &rule.repositories));
    let globs = sets
        .chain([&policy.scope])
        .flat_map(|set| &set.include)
        .map(RepositoryGlob::as_str);
    for glob in globs {
        let plain = fill(glob, "app");
        // `dr/team/app`, `team/app`, `app`: what a template in front of it must be given.
        let mut rest = Some(plain.as_str());
        while let Some(text) = rest {
            words.insert(text.to_owned());
            rest = text.split_once('/').map(|(_, behind)| behind);
        }
    }
    words.into_iter().take(MAX_WORDS).collect()
}

/// Repositories of a set, found by putting words into its globs.
pub(super) fn samples<'a>(
    set: &'a RepositorySet,
    words: &'a [String],
) -> impl Iterator<Item = RepositoryName> + 'a {
    likely_samples(set, words).filter(|name| set.contains(name))
}

/// As [`samples`], without asking the globs: quicker, and right in all but odd cases.
pub(super) fn likely_samples<'a>(
    set: &'a RepositorySet,
    words: &'a [String],
) -> impl Iterator<Item = RepositoryName> + 'a {
    set.include
        .iter()
        .flat_map(move |glob| words.iter().map(move |word| fill(glob.as_str(), word)))
        .filter_map(|name| name.parse::<RepositoryName>().ok())
}

/// A glob with a word in each wildcard; `*` takes the word's last component.
fn fill(glob: &str, word: &str) -> String {
    let last = word.rsplit('/').next().unwrap_or(word);
    let mut text = String::new();
    let mut rest = glob.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.peek() == Some(&'*') => {
                rest.next();
                text.push_str(word);
            }
            '*' => text.push_str(last),
            '?' => text.push('a'),
            '[' => {
                let class: String = rest.by_ref().take_while(|c| *c != ']').collect();
                let member = match class.strip_prefix(['!', '^']) {
                    None => class.chars().next(),
                    Some(not) => "ax0".chars().find(|c| !not.contains(*c)),
                };
                text.extend(member);
            }
            '{' => {
                let group: String = rest.by_ref().take_while(|c| *c != '}').collect();
                text.push_str(group.split(',').next().unwrap_or_default());
            }
            '}' => {}
            c => text.push(c),
        }
    }
    text
}

/// Tags that a rule copies.
fn sample_tags(rule: &ReplicationRule) -> Vec<Tag> {
    let Ok(near) = "v1.2.3".parse::<Tag>() else {
        return Vec::new();
    };
    let allow = rule.tags.iter().flat_map(|filter| &filter.allow);
    let mut tags: Vec<Tag> = allow
        .filter_map(|pattern| pattern.example_near(&near))
        .collect();
    tags.extend(
        ["v1.2.3", "1.2.3", "latest", "main", "3f2c1ab"]
            .iter()
            .filter_map(|t| t.parse().ok()),
    );
    tags.retain(|tag| rule.accepts_tag(tag));
    tags
}

/// Replication targets in the home registry whose images would be copied again.
pub(super) fn check_home(
    policy: &Policy,
    account: &AccountId,
    region: &Region,
) -> Vec<PolicyError> {
    let mut errors = Vec::new();
    let words = words_of(policy);
    let mut steps = 0;
    for (i, rule) in policy.replication.iter().enumerate() {
        for (j, target) in rule.to.iter().enumerate() {
            let is_home = target
                .registry
                .ecr()
                .is_some_and(|host| host.account == *account && host.region == *region);
            if !is_home {
                continue;
            }
            if let Some(message) = witness(policy, rule, target, &words, &mut steps) {
                let Location { line, column } = target.location;
                errors.push(PolicyError {
                    kind: PolicyErrorKind::FeedsItself,
                    line,
                    column,
                    path: format!("replication[{i}].to[{j}]"),
                    message,
                    expected: Some(
                        "a repository outside the scope, or one that no replication rule copies"
                            .to_owned(),
                    ),
                });
            }
        }
    }
    errors
}

/// An image that the target would make a replication rule copy again, as a sentence.
fn witness(
    policy: &Policy,
    rule: &ReplicationRule,
    target: &ReplicationTarget,
    words: &[String],
    steps: &mut usize,
) -> Option<String> {
    let tags = sample_tags(rule);
    for source in samples(&rule.repositories, words).filter(|name| policy.in_scope(name)) {
        let Ok(path) = target.repository_for(&source) else {
            continue;
        };
        let Ok(copy) = RepositoryName::try_from(&path) else {
            continue;
        };
        if !policy.in_scope(&copy) {
            continue;
        }
        for tag in &tags {
            let Ok(copied_tag) = target.tag_for(tag) else {
                continue;
            };
            if policy.ignores_tag(&copied_tag) {
                continue;
            }
            for again in &policy.replication {
                *steps += 1;
                if *steps > MAX_STEPS {
                    return None;
                }
                if again.applies_to(&copy) && again.accepts_tag(&copied_tag) {
                    return Some(format!(
                        "`{source}:{tag}` would be copied to `{copy}:{copied_tag}` in the registry \
                         it came from, and the rule `{}` would copy that again",
                        again.name
                    ));
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
