//! `steward test`: users' own cases, decided by the very functions that decide in AWS.

mod human;

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use steward_core::policy::Policy;
use tag_guard::plan::{Plan, plan};

use crate::cases::expected::Mismatch;
use crate::cases::{Case, CaseFile};
use crate::cli::{Format, TestArgs};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::input;
use crate::output::Output;

/// Runs the cases and says which came out otherwise.
pub fn run(args: &TestArgs, output: &mut Output) -> Result<Exit, CliError> {
    let files = std::iter::once(&args.policy).chain(&args.cases);
    input::refuse_second_stdin(files.map(AsRef::as_ref))?;
    let (policy, name) = input::policy(&args.policy)?;
    let now = Timestamp::now();
    let mut files = Vec::new();
    for path in &args.cases {
        let file = CaseFile::read(path, &policy)?;
        files.push(Tested::new(path, &file, &policy, now)?);
    }
    let report = Report::new(name, files, &policy);
    match output.format() {
        Format::Json => output.json(&report)?,
        Format::Human => output.result(&human::render(&report)),
    }
    Ok(if report.failed == 0 {
        Exit::Ok
    } else {
        Exit::Mismatch
    })
}

/// The result as `--format json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    policy: String,
    passed: usize,
    failed: usize,
    files: Vec<Tested>,
    /// Tag rules that no case sees violated.
    never_violated: Vec<String>,
}

/// One file of cases.
#[derive(Debug, Serialize)]
struct Tested {
    file: String,
    cases: Vec<Outcome>,
}

/// One case.
#[derive(Debug, Serialize)]
struct Outcome {
    name: String,
    line: u64,
    passed: bool,
    mismatches: Vec<Mismatch>,
    /// What a person should know about a case that passed for no reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    plan: Plan,
}

impl Report {
    fn new(policy_name: String, files: Vec<Tested>, policy: &Policy) -> Self {
        let cases = || files.iter().flat_map(|file| &file.cases);
        let violated: BTreeSet<&str> = cases()
            .flat_map(|case| &case.plan.violations)
            .map(|violation| violation.rule.as_str())
            .collect();
        let never_violated = policy
            .tag_rules
            .iter()
            // A rule that only derives tags is never violated.
            .filter(|rule| rule.derive.is_none())
            .map(|rule| rule.name.to_string())
            .filter(|name| !violated.contains(name.as_str()))
            .collect();
        let passed = cases().filter(|case| case.passed).count();
        Self {
            policy: policy_name,
            passed,
            failed: cases().count() - passed,
            never_violated,
            files,
        }
    }
}

impl Tested {
    fn new(
        path: &Path,
        file: &CaseFile,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Self, CliError> {
        let outcome = |case: &Case| {
            let (facts, _) = file
                .facts_of(case, now)
                .map_err(|message| CliError::Internal {
                    what: "read a case that was checked",
                    source: message.into(),
                })?;
            let plan = plan(&facts, policy);
            let mismatches = case.expect.mismatches(&plan, &facts);
            Ok(Outcome {
                name: case.name.value.clone(),
                line: case.name.referenced.line(),
                passed: mismatches.is_empty(),
                note: note(case, &plan),
                mismatches,
                plan,
            })
        };
        Ok(Self {
            file: input::display_name(path),
            cases: file
                .cases
                .iter()
                .map(outcome)
                .collect::<Result<_, CliError>>()?,
        })
    }
}

/// Nothing is violated where nothing is looked at: a name with a mistake in it passes too.
fn note(case: &Case, plan: &Plan) -> Option<String> {
    if case.expect.skipped.is_some() {
        return None;
    }
    match &plan.skipped {
        Some(skip) => Some(format!("no rule was looked at: {skip}")),
        None if plan.rules.is_empty() => {
            Some(format!("no tag rule speaks about {}", plan.repository))
        }
        None => None,
    }
}
