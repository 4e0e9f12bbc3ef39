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
