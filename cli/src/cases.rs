//! Users' own cases: what is known of an image, and what the policy must say to it.
//!
//! A file of cases is YAML. [`CaseFile::parse`] reads it and names the place of what is wrong;
//! [`CaseFile::facts_of`] turns the friendly form into the facts that the functions decide about;
//! [`Expected::mismatches`] compares what was decided with what was expected.

mod digests;
pub mod expected;
mod given;
mod schema;
mod time;

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};
use steward_core::facts::Facts;
use steward_core::policy::{ActionKind, Policy};

use crate::error::CliError;
use crate::input;

pub use digests::Digests;
pub use expected::Expected;
pub(crate) use given::pusher;
pub use given::{GivenFacts, GivenImage};
pub use schema::schema;

/// The most that a file of cases may have.
pub const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The word for what rules that derive tags do; it is no action that a violation asks for.
pub const DERIVE: &str = "derive";

/// A file of cases.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// What every case is about unless it says otherwise.
    #[serde(default)]
    pub facts: GivenFacts,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What the case shows; unique in the file.
    pub name: Spanned<String>,
    /// What it is about, beside the facts of the file.
    #[serde(default)]
    pub facts: GivenFacts,
    /// What must be decided.
    pub expect: Expected,
}

/// One mistake of a file of cases.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Mistake {
    /// Line, from 1; 0 where the place is not known.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Mistake {
    fn at(location: Location, message: String) -> Self {
        Self {
            line: location.line(),
            column: location.column(),
            message,
        }
    }
}

/// All mistakes that were found in a file of cases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.lines())]
pub struct CaseErrors {
    /// The file as it was named.
    pub name: String,
    /// The mistakes, in the order of the file.
    pub mistakes: Vec<Mistake>,
}

impl CaseErrors {
    fn lines(&self) -> String {
        let line = |mistake: &Mistake| match mistake.line {
            0 => format!("{}: {}", self.name, mistake.message),
            line => format!(
                "{}:{line}:{}: {}",
                self.name, mistake.column, mistake.message
            ),
        };
        let lines: Vec<String> = self.mistakes.iter().map(line).collect();
        lines.join("\n")
    }
}

impl CaseFile {
    /// Reads a file of cases and checks it against the policy that it is for.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or has mistakes.
    pub fn read(path: &Path, policy: &Policy) -> Result<Self, CliError> {
        let text = input::read(path, MAX_BYTES)?;
        let name = input::display_name(path);
        let failed = |source| CliError::Cases { source };
        let file = Self::parse(&text, &name).map_err(failed)?;
        file.check(policy, &name).map_err(failed)?;
        Ok(file)
    }

    /// Reads the text of a file of cases.
    ///
    /// # Errors
    ///
    /// The first mistake, with its place.
    pub fn parse(text: &str, name: &str) -> Result<Self, CaseErrors> {
        serde_saphyr::from_str(text).map_err(|error| {
            let error = error.without_snippet();
            let message = error.to_string();
            let mistake = match error.location() {
                Some(location) => Mistake::at(location, without_place(&message, location)),
                None => Mistake {
                    line: 0,
                    column: 0,
                    message,
                },
            };
            CaseErrors {
                name: name.to_owned(),
                mistakes: vec![mistake],
            }
        })
    }

    /// What is wrong with the cases beside their form: names that no rule has, words that are no
    /// action, facts that are missing.
    ///
    /// # Errors
    ///
    /// All mistakes.
    pub fn check(&self, policy: &Policy, name: &str) -> Result<(), CaseErrors> {
        let mut mistakes = Vec::new();
        if self.cases.is_empty() {
            // A file that lost its cases must not pass for ever.
            mistakes.push(Mistake {
                line: 0,
                column: 0,
                message: "there is no case in it (expected at least one in `cases`)".to_owned(),
            });
        }
        let mut names = BTreeSet::new();
        for case in &self.cases {
            let at = case.name.referenced;
            if !names.insert(case.name.value.as_str()) {
                let message = format!("a second case is named {:?}", case.name.value);
                mistakes.push(Mistake::at(at, message));
            }
            if let Err(message) = self.facts_of(case, Timestamp::UNIX_EPOCH) {
                let message = format!("the case {:?} {message}", case.name.value);
                mistakes.push(Mistake::at(at, message));
            }
            let undecided = case.expect.undecided.iter().flatten();
            for rule in case.expect.violations.iter().chain(undecided) {
                if !policy
                    .tag_rules
                    .iter()
                    .any(|known| known.name.as_str() == rule.value)
                {
                    mistakes.push(Mistake::at(
                        rule.referenced,
                        unknown_rule(&rule.value, policy),
                    ));
                }
            }
            for action in case.expect.actions.iter().flatten() {
                let word = action.value.as_str();
                if word != DERIVE && word.parse::<ActionKind>().is_err() {
                    let known: Vec<&str> = ActionKind::ALL.map(ActionKind::as_str).to_vec();
                    mistakes.push(Mistake::at(
                        action.referenced,
                        format!(
                            "`{word}` is no action (expected one of {}, {DERIVE})",
                            known.join(", ")
                        ),
                    ));
                }
            }
        }
        if mistakes.is_empty() {
            return Ok(());
        }
        Err(CaseErrors {
            name: name.to_owned(),
            mistakes,
        })
    }

    /// The facts of a case, and the names of the digests in them.
    ///
    /// # Errors
    ///
    /// What is missing, as the end of a sentence about the case.
    pub fn facts_of(&self, case: &Case, now: Timestamp) -> Result<(Facts, Digests), String> {
        self.facts
            .clone()
            .overridden_by(case.facts.clone())
            .into_facts(&case.name.value, now)
    }
}

fn unknown_rule(name: &str, policy: &Policy) -> String {
    let known: Vec<String> = policy
        .tag_rules
        .iter()
        .map(|rule| format!("`{}`", rule.name))
        .collect();
    let known = match known.as_slice() {
        [] => "it has none".to_owned(),
        known => format!("expected one of {}", known.join(", ")),
    };
    format!("the policy has no tag rule `{name}` ({known})")
}

/// The reader's message without the place at its end, which is said in front.
fn without_place(message: &str, location: Location) -> String {
    let place = format!(" at line {}, column {}", location.line(), location.column());
    let prefix = format!("line {} column {}: ", location.line(), location.column());
    let message = message.strip_suffix(&place).unwrap_or(message);
    message.strip_prefix(&prefix).unwrap_or(message).to_owned()
}

#[cfg(test)]
mod tests;
