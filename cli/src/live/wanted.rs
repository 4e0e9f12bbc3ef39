use steward_core::policy::Policy;
use steward_core::{RepositoryName, Tag};

/// Which facts are read; each costs requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The manifest, the configuration, and those of an index's images.
    pub image: bool,
    /// What refers to the image.
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

    /// What the rules ask for that speak about an image with these tags. The resource tags say who
    /// owns a repository, which everybody wants to know who has a violation there.
    #[must_use]
    pub fn of(policy: &Policy, repository: &RepositoryName, tags: &[Tag]) -> Self {
        if !policy.in_scope(repository) {
            return Self::NOTHING;
        }
        let needs = tags
            .iter()
            .filter(|tag| !policy.ignores_tag(tag))
            .map(|tag| policy.needs(repository, tag));
        needs.fold(
            Self {
                resource_tags: policy
                    .tag_rules
                    .iter()
                    .any(|rule| rule.applies_to(repository)),
                ..Self::NOTHING
            },
            |wanted, needs| Self {
                image: wanted.image || needs.image,
                referrers: wanted.referrers || needs.referrers,
                ..wanted
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"version: 1
repositories: { exclude: ["cache/**"] }
tag_rules:
  - name: signed-releases
    repositories: ["prod/**"]
    tags: { allow: [semver] }
    image: { user: non-root, signed: { within: 15m } }
    on_violation: [notify]
  - name: names
    repositories: ["prod/**", "team/**"]
    deny: [test]
    on_violation: [notify]
"#;

    #[test]
    fn only_what_rules_ask_for_is_read() {
        let policy = Policy::parse(POLICY, "policy.yaml").unwrap();
        let wanted = |repository: &str, tags: &[&str]| {
            let tags: Vec<Tag> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
            Wanted::of(&policy, &repository.parse().unwrap(), &tags)
        };
        assert_eq!(wanted("prod/app", &["main", "v1.2.3"]), Wanted::EVERYTHING);
        let names = Wanted {
            resource_tags: true,
            ..Wanted::NOTHING
        };
        assert_eq!(wanted("prod/app", &["main"]), names);
        assert_eq!(wanted("prod/app", &[]), names);
        assert_eq!(wanted("team/api", &["v1.2.3"]), names);
        assert_eq!(wanted("cache/alpine", &["v1.2.3"]), Wanted::NOTHING);
        assert_eq!(wanted("shop/api", &["v1.2.3"]), Wanted::NOTHING);
        let signature = format!("sha256-{}", "a".repeat(64));
        assert_eq!(wanted("prod/app", &[&signature]), names);
    }
}
