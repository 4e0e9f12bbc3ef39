//! Programs that are run to their end.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::error::CloudError;

/// Runs a program with nothing on standard input and gives back what it printed.
///
/// # Errors
/// [`CloudError::Start`] with `hint` when it cannot be started, [`CloudError::Failed`] with the end
/// of its output when it fails.
pub fn run(command: &mut Command, hint: &str) -> Result<String, CloudError> {
    let shown = show(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| CloudError::Start {
            program: command.get_program().to_string_lossy().into_owned(),
            hint: hint.to_owned(),
            source,
        })?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Err(CloudError::Failed {
        command: shown,
        status: output.status.to_string(),
        output: text,
    })
}

/// The program with its arguments, as a person would type them.
fn show(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Cargo, in the root of the work tree.
#[must_use]
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(super::paths::root());
    // Set for this process by the `cargo run` or `cargo test` around it. Left there, build scripts
    // that look at them would run again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// The full path of a program that is on `PATH`.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
}

#[cfg(unix)]
fn is_executable(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_program_is_reported_with_its_output() {
        let error = run(
            Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]),
            "",
        )
        .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("exit status: 3"), "{text}");
        assert!(text.contains("out") && text.contains("err"), "{text}");
    }

    #[test]
    fn a_program_that_is_not_there_comes_with_the_hint() {
        let error = run(&mut Command::new("no-such-program-here"), "install it").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot start `no-such-program-here`: install it"
        );
    }

    #[test]
    fn programs_are_found_on_the_path() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program-here").is_none());
    }
}
