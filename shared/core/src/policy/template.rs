use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

use crate::names::{NameError, RepositoryName, RepositoryPath, Tag};

/// The longest template, in bytes.
const MAX_LEN: usize = 512;

/// A text that is not a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// More than 512 bytes.
    #[error("is longer than {MAX_LEN} characters")]
    TooLong,
    /// A `{` without its `}`, or the other way round.
    #[error("has a brace without its partner")]
    Brace,
    /// A placeholder that does not exist here.
    #[error("has the unknown placeholder `{{{0}}}`")]
    Unknown(String),
    /// The text cannot make a valid name, whatever the placeholders stand for.
    #[error("cannot make a valid name: {0}")]
    Name(&'static str),
    /// A tag template without `{tag}` would give every tag the same name.
    #[error("has no `{{tag}}`, so every tag would get the same name")]
    NoTag,
    /// A derived tag that is the tag itself.
    #[error("is the tag that it is derived from")]
    Itself,
    /// A mark without the digest would move from one image to the next.
    #[error("has no `{{short_digest}}`, so the mark would move from one image to the next")]
    NoDigest,
    /// The same placeholder twice, where its text must be found again.
    #[error("has the placeholder `{{{0}}}` twice")]
    Twice(&'static str),
}

/// Splits a template into literals and the names of placeholders, in order.
///
/// The first function is called with every literal, the second with every placeholder.
pub(super) fn split<'t, P>(
    text: &'t str,
    mut literal: impl FnMut(&'t str) -> P,
    mut placeholder: impl FnMut(&'t str) -> Option<P>,
) -> Result<Vec<P>, TemplateError> {
    if text.is_empty() {
        return Err(TemplateError::Empty);
    }
    if text.len() > MAX_LEN {
        return Err(TemplateError::TooLong);
    }
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let (front, behind) = match rest.split_once('{') {
            Some((front, behind)) => (front, Some(behind)),
            None => (rest, None),
        };
        if front.contains('}') {
            return Err(TemplateError::Brace);
        }
        if !front.is_empty() {
            parts.push(literal(front));
        }
        let Some(behind) = behind else {
            return Ok(parts);
        };
        let (name, behind) = behind.split_once('}').ok_or(TemplateError::Brace)?;
        parts.push(placeholder(name).ok_or_else(|| TemplateError::Unknown(name.to_owned()))?);
        rest = behind;
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Repository,
    Basename,
    /// The prefix with these texts around it; nothing at all for a repository without a prefix.
    Prefix {
        before: &'static str,
        after: &'static str,
    },
}

/// The name of a repository made from the name of another, such as `dr/{repository}`.
///
/// For `prod/shop/app`, `{repository}` is the whole name, `{basename}` is `app` and `{prefix}` is
/// `prod/shop`. A repository without a `/` has no prefix: the slash beside `{prefix}` goes with it.
#[derive(Clone)]
pub struct RepositoryTemplate {
    text: String,
    parts: Vec<Part>,
    shape: Regex,
}

impl RepositoryTemplate {
    /// The placeholders, for messages.
    pub const PLACEHOLDERS: [&str; 3] = ["repository", "basename", "prefix"];

    /// Reads a template.
    ///
    /// # Errors
    ///
    /// When it has an unknown placeholder or could not make a valid repository name.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        let parts = split(
            text,
            |literal| Part::Literal(literal.to_owned()),
            |name| match name {
                "repository" => Some(Part::Repository),
                "basename" => Some(Part::Basename),
                "prefix" => Some(Part::Prefix {
                    before: "",
                    after: "",
                }),
                _ => None,
            },
        )?;
        let parts = join_prefix_slashes(parts);
        for (prefix, basename) in [(Some("aa"), "bb"), (None, "bb")] {
            fill(&parts, prefix, basename)
                .parse::<RepositoryPath>()
                .map_err(|e| TemplateError::Name(e.reason.trim_start_matches("expected ")))?;
        }
        let shape = shape(&parts).ok_or(TemplateError::TooLong)?;
        Ok(Self {
            text: text.to_owned(),
            parts,
            shape,
        })
    }

    /// The name for a repository.
    ///
    /// # Errors
    ///
    /// When the name would be too long.
    pub fn render(&self, repository: &RepositoryName) -> Result<RepositoryPath, NameError> {
        fill(&self.parts, repository.prefix(), repository.basename()).parse()
    }

    /// Whether some repository could have been given this name.
    #[must_use]
    pub fn could_make(&self, name: &str) -> bool {
        self.shape.is_match(name.as_bytes())
    }

    /// Whether every repository gets the same name.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.parts
            .iter()
            .all(|part| matches!(part, Part::Literal(_)))
    }

    /// The template as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Moves the slash beside `{prefix}` into the placeholder, the one behind it first.
