//! Whether a decision may act, and how much it matters.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Whether a decision is only reported or also carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Decide and report; change nothing. The default, so that a new policy cannot do harm.
    #[default]
    Observe,
    /// Decide, report, and act.
    Enforce,
}

impl Mode {
    /// The word used in the policy file and in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }

    /// Whether actions may change anything.
    #[must_use]
    pub const fn acts(self) -> bool {
        matches!(self, Self::Enforce)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much a decision matters to people; ordered from least to most.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing to do: a success worth a line.
    Info,
    /// Worth knowing.
    Low,
    /// The default of a rule.
    #[default]
    Medium,
    /// Someone should look today.
    High,
    /// Someone should look now.
    Critical,
}

impl Severity {
    /// Every severity, from least to most.
    pub const ALL: [Self; 5] = [
        Self::Info,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The word used in the policy file and in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = UnknownWord;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|x| x.as_str() == s)
            .ok_or_else(|| UnknownWord(s.to_owned()))
    }
}

impl FromStr for Mode {
    type Err = UnknownWord;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        [Self::Observe, Self::Enforce]
            .into_iter()
            .find(|x| x.as_str() == s)
            .ok_or_else(|| UnknownWord(s.to_owned()))
    }
}

/// A word that is none of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not one of the known words")]
pub struct UnknownWord(pub String);
