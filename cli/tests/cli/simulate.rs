//! `steward simulate` and `steward inventory`.

use std::fs;

use crate::files::{A, B, Folder, POLICY};
use crate::steward::{Ran, run, steward};

fn line(repository: &str, digest: &str, tags: &[&str]) -> String {
    serde_json::json!({ "repository": repository, "digest": digest, "tags": tags }).to_string()
        + "\n"
}

fn folder(inventory: &str) -> Folder {
    let folder = Folder::new();
    folder.write("policy.yaml", POLICY);
    folder.write("inventory.jsonl", inventory);
    folder
}

fn simulate(folder: &Folder, extra: &[&str]) -> Ran {
    run(steward(folder.path())
        .args([
            "simulate",
            "--policy",
            "policy.yaml",
            "--inventory",
            "inventory.jsonl",
        ])
        .args(extra))
}

#[test]
fn an_inventory_is_summed_up_as_text_as_json_and_as_a_page() {
    let folder = folder(
        &[
            line("prod/app", A, &["v1.2.3", "feature-x"]),
            line("prod/app", B, &["feature-y", "wip-1"]),
            line("team/api", A, &["main"]),
        ]
        .concat(),
    );
    let ran = simulate(&folder, &["--html", "out.html"]).expect(0);
    assert!(
        ran.stdout.contains("5 tags of 3 images in 2 repositories"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("3 violated of 4, in 1 repository"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("prod/app:feature-x"), "{}", ran.stdout);
    assert_eq!(ran.stderr, "wrote out.html\n");
    let page = fs::read_to_string(folder.path().join("out.html")).unwrap();
    assert!(page.contains("<code>prod/app:feature-x</code>"), "{page}");

    let document = simulate(&folder, &["--format", "json"]).expect(0).json();
    assert_eq!(document["totals"]["violating_tags"], 4);
    assert_eq!(document["rules"][0]["violated"], 3);
    let page = simulate(&folder, &["--html", "-"]).expect(0).stdout;
    assert!(page.starts_with("<!doctype html>"), "{page}");
    let only = simulate(&folder, &["--format", "json", "--repositories", "team/**"]);
    assert_eq!(only.expect(0).json()["totals"]["tags"], 1);
}

#[test]
fn a_line_that_is_no_image_stops_the_run_unless_it_is_left_out() {
    let folder = folder(&(line("prod/app", A, &["v1"]) + "{}\n" + &line("prod/app", B, &["v2"])));
    let ran = simulate(&folder, &["--format", "json"]).expect(4);
    assert!(
        ran.stderr.contains("line 2: missing field `repository`"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("--skip-invalid"), "{}", ran.stderr);
    assert_eq!(ran.json()["error"]["type"], "invalid-input");
    let ran = simulate(&folder, &["--skip-invalid", "--format", "json"]).expect(0);
    assert_eq!(ran.json()["skipped_lines"], 1);
    assert_eq!(ran.json()["totals"]["tags"], 2);
    assert!(
        ran.stderr.contains("warning: inventory.jsonl: line 2"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_the_aws_command_line_prints_can_be_piped_in() {
    let folder = folder("");
    let printed = serde_json::json!({ "imageDetails": [{
        "registryId": "111122223333", "repositoryName": "prod/app", "imageDigest": A,
        "imageTags": ["feature-x"], "imagePushedAt": "2026-08-01T10:00:00+00:00",
    }] });
    let ran = run(steward(folder.path())
        .args([
            "simulate",
            "--policy",
            "policy.yaml",
            "--inventory",
            "-",
            "--format",
            "json",
        ])
        .write_stdin(serde_json::to_string_pretty(&printed).unwrap()))
    .expect(0);
    assert_eq!(ran.json()["totals"]["violating_tags"], 1);
}

#[test]
fn an_empty_inventory_is_fine_and_a_missing_one_is_not() {
    let folder = folder("");
    let ran = simulate(&folder, &[]).expect(0);
    assert!(ran.stdout.contains("0 tags of 0 images"), "{}", ran.stdout);
    fs::remove_file(folder.path().join("inventory.jsonl")).unwrap();
    simulate(&folder, &[]).expect(7);
    simulate(&folder, &["--registry", "registry.example.com"]).expect(2);
    simulate(&folder, &["--record", "x"]).expect(2);
    simulate(&folder, &["--html", "no/such/folder/out.html"]).expect(7);
    run(steward(folder.path()).args(["simulate", "--policy", "policy.yaml"])).expect(2);
}

#[test]
fn the_moment_of_the_decision_can_be_another() {
    let folder = folder(&line("prod/app", A, &["feature-x"]));
    folder.write(
        "policy.yaml",
        &POLICY.replace(
            "    severity: high\n",
            "    severity: high\n    exempt: [{ until: 2027-01-31, reason: ordered }]\n",
        ),
    );
    let violated = |now: &str| {
        let ran = simulate(&folder, &["--format", "json", "--now", now]).expect(0);
        ran.json()["totals"]["violating_tags"].as_u64().unwrap()
    };
    assert_eq!(violated("2027-01-31T12:00:00Z"), 0);
    assert_eq!(violated("2027-02-01T00:00:00Z"), 1);
}

#[test]
fn a_tag_that_is_there_twice_is_named_and_never_counted_twice() {
    let folder = folder(
        &[
            line("prod/app", A, &["feature-x"]),
            line("prod/app", B, &["feature-x"]),
        ]
        .concat(),
    );
    let ran = simulate(&folder, &[]).expect(4);
    let said = "line 2: prod/app:feature-x is there twice, line 1 has it already";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let ran = simulate(&folder, &["--skip-invalid", "--format", "json"]).expect(0);
    assert_eq!(ran.json()["totals"]["tags"], 1);
    assert_eq!(ran.json()["skipped_lines"], 1);
}

#[test]
fn a_line_of_another_form_is_told_what_it_must_be() {
    let folder = folder("[1,2]\n");
    let ran = simulate(&folder, &[]).expect(4);
    assert!(
        ran.stderr.contains("line 1: expected a JSON object"),
        "{}",
        ran.stderr
    );
}

#[test]
fn two_documents_do_not_share_the_standard_output() {
    let folder = folder(&line("prod/app", A, &["v1"]));
    let ran = simulate(&folder, &["--format", "json", "--html", "-"]).expect(2);
    assert!(ran.stderr.contains("--html"), "{}", ran.stderr);
    assert_eq!(ran.json()["error"]["type"], "usage");
}
