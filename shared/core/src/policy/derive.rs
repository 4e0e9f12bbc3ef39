use super::TagPattern;

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
    /// The template as written.
    pub text: String,
}

/// An image with a floating tag must also carry a lasting one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Companion {
    /// Tags that may move.
    pub floating: Vec<TagPattern>,
    /// The image must have a tag that one of these matches.
    pub requires: Vec<TagPattern>,
}

/// A template for the tag that the action `tag` puts on an image; `{tag}` and `{digest}` (its first
/// twelve digits) are filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The template as written.
    pub text: String,
}
