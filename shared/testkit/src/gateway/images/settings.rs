use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::gateway::registry::Registry;

/// The settings of a repository that decide whether a tag may move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `MUTABLE`, `IMMUTABLE`, `IMMUTABLE_WITH_EXCLUSION` or `MUTABLE_WITH_EXCLUSION`.
    pub(crate) mutability: String,
    /// The exclusion filters of the latter two.
    pub(crate) exclusions: Vec<String>,
}

impl Settings {
    /// Whether `tag` stays where it is once it is there.
    pub(crate) fn immutable(&self, tag: &str) -> bool {
        let excluded = || self.exclusions.iter().any(|filter| matches(filter, tag));
        match self.mutability.as_str() {
            "IMMUTABLE" => true,
            "IMMUTABLE_WITH_EXCLUSION" => !excluded(),
            "MUTABLE_WITH_EXCLUSION" => excluded(),
            _ => false,
        }
    }
}

/// The exclusion filters of repositories: the emulator forgets them.
#[derive(Debug, Default)]
pub(crate) struct Exclusions(Mutex<HashMap<(Registry, String), Vec<String>>>);

impl Exclusions {
    pub(crate) fn of(&self, registry: &Registry, name: &str) -> Vec<String> {
        let filters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        filters
            .get(&(registry.clone(), name.to_owned()))
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn set(&self, registry: &Registry, name: &str, new: Vec<String>) {
        let mut filters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (registry.clone(), name.to_owned());
        if new.is_empty() {
            filters.remove(&key);
        } else {
            filters.insert(key, new);
        }
    }
}

/// Whether a wildcard filter (`*`: any run of characters) matches the whole of `text`.
fn matches(filter: &str, text: &str) -> bool {
    let mut parts = filter.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_whole_tags() {
        for (filter, text, expected) in [
            ("latest", "latest", true),
            ("latest", "latest-1", false),
            ("dev-*", "dev-1", true),
            ("dev-*", "xdev-1", false),
            ("*-rc*", "1.2-rc3", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "ac", false),
            ("a*a", "a", false),
            ("*", "anything", true),
        ] {
            assert_eq!(matches(filter, text), expected, "{filter} {text}");
        }
    }

    #[test]
    fn exclusions_turn_the_setting_round() {
        let settings = |mutability: &str| Settings {
            mutability: mutability.to_owned(),
            exclusions: vec!["dev-*".to_owned()],
        };
        for (mutability, release, dev) in [
            ("MUTABLE", false, false),
            ("IMMUTABLE", true, true),
            ("IMMUTABLE_WITH_EXCLUSION", true, false),
            ("MUTABLE_WITH_EXCLUSION", false, true),
        ] {
            assert_eq!(
                settings(mutability).immutable("v1"),
                release,
                "{mutability}"
            );
            assert_eq!(settings(mutability).immutable("dev-1"), dev, "{mutability}");
        }
    }
}
