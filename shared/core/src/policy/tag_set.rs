use crate::names::Tag;

use super::TagPattern;

/// The most patterns that a message spells out.
const SPELLED_OUT: usize = 6;

/// Tags by patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagSet {
    /// A tag belongs to the set when one of these matches.
    pub patterns: Vec<TagPattern>,
}

impl TagSet {
    /// Whether a tag belongs to the set.
    #[must_use]
    pub fn contains(&self, tag: &Tag) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(tag))
    }
}

/// The tags that a replication rule copies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagFilter {
    /// A tag must match one of these; empty: any tag that `deny` does not match.
    pub allow: Vec<TagPattern>,
    /// A tag may match none of these, even where `allow` matches it.
    pub deny: Vec<TagPattern>,
}

impl TagFilter {
    /// Whether the filter lets a tag through. `deny` wins over `allow`.
    #[must_use]
    pub fn accepts(&self, tag: &Tag) -> bool {
        let matches = |patterns: &[TagPattern]| patterns.iter().any(|pattern| pattern.matches(tag));
        !matches(&self.deny) && (self.allow.is_empty() || matches(&self.allow))
    }
}

/// What `allow` would accept, for a person who pushed `tag`, with the nearest example.
pub(super) fn accepted(allow: &[TagPattern], deny: &[TagPattern], tag: &Tag) -> String {
    let mut text = String::new();
    let shown = allow.len().min(SPELLED_OUT);
    for (i, pattern) in allow.iter().take(SPELLED_OUT).enumerate() {
        if i > 0 {
            text.push_str(if i + 1 == allow.len() { " or " } else { ", " });
        }
        text.push_str(&pattern.describe());
    }
    if allow.len() > shown {
        text.push_str(&format!(" or one of {} more patterns", allow.len() - shown));
    }
    let nearest = allow
        .iter()
        .filter_map(|pattern| pattern.example_near(tag))
        .filter(|example| !deny.iter().any(|pattern| pattern.matches(example)))
        .min_by_key(|example| strsim::osa_distance(example.as_str(), tag.as_str()));
    if let Some(example) = nearest {
        text.push_str(&format!("; for example `{example}`"));
    }
    text
}
