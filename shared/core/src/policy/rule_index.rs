//! Which rules watch a repository, for policies with many rules.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::OnceLock;

use globset::{GlobSet, GlobSetBuilder};

use super::{RepositoryGlob, RepositorySet, TagRule};
use crate::names::RepositoryName;

/// How many globs are cheaper to try one by one than together.
const FEW: usize = 4;

/// What is known of the rules' repositories, found out when it is first asked for: a function that
/// starts does not pay for it before its first event.
#[derive(Default)]
pub(super) struct RuleIndex(OnceLock<Index>);

struct Index {
    components: Components,
    globs: Globs,
}

/// The rules by the first component of the repositories' names: where each team has its rules, the
/// others are not even looked at.
#[derive(Default)]
struct Components {
    /// The places of the rules that name a component literally.
    named: HashMap<String, Vec<usize>>,
    /// The places of all other rules.
    any: Vec<usize>,
    /// Of each rule whether it watches every repository: then its globs are not even read.
    everywhere: Vec<bool>,
}

/// The globs of all rules that need the glob engine, compiled into one.
struct Globs {
    /// `None` where there are few, or where the engine refuses to join them.
    set: Option<GlobSet>,
    /// For each rule the places of its globs in the set, in the order of `include` and `exclude`.
    rules: Vec<[Vec<Option<usize>>; 2]>,
}

impl RuleIndex {
    /// The rules that watch a repository, in their order.
    pub(super) fn rules_for<'p>(
        &'p self,
        rules: &'p [TagRule],
        repository: &'p RepositoryName,
    ) -> impl Iterator<Item = &'p TagRule> {
        let Index { components, globs } = self.0.get_or_init(|| Index {
            components: Components::new(rules),
            globs: Globs::new(rules),
        });
        let found = globs.set.as_ref().map(|set| {
            let mut found = vec![false; set.len()];
            for place in set.matches(repository.as_str()) {
                if let Some(found) = found.get_mut(place) {
                    *found = true;
                }
            }
            found
        });
        components.rules_for(repository).filter_map(move |i| {
            let rule = rules.get(i)?;
            let watches = match (&found, globs.rules.get(i)) {
                _ if components.everywhere.get(i) == Some(&true) => true,
                (Some(found), Some([include, exclude])) => {
                    let RepositorySet {
                        include: included,
                        exclude: excluded,
                    } = &rule.repositories;
                    any(included, include, found, repository)
                        && !any(excluded, exclude, found, repository)
                }
                _ => rule.applies_to(repository),
            };
            watches.then_some(rule)
        })
    }
}

/// Whether one of some globs matches, given which of those in the set do.
fn any(
    globs: &[RepositoryGlob],
    places: &[Option<usize>],
    found: &[bool],
    repository: &RepositoryName,
) -> bool {
    globs.iter().enumerate().any(|(i, glob)| {
        match places.get(i).copied().flatten().and_then(|i| found.get(i)) {
            Some(found) => *found,
            None => glob.matches(repository.as_str()),
        }
    })
}

impl Components {
    fn new(rules: &[TagRule]) -> Self {
        let mut new = Self::default();
        for (i, rule) in rules.iter().enumerate() {
            let RepositorySet { include, exclude } = &rule.repositories;
            let everywhere = exclude.is_empty() && include.iter().any(RepositoryGlob::is_all);
            new.everywhere.push(everywhere);
            let named: Option<BTreeSet<&str>> = include
                .iter()
                .map(RepositoryGlob::first_component)
                .collect();
            match named {
                None => new.any.push(i),
                Some(named) => {
                    for name in named {
                        new.named.entry(name.to_owned()).or_default().push(i);
                    }
                }
            }
        }
        new
    }

    /// The places of the rules that could watch a repository, in their order.
    fn rules_for(&self, repository: &RepositoryName) -> impl Iterator<Item = usize> {
        let first = repository.as_str().split('/').next();
        let named = first.and_then(|first| self.named.get(first));
        let mut places = self.any.clone();
        places.extend(named.into_iter().flatten());
        places.sort_unstable();
        places.into_iter()
    }
}

