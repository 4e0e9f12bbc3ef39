//! The outcome of cases for a person.

use std::fmt::Write as _;

use super::{Outcome, Report, Tested};
use crate::output::{plural, style};

/// Writes the whole report.
pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    for file in &report.files {
        render_file(&mut text, file);
    }
    let (good, bad, faint) = (style::GOOD, style::BAD, style::FAINT);
    let count = plural((report.passed + report.failed) as u64, "case");
    // Writing to a string cannot fail.
    let _ = match (report.failed, report.passed) {
        (0, 0) => writeln!(text, "no cases"),
        (0, _) => writeln!(text, "{count}: {good}all passed{good:#}"),
        (failed, passed) => {
            writeln!(
                text,
                "{count}: {passed} passed, {bad}{failed} failed{bad:#}"
            )
        }
    };
    if !report.never_violated.is_empty() {
        let names = report.never_violated.join(", ");
        let _ = writeln!(text, "{faint}no case violates: {names}{faint:#}");
    }
    text
}

fn render_file(text: &mut String, file: &Tested) {
    let (strong, good, bad) = (style::STRONG, style::GOOD, style::BAD);
    let _ = writeln!(text, "{strong}{}{strong:#}", file.file);
    for case in &file.cases {
        let (word, style) = if case.passed {
            ("ok", good)
        } else {
            ("FAILED", bad)
        };
        let place = if case.passed {
            String::new()
        } else {
            format!(" ({}:{})", file.file, case.line)
        };
        let _ = writeln!(text, "  {style}{word:<6}{style:#}  {}{place}", case.name);
        if !case.passed {
            render_mismatches(text, case);
        }
        if let Some(note) = &case.note {
            let caution = style::CAUTION;
            let _ = writeln!(text, "          {caution}note{caution:#}: {note}");
        }
    }
}

fn render_mismatches(text: &mut String, case: &Outcome) {
    let (good, bad, faint) = (style::GOOD, style::BAD, style::FAINT);
    for mismatch in &case.mismatches {
        let _ = writeln!(
            text,
            "          {:<10}  expected {good}{}{good:#}\n                      found    {bad}{}{bad:#}",
            mismatch.what, mismatch.expected, mismatch.found
        );
    }
    for outcome in &case.plan.rules {
        let word = match (outcome.undecided, outcome.matched) {
            (true, _) => "unknown",
            (false, true) => "violated",
            (false, false) => "kept",
        };
        let _ = writeln!(
            text,
            "          {faint}{word:<8}  {} ({}): {}{faint:#}",
            outcome.rule, outcome.mode, outcome.why
        );
    }
}
