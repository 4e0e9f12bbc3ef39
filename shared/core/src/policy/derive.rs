//! Tags that follow others.

use std::collections::BTreeMap;
use std::fmt;

use semver::Version;

use super::template::split;
use super::{TagPattern, TagVersion, TemplateError};
use crate::names::{Digest, Tag};

/// Tags that follow others: `1.4`, `1` and `latest` follow the highest release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derive {
    /// The tags that others are derived from.
    pub from: TagPattern,
    /// The tags to derive.
    pub tags: Vec<DerivedTag>,
}

/// One derived tag, such as `{major}.{minor}` or `latest`.
///
/// `{major}`, `{minor}` and `{patch}` are the parts of a version, `{tag}` is the tag itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedTag {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Major,
    Minor,
    Patch,
    Tag,
}

impl DerivedTag {
    /// The placeholders, for messages.
    pub const PLACEHOLDERS: [&str; 4] = ["major", "minor", "patch", "tag"];

    /// Reads a template.
    ///
    /// # Errors
    ///
    /// When it has an unknown placeholder or the same one twice, is `{tag}` alone, or could make a
    /// text that is no tag.
    /// Only `{tag}` with more text around it can become too long, for a tag that is long already.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        let parts = split(
            text,
            |literal| Part::Literal(literal.to_owned()),
            |name| match name {
                "major" => Some(Part::Major),
                "minor" => Some(Part::Minor),
                "patch" => Some(Part::Patch),
                "tag" => Some(Part::Tag),
                _ => None,
            },
        )?;
        if parts == [Part::Tag] {
            return Err(TemplateError::Itself);
        }
        for (name, part) in [
            ("major", Part::Major),
            ("minor", Part::Minor),
            ("patch", Part::Patch),
            ("tag", Part::Tag),
        ] {
            if parts.iter().filter(|other| **other == part).count() > 1 {
                return Err(TemplateError::Twice(name));
            }
        }
        let template = Self {
            text: text.to_owned(),
            parts,
        };
        for number in [0, u64::MAX] {
            template
                .fill("a", Some(&Version::new(number, number, number)))
                .unwrap_or_default()
                .parse::<Tag>()
                .map_err(|e| TemplateError::Name(e.reason.trim_start_matches("expected ")))?;
        }
        Ok(template)
    }

    /// The template as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it asks for the parts of a version.
    #[must_use]
    pub fn needs_version(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Major | Part::Minor | Part::Patch))
    }

    /// Whether it is the same for every tag, such as `latest`.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.parts
            .iter()
            .all(|part| matches!(part, Part::Literal(_)))
    }

    /// The tag derived from another one; `None` where the template asks for a version that is not
    /// there, or where the result would be too long.
    #[must_use]
    pub fn render(&self, tag: &Tag, version: Option<&Version>) -> Option<Tag> {
        self.fill(tag.as_str(), version)?.parse().ok()
    }

    /// Whether the template could have made a tag.
    #[must_use]
    pub fn could_make(&self, tag: &Tag) -> bool {
        could_make(&self.parts, tag.as_str())
    }

    fn fill(&self, tag: &str, version: Option<&Version>) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Major => text.push_str(&version?.major.to_string()),
                Part::Minor => text.push_str(&version?.minor.to_string()),
                Part::Patch => text.push_str(&version?.patch.to_string()),
                Part::Tag => text.push_str(tag),
            }
        }
        Some(text)
    }
}

fn could_make(parts: &[Part], text: &str) -> bool {
    let Some((part, rest)) = parts.split_first() else {
        return text.is_empty();
    };
    match part {
        Part::Literal(literal) => text
            .strip_prefix(literal.as_str())
            .is_some_and(|text| could_make(rest, text)),
        Part::Major | Part::Minor | Part::Patch => {
            // No number of a version has more digits.
            let digits = text.bytes().take(20).take_while(u8::is_ascii_digit).count();
            (1..=digits).any(|n| text.get(n..).is_some_and(|text| could_make(rest, text)))
        }
        Part::Tag => {
            (1..=text.len()).any(|n| text.get(n..).is_some_and(|text| could_make(rest, text)))
        }
    }
}

impl fmt::Display for DerivedTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Derive {
    /// Whether tags are derived from a tag: `from` matches it, and it is no pre-release, unless
    /// `from` takes those in so many words.
    #[must_use]
    pub fn is_source(&self, tag: &Tag) -> bool {
        self.source(tag).is_some()
    }

    /// Whether a tag has a say in what derived tags point to: others are derived from it, or it could
    /// be derived itself.
    #[must_use]
    pub fn concerns(&self, tag: &Tag) -> bool {
        self.from.matches(tag) || self.tags.iter().any(|template| template.could_make(tag))
    }

    /// The tags to derive from a tag, whatever else there is in the repository.
    #[must_use]
    pub fn derived_from(&self, tag: &Tag) -> Vec<Tag> {
        let Some(version) = self.source(tag) else {
            return Vec::new();
        };
        let mut derived = Vec::new();
        for template in &self.tags {
            let made = self.render(template, tag, version.as_ref());
            derived.extend(made.filter(|tag| !derived.contains(tag)));
        }
        derived
    }

