use crate::files::{Folder, POLICY};
use crate::steward::{run, steward};

const FIVE_MISTAKES: &str = r#"version: 1
mode: enforced
tag_rules:
  - name: releases-only
    repositories: ["prod/**"]
    allow: ["/v[0-9+/"]
    on_violation: [notify, quarantin]
replication:
  - name: dr
    repositories: ["prod/**"]
    referrers: maybe
    to:
      - registry: https://registry.example.com
        repository: "dr/{repository}"
"#;

#[test]
fn a_valid_policy_is_summed_up() {
    let folder = Folder::new();
    folder.write("policy.yaml", POLICY);
    let ran = run(steward(folder.path()).args(["validate", "policy.yaml"])).expect(0);
    insta::assert_snapshot!(ran.stdout, @"policy.yaml: valid (mode enforce, 3 tag rules, 1 replication rule, 2 channels)");
    assert_eq!(ran.stderr, "");
}

#[test]
fn the_example_policy_is_valid() {
    let folder = Folder::new();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/policy.example.yaml");
    run(steward(folder.path()).args(["validate", example])).expect(0);
}

#[test]
fn every_mistake_is_on_a_line_of_its_own_with_its_place() {
    let folder = Folder::new();
    folder.write("policy.yaml", FIVE_MISTAKES);
    let ran = run(steward(folder.path()).args(["validate", "policy.yaml"])).expect(3);
    let places: Vec<String> = ran
        .stdout
        .lines()
        .map(|line| line.splitn(5, ':').take(4).collect::<Vec<_>>().join(":"))
        .collect();
    assert_eq!(
        places,
        [
            "policy.yaml:2:7: mode",
            "policy.yaml:6:13: tag_rules[0].allow[0]",
            "policy.yaml:7:28: tag_rules[0].on_violation[1]",
            "policy.yaml:11:16: replication[0].referrers",
            "policy.yaml:13:19: replication[0].to[0].registry",
        ],
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.lines().all(|line| line.contains("(expected ")),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_program_gets_one_document() {
    let folder = Folder::new();
    folder.write("good.yaml", POLICY);
    folder.write("bad.yaml", "version: 1\nmode: enforced\n");
    let ran = run(steward(folder.path()).args([
        "validate",
        "--format",
        "json",
        "good.yaml",
        "bad.yaml",
        "absent.yaml",
    ]))
    .expect(7);
    let document = ran.json();
    assert_eq!(document["valid"], false);
    assert_eq!(document["policies"][0]["valid"], true);
    assert_eq!(document["policies"][0]["summary"]["tag_rules"], 3);
    let mistake = &document["policies"][1]["errors"][0];
    assert_eq!(mistake["line"], 2);
    assert_eq!(mistake["column"], 7);
    assert_eq!(mistake["path"], "mode");
    assert!(mistake["message"].as_str().unwrap().contains("enforced"));
    assert!(
        document["policies"][2]["unreadable"]
            .as_str()
            .unwrap()
            .contains("No such file")
    );
    assert_eq!(ran.stderr, "");
}

#[test]
fn all_files_are_looked_at_and_standard_input_is_one() {
    let folder = Folder::new();
    folder.write("bad.yaml", "version: 1\nmode: enforced\n");
    let ran = run(steward(folder.path())
        .args(["validate", "bad.yaml", "-"])
        .write_stdin(POLICY))
    .expect(3);
    assert!(
        ran.stdout.starts_with("bad.yaml:2:7: mode: "),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.ends_with(
            "<stdin>: valid (mode enforce, 3 tag rules, 1 replication rule, 2 channels)\n"
        )
    );

    let ran = run(steward(folder.path()).args(["validate", "-", "-"])).expect(2);
    assert!(
        ran.stderr
            .contains("standard input is named more than once"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_its_reason() {
    let folder = Folder::new();
    let ran = run(steward(folder.path()).args(["validate", "absent.yaml"])).expect(7);
    insta::assert_snapshot!(ran.stderr, @"
    error: cannot read absent.yaml
      caused by: No such file or directory (os error 2)
      help: check the path; `-` reads standard input
    ");
    folder.write("huge.yaml", &"#".repeat(1024 * 1024 + 1));
    let ran = run(steward(folder.path()).args(["validate", "huge.yaml"])).expect(7);
    assert!(
        ran.stderr.contains("it has more than 1048576 bytes"),
        "{}",
        ran.stderr
    );
}
