//! The comparison of one repository with its copies: no I/O.

use std::error::Error as StdError;

use jiff::Timestamp;
use serde::Serialize;
use steward_core::policy::{ReplicationRule, ReplicationTarget};
use steward_core::{Digest, ImageRef, RepositoryName, Tag};
use steward_runtime::failure::chain;

use super::{SourceTags, TargetTags};

/// How many of the things that could not be read are kept for a target; they tend to be all alike.
const KEPT: usize = 5;

/// Everything found in some repositories, per rule and target.
#[derive(Debug, Default)]
pub struct Comparison {
    /// One entry for each target of each rule.
    pub pairs: Vec<Pair>,
}

/// What was found of one target of one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
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
    /// Copies that are as they should be with another digest than their image, because the rule
    /// copies some platforms only.
    pub filtered: u64,
    /// Images of another platform than the rule copies.
    pub other_platform: u64,
    /// Copies of which nothing is known, because a side could not be read.
    pub not_compared: u64,
    /// Why not, for some of them.
    #[serde(skip)]
    pub unread: Vec<Unread>,
    /// Copies that are not as they should be.
    #[serde(skip)]
    pub missing: Vec<Missing>,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// What.
    pub to: String,
    /// The stable word for why not.
    pub error_type: String,
    /// Why not.
    pub error: String,
}

impl Unread {
    /// What an error keeps from being read.
    #[must_use]
    pub fn new(to: String, error_type: &str, error: &dyn StdError) -> Self {
        Self {
            to,
            error_type: error_type.to_owned(),
            error: chain(error),
        }
    }
}

/// What a rule with `platforms` copies of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A manifest of this digest.
    Manifest(Digest),
    /// Nothing: the image is for another platform, or is gone by now.
    Nothing,
    /// Nobody knows.
    Unread(Unread),
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
            other_platform: 0,
            not_compared: 0,
            unread: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Adds so many copies of which nothing is known.
    pub fn unread(&mut self, copies: u64, why: Unread) {
        self.not_compared += copies;
        self.unread.push(why);
        self.unread.truncate(KEPT);
    }

    /// Adds a copy that is not its image byte for byte, where the rule copies some platforms only.
    pub fn settle(&mut self, copy: Missing, wanted: Wanted) {
        match wanted {
            Wanted::Manifest(digest) if copy.instead.as_ref() == Some(&digest) => {
                self.filtered += 1;
            }
            Wanted::Manifest(_) => self.missing.push(copy),
            Wanted::Nothing => self.other_platform += 1,
            Wanted::Unread(why) => self.unread(1, why),
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
                known.other_platform += pair.other_platform;
                known.not_compared += pair.not_compared;
                known.unread.extend(pair.unread);
                known.unread.truncate(KEPT);
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

/// Compares the tags that a rule selects of one repository with what a target has. What is not the
/// same image is missing, also where the rule copies some platforms only: [`Pair::settle`] is for
/// those.
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
        return Pair::default();
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
    fn a_filtered_copy_is_what_the_filter_makes_of_its_image_and_nothing_else() {
        let settled = |wanted| {
            let mut found = pair("  platforms: [linux/amd64]\n");
            for copy in std::mem::take(&mut found.missing) {
                found.settle(copy, Wanted::clone(&wanted));
            }
            let known = (found.in_step, found.filtered, found.other_platform);
            (known, found.missing.len(), found.not_compared)
        };
        assert_eq!(settled(Wanted::Manifest(digest("ff"))), ((1, 1, 0), 1, 0));
        assert_eq!(settled(Wanted::Manifest(digest("ee"))), ((1, 0, 0), 2, 0));
        assert_eq!(settled(Wanted::Nothing), ((1, 0, 2), 0, 0));
        let unread = Unread::new("x".into(), "y", &std::io::Error::other("z"));
        assert_eq!(settled(Wanted::Unread(unread)), ((1, 0, 0), 0, 2));
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