    /// What the derived tags should point to that a tag has a say in, as `(derived tag, the tag it
    /// follows, digest)`. `tags` are all tags of the repository.
    ///
    /// A derived tag follows the highest version among those that would be given the same derived
    /// tag: after `1.4.0`, the push of `1.3.9` moves `1.3` and neither `1` nor `latest`. Two tags of
    /// the same version, such as `1.4.0` and `v1.4.0`, are told apart by their text. Where the tags
    /// have no order (`from: prod`), a derived tag follows the tag that was pushed.
    ///
    /// `pushed` may also be a derived tag, and is then put right, or a tag that was deleted: what
    /// was derived from it follows the highest of the rest, and stays where it is when there is
    /// none.
    #[must_use]
    pub fn wanted(&self, tags: &BTreeMap<Tag, Digest>, pushed: &Tag) -> Vec<(Tag, Tag, Digest)> {
        let derived = if self.is_source(pushed) {
            self.derived_from(pushed)
        } else {
            vec![pushed.clone()]
        };
        let mut followed: BTreeMap<&Tag, Followed<'_>> = BTreeMap::new();
        for (tag, digest) in tags {
            let Some(version) = self.source(tag) else {
                continue;
            };
            for template in &self.tags {
                let made = self.render(template, tag, version.as_ref());
                if let Some(derived) = derived.iter().find(|tag| Some(*tag) == made.as_ref()) {
                    let found = Followed::new(tag, digest, version.clone());
                    followed
                        .entry(derived)
                        .and_modify(|best| best.meet(&found, pushed))
                        .or_insert(found);
                }
            }
        }
        // In the order of the templates.
        derived
            .iter()
            .filter_map(|tag| Some((tag, followed.get(tag)?)))
            .filter(|(_, followed)| !followed.is_unclear)
            .map(|(tag, followed)| (tag.clone(), followed.tag.clone(), followed.digest.clone()))
            .collect()
    }

    /// What every derived tag of a repository should point to, with the tag that it follows. Of
    /// tags without an order only those are told that follow a single tag.
    #[must_use]
    pub fn all_wanted(&self, tags: &BTreeMap<Tag, Digest>) -> BTreeMap<Tag, (Tag, Digest)> {
        let mut followed: BTreeMap<Tag, Followed<'_>> = BTreeMap::new();
        for (tag, digest) in tags {
            let Some(version) = self.source(tag) else {
                continue;
            };
            for template in &self.tags {
                let Some(derived) = self.render(template, tag, version.as_ref()) else {
                    continue;
                };
                let found = Followed::new(tag, digest, version.clone());
                match followed.entry(derived) {
                    std::collections::btree_map::Entry::Occupied(mut best) => {
                        let pushed = best.key().clone();
                        best.get_mut().meet(&found, &pushed);
                    }
                    std::collections::btree_map::Entry::Vacant(free) => {
                        free.insert(found);
                    }
                }
            }
        }
        followed
            .into_iter()
            .filter(|(_, followed)| !followed.is_unclear)
            .map(|(tag, found)| (tag, (found.tag.clone(), found.digest.clone())))
            .collect()
    }

    /// The version of a tag that others are derived from; `Some(None)` where they have no order.
    fn source(&self, tag: &Tag) -> Option<Option<TagVersion>> {
        if !self.from.has_order() {
            return self.from.matches(tag).then_some(None);
        }
        let version = self.from.version(tag)?;
        let is_prerelease = version
            .semantic()
            .is_some_and(|version| !version.pre.is_empty());
        (!is_prerelease || self.from.takes_prereleases()).then_some(Some(version))
    }

    /// A derived tag. One that `from` matches is none: it would be a source itself.
    fn render(
        &self,
        template: &DerivedTag,
        tag: &Tag,
        version: Option<&TagVersion>,
    ) -> Option<Tag> {
        template
            .render(tag, version.and_then(TagVersion::semantic))
            .filter(|derived| !self.from.matches(derived))
    }
}

/// The tag that a derived one follows, as far as is known.
struct Followed<'t> {
    tag: &'t Tag,
    digest: &'t Digest,
    version: Option<TagVersion>,
    /// Whether several tags without an order could be followed.
    is_unclear: bool,
}

impl<'t> Followed<'t> {
    const fn new(tag: &'t Tag, digest: &'t Digest, version: Option<TagVersion>) -> Self {
        Self {
            tag,
            digest,
            version,
            is_unclear: false,
        }
    }

    /// Compares with another tag that could be followed.
    fn meet(&mut self, other: &Self, pushed: &Tag) {
        let replace = if self.version.is_some() {
            (&other.version, other.tag) > (&self.version, self.tag)
        } else {
            self.is_unclear = self.tag != pushed && other.tag != pushed && self.tag != other.tag;
            other.tag == pushed
        };
        if replace {
            self.tag = other.tag;
            self.digest = other.digest;
            self.version.clone_from(&other.version);
        }
    }
}

/// An image with a floating tag must also carry a lasting one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Companion {
    /// Tags that may move.
    pub floating: Vec<TagPattern>,
    /// The image must have a tag that one of these matches.
    pub requires: Vec<TagPattern>,
}

impl Companion {
    /// Whether a tag is a floating one.
    #[must_use]
    pub fn is_floating(&self, tag: &Tag) -> bool {
        self.floating.iter().any(|pattern| pattern.matches(tag))
    }

    /// The tag of an image that goes with its floating ones; `tags` are all tags of the image.
    #[must_use]
    pub fn companion_among<'t>(&self, tags: &'t [Tag]) -> Option<&'t Tag> {
        tags.iter()
            .find(|tag| self.requires.iter().any(|pattern| pattern.matches(tag)))
    }
}

#[cfg(test)]
mod tests;
