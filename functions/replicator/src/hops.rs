//! Copies that go round in circles between two installations.
//!
//! An image that comes back under its own name is found at the target already, and nothing is
//! written: equal digests end a loop. Platform filters change a digest, but only until each side's
//! platforms are gone, after which it stays the same. What could go on is the *name*: two
//! installations that each put `eu-` in front of a tag, or `dr/` in front of a repository, make new
//! names for the same image for as long as names may grow.
//!
//! A copy is byte for byte the image, so nothing in it can carry a mark. The mark is in the state
//! table instead: per rule and digest, the name that it was copied from last, and how many times
//! in a row that name grew around the one before. `1`, `1.2`, `1.2.3` and `1.2.3-alpine` grow like
//! that as well, which is why a few steps are let pass.

use serde::{Deserialize, Serialize};

use crate::plan::Facts;

/// How many times a name may grow.
const MOST: u32 = 8;

/// What is remembered of an image that a rule copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chain {
    repository: String,
    tag: String,
    grown: u32,
}

impl Chain {
    /// The chain with a copy from this name on it.
    pub(crate) fn next(before: Option<Self>, facts: &Facts) -> Self {
        let (repository, tag) = (facts.repository.as_str(), facts.tag.as_str());
        let grown = match before {
            Some(before) if before.repository == repository && before.tag == tag => before.grown,
            Some(before)
                if repository.contains(&before.repository) && tag.contains(&before.tag) =>
            {
                before.grown + 1
            }
            _ => 0,
        };
        Self {
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            grown,
        }
    }

    /// Whether this is no coincidence any more.
    pub(crate) const fn is_loop(&self) -> bool {
        self.grown > MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(repository: &str, tag: &str) -> Facts {
        Facts {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            repository: repository.parse().unwrap(),
            tag: tag.parse().unwrap(),
            digest: None,
            siblings: None,
        }
    }

    fn end(names: impl Iterator<Item = (String, String)>) -> bool {
        let chain = names.fold(None, |chain, (repository, tag)| {
            Some(Chain::next(chain, &facts(&repository, &tag)))
        });
        chain.is_some_and(|chain| chain.is_loop())
    }

    #[test]
    fn names_that_grow_round_after_round_are_a_loop() {
        let tags = (0..10).map(|n| ("prod/app".to_owned(), format!("{}v1", "eu-".repeat(n))));
        assert!(end(tags));
        let repositories = (0..10).map(|n| (format!("{}app", "dr/".repeat(n)), "v1".to_owned()));
        assert!(end(repositories));
    }

    #[test]
    fn one_image_under_many_names_is_none() {
        let tags = [
            "1",
            "1.2",
            "1.2.3",
            "1.2.3-alpine",
            "1.2.3-alpine3.19",
            "latest",
        ];
        assert!(!end(tags
            .iter()
            .map(|tag| ("app".to_owned(), (*tag).to_owned()))));
        let again = std::iter::repeat_n(("app".to_owned(), "v1".to_owned()), 50);
        assert!(!end(again));
        let promoted = (0..50).map(|n| (format!("team-{n}/app"), "v1".to_owned()));
        assert!(!end(promoted));
    }
}
