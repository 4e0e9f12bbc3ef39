//! Many copies at once: a file that names them, and what became of each.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::report::Report;
use super::{CopyFailure, place};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::input;
use crate::output::{plural, style};
use crate::place::Place;

/// The largest list, in bytes: far more than 100,000 copies.
const MAX_BYTES: u64 = 64 << 20;

/// What to copy, and where to.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) source: Place,
    pub(super) target: Place,
}

/// Reads a list: a source and a target on each line, with white space between. Empty lines and lines
/// that begin with `#` say nothing.
pub(super) fn read(path: &Path) -> Result<Vec<Pair>, CliError> {
    let name = input::display_name(path);
    let pairs = parse(&input::read(path, MAX_BYTES)?, &name)?;
    if pairs.is_empty() {
        return Err(CliError::Usage {
            message: format!("{name} names no copy"),
            remedy: "write `SOURCE TARGET` on each line".into(),
        });
    }
    Ok(pairs)
}

fn parse(text: &str, name: &str) -> Result<Vec<Pair>, CliError> {
    let mut pairs = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            [first, ..] if first.starts_with('#') => {}
            [source, target] => pairs.push(Pair {
                source: place(&format!("{name}:{number}: SOURCE"), source)?,
                target: place(&format!("{name}:{number}: TARGET"), target)?,
            }),
            words => {
                return Err(CliError::Usage {
                    message: format!(
                        "{name}:{number}: the line has {}, not a source and a target",
                        plural(words.len() as u64, "word")
                    ),
                    remedy: "write `SOURCE TARGET`; a folder's name cannot have a space here"
                        .into(),
                });
            }
        }
    }
    Ok(pairs)
}

/// What became of all copies; its JSON form is part of the command's interface.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    copied: u64,
    unchanged: u64,
    failed: u64,
    /// Bytes of blobs that were moved.
    bytes: u64,
    /// In the order of the list.
    copies: Vec<Copied>,
    #[serde(skip)]
    exit: Exit,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Copied {
    Done(Report),
    Failed(Failed),
}

/// A copy that was not made.
#[derive(Debug, Serialize)]
struct Failed {
    outcome: &'static str,
    source: String,
    target: String,
    error: String,
    error_type: &'static str,
    side: &'static str,
    #[serde(skip)]
    remedy: Option<String>,
}

impl Summary {
    pub(super) fn new(results: Vec<(&Pair, Result<Report, Box<CopyFailure>>)>) -> Self {
        let mut summary = Self {
            copied: 0,
            unchanged: 0,
            failed: 0,
            bytes: 0,
            copies: Vec::with_capacity(results.len()),
            exit: Exit::Ok,
        };
        for (pair, result) in results {
            match result {
                Ok(report) => {
                    if report.is_unchanged() {
                        summary.unchanged += 1;
                    } else {
                        summary.copied += 1;
                    }
                    summary.bytes += report.bytes;
                    summary.copies.push(Copied::Done(report));
                }
                Err(failure) => {
                    summary.failed += 1;
                    // What another try cannot mend is what has to be told.
                    if summary.exit != Exit::Refused {
                        summary.exit = failure.exit();
                    }
                    summary
                        .copies
                        .push(Copied::Failed(Failed::new(pair, &failure)));
                }
            }
        }
        summary
    }

    /// The exit code: that of the failures, and of them [`Exit::Refused`] where one has it.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// The digests that `--quiet` prints, one line a copy that was made.
    pub(super) fn digests(&self) -> String {
        let done = self.copies.iter().filter_map(|copied| match copied {
            Copied::Done(report) => Some(format!("{}\n", report.digest)),
            Copied::Failed(_) => None,
        });
        done.collect()
    }
}

impl Failed {
    fn new(pair: &Pair, failure: &CopyFailure) -> Self {
        let mut error = failure.to_string();
        let mut cause = std::error::Error::source(failure);
        while let Some(source) = cause {
            error.push_str(": ");
            error.push_str(&source.to_string());
            cause = source.source();
        }
        Self {
            outcome: "failed",
            source: pair.source.to_string(),
            target: pair.target.to_string(),
            error,
            error_type: failure.error_type(),
            side: failure.side(),
            remedy: failure.remedy(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bad, faint) = (style::BAD, style::FAINT);
        for copied in &self.copies {
            match copied {
                Copied::Done(report) => writeln!(f, "{}", report.headline())?,
                Copied::Failed(failed) => {
                    writeln!(f, "{bad}failed{bad:#}    {}", failed.error)?;
                    if let Some(remedy) = &failed.remedy {
                        writeln!(f, "          {faint}{remedy}{faint:#}")?;
                    }
                }
            }
        }
        writeln!(
            f,
            "{} copied, {} unchanged, {} failed; {} moved",
            self.copied,
            self.unchanged,
            self.failed,
            indicatif::BinaryBytes(self.bytes)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_source_and_a_target_on_each_line() {
        let text = "# all of it\n\na.example.com/x:1  b.example.com/x\n\toci:in oci:out:v1 \n";
        let pairs = parse(text, "list").unwrap();
        let texts: Vec<String> = pairs
            .iter()
            .map(|pair| format!("{} {}", pair.source, pair.target))
            .collect();
        assert_eq!(
            texts,
            ["a.example.com/x:1 b.example.com/x", "oci:in oci:out:v1"]
        );
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let error = parse("oci:in oci:out\noci:in\n", "list").unwrap_err();
        assert_eq!(
            error.to_string(),
            "list:2: the line has 1 word, not a source and a target"
        );
        let error = parse("oci:in a.example.com/UPPER:1\n", "list").unwrap_err();
        assert!(error.to_string().starts_with("list:1: TARGET"), "{error}");
    }
}
