//! The newest tags of a repository.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::ReplicationRule;
use crate::names::Tag;
use crate::policy::{TagPattern, TagVersion};

/// What tags are ordered by: the newest is the greatest.
type Age<'t> = (Option<TagVersion>, Option<Timestamp>, Reverse<&'t Tag>);

impl ReplicationRule {
    /// Whether a tag is among the [`newest`](Self::newest) of a repository; always where the rule has
    /// no such limit. `others` are the repository's tags with the time when their image was pushed,
    /// without those that the policy ignores.
    ///
    /// The order is that of the versions where each pattern of `tags.allow` holds one semantic
    /// version, or where there is a single pattern with an order of its own. Otherwise it is that of
    /// the pushes.
    #[must_use]
    pub fn is_among_newest<'t>(
        &self,
        tag: &'t Tag,
        pushed: Option<Timestamp>,
        others: impl Iterator<Item = (&'t Tag, Option<Timestamp>)>,
    ) -> bool {
        let Some(limit) = self.newest else {
            return true;
        };
        let own = self.age(tag, pushed);
        let newer = others
            .filter(|(other, _)| *other != tag && self.accepts_tag(other))
            .filter(|(other, pushed)| self.age(other, *pushed) > own)
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .count();
        u32::try_from(newer).is_ok_and(|newer| newer < limit)
    }

    /// Those tags of a repository that the rule copies: the accepted ones, and of these the newest
    /// where the rule has such a limit. `tags` are those that the policy does not ignore.
    #[must_use]
    pub fn selected<'t>(
        &self,
        tags: impl Iterator<Item = (&'t Tag, Option<Timestamp>)>,
    ) -> Vec<&'t Tag> {
        let accepted = tags.filter(|(tag, _)| self.accepts_tag(tag));
        let Some(newest) = self.newest else {
            return accepted.map(|(tag, _)| tag).collect();
        };
        let mut aged: Vec<Age<'t>> = accepted
            .map(|(tag, pushed)| self.age(tag, pushed))
            .collect();
        aged.sort_unstable_by(|one, two| two.cmp(one));
        aged.truncate(usize::try_from(newest).unwrap_or(usize::MAX));
        aged.into_iter().map(|(_, _, Reverse(tag))| tag).collect()
    }

    /// Whether the newest tags are told by their versions; otherwise by their pushes.
    #[must_use]
    pub fn orders_by_version(&self) -> bool {
        let allow = self.allowed();
        match allow {
            [] => false,
            [one] => one.has_order(),
            several => several.iter().all(TagPattern::has_semantic_versions),
        }
    }

    fn allowed(&self) -> &[TagPattern] {
        self.tags.as_ref().map_or(&[], |filter| &filter.allow)
    }

    fn age<'t>(&self, tag: &'t Tag, pushed: Option<Timestamp>) -> Age<'t> {
        if self.orders_by_version() {
            let version = self.allowed().iter().find_map(|p| p.version(tag));
            // The push decides nothing here: a release that is pushed again gets no newer.
            (version, None, Reverse(tag))
        } else {
            (None, pushed, Reverse(tag))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn newest(tags: &str, all: &[(&str, i64)]) -> Vec<String> {
        let text = format!(
            "version: 1\nreplication:\n- name: a\n  repositories: [\"**\"]\n  tags: {tags}\n  \
             to: [{{registry: a.example.com, repository: \"{{repository}}\"}}]"
        );
        let policy = Policy::parse(&text, "x").unwrap_or_else(|errors| panic!("{errors}"));
        let all: Vec<(Tag, Option<Timestamp>)> = all
            .iter()
            .map(|(tag, at)| (tag.parse().unwrap(), Timestamp::from_second(*at).ok()))
            .collect();
        let others = || all.iter().map(|(tag, at)| (tag, *at));
        let rule = &policy.replication[0];
        let newest: Vec<String> = all
            .iter()
            .filter(|(tag, at)| rule.accepts_tag(tag) && rule.is_among_newest(tag, *at, others()))
            .map(|(tag, _)| tag.to_string())
            .collect();
        // Both ways to ask have the same answer.
        let mut selected = rule.selected(others());
        selected.sort();
        let mut sorted = newest.clone();
        sorted.sort();
        assert_eq!(
            sorted,
            selected.iter().map(ToString::to_string).collect::<Vec<_>>()
        );
        newest
    }

    #[test]
    fn versions_count_where_every_pattern_has_them() {
        let tags = [("v1.9.0", 9), ("v1.10.0", 1), ("main", 99), ("v1.2.0", 50)];
        assert_eq!(
            newest("{allow: [semver], newest: 2}", &tags),
            ["v1.9.0", "v1.10.0"]
        );
        assert_eq!(newest("{allow: [semver], newest: 9}", &tags).len(), 3);
        let builds = [("app-1.0.0", 9), ("2.0.0", 1), ("app-1.5.0", 2)];
        let filter = "{allow: [semver, \"app-{semver}\"], newest: 2}";
        assert_eq!(newest(filter, &builds), ["2.0.0", "app-1.5.0"]);
        let days = [("2026.10.1", 1), ("2026.9.30", 9)];
        assert_eq!(newest("{allow: [calver], newest: 1}", &days), ["2026.10.1"]);
    }

    #[test]
    fn pushes_count_where_there_is_no_order_of_versions() {
        let tags = [("v1.9.0", 9), ("main", 99), ("abc", 50)];
        assert_eq!(newest("{newest: 2}", &tags), ["main", "abc"]);
        assert_eq!(
            newest("{allow: [semver, main], newest: 1}", &tags),
            ["main"]
        );
        assert_eq!(newest("{deny: [main], newest: 1}", &tags), ["abc"]);
        // What is equally old is told apart by name, so that the answer is always the same.
        assert_eq!(newest("{newest: 1}", &[("b", 5), ("a", 5)]), ["a"]);
    }
}
