use jiff::civil::Date;

use super::{RepositorySet, TagSet};
use crate::names::{RepositoryName, Tag};

/// Images that a rule lets pass for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// The repositories; `None`: all that the rule watches.
    pub repositories: Option<RepositorySet>,
    /// The tags; `None`: all.
    pub tags: Option<TagSet>,
    /// The last day on which it holds, in UTC.
    pub until: Date,
    /// Why.
    pub reason: String,
}

impl Exemption {
    /// Whether it speaks about an image, today or not.
    #[must_use]
    pub fn covers(&self, repository: &RepositoryName, tag: &Tag) -> bool {
        self.repositories
            .as_ref()
            .is_none_or(|set| set.contains(repository))
            && self.tags.as_ref().is_none_or(|set| set.contains(tag))
    }
}
