//! What can go wrong while the local cloud is prepared, started and used.

use std::path::PathBuf;

use super::api::ApiError;

/// The local cloud could not be prepared, started or asked.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// A file or folder could not be read or written.
    #[error("{what} {}", path.display())]
    File {
        /// What was tried, as in `cannot write`.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program could not be started at all.
    #[error("cannot start `{program}`: {hint}")]
    Start {
        /// The program.
        program: String,
        /// What to do about it.
        hint: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program ended with a failure.
    #[error("`{command}` failed ({status}){}", tail(output))]
    Failed {
        /// The program with its arguments.
        command: String,
        /// Its exit status.
        status: String,
        /// The end of what it printed.
        output: String,
    },
    /// Something that has to be on the machine is not, and could not be put there.
    #[error("{name} is missing: {hint}")]
    Missing {
        /// What is missing.
        name: String,
        /// What to do about it.
        hint: String,
    },
    /// A server did not become ready in time, or ended at once.
    #[error("{name} did not become ready within {seconds} s{}", tail(output))]
    NotReady {
        /// The server.
        name: &'static str,
        /// How long it was given.
        seconds: u64,
        /// The end of its log.
        output: String,
    },
    /// No free port could be had.
    #[error("no free port on 127.0.0.1")]
    Port(#[source] std::io::Error),
    /// The gateway, the inbox or another part in this process did not start.
    #[error("cannot start the {name}")]
    Part {
        /// The part.
        name: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The emulator refused something.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The stack was not created.
    #[error("stack {stack} ended in {status}: {reason}")]
    Stack {
        /// The stack.
        stack: String,
        /// Its final status.
        status: String,
        /// The first failure that it reports.
        reason: String,
    },
    /// The template does not have the form that the local cloud relies on.
    #[error("template {}: {problem}", path.display())]
    Template {
        /// The template.
        path: PathBuf,
        /// What is wrong and what is expected.
        problem: String,
    },
    /// Something given by the caller cannot be used.
    #[error("{0}")]
    Input(String),
}

/// The last lines of a log, set off from the sentence before.
fn tail(output: &str) -> String {
    const LINES: usize = 20;
    let lines: Vec<&str> = output.lines().collect();
    let from = lines.len().saturating_sub(LINES);
    let mut text = String::new();
    for line in lines.iter().skip(from) {
        text.push_str("\n    ");
        text.push_str(line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_the_end_of_the_output() {
        let output: String = (0..50).map(|n| format!("line {n}\n")).collect();
        let error = CloudError::Failed {
            command: "pip install".into(),
            status: "exit status: 1".into(),
            output,
        };
        let text = error.to_string();
        assert!(text.starts_with("`pip install` failed (exit status: 1)\n    line 30\n"));
        assert!(text.ends_with("line 49"));
    }
}
