//! What every command has in common: streams, colours, usage.

use std::io::Read as _;
use std::process::Stdio;

use crate::files::{Folder, POLICY};
use crate::steward::{run, steward};

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = Folder::new();
    let program = assert_cmd::cargo::cargo_bin("steward");
    let mut child = std::process::Command::new(program)
        .args(["schema", "event"])
        .env_clear()
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 1];
    stdout.read_exact(&mut first).unwrap();
    // The schemas are larger than a pipe holds, so the command is still writing.
    drop(stdout);
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(stderr, "");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let folder = Folder::new();
    let program = assert_cmd::cargo::cargo_bin("steward");
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = std::process::Command::new(program)
        .args(["schema", "policy"])
        .env_clear()
        .current_dir(folder.path())
        .stdout(full)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7), "{stderr}");
    assert!(
        stderr.contains("cannot write to standard output"),
        "{stderr}"
    );
}

#[test]
fn pipes_get_no_colours_unless_they_are_asked_for() {
    let folder = Folder::new();
    folder.write("policy.yaml", POLICY);
    let plain = run(steward(folder.path()).args(["validate", "policy.yaml"])).expect(0);
    assert!(!plain.stdout.contains('\u{1b}'));
    let colored =
        run(steward(folder.path()).args(["validate", "policy.yaml", "--color", "always"]));
    assert!(colored.expect(0).stdout.contains('\u{1b}'));
}

#[test]
fn a_wrong_command_line_is_told_on_standard_error() {
    let folder = Folder::new();
    for args in [
        &["valdate"][..],
        &["validate"],
        &["copy", "one"],
        &["schema"],
        &[],
    ] {
        let ran = run(steward(folder.path()).args(args)).expect(2);
        assert_eq!(ran.stdout, "", "{args:?}");
        assert!(ran.stderr.contains("Usage:"), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn help_and_version_are_results() {
    let folder = Folder::new();
    let ran = run(steward(folder.path()).arg("--help")).expect(0);
    assert!(ran.stdout.contains("Exit codes:"), "{}", ran.stdout);
    let ran = run(steward(folder.path()).arg("--version")).expect(0);
    assert_eq!(
        ran.stdout,
        format!("steward {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_failure_is_one_json_document_for_a_program_and_words_for_a_person() {
    let folder = Folder::new();
    folder.write("policy.yaml", "version: 1\nmode: enforced\n");
    folder.write("event.json", "{}");
    let ran = run(steward(folder.path()).args([
        "explain",
        "--format",
        "json",
        "--policy",
        "policy.yaml",
        "--event",
        "event.json",
    ]))
    .expect(3);
    let error = &ran.json()["error"];
    assert_eq!(error["type"], "invalid-policy");
    assert_eq!(error["exit_code"], 3);
    assert_eq!(error["message"], "the policy policy.yaml is not valid");
    assert_eq!(error["details"]["errors"][0]["line"], 2);
    assert!(
        ran.stderr
            .starts_with("error: the policy policy.yaml is not valid\n"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("policy.yaml:2:7: mode: "),
        "{}",
        ran.stderr
    );
}
