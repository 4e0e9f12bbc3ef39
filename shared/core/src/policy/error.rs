use std::fmt;

use serde::Serialize;

/// A place in the policy file; lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Location {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The kind of a mistake, for callers that count or filter; the words are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PolicyErrorKind {
    /// The text is not YAML, or uses a part of YAML that a policy may not use.
    Syntax,
    /// The text, a list, or the nesting is larger than is allowed.
    TooLarge,
    /// A field that does not exist.
    UnknownField,
    /// A field or name that appears twice.
    Duplicate,
    /// A field that must be there and is not.
    Missing,
    /// A value of another type than the field has, such as a text for a list.
    WrongType,
    /// A value of the right type that is not valid.
    InvalidValue,
    /// A name that nothing in the policy bears.
    UnknownName,
    /// Parts that are valid alone and contradict each other.
    Contradiction,
    /// A copy that would be copied again.
    FeedsItself,
}

/// One mistake in a policy, with its place and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{line}:{column}: {}", self.text())]
pub struct PolicyError {
    /// The kind of the mistake.
    pub kind: PolicyErrorKind,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The way to the field, such as `tag_rules[1].allow[0]`; empty for the whole file.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What would be valid, where that can be said.
    pub expected: Option<String>,
}

impl PolicyError {
    /// `path: message (expected …)`, without the line and column.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        if !self.path.is_empty() {
            text.push_str(&self.path);
            text.push_str(": ");
        }
        text.push_str(&self.message);
        if let Some(expected) = &self.expected {
            text.push_str(" (expected ");
            text.push_str(expected);
            text.push(')');
        }
        text
    }
}

/// Every mistake of a policy, in the order of the file; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyErrors {
    /// The name of the policy, as it was given to [`Policy::parse`](super::Policy::parse).
    pub name: String,
    /// The mistakes, by line and column.
    pub errors: Vec<PolicyError>,
    /// How many further mistakes were left out.
    pub omitted: usize,
}

impl fmt::Display for PolicyErrors {
    /// One mistake per line: `file:line:col: path: message (expected …)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:{error}", self.name)?;
        }
        if self.omitted > 0 {
            write!(f, "\n{}: and {} more mistakes", self.name, self.omitted)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}
