use std::fmt;

use serde::Serialize;
use steward_core::RuleName;

use crate::output::plural;
use crate::replication::{Comparison, Missing};

/// How many missing copies and failures are shown one by one.
const SHOWN: usize = 20;

/// What a backfill found and did.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    repositories: u64,
    targets: Vec<Target>,
    /// Rules that only observe.
    left_out: Vec<RuleName>,
    missing: u64,
    /// Copied, or sent to the queue.
    pub(super) done: u64,
    /// Found at the target after all.
    pub(super) unchanged: u64,
    /// Done by an earlier run.
    pub(super) skipped: u64,
    pub(super) bytes: u64,
    pub(super) failed: u64,
    pub(super) failures: Vec<Failure>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    examples: Vec<Missing>,
}

#[derive(Debug, Serialize)]
struct Target {
    rule: String,
    target: String,
    in_step: u64,
    filtered: u64,
    other_platform: u64,
    not_compared: u64,
    missing: u64,
}

/// A copy that was not made.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    to: String,
    error_type: String,
    error: String,
}

impl Report {
    pub(super) fn new(repositories: u64, left_out: Vec<RuleName>, found: &Comparison) -> Self {
        let mut report = Self {
            repositories,
            targets: found
                .pairs
                .iter()
                .map(|pair| Target {
                    rule: pair.rule.clone(),
                    target: pair.target.clone(),
                    in_step: pair.in_step,
                    filtered: pair.filtered,
                    other_platform: pair.other_platform,
                    not_compared: pair.not_compared,
                    missing: pair.missing.len() as u64,
                })
                .collect(),
            left_out,
            missing: found.missing(),
            done: 0,
            unchanged: 0,
            skipped: 0,
            bytes: 0,
            failed: 0,
            failures: Vec::new(),
            examples: Vec::new(),
        };
        for pair in &found.pairs {
            report.failed += pair.not_compared;
            for unread in &pair.unread {
                report.show(&unread.to, &unread.error_type, unread.error.clone());
            }
        }
        report
    }

    /// Adds some of what is missing.
    pub(super) fn examples(&mut self, found: &Comparison) {
        let missing = found.pairs.iter().flat_map(|pair| &pair.missing);
        self.examples = missing.take(SHOWN).cloned().collect();
    }

    pub(super) fn fail(&mut self, to: &str, failure: &steward_runtime::Failure) {
        self.failed += 1;
        self.show(to, failure.error_type(), failure.chain());
    }

    fn show(&mut self, to: &str, error_type: &str, error: String) {
        if self.failures.len() < SHOWN {
            self.failures.push(Failure {
                to: to.to_owned(),
                error_type: error_type.to_owned(),
                error,
            });
        }
    }

    pub(super) fn has_failures(&self) -> bool {
        self.failed > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for target in &self.targets {
            write!(
                f,
                "{} > {}: {} in step, {} missing",
                target.rule, target.target, target.in_step, target.missing
            )?;
            if target.filtered > 0 {
                write!(f, ", {} with fewer platforms", target.filtered)?;
            }
            if target.other_platform > 0 {
                write!(f, ", {} of other platforms", target.other_platform)?;
            }
            if target.not_compared > 0 {
                write!(f, ", {} not compared", target.not_compared)?;
            }
            f.write_str("\n")?;
        }
        for missing in &self.examples {
            writeln!(
                f,
                "  {}:{} > {}",
                missing.repository, missing.tag, missing.to
            )?;
        }
        if self.missing > self.examples.len() as u64 && !self.examples.is_empty() {
            writeln!(
                f,
                "  and {} more",
                self.missing - self.examples.len() as u64
            )?;
        }
        for failure in &self.failures {
            writeln!(f, "  {}: {}", failure.to, failure.error)?;
        }
        writeln!(
            f,
            "{}: {} missing, {} done, {} there after all, {} done before, {} failed",
            plural(self.repositories, "repository").replace("repositorys", "repositories"),
            self.missing,
            self.done,
            self.unchanged,
            self.skipped,
            self.failed
        )
    }
}
