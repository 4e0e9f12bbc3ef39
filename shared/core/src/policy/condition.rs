//! Conditions in CEL, compiled and type-checked when the policy is read.
//!
//! The language is the [Common Expression Language](https://github.com/google/cel-spec); the crate
//! `cel` reads its text. What that crate has not is here: the types of the variables, so that a
//! mistake is found when the policy is validated and not when an image is pushed, and an evaluation
//! that knows which fact is missing and what it may cost. The crate's own interpreter has neither,
//! compiles each regular expression anew for each image, and gets its dates from a second date
//! library with the time zones of the world: 0.4 MiB of a function's zip file.

mod check;
mod eval;
mod function;
mod kind;
mod node;
mod syntax;
mod value;
mod variable;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::facts::{EventFacts, EventKind, Facts};

use check::Checker;
use eval::Evaluation;
use kind::Kind;
use node::Node;

/// A compiled condition.
#[derive(Clone, Debug)]
pub struct Condition {
    text: String,
    node: Arc<Node>,
    variables: Arc<BTreeSet<String>>,
}

/// Why a text is not a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConditionError {
    /// What is wrong, and what would be right.
    pub message: String,
    /// Where, in characters from the start of the text.
    pub offset: Option<usize>,
}

/// Why a condition has no answer for these facts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the condition cannot be decided: {0}")]
pub struct Undecided(pub String);

impl Condition {
    /// The longest condition, in bytes.
    pub const MAX_LEN: usize = 2048;
    /// The largest number of words and signs.
    pub const MAX_TOKENS: usize = 512;
    /// How deep parts may stand in parts.
    pub const MAX_DEPTH: usize = 32;
    /// The largest number of `all`, `exists`, `exists_one`, `filter` and `map`.
    pub const MAX_LOOPS: usize = 8;
    /// The longest list or mapping of the facts that is looked at.
    pub const MAX_ENTRIES: usize = 1024;

    /// Compiles and type-checks a condition.
    ///
    /// # Errors
    ///
    /// When it is not CEL, names what does not exist, or is not a truth value.
    pub fn new(text: &str) -> Result<Self, ConditionError> {
        let tree = syntax::parse(text)?;
        let mut checker = Checker::default();
        let (node, kind) = checker
            .check(&tree, 0)
            .map_err(|fault| syntax::locate(text, fault))?;
        if kind != Kind::Bool {
            return Err(ConditionError {
                message: format!("is {}; a condition must be true or false", kind.article()),
                offset: Some(0),
            });
        }
        Ok(Self {
            text: text.to_owned(),
            node: Arc::new(node),
            variables: Arc::new(checker.into_facts()),
        })
    }

    /// The condition as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The facts that the condition asks for, as paths: `event`, `image`, `image.annotations`,
    /// `image.config`, `image.layers`, `image.pushed_at`, `image.referrers`, `previous`, `pusher`,
    /// `registry`, `repository`, `repository.tags` and `tag`. What is not among them need not be
    /// read for its sake.
    #[must_use]
    pub fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// What the condition says of every image, where it names no fact at all, such as `1 < 2`.
    #[must_use]
    pub fn always(&self) -> Option<bool> {
        if !self.variables.is_empty() {
            return None;
        }
        // Any facts will do.
        let event = EventFacts {
            kind: EventKind::Review,
            time: Timestamp::UNIX_EPOCH,
            now: Timestamp::UNIX_EPOCH,
        };
        let facts = Facts::absent("any/image".parse().ok()?, "any".parse().ok()?, event);
        self.holds(&facts).ok()
    }

    /// Whether the condition holds.
    ///
    /// # Errors
    ///
    /// When the facts lack what the condition asks for, such as the pusher while CloudTrail has not
    /// told; when it divides by zero, and the like; or when the facts are so large that an answer
    /// would cost too much.
    pub fn holds(&self, facts: &Facts) -> Result<bool, Undecided> {
        Evaluation::new(facts)
            .truth(&self.node)
            .map_err(|missing| Undecided(missing.into_text()))
    }

    /// The variables that a condition may use, each with its type, in the order of the documentation.
    pub fn vocabulary() -> impl Iterator<Item = (&'static str, String)> {
        variable::ALL
            .iter()
            .map(|variable| (variable.name, variable.kind.to_string()))
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Condition {}

/// The name among `known` that was probably meant.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_ascii_lowercase();
    known
        .map(|candidate| {
            let distance = strsim::osa_distance(&lower, &candidate.to_ascii_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests;