fn join_prefix_slashes(parts: Vec<Part>) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::with_capacity(parts.len());
    let mut rest = parts.into_iter().peekable();
    while let Some(part) = rest.next() {
        if !matches!(part, Part::Prefix { .. }) {
            joined.push(part);
            continue;
        }
        if let Some(Part::Literal(text)) = rest.peek_mut()
            && let Some(shorter) = text.strip_prefix('/')
        {
            *text = shorter.to_owned();
            joined.push(Part::Prefix {
                before: "",
                after: "/",
            });
        } else if let Some(Part::Literal(text)) = joined.last_mut()
            && let Some(shorter) = text.strip_suffix('/')
        {
            *text = shorter.to_owned();
            joined.push(Part::Prefix {
                before: "/",
                after: "",
            });
        } else {
            joined.push(part);
        }
    }
    joined
}

fn fill(parts: &[Part], prefix: Option<&str>, basename: &str) -> String {
    let mut name = String::new();
    for part in parts {
        match part {
            Part::Literal(text) => name.push_str(text),
            Part::Basename => name.push_str(basename),
            Part::Repository => {
                if let Some(prefix) = prefix {
                    name.push_str(prefix);
                    name.push('/');
                }
                name.push_str(basename);
            }
            Part::Prefix { before, after } => {
                if let Some(prefix) = prefix {
                    name.extend([before, prefix, after]);
                }
            }
        }
    }
    name
}

/// What every name looks like that the parts can make.
fn shape(parts: &[Part]) -> Option<Regex> {
    let mut text = String::from("^");
    for part in parts {
        match part {
            Part::Literal(literal) => text.push_str(&regex::escape(literal)),
            Part::Repository => text.push_str(".+"),
            Part::Basename => text.push_str("[^/]+"),
            Part::Prefix { before, after } => text.extend(["(?:", before, ".+", after, ")?"]),
        }
    }
    text.push('$');
    RegexBuilder::new(&text).unicode(false).build().ok()
}

impl fmt::Display for RepositoryTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RepositoryTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl PartialEq for RepositoryTemplate {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RepositoryTemplate {}

/// A tag made from another tag, such as `eu-{tag}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagTemplate {
    text: String,
    /// `None` stands for the tag.
    parts: Vec<Option<String>>,
}

impl TagTemplate {
    /// The placeholders, for messages.
    pub const PLACEHOLDERS: [&str; 1] = ["tag"];

    /// Reads a template.
    ///
    /// # Errors
    ///
    /// When it has no `{tag}`, another placeholder, or could not make a valid tag.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        let parts = split(
            text,
            |literal| Some(literal.to_owned()),
            |name| (name == "tag").then_some(None),
        )?;
        if parts.iter().all(Option::is_some) {
            return Err(TemplateError::NoTag);
        }
        let template = Self {
            text: text.to_owned(),
            parts,
        };
        template
            .fill("a")
            .parse::<Tag>()
            .map_err(|e| TemplateError::Name(e.reason.trim_start_matches("expected ")))?;
        Ok(template)
    }

    /// The tag for a tag.
    ///
    /// # Errors
    ///
    /// When the result would be longer than 128 characters.
    pub fn render(&self, tag: &Tag) -> Result<Tag, NameError> {
        self.fill(tag.as_str()).parse()
    }

    /// The template as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn fill(&self, tag: &str) -> String {
        self.parts
            .iter()
            .map(|part| part.as_deref().unwrap_or(tag))
            .collect()
    }
}

