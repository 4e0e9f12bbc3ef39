//! `steward validate`: every mistake of every policy, each with its place.

use std::path::Path;

use serde::Serialize;
use steward_core::Mode;
use steward_core::policy::{Policy, PolicyError, PolicyErrors};

use crate::cli::{Format, ValidateArgs};
use crate::error::CliError;
use crate::excerpt;
use crate::exit_code::Exit;
use crate::input;
use crate::output::{Output, causes, plural, style};

/// Checks the policies in the order of the command line; all are looked at, whatever is wrong with
/// one.
pub fn run(args: &ValidateArgs, output: &mut Output) -> Result<Exit, CliError> {
    input::refuse_second_stdin(args.policies.iter().map(AsRef::as_ref))?;
    let checked: Vec<Checked> = args.policies.iter().map(|path| check(path)).collect();
    match output.format() {
        Format::Json => output.json(&Document::new(&checked))?,
        Format::Human => {
            let with_excerpts = output.results_on_terminal();
            for one in &checked {
                match &one.verdict {
                    Verdict::Unreadable(error) => output.note_failure_of(error),
                    Verdict::Invalid { errors, source } => {
                        output.result(&mistakes(errors, with_excerpts.then_some(source)));
                    }
                    Verdict::Valid(summary) => {
                        let good = style::GOOD;
                        output.result(&format!("{}: {good}valid{good:#} ({summary})\n", one.name));
                    }
                }
            }
        }
    }
    Ok(exit(&checked))
}

/// One policy file and what was found.
#[derive(Debug)]
struct Checked {
    name: String,
    verdict: Verdict,
}

#[derive(Debug)]
enum Verdict {
    Valid(Summary),
    Invalid {
        errors: PolicyErrors,
        source: String,
    },
    Unreadable(CliError),
}

fn check(path: &Path) -> Checked {
    let name = input::display_name(path);
    let verdict = match input::read(path, input::MAX_POLICY_BYTES) {
        Err(error) => Verdict::Unreadable(error),
        Ok(source) => match Policy::parse(&source, &name) {
            Ok(policy) => Verdict::Valid(Summary::of(&policy)),
            Err(errors) => Verdict::Invalid { errors, source },
        },
    };
    Checked { name, verdict }
}

/// A file that cannot be read outweighs a mistake in another: nothing is known about it.
fn exit(checked: &[Checked]) -> Exit {
    let any = |wanted: fn(&Verdict) -> bool| checked.iter().any(|one| wanted(&one.verdict));
    if any(|verdict| matches!(verdict, Verdict::Unreadable(_))) {
        Exit::Unreadable
    } else if any(|verdict| matches!(verdict, Verdict::Invalid { .. })) {
        Exit::InvalidPolicy
    } else {
        Exit::Ok
    }
}

/// One line per mistake, each followed by its excerpt where the source is given.
fn mistakes(errors: &PolicyErrors, source: Option<&String>) -> String {
    let (strong, bad) = (style::STRONG, style::BAD);
    let mut text = String::new();
    for error in &errors.errors {
        let PolicyError { line, column, .. } = error;
        let place = format!("{}:{line}:{column}", errors.name);
        text.push_str(&format!("{strong}{place}:{strong:#} {}\n", error.text()));
        if let Some(excerpt) = source.and_then(|source| excerpt::render(source, *line, *column)) {
            text.push_str(&excerpt);
            text.push('\n');
        }
    }
    let count = errors.errors.len() + errors.omitted;
    if source.is_some() || errors.omitted > 0 {
        let left_out = match errors.omitted {
            0 => String::new(),
            omitted => format!(", {omitted} of them not shown"),
        };
        let count = plural(count as u64, "mistake");
        text.push_str(&format!("{}: {bad}{count}{bad:#}{left_out}\n", errors.name));
    }
    text
}

/// What a valid policy says, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Summary {
    mode: Mode,
    tag_rules: usize,
    replication_rules: usize,
    channels: usize,
    /// Rules that may change something.
    enforcing: usize,
}

impl Summary {
    fn of(policy: &Policy) -> Self {
        let tag_rules = policy
            .tag_rules
            .iter()
            .map(|rule| rule.effective_mode(policy.mode));
        let replication = policy
            .replication
            .iter()
            .map(|rule| rule.effective_mode(policy.mode));
        Self {
            mode: policy.mode,
            tag_rules: policy.tag_rules.len(),
            replication_rules: policy.replication.len(),
            channels: policy.notifications.channels.len(),
            enforcing: tag_rules
                .chain(replication)
                .filter(|mode| mode.acts())
                .count(),
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "mode {}, {}, {}, {}",
            self.mode,
            plural(self.tag_rules as u64, "tag rule"),
            plural(self.replication_rules as u64, "replication rule"),
            plural(self.channels as u64, "channel"),
        )?;
        if self.enforcing == 0 && self.tag_rules + self.replication_rules > 0 {
            write!(f, "; every rule only observes")?;
        }
        Ok(())
    }
}

/// The result as `--format json` prints it.
#[derive(Debug, Serialize)]
struct Document<'a> {
    valid: bool,
    policies: Vec<DocumentEntry<'a>>,
}

#[derive(Debug, Serialize)]
struct DocumentEntry<'a> {
    policy: &'a str,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a Summary>,
    errors: &'a [PolicyError],
    #[serde(skip_serializing_if = "is_zero")]
    omitted: usize,
    /// Why the file could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

impl<'a> Document<'a> {
    fn new(checked: &'a [Checked]) -> Self {
        let policies: Vec<_> = checked.iter().map(DocumentEntry::new).collect();
        Self {
            valid: policies.iter().all(|entry| entry.valid),
            policies,
        }
    }
}

impl<'a> DocumentEntry<'a> {
    fn new(checked: &'a Checked) -> Self {
        let entry = Self {
            policy: &checked.name,
            valid: false,
            summary: None,
            errors: &[],
            omitted: 0,
            unreadable: None,
        };
        match &checked.verdict {
            Verdict::Valid(summary) => Self {
                valid: true,
                summary: Some(summary),
                ..entry
            },
            Verdict::Invalid { errors, .. } => Self {
                errors: &errors.errors,
                omitted: errors.omitted,
                ..entry
            },
            Verdict::Unreadable(error) => Self {
                unreadable: Some(causes(error).join(": ")),
                ..entry
            },
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}
