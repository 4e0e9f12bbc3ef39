use std::fmt;

use super::TemplateError;
use super::template::split;
use crate::names::{Digest, NameError, Tag};

/// A template for the tag that the action `tag` puts on an image, such as
/// `rejected-{short_digest}`.
///
/// `{short_digest}`, the first twelve digits of the image's digest, must be there: so a mark names
/// its image and never moves to another. `{tag}` is the tag that violated the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Tag,
    ShortDigest,
}

impl Mark {
    /// The placeholders, for messages.
    pub const PLACEHOLDERS: [&str; 2] = ["short_digest", "tag"];

    /// Reads a template.
    ///
    /// # Errors
    ///
    /// When it has no `{short_digest}`, another placeholder, or could not make a valid tag.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        let parts = split(
            text,
            |literal| Part::Literal(literal.to_owned()),
            |name| match name {
                "tag" => Some(Part::Tag),
                "short_digest" => Some(Part::ShortDigest),
                _ => None,
            },
        )?;
        let count = |part| parts.iter().filter(|other| **other == part).count();
        if count(Part::ShortDigest) == 0 {
            return Err(TemplateError::NoDigest);
        }
        if count(Part::Tag) > 1 {
            return Err(TemplateError::Twice("tag"));
        }
        let mark = Self {
            text: text.to_owned(),
            parts,
        };
        mark.fill("a", "0123456789ab")
            .parse::<Tag>()
            .map_err(|e| TemplateError::Name(e.reason.trim_start_matches("expected ")))?;
        Ok(mark)
    }

    /// The template as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The mark for an image that violated a rule under a tag. A tag that is too long is cut.
    ///
    /// # Errors
    ///
    /// None in practice: the template was tried when it was read.
    pub fn render(&self, tag: &Tag, digest: &Digest) -> Result<Tag, NameError> {
        let around = self.fill("", digest.short()).len();
        let keep = Tag::MAX_LEN.saturating_sub(around).min(tag.as_str().len());
        let tag = tag.as_str().get(..keep).unwrap_or_default();
        self.fill(tag, digest.short()).parse()
    }

    /// Whether a tag is a mark of this very image. Only its own digest makes it one.
    #[must_use]
    pub fn is_mark_of(&self, tag: &Tag, digest: &Digest) -> bool {
        if !Self::could_be_one(tag, digest) {
            return false;
        }
        let around = self.fill("\0", digest.short());
        match around.split_once('\0') {
            None => around == tag.as_str(),
            Some((before, behind)) => {
                tag.as_str().len() > before.len() + behind.len()
                    && tag.as_str().starts_with(before)
                    && tag.as_str().ends_with(behind)
            }
        }
    }

    /// Whether any mark could make a tag of this very image: every mark names its image.
    pub(super) fn could_be_one(tag: &Tag, digest: &Digest) -> bool {
        tag.as_str().contains(digest.short())
    }

    fn fill(&self, tag: &str, digest: &str) -> String {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Literal(literal) => literal.as_str(),
                Part::Tag => tag,
                Part::ShortDigest => digest,
            })
            .collect()
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(byte: &str) -> Digest {
        format!("sha256:{}", byte.repeat(32)).parse().unwrap()
    }

    #[test]
    fn a_mark_names_its_image_and_is_known_again() {
        let tag = |text: &str| text.parse::<Tag>().unwrap();
        let mark = Mark::new("rejected-{tag}-{short_digest}").unwrap();
        let made = mark.render(&tag("feature-x"), &digest("a1")).unwrap();
        assert_eq!(made.as_str(), "rejected-feature-x-a1a1a1a1a1a1");
        assert!(mark.is_mark_of(&made, &digest("a1")));
        assert!(!mark.is_mark_of(&made, &digest("b2")));
        assert!(!mark.is_mark_of(&tag("rejected-a1a1a1a1a1a1"), &digest("a1")));
        let long = mark.render(&tag(&"x".repeat(128)), &digest("a1")).unwrap();
        assert_eq!(long.as_str().len(), 128);
        assert!(mark.is_mark_of(&long, &digest("a1")));
        let plain = Mark::new("rejected-{short_digest}").unwrap();
        let made = plain.render(&tag("feature-x"), &digest("a1")).unwrap();
        assert!(plain.is_mark_of(&made, &digest("a1")) && !plain.is_mark_of(&made, &digest("b2")));
    }

    #[test]
    fn marks_that_could_move_or_are_no_tags_are_refused() {
        assert_eq!(Mark::new("rejected"), Err(TemplateError::NoDigest));
        assert_eq!(Mark::new("x-{tag}"), Err(TemplateError::NoDigest));
        assert_eq!(
            Mark::new("{digest}"),
            Err(TemplateError::Unknown("digest".to_owned()))
        );
        assert_eq!(
            Mark::new("{tag}{tag}{short_digest}"),
            Err(TemplateError::Twice("tag"))
        );
        assert!(matches!(
            Mark::new("-{short_digest}"),
            Err(TemplateError::Name(_))
        ));
        assert!(matches!(
            Mark::new(&format!("{}-{{short_digest}}", "x".repeat(120))),
            Err(TemplateError::Name(_))
        ));
    }
}