impl fmt::Display for TagTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str, repository: &str) -> String {
        let template = RepositoryTemplate::new(template).unwrap();
        let name = template.render(&repository.parse().unwrap()).unwrap();
        assert!(template.could_make(name.as_str()), "{template} made {name}");
        name.to_string()
    }

    #[test]
    fn placeholders_stand_for_the_parts_of_the_name() {
        let cases = [
            ("dr/{repository}", "prod/shop/app", "dr/prod/shop/app"),
            ("mirror/{basename}", "prod/shop/app", "mirror/app"),
            (
                "{prefix}/dr/{basename}",
                "prod/shop/app",
                "prod/shop/dr/app",
            ),
            ("{prefix}/dr/{basename}", "app", "dr/app"),
            ("q/{prefix}", "prod/app", "q/prod"),
            ("q/{prefix}", "app", "q"),
            ("a/{prefix}/b", "app", "a/b"),
            ("{repository}-copy", "app", "app-copy"),
            ("fixed/name", "app", "fixed/name"),
        ];
        for (template, repository, expected) in cases {
            assert_eq!(
                render(template, repository),
                expected,
                "{template} of {repository}"
            );
        }
    }

    #[test]
    fn templates_that_make_no_name_are_refused() {
        let error = |text: &str| RepositoryTemplate::new(text).unwrap_err();
        assert_eq!(error(""), TemplateError::Empty);
        assert_eq!(error("x/{repo}"), TemplateError::Unknown("repo".to_owned()));
        assert_eq!(error("x/{repository"), TemplateError::Brace);
        assert_eq!(error("x/repository}"), TemplateError::Brace);
        assert_eq!(error("x/{tag}"), TemplateError::Unknown("tag".to_owned()));
        for text in [
            "Dr/{repository}",
            "/x/{basename}",
            "x//{basename}",
            "x-{prefix}",
            "{prefix}",
        ] {
            assert!(matches!(error(text), TemplateError::Name(_)), "{text}");
        }
        assert_eq!(error(&"a".repeat(513)), TemplateError::TooLong);
    }

    #[test]
    fn a_name_that_grows_too_long_is_an_error() {
        let template = RepositoryTemplate::new("quarantine/{repository}").unwrap();
        let long: RepositoryName = "a".repeat(250).parse().unwrap();
        assert!(template.render(&long).is_err());
    }

    #[test]
    fn what_a_template_could_have_made() {
        let could = |template: &str, name: &str| {
            RepositoryTemplate::new(template).unwrap().could_make(name)
        };
        assert!(could("quarantine/{repository}", "quarantine/prod/app"));
        assert!(!could("quarantine/{repository}", "quarantine"));
        assert!(!could("quarantine/{repository}", "prod/quarantine/app"));
        assert!(!could("quarantine/{repository}", "quarantined/app"));
        assert!(could("q/{basename}", "q/app"));
        assert!(!could("q/{basename}", "q/prod/app"));
        assert!(could("{prefix}/q/{basename}", "q/app"));
        assert!(could("{prefix}/q/{basename}", "prod/q/app"));
        assert!(!could("{prefix}/q/{basename}", "prod/app"));
        assert!(could("a.b/{basename}", "a.b/app") && !could("a.b/{basename}", "axb/app"));
    }

    #[test]
    fn tag_templates_keep_the_tag() {
        let render = |template: &str, tag: &str| {
            TagTemplate::new(template)
                .unwrap()
                .render(&tag.parse().unwrap())
                .map(|t| t.to_string())
        };
        assert_eq!(render("eu-{tag}", "v1.2.3").unwrap(), "eu-v1.2.3");
        assert_eq!(render("{tag}", "v1").unwrap(), "v1");
        assert!(render("eu-{tag}", &"a".repeat(126)).is_err());
        assert_eq!(TagTemplate::new("eu"), Err(TemplateError::NoTag));
        assert_eq!(
            TagTemplate::new("{basename}-{tag}"),
            Err(TemplateError::Unknown("basename".to_owned()))
        );
        assert!(matches!(
            TagTemplate::new("-{tag}"),
            Err(TemplateError::Name(_))
        ));
    }
}
