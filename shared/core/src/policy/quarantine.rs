use crate::names::{RepositoryName, RepositoryPath};

use super::RepositoryTemplate;

/// Where images go whose rule says `quarantine`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineSettings {
    /// The name of the quarantine repository for a repository, in the same registry.
    pub repository: RepositoryTemplate,
}

impl QuarantineSettings {
    /// The template where the policy gives none.
    pub const DEFAULT: &str = "quarantine/{repository}";

    /// The quarantine repository for a repository; `None` where its name would be too long for
    /// ECR.
    #[must_use]
    pub fn repository_for(&self, repository: &RepositoryName) -> Option<RepositoryName> {
        let path: RepositoryPath = self.repository.render(repository).ok()?;
        RepositoryName::try_from(&path).ok()
    }

    /// Whether a repository is the quarantine of some other.
    #[must_use]
    pub fn holds(&self, repository: &RepositoryName) -> bool {
        self.repository.could_make(repository.as_str())
    }
}
