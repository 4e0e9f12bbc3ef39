//! What the tasks print. Results go to standard output; steps and errors to standard error, so that
//! the output of a task can be read by a program.

use std::io::{IsTerminal as _, Write as _};

/// Prints one line of a result. A closed pipe is no error: the reader has seen enough.
pub(crate) fn say(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout().lock(), "{}", line.as_ref());
}

/// Tells which step begins.
pub(crate) fn step(line: impl AsRef<str>) {
    let line = line.as_ref();
    let _ = if std::io::stderr().is_terminal() {
        writeln!(std::io::stderr().lock(), "\u{1b}[2m… {line}\u{1b}[0m")
    } else {
        writeln!(std::io::stderr().lock(), "… {line}")
    };
}

/// Prints an error with everything that led to it.
pub(crate) fn failure(error: &anyhow::Error) {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        // Some errors of libraries repeat their source.
        if text.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    let _ = writeln!(std::io::stderr().lock(), "error: {text}");
}

/// Prints a line on standard error.
pub(crate) fn note(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", line.as_ref());
}

/// How a part of a line stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// It does not.
    Plain,
    /// A heading.
    Title,
    /// What matters most.
    Accent,
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
}

/// The text in its style, where a person sees standard output in colours.
pub(crate) fn paint(style: Style, text: &str) -> String {
    let colours = std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let code = match style {
        Style::Plain => "2",
        Style::Title => "1",
        Style::Accent => "36",
        Style::Good => "32",
        Style::Bad => "1;31",
    };
    if colours {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}