impl Globs {
    fn new(rules: &[TagRule]) -> Self {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut builder = GlobSetBuilder::new();
        let sets = rules.iter().map(|rule| &rule.repositories);
        for glob in sets.flat_map(|set| set.include.iter().chain(&set.exclude)) {
            let Some(compiled) = glob.compiled() else {
                continue;
            };
            let next = places.len();
            places.entry(glob.as_str()).or_insert_with(|| {
                builder.add(compiled.clone());
                next
            });
        }
        let set = (places.len() > FEW).then(|| builder.build().ok()).flatten();
        let of = |globs: &[RepositoryGlob]| -> Vec<Option<usize>> {
            globs
                .iter()
                .map(|glob| places.get(glob.as_str()).copied())
                .collect()
        };
        let rules = match set {
            None => Vec::new(),
            Some(_) => rules
                .iter()
                .map(|rule| {
                    [
                        of(&rule.repositories.include),
                        of(&rule.repositories.exclude),
                    ]
                })
                .collect(),
        };
        Self { set, rules }
    }
}

/// A copy begins anew: the rules of a copy may be changed.
impl Clone for RuleIndex {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// The index says nothing that the rules do not say.
impl PartialEq for RuleIndex {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for RuleIndex {}

impl fmt::Debug for RuleIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RuleIndex")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::policy::Policy;

    const GLOBS: [&str; 16] = [
        "**",
        "prod/**",
        "prod/*",
        "*",
        "*/api",
        "**/api",
        "prod/api",
        "team-?/*",
        "{prod,dev}/**",
        "prod/**/api",
        "[a-d]*/**",
        "dev/**",
        "dev/api",
        "team-[0-9]/api*",
        "**/{api,web}",
        "api",
    ];

    const NAMES: [&str; 10] = [
        "api",
        "prod/api",
        "prod/shop/api",
        "dev/api",
        "dev/web",
        "team-1/api",
        "team-x/web",
        "prod/a/b/c",
        "web",
        "other/thing",
    ];

    fn policy(rules: &[(Vec<usize>, Vec<usize>)]) -> Option<Policy> {
        let quoted = |picks: &[usize]| {
            let globs: Vec<String> = picks.iter().map(|i| format!("\"{}\"", GLOBS[*i])).collect();
            globs.join(", ")
        };
        let rules: String = rules
            .iter()
            .enumerate()
            .map(|(i, (include, exclude))| {
                format!(
                    "- name: r{i}\n  repositories: {{include: [{}], exclude: [{}]}}\n  deny: [x{i}]\n",
                    quoted(include),
                    quoted(exclude)
                )
            })
            .collect();
        Policy::parse(&format!("version: 1\ntag_rules:\n{rules}"), "p").ok()
    }

    proptest! {
        #[test]
        fn the_index_finds_the_rules_that_watch(
            rules in prop::collection::vec(
                (
                    prop::collection::vec(0..GLOBS.len(), 1..4),
                    prop::collection::vec(3..GLOBS.len(), 0..3),
                ),
                0..12,
            ),
        ) {
            // A rule that can watch nothing is a mistake.
            let Some(policy) = policy(&rules) else {
                return Ok(());
            };
            for name in NAMES {
                let name = name.parse().unwrap();
                let found: Vec<&str> = policy.tag_rules_for(&name).map(|r| r.name.as_str()).collect();
                let expected: Vec<&str> = policy
                    .tag_rules
                    .iter()
                    .filter(|rule| rule.applies_to(&name))
                    .map(|rule| rule.name.as_str())
                    .collect();
                prop_assert_eq!(found, expected, "{}", name);
            }
        }
    }

    #[test]
    fn many_globs_are_joined_and_agree() {
        let rules: Vec<_> = (0..GLOBS.len()).map(|i| (vec![i], vec![])).collect();
        let policy = policy(&rules).unwrap();
        for name in NAMES {
            let name = name.parse().unwrap();
            let found: Vec<_> = policy
                .tag_rules_for(&name)
                .map(|rule| rule.location)
                .collect();
            let expected: Vec<_> = policy
                .tag_rules
                .iter()
                .filter(|rule| rule.applies_to(&name))
                .map(|rule| rule.location)
                .collect();
            assert_eq!(found, expected, "{name}");
            assert!(!found.is_empty());
        }
    }
}
