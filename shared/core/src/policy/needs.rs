//! What must be read before a decision can be made.

use super::{Condition, Policy, TagRule};
use crate::names::{RepositoryName, Tag};

/// What the rules ask for about one tag; everything else need not be read for their sake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The manifest and the configuration, and those of the images of an index.
    pub image: bool,
    /// All tags of the image, and the time of its push.
    pub details: bool,
    /// All tags of the repository.
    pub siblings: bool,
    /// What the tag pointed to before, from the state table.
    pub previous: bool,
    /// What refers to the image.
    pub referrers: bool,
    /// The repository's resource tags, for a condition. The owner that an event names is read when
    /// there is an event to send.
    pub resource_tags: bool,
    /// Who pushed.
    pub pusher: bool,
}

impl Needs {
    /// Everything, for those who show all facts.
    pub const ALL: Self = Self {
        image: true,
        details: true,
        siblings: true,
        previous: true,
        referrers: true,
        resource_tags: true,
        pusher: true,
    };

    /// What either needs.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            image: self.image || other.image,
            details: self.details || other.details,
            siblings: self.siblings || other.siblings,
            previous: self.previous || other.previous,
            referrers: self.referrers || other.referrers,
            resource_tags: self.resource_tags || other.resource_tags,
            pusher: self.pusher || other.pusher,
        }
    }

    fn of_rule(rule: &TagRule, tag: &Tag) -> Self {
        let image = rule.image.as_ref();
        let referrers = image.is_some_and(|image| image.asks_about_referrers());
        let keeps = rule.immutable.contains(tag) || rule.protected.contains(tag);
        let follows = rule.companion.as_ref().is_some_and(|c| c.is_floating(tag));
        let own = Self {
            image: image.is_some_and(|image| image.asks_about_content()),
            details: referrers || follows || rule.delete_after.is_some(),
            siblings: rule
                .derive
                .as_ref()
                .is_some_and(|derive| derive.concerns(tag)),
            previous: keeps,
            referrers,
            resource_tags: false,
            // A message about a moved or deleted tag says who did it.
            pusher: keeps,
        };
        own.or(rule
            .when
            .as_ref()
            .map(Self::of_condition)
            .unwrap_or_default())
    }

    fn of_condition(condition: &Condition) -> Self {
        let mut needs = Self::default();
        for variable in condition.variables() {
            match variable.as_str() {
                "event" | "registry" | "repository" | "tag" => {}
                "image" => (needs.image, needs.details) = (true, true),
                "image.annotations" | "image.config" | "image.layers" => needs.image = true,
                "image.pushed_at" => needs.details = true,
                "image.referrers" => needs.referrers = true,
                "previous" => needs.previous = true,
                "pusher" => needs.pusher = true,
                "repository.tags" => needs.resource_tags = true,
                // A variable that is not known here may be anything.
                _ => return Self::ALL,
            }
        }
        needs
    }
}

impl Policy {
    /// What the rules ask for about a tag of a repository. Whether the policy looks at the two at
    /// all is a question of its own.
    #[must_use]
    pub fn needs(&self, repository: &RepositoryName, tag: &Tag) -> Needs {
        self.tag_rules_for(repository)
            .filter(|rule| rule.speaks_of(tag))
            .map(|rule| Needs::of_rule(rule, tag))
            .fold(Needs::default(), Needs::or)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The needs of one rule about a tag, by name.
    fn needs(rule: &str, tag: &str) -> String {
        let text =
            format!("version: 1\ntag_rules: [{{name: r, repositories: [\"prod/**\"], {rule}}}]");
        let policy = Policy::parse(&text, "p").unwrap_or_else(|errors| panic!("{errors}"));
        let elsewhere = policy.needs(&"dev/app".parse().unwrap(), &tag.parse().unwrap());
        assert_eq!(elsewhere, Needs::default());
        let needs = policy.needs(&"prod/app".parse().unwrap(), &tag.parse().unwrap());
        let named = [
            (needs.image, "image"),
            (needs.details, "details"),
            (needs.siblings, "siblings"),
            (needs.previous, "previous"),
            (needs.referrers, "referrers"),
            (needs.resource_tags, "resource_tags"),
            (needs.pusher, "pusher"),
        ];
        let names: Vec<&str> = named
            .iter()
            .filter(|(n, _)| *n)
            .map(|(_, name)| *name)
            .collect();
        names.join(" ")
    }

    #[test]
    fn a_rule_needs_what_it_asks_for() {
        assert_eq!(needs("allow: [semver]", "1.2.3"), "");
        assert_eq!(needs("image: {user: non-root}", "1.2.3"), "image");
        assert_eq!(
            needs("image: {signed: {within: 15m}}", "1.2.3"),
            "details referrers"
        );
        assert_eq!(
            needs("tags: {deny: [semver]}, image: {user: non-root}", "1.2.3"),
            ""
        );
        assert_eq!(needs("immutable: [semver]", "1.2.3"), "previous pusher");
        assert_eq!(needs("protected: [semver]", "main"), "");
        assert_eq!(
            needs("companion: {floating: [main], requires: [git]}", "main"),
            "details"
        );
        assert_eq!(
            needs("companion: {floating: [main], requires: [git]}", "x"),
            ""
        );
        let derive = "derive: {from: semver, tags: [\"v{major}.{minor}\", latest]}";
        assert_eq!(needs(derive, "1.2.3"), "siblings");
        assert_eq!(needs(derive, "v1.2"), "siblings");
        assert_eq!(needs(derive, "latest"), "siblings");
        assert_eq!(needs(derive, "v1.x"), "");
        assert_eq!(
            needs("deny: [x], on_violation: [delete], delete_after: 1d", "y"),
            "details"
        );
    }

    #[test]
    fn a_condition_needs_its_variables() {
        let when = |condition: &str| needs(&format!("when: '{condition}'"), "1.2.3");
        assert_eq!(when("tag == \"x\""), "");
        assert_eq!(when("image.user == \"\""), "image");
        assert_eq!(when("repository_tags[\"a\"] == \"\""), "resource_tags");
        assert_eq!(
            when("pusher.arn == \"\" || previous == \"\""),
            "previous pusher"
        );
        assert_eq!(when("size(image.referrers) > 0"), "referrers");
    }

    #[test]
    fn every_variable_of_conditions_is_known() {
        for (name, _) in Condition::vocabulary() {
            let condition = Condition::new(&format!("has({name}) || true"))
                .or_else(|_| Condition::new(&format!("{name} == {name}")));
            // What `has` cannot take is compared with itself.
            if let Ok(condition) = condition {
                assert_ne!(Needs::of_condition(&condition), Needs::ALL, "{name}");
            }
        }
    }
}
