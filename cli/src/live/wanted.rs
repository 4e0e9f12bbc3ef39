use steward_core::RepositoryName;
use steward_core::policy::{Policy, TagRule};

/// Which facts are read; each costs requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Manifests, configurations, and those of an index's images.
    pub image: bool,
    /// What refers to images.
    pub referrers: bool,
    /// The repository's resource tags.
    pub resource_tags: bool,
}

impl Wanted {
    /// Only names and digests.
    pub const NOTHING: Self = Self {
        image: false,
        referrers: false,
        resource_tags: false,
    };

    /// Whatever there is.
    pub const EVERYTHING: Self = Self {
        image: true,
        referrers: true,
        resource_tags: true,
    };

    /// What the rules ask for that speak about a repository. The resource tags say who owns it, which
    /// everybody wants to know who has a violation there.
    #[must_use]
    pub fn of(policy: &Policy, repository: &RepositoryName) -> Self {
        if !policy.in_scope(repository) {
            return Self::NOTHING;
        }
        let rules = policy
            .tag_rules
            .iter()
            .filter(|rule| rule.applies_to(repository));
        rules.fold(Self::NOTHING, |wanted, rule| wanted.and(rule))
    }

    fn and(self, rule: &TagRule) -> Self {
        // A condition may ask for anything.
        let any = rule.when.is_some();
        let referrers = rule
            .image
            .as_ref()
            .is_some_and(|image| !image.referrers.is_empty());
        Self {
            image: self.image || any || rule.image.is_some(),
            referrers: self.referrers || any || referrers,
            resource_tags: true,
        }
    }
}
