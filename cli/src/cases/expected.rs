//! What a case expects, and how it differs from what was decided.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_saphyr::Spanned;
use steward_core::facts::Facts;
use steward_core::policy::TextGlob;
use steward_core::{Mode, Severity, Tag};
use tag_guard::plan::Plan;

use super::time::GivenTime;
use crate::decided;

/// What must be decided. What is left out is not looked at, except that rules that are not named
/// must not be violated.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expected {
    /// The rules that are violated, and no others.
    pub violations: Vec<Spanned<String>>,
    /// The words of the planned actions, and no others.
    pub actions: Option<Vec<Spanned<String>>>,
    /// A glob that the message of some violation matches.
    #[serde(deserialize_with = "glob")]
    pub message: Option<TextGlob>,
    /// The derived tags that are put or moved, and the tag that each follows.
    pub derived: Option<BTreeMap<Tag, Tag>>,
    /// Whether the image is to be looked at again, or when.
    pub recheck: Option<GivenRecheck>,
    /// Whether some violated rule may act.
    pub mode: Option<Mode>,
    /// The highest severity of the violated rules.
    pub severity: Option<Severity>,
    /// Whether no rule was looked at.
    pub skipped: Option<bool>,
    /// The rules that have no answer for want of facts.
    pub undecided: Option<Vec<Spanned<String>>>,
}

/// Whether an image is to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenRecheck {
    /// At some time, or never.
    Ever(bool),
    /// At this moment: a timestamp, or `in 15m` after the decision.
    At(GivenTime),
    /// So long after the decision.
    In(jiff::SignedDuration),
}

/// One thing that was decided otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Which expectation: `violations`, `actions`, `message`, …
    pub what: &'static str,
    /// What the case expects.
    pub expected: String,
    /// What was decided.
    pub found: String,
}

impl Expected {
    /// How the decision differs from what is expected; empty where it does not.
    #[must_use]
    pub fn mismatches(&self, plan: &Plan, facts: &Facts) -> Vec<Mismatch> {
        let mut found = Vec::new();
        let mut compare = |what, expected: String, decided: String| {
            if expected != decided {
                found.push(Mismatch {
                    what,
                    expected,
                    found: decided,
                });
            }
        };
        let violations = plan.violations.iter().map(|v| v.rule.as_str());
        compare(
            "violations",
            list(self.violations.iter().map(|rule| rule.value.as_str())),
            list(violations),
        );
        if let Some(actions) = &self.actions {
            compare(
                "actions",
                list(actions.iter().map(|action| action.value.as_str())),
                list(decided::actions(plan)),
            );
        }
        if let Some(derived) = &self.derived {
            let follow = |(tag, from): (&Tag, &Tag)| format!("{tag} → {from}");
            compare(
                "derived",
                joined(derived.iter().map(follow)),
                joined(decided::derived(plan).into_iter().map(follow)),
            );
        }
        if let Some(mode) = self.mode {
            compare("mode", mode.to_string(), plan.mode.to_string());
        }
        if let Some(severity) = self.severity {
            compare("severity", severity.to_string(), plan.severity.to_string());
        }
        if let Some(skipped) = self.skipped {
            let said = match &plan.skipped {
                None => "the rules are looked at".to_owned(),
                Some(skip) => format!("no rule is looked at: {skip}"),
            };
            if skipped != plan.skipped.is_some() {
                let expected = if skipped {
                    "no rule is looked at"
                } else {
                    "the rules are looked at"
                };
                compare("skipped", expected.to_owned(), said);
            }
        }
        if let Some(undecided) = &self.undecided {
            let decided = plan.rules.iter().filter(|outcome| outcome.undecided);
            compare(
                "undecided",
                list(undecided.iter().map(|rule| rule.value.as_str())),
                list(decided.map(|outcome| outcome.rule.as_str())),
            );
        }
        if let Some(recheck) = self.recheck {
            let decided = plan.recheck_at;
            let said = decided.map_or_else(|| "never".to_owned(), |time| time.to_string());
            let expected = match recheck {
                GivenRecheck::Ever(true) if decided.is_some() => said.clone(),
                GivenRecheck::Ever(true) => "at some time".to_owned(),
                GivenRecheck::Ever(false) => "never".to_owned(),
                GivenRecheck::In(after) => facts
                    .event
                    .now
                    .checked_add(after)
                    .map_or_else(|_| "after any calendar".to_owned(), |t| t.to_string()),
                GivenRecheck::At(time) => time
                    .seen_from(facts.event.now)
                    .map_or_else(|error| error, |time| time.to_string()),
            };
            compare("recheck", expected, said);
        }
        if let Some(glob) = &self.message {
            let messages: Vec<&str> = plan.violations.iter().map(|v| v.message.as_str()).collect();
            if !messages.iter().any(|message| glob.matches(message)) {
                let said = match messages.as_slice() {
                    [] => "no message".to_owned(),
                    messages => messages.join(" | "),
                };
                compare("message", glob.as_str().to_owned(), said);
            }
        }
        found
    }
}

/// Words in one order, so that theirs does not matter.
fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut words: Vec<&str> = words.collect();
    words.sort_unstable();
    words.dedup();
    joined(words.into_iter().map(str::to_owned))
}

fn joined(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    match words.as_slice() {
        [] => "none".to_owned(),
        words => words.join(", "),
    }
}

fn glob<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TextGlob>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| {
        TextGlob::new(&text)
            .map_err(|error| de::Error::custom(format!("`{text}` is no glob: it {error}")))
    })
    .transpose()
}

impl<'de> Deserialize<'de> for GivenRecheck {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = || {
            de::Error::custom(format!(
                "`{text}` is no time to look again (expected true, false, such as `in 15m`, or a \
                 timestamp)"
            ))
        };
        match text.as_str() {
            "true" => return Ok(Self::Ever(true)),
            "false" => return Ok(Self::Ever(false)),
            _ => {}
        }
        if let Some(after) = text.strip_prefix("in ") {
            return super::time::duration(after.trim())
                .map(Self::In)
                .ok_or_else(expected);
        }
        let time = text.parse().map_err(|_| expected())?;
        Ok(Self::At(GivenTime::At(time)))
    }
}
