//! The comparison of one repository with its copies: no I/O.

use jiff::Timestamp;
use serde::Serialize;
use steward_core::policy::{ReplicationRule, ReplicationTarget};
use steward_core::{Digest, ImageRef, RepositoryName, Tag};

use super::{SourceTags, TargetTags};

/// Everything found in some repositories, per rule and target.
#[derive(Debug, Default)]
pub struct Comparison {
    /// One entry for each target of each rule.
    pub pairs: Vec<Pair>,
}

/// What was found of one target of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// The rule.
    pub rule: String,
    /// Which of its targets, from 0.
    #[serde(skip)]
    pub target_index: usize,
    /// The target's registry and the template of its repository.
    pub target: String,
    /// Copies that are as they should be.
    pub in_step: u64,
    /// Copies that are there with another digest by design, because the rule copies some platforms
    /// only.
    pub filtered: u64,
    /// Copies that are not.
    #[serde(skip)]
    pub missing: Vec<Missing>,
}

/// A copy that should be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The repository at the source.
    pub repository: RepositoryName,
    /// The tag there.
    pub tag: Tag,
    /// The image.
    pub digest: Digest,
    /// When it was pushed.
    pub pushed_at: Option<Timestamp>,
    /// Where it should be.
    pub to: ImageRef,
    /// What is there instead.
    pub instead: Option<Digest>,
}

impl Pair {
    /// A target of which nothing is known yet.
    #[must_use]
    pub fn new(rule: &ReplicationRule, target_index: usize, target: &ReplicationTarget) -> Self {
        Self {
            rule: rule.name.to_string(),
            target_index,
            target: format!("{}/{}", target.registry, target.repository),
            in_step: 0,
            filtered: 0,
            missing: Vec::new(),
        }
    }

    /// Since when the oldest missing copy is missing, as far as is known: since its push.
    #[must_use]
    pub fn behind_since(&self) -> Option<Timestamp> {
        self.missing.iter().filter_map(|copy| copy.pushed_at).min()
    }
}

impl Comparison {
    /// Adds what was found elsewhere.
    pub fn extend(&mut self, other: Self) {
        for pair in other.pairs {
            self.add(pair);
        }
    }

    /// Adds what was found of one target.
    pub fn add(&mut self, pair: Pair) {
        let known = self
            .pairs
            .iter_mut()
            .find(|known| known.rule == pair.rule && known.target_index == pair.target_index);
        match known {
            None => self.pairs.push(pair),
            Some(known) => {
                known.in_step += pair.in_step;
                known.filtered += pair.filtered;
                known.missing.extend(pair.missing);
            }
        }
    }

    /// How many copies are missing.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.pairs
            .iter()
            .map(|pair| pair.missing.len() as u64)
            .sum()
    }
}

/// Compares the tags that a rule selects of one repository with what a target has.
#[must_use]
pub fn compare(
    rule: &ReplicationRule,
    index: usize,
    repository: &RepositoryName,
    source: &SourceTags,
    selected: &[&Tag],
    there: &TargetTags,
) -> Pair {
    let Some(target) = rule.to.get(index) else {
        return Pair {
            rule: rule.name.to_string(),
            target_index: index,
            target: String::new(),
            in_step: 0,
            filtered: 0,
            missing: Vec::new(),
        };
    };
    let mut pair = Pair::new(rule, index, target);
    let Ok(path) = target.repository_for(repository) else {
        return pair;
    };
    for tag in selected {
        let (Some(found), Ok(name)) = (source.get(*tag), target.tag_for(tag)) else {
            continue;
        };
        let instead = there.get(&name);
        if instead == Some(&found.digest) {
            pair.in_step += 1;
            continue;
        }
        // What a filter makes of an index is only known to who reads it.
        if instead.is_some() && !rule.platforms.is_empty() {
            pair.filtered += 1;
            continue;
        }
        pair.missing.push(Missing {
            repository: repository.clone(),
            tag: (*tag).clone(),
            digest: found.digest.clone(),
            pushed_at: found.pushed_at,
            to: ImageRef {
                registry: target.registry.clone(),
                repository: path.clone(),
                tag: Some(name),
                digest: Some(found.digest.clone()),
            },
            instead: instead.cloned(),
        });
    }
    pair
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use steward_core::policy::Policy;

    use super::super::sides::SourceImage;
    use super::*;

    fn digest(byte: &str) -> Digest {
        format!("sha256:{}", byte.repeat(32)).parse().unwrap()
    }

    fn pair(extra: &str) -> Pair {
        let text = format!(
            "version: 1\nreplication:\n- name: a\n  repositories: [\"prod/**\"]\n{extra}  \
             to: [{{registry: a.example.com, repository: \"x/{{basename}}\", tag: \"eu-{{tag}}\"}}]"
        );
        let policy = Policy::parse(&text, "x").unwrap_or_else(|errors| panic!("{errors}"));
        let image = |byte: &str, at: i64| SourceImage {
            digest: digest(byte),
            pushed_at: Timestamp::from_second(at).ok(),
        };
        let source: SourceTags = BTreeMap::from([
            ("v1".parse().unwrap(), image("aa", 10)),
            ("v2".parse().unwrap(), image("bb", 20)),
            ("v3".parse().unwrap(), image("cc", 30)),
        ]);
        let there: TargetTags = BTreeMap::from([
            ("eu-v1".parse().unwrap(), digest("aa")),
            ("eu-v2".parse().unwrap(), digest("ff")),
            ("v3".parse().unwrap(), digest("cc")),
        ]);
        let selected: Vec<&Tag> = source.keys().collect();
        let name = "prod/app".parse().unwrap();
        compare(&policy.replication[0], 0, &name, &source, &selected, &there)
    }

    #[test]
    fn what_is_missing_or_other_is_found() {
        let found = pair("");
        assert_eq!((found.in_step, found.filtered), (1, 0));
        let missing: Vec<String> = found.missing.iter().map(|m| m.to.to_string()).collect();
        assert_eq!(
            missing,
            [
                format!("a.example.com/x/app:eu-v2@{}", digest("bb")),
                format!("a.example.com/x/app:eu-v3@{}", digest("cc")),
            ]
        );
        assert_eq!(found.missing[0].instead, Some(digest("ff")));
        assert_eq!(found.behind_since(), Timestamp::from_second(20).ok());
    }

    #[test]
    fn a_filtered_copy_has_another_digest_by_design() {
        let found = pair("  platforms: [linux/amd64]\n");
        assert_eq!(
            (found.in_step, found.filtered, found.missing.len()),
            (1, 1, 1)
        );
    }

    #[test]
    fn the_same_target_of_several_repositories_is_one() {
        let mut all = Comparison::default();
        all.add(pair(""));
        all.add(pair(""));
        assert_eq!(all.pairs.len(), 1);
        assert_eq!((all.pairs[0].in_step, all.missing()), (2, 4));
    }
}
