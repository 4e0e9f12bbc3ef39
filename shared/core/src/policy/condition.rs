//! Conditions in CEL, compiled and type-checked when the policy is read.

use crate::facts::Facts;

/// A compiled condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    text: String,
}

/// Why a text is not a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConditionError {
    /// What is wrong.
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

    /// Compiles and type-checks a condition.
    ///
    /// # Errors
    ///
    /// When it is not CEL, names what does not exist, or is not a truth value.
    pub fn new(text: &str) -> Result<Self, ConditionError> {
        Err(ConditionError {
            message: format!("conditions such as `{text}` are not supported yet"),
            offset: None,
        })
    }

    /// The condition as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the condition holds.
    ///
    /// # Errors
    ///
    /// When the facts lack what the condition asks for, such as the configuration of an index.
    pub fn holds(&self, _facts: &Facts) -> Result<bool, Undecided> {
        Err(Undecided("not supported yet".to_owned()))
    }
}
