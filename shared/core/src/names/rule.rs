use std::sync::Arc;

use super::{NameError, string_name};

/// The name of a rule of the policy: up to 64 letters, digits, `.`, `_` and `-`, beginning with a
/// letter or digit. Names are joined by commas in events, so they hold neither commas nor spaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleName(Arc<str>);

impl RuleName {
    /// What a valid name looks like.
    pub(crate) const EXPECTED: &str =
        "up to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit";

    /// Whether a text is such a name.
    pub(crate) fn is_name(text: &str) -> bool {
        (1..=64).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    }

    fn check(s: &str) -> Result<(), NameError> {
        if Self::is_name(s) {
            Ok(())
        } else {
            Err(NameError::new("rule name", s, Self::EXPECTED))
        }
    }
}

string_name!(RuleName);
