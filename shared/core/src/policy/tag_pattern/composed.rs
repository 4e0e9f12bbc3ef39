use regex::bytes::Regex;
use semver::Version;

use super::{SemverPattern, TagPatternError, calver, compile, git};

/// `1.2.3` with an optional pre-release, as semver.org's own expression has it; without build
/// metadata, because a tag cannot hold a `+`.
const SEMVER: &str = r"(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)(?:-(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?";

/// The name of the group that holds the version.
const VERSION: &str = "version";

/// Literal text with placeholders and the wildcards `*` and `?`, such as `sha-{git}`.
#[derive(Clone, Debug)]
pub(super) struct Composed {
    text: String,
    parts: Vec<Part>,
    matcher: Matcher,
    one_version: bool,
}

/// One version or commit with text around it needs no engine, and is what most patterns are.
#[derive(Clone, Debug)]
enum Matcher {
    Around {
        before: String,
        kind: Part,
        behind: String,
    },
    Regex(Box<Regex>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Star,
    Question,
    /// A version; the flag says whether a `v` may be in front.
    Semver {
        v: bool,
    },
    Calver,
    Git,
}

/// Whether a text has something that looks like a placeholder: a word in braces without a comma.
pub(super) fn has_placeholder(text: &str) -> bool {
    text.split('{').skip(1).any(|behind| {
        behind.split_once('}').is_some_and(|(name, _)| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        })
    })
}

impl Composed {
    pub(super) fn new(text: &str) -> Result<Self, TagPatternError> {
        let parts = parse(text)?;
        let versions = parts
            .iter()
            .filter(|part| matches!(part, Part::Semver { .. }))
            .count();
        let mut expression = String::from("^");
        for part in &parts {
            match part {
                Part::Literal(literal) => expression.push_str(&regex::escape(literal)),
                Part::Star => expression.push_str(".*"),
                Part::Question => expression.push('.'),
                Part::Semver { v } => {
                    expression.push_str(if *v { "v?" } else { "" });
                    if versions == 1 {
                        expression.push_str(&format!("(?<{VERSION}>{SEMVER})"));
                    } else {
                        expression.push_str(SEMVER);
                    }
                }
                Part::Calver => expression.push_str(&calver::any_default()),
                Part::Git => expression.push_str(git::REGEX),
            }
        }
        expression.push('$');
        let matcher = match around(&parts) {
            Some(matcher) => matcher,
            None => Matcher::Regex(Box::new(compile(&expression)?)),
        };
        Ok(Self {
            text: text.to_owned(),
            parts,
            matcher,
            one_version: versions == 1,
        })
    }

    /// Whether there is exactly one `{semver}`.
    pub(super) const fn has_one_version(&self) -> bool {
        self.one_version
    }

    /// The version in a tag that matches, where there is exactly one.
    pub(super) fn version(&self, tag: &str) -> Option<Version> {
        match &self.matcher {
            Matcher::Around { kind, .. } => version(kind, self.inner(tag)?),
            Matcher::Regex(regex) => {
                let found = regex.captures(tag.as_bytes())?.name(VERSION)?;
                Version::parse(std::str::from_utf8(found.as_bytes()).ok()?).ok()
            }
        }
    }

    pub(super) fn matches(&self, tag: &str) -> bool {
        match &self.matcher {
            Matcher::Around { kind, .. } => self.inner(tag).is_some_and(|inner| match kind {
                Part::Git => git::is_commit(inner),
                kind => version(kind, inner).is_some(),
            }),
            Matcher::Regex(regex) => regex.is_match(tag.as_bytes()),
        }
    }

    /// Whether the pattern costs memory and time to compile.
    pub(super) const fn is_costly(&self) -> bool {
        matches!(self.matcher, Matcher::Regex(_))
    }

    /// What stands for the placeholder in a tag.
    fn inner<'t>(&self, tag: &'t str) -> Option<&'t str> {
        match &self.matcher {
            Matcher::Around { before, behind, .. } => tag
                .strip_prefix(before.as_str())?
                .strip_suffix(behind.as_str()),
            Matcher::Regex(_) => None,
        }
    }

    pub(super) fn describe(&self) -> String {
        let mut kinds = Vec::new();
        for part in &self.parts {
            let kind = match part {
                Part::Semver { .. } => "`{semver}` a semantic version",
                Part::Calver => "`{calver}` a calendar version",
                Part::Git => "`{git}` a git commit",
                Part::Literal(_) | Part::Star | Part::Question => continue,
            };
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        format!("`{}` ({})", self.text, kinds.join(", "))
    }

    pub(super) fn examples_near(&self, near: &str) -> Vec<String> {
        let version = SemverPattern::default().examples_near(near);
        let version = version
            .first()
            .map_or("1.2.3", String::as_str)
            .trim_start_matches('v');
        let commit = git::example_near(near);
        let fill = |star: &str| -> String {
            self.parts
                .iter()
                .map(|part| match part {
                    Part::Literal(literal) => literal.as_str(),
                    Part::Star => star,
                    Part::Question => "1",
                    Part::Semver { .. } => version,
                    Part::Calver => calver::EXAMPLE,
                    Part::Git => commit.as_str(),
                })
                .collect()
        };
        vec![fill("1"), fill("")]
    }
}

fn version(kind: &Part, text: &str) -> Option<Version> {
    match kind {
        // The pattern of a version takes a `v` in front, unless the text before ends in one.
        Part::Semver { v } if *v || !text.starts_with('v') => {
            SemverPattern::default().version(text)
        }
        _ => None,
    }
}

fn around(parts: &[Part]) -> Option<Matcher> {
    let literal = |part: &Part| match part {
        Part::Literal(text) => Some(text.clone()),
        _ => None,
    };
    let (before, kind, behind) = match parts {
        [kind] => (String::new(), kind, String::new()),
        [kind, behind] if literal(kind).is_none() => (String::new(), kind, literal(behind)?),
        [before, kind] => (literal(before)?, kind, String::new()),
        [before, kind, behind] => (literal(before)?, kind, literal(behind)?),
        _ => return None,
    };
    matches!(kind, Part::Git | Part::Semver { .. }).then(|| Matcher::Around {
        before,
        kind: kind.clone(),
        behind,
    })
}

fn parse(text: &str) -> Result<Vec<Part>, TagPatternError> {
    let mut parts: Vec<Part> = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let part = match c {
            '*' => Part::Star,
            '?' => Part::Question,
            '{' => {
                let behind = rest.as_str();
                let Some((name, behind)) = behind.split_once('}') else {
                    return Err(TagPatternError::Mixed('{'));
                };
                rest = behind.chars();
                match name {
                    "semver" => {
                        let v = !matches!(parts.last(), Some(Part::Literal(text)) if text.ends_with('v'));
                        Part::Semver { v }
                    }
                    "calver" => Part::Calver,
                    "git" => Part::Git,
                    _ if name.contains(['{', ',']) => return Err(TagPatternError::Mixed('{')),
                    _ => return Err(TagPatternError::Placeholder(name.to_owned())),
                }
            }
            '[' | ']' | '}' => return Err(TagPatternError::Mixed(c)),
            c if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') => {
                if let Some(Part::Literal(literal)) = parts.last_mut() {
                    literal.push(c);
                    continue;
                }
                Part::Literal(c.to_string())
            }
            c => return Err(TagPatternError::Character(c)),
        };
        parts.push(part);
    }
    Ok(parts)
}
