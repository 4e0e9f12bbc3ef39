//! Where the output goes: standard output for results, standard error for everything about the run.
//!
//! Colours go through `anstream`, which looks at the terminal, `NO_COLOR`, `CLICOLOR` and `TERM`.
//! A reader that went away (`steward … | head`) is no failure: what is left is not written, and the
//! exit code stays the command's own.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::cli::{Color, Format};
use crate::error::CliError;

/// The colours of the human output.
pub mod style {
    use super::{AnsiColor, Style};

    /// Something is wrong.
    pub const BAD: Style = AnsiColor::Red.on_default().bold();
    /// Something is right, or was done.
    pub const GOOD: Style = AnsiColor::Green.on_default().bold();
    /// Something needs a look.
    pub const CAUTION: Style = AnsiColor::Yellow.on_default().bold();
    /// A heading or a place.
    pub const STRONG: Style = Style::new().bold();
    /// What a hurried reader may skip.
    pub const FAINT: Style = Style::new().dimmed();
    /// Advice.
    pub const HELP: Style = AnsiColor::Cyan.on_default().bold();
}

/// The two streams of one run.
#[derive(Debug)]
pub struct Output {
    format: Format,
    /// Set when nobody reads standard output any more.
    closed: bool,
    /// Set when standard output failed otherwise, for example on a full disk.
    failed: Option<io::Error>,
}

impl Output {
    /// The process's own streams.
    #[must_use]
    pub fn new(format: Format, color: Color) -> Self {
        match color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        Self {
            format,
            closed: false,
            failed: None,
        }
    }

    /// For whom the output is.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Whether a person looks at standard output.
    #[must_use]
    pub fn results_on_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Whether a person looks at standard error, where progress is shown.
    #[must_use]
    pub fn notes_on_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Writes a part of the result as it stands.
    pub fn result(&mut self, text: &str) {
        if self.closed || self.failed.is_some() {
            return;
        }
        let mut stdout = anstream::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        self.note_failure(written);
    }

    /// Whether what is written still arrives somewhere.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        !self.closed && self.failed.is_none()
    }

    /// Writes the whole result as one JSON document.
    pub fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CliError> {
        let mut text =
            serde_json::to_string_pretty(value).map_err(|source| CliError::Internal {
                what: "write the result as JSON",
                source: source.into(),
            })?;
        text.push('\n');
        self.result(&text);
        Ok(())
    }

    /// Writes a line about the run to standard error.
    pub fn note(&self, line: &str) {
        let mut stderr = anstream::stderr().lock();
        // Nobody is left to be told when standard error itself is gone.
        let _ = writeln!(stderr, "{line}");
    }

    /// Writes something that a person should know and that changes nothing.
    pub fn warn(&self, warning: &str) {
        let caution = style::CAUTION;
        self.note(&format!("{caution}warning{caution:#}: {warning}"));
    }

    /// Tells of a failure in words on standard error.
    pub fn note_failure_of(&self, error: &CliError) {
        let (bad, help) = (style::BAD, style::HELP);
        let mut text = format!("{bad}error{bad:#}: {error}");
        for cause in causes(error) {
            // A cause may be a list, one line an entry.
            text.push_str(&format!(
                "\n  caused by: {}",
                cause.replace('\n', "\n             ")
            ));
        }
        if let Some(remedy) = error.remedy() {
            text.push_str(&format!("\n  {help}help{help:#}: {remedy}"));
        }
        self.note(&text);
    }

    /// Tells of the failure of the run: in words on standard error, and with `--format json` as the
    /// one document on standard output too.
    pub fn failure(&mut self, error: &CliError) {
        self.note_failure_of(error);
        if self.format == Format::Json {
            // This value has no maps with odd keys, so it cannot fail to be written.
            let _ = self.json(&Failure::from(error));
        }
    }

    /// Reports a result that could not be written; a reader that went away is not one.
    pub fn finish(&mut self) -> Result<(), CliError> {
        match self.failed.take() {
            Some(source) => Err(CliError::Write {
                what: "standard output".to_owned(),
                source,
            }),
            None => Ok(()),
        }
    }

    fn note_failure(&mut self, written: io::Result<()>) {
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
            Err(error) => self.failed = Some(error),
        }
    }
}

/// The failure of a run as `--format json` prints it.
#[derive(Debug, Serialize)]
pub struct Failure {
    error: FailureBody,
}

#[derive(Debug, Serialize)]
struct FailureBody {
    #[serde(rename = "type")]
    kind: &'static str,
    exit_code: u8,
    message: String,
    causes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    details: serde_json::Value,
}

impl From<&CliError> for Failure {
    fn from(error: &CliError) -> Self {
        let exit = error.exit();
        Self {
            error: FailureBody {
                kind: exit.name(),
                exit_code: exit.code(),
                message: error.to_string(),
                causes: causes(error),
                remedy: error.remedy(),
                details: error.details(),
            },
        }
    }
}

/// A number with its noun: `1 rule`, `2 rules`.
#[must_use]
pub fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The chain of sources, outermost first, without the error itself.
#[must_use]
pub fn causes(error: &CliError) -> Vec<String> {
    let first = std::error::Error::source(error);
    std::iter::successors(first, |cause| cause.source())
        .map(ToString::to_string)
        .collect()
}
