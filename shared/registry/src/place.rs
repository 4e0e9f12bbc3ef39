//! Where images are: a repository of a registry, or a folder.

use std::fmt;

use crate::layout::Layout;
use crate::repository::Repository;

/// A place that images are copied from and to.
#[derive(Clone, Debug)]
pub enum Place {
    /// A repository of a registry.
    Repository(Repository),
    /// An OCI layout folder.
    Layout(Layout),
}

impl From<Repository> for Place {
    fn from(repository: Repository) -> Self {
        Self::Repository(repository)
    }
}

impl From<Layout> for Place {
    fn from(layout: Layout) -> Self {
        Self::Layout(layout)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(repository) => repository.fmt(f),
            Self::Layout(layout) => layout.fmt(f),
        }
    }
}
