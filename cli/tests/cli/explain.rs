use serde_json::{Value, json};
use steward_core::event::incoming;
use steward_core::policy::Policy;

use crate::files::{A, B, Folder, POLICY, event, push};
use crate::steward::{Ran, run, steward};

/// Explains an event under [`POLICY`], with facts or without.
fn explain(event: &str, facts: Option<&str>, extra: &[&str]) -> Ran {
    let folder = Folder::new();
    folder.write("policy.yaml", POLICY);
    folder.write("event.json", event);
    let mut command = steward(folder.path());
    command
        .args([
            "explain",
            "--policy",
            "policy.yaml",
            "--event",
            "event.json",
        ])
        .args(extra);
    if let Some(facts) = facts {
        folder.write("facts.yaml", facts);
        command.args(["--facts", "facts.yaml"]);
    }
    run(&mut command)
}

#[test]
fn a_violation_is_explained_down_to_who_is_told() {
    let ran = explain(&push("prod/app", Some("feature-x")), None, &[]).expect(0);
    insta::assert_snapshot!(ran.stdout, @"");
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_release_is_copied() {
    let ran = explain(&push("prod/app", Some("v1.2.3")), None, &[]).expect(0);
    insta::assert_snapshot!(ran.stdout, @"");
}

#[test]
fn what_observe_mode_would_do_is_marked() {
    let ran = explain(&push("batch/app", Some("wip-1")), None, &[]).expect(0);
    insta::assert_snapshot!(ran.stdout, @"");
}

#[test]
fn facts_outweigh_the_event() {
    let moved = format!("tags: {{feature-x: '{B}', v1.0.0: '{B}'}}");
    let ran = explain(
        &push("prod/app", Some("feature-x")),
        Some(&moved),
        &["--format", "json"],
    );
    let plan = &ran.expect(0).json()["functions"]["tag-guard"]["plan"];
    assert_eq!(plan["digest"], B);

    let gone = "tags: {}";
    let ran = explain(
        &push("prod/app", Some("feature-x")),
        Some(gone),
        &["--format", "json"],
    );
    let document = ran.expect(0).json();
    assert_eq!(document["facts"], "file");
    assert_eq!(
        document["functions"]["tag-guard"]["plan"]["skipped"]["reason"],
        "gone"
    );
    assert_eq!(
        document["functions"]["replicator"]["plan"]["skipped"]["reason"],
        "gone"
    );

    let last = format!("tags: {{wip-1: '{A}'}}");
    let ran = explain(&push("batch/app", Some("wip-1")), Some(&last), &[]).expect(0);
    assert!(
        ran.stdout
            .contains("keep the image under the tag untagged-aaaaaaaaaaaa"),
        "{}",
        ran.stdout
    );
    let other = format!("tags: {{wip-1: '{A}', main: '{A}'}}");
    let ran = explain(&push("batch/app", Some("wip-1")), Some(&other), &[]).expect(0);
    assert!(
        ran.stdout
            .contains("remove the tag wip-1; others keep the image"),
        "{}",
        ran.stdout
    );
}

#[test]
fn the_json_plan_is_the_value_that_the_functions_log() {
    let text = push("prod/app", Some("feature-x"));
    let document = explain(&text, None, &["--format", "json"]).expect(0).json();

    let policy = Policy::parse(POLICY, "policy.yaml").unwrap();
    let event = incoming::parse(&text).unwrap();
    let action = event.image_action().unwrap();
    let facts = tag_guard::plan::Facts::from_event(action).unwrap();
    let logged = serde_json::to_value(tag_guard::plan::plan(&facts, &policy)).unwrap();
    assert_eq!(document["functions"]["tag-guard"]["plan"], logged);
    let facts = replicator::plan::Facts::from_event(
        &event.envelope.account,
        &event.envelope.region,
        action,
    );
    let logged = serde_json::to_value(replicator::plan::plan(&facts.unwrap(), &policy)).unwrap();
    assert_eq!(document["functions"]["replicator"]["plan"], logged);

    let told = &document["functions"]["tag-guard"]["tells"][0];
    assert_eq!(told["detail_type"], "Image Quarantined");
    let channels: Vec<&Value> = told["notifications"]["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| &d["channel"])
        .collect();
    assert_eq!(channels, [&json!("chat"), &json!("mail")]);
}

#[test]
fn pushes_without_a_tag_and_other_events_are_told_apart() {
    let ran = explain(&push("prod/app", None), None, &[]).expect(0);
    assert!(
        ran.stdout
            .contains("the push has no tag, so there is none to check"),
        "{}",
        ran.stdout
    );
    let deleted = push("prod/app", Some("v1.0.0")).replace("PUSH", "DELETE");
    let ran = explain(&deleted, None, &["--format", "json"]).expect(0);
    let functions = &ran.json()["functions"];
    assert_eq!(
        functions["tag-guard"]["nothing"],
        "it only handles successful pushes of images"
    );
    assert_eq!(
        functions["replicator"]["nothing"],
        "it only handles successful pushes"
    );
}

#[test]
fn an_event_of_ecr_steward_is_explained_as_the_notifier_sees_it() {
    let own = event(
        "ecr-steward",
        "Image Replicated",
        json!({
            "repository": "prod/app", "tag": "v1.2.3", "digest": A, "rule": "disaster-recovery",
            "severity": "info", "mode": "enforce", "violations": [], "cause": "c",
            "actions": [{"action": "copy", "outcome": "done"}], "explain": "copied",
            "dedupe_key": "k",
        }),
    );
    let ran = explain(&own, Some("tags: {}"), &[]).expect(0);
    assert!(
        ran.stdout.ends_with("notifier\n  to chat (slack)\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr.contains("warning: --facts is not needed"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_cannot_be_explained_is_refused_with_its_place() {
    let broken = push("prod/app", Some("v1")).replace("sha256:aa", "sha256:zz");
    let ran = explain(&broken, None, &["--format", "json"]).expect(4);
    assert_eq!(
        ran.json()["error"]["details"]["error_type"],
        "event_malformed"
    );
    assert!(ran.stderr.contains("detail.image-digest"), "{}", ran.stderr);

    let ran = explain(&event("aws.ecr", "ECR Image Dance", json!({})), None, &[]).expect(4);
    assert!(ran.stderr.contains("ECR Image Dance"), "{}", ran.stderr);

    let ran = explain(&push("prod/app", Some("v1")), Some("tag: {}"), &[]).expect(4);
    assert!(
        ran.stderr
            .contains("facts.yaml does not say what the registry says"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("aws ecr list-images"), "{}", ran.stderr);
}

#[test]
fn the_event_can_come_from_a_pipe() {
    let folder = Folder::new();
    folder.write("policy.yaml", POLICY);
    let ran = run(steward(folder.path())
        .args(["explain", "--policy", "policy.yaml", "--event", "-"])
        .write_stdin(push("prod/app", Some("v1.2.3"))))
    .expect(0);
    assert!(ran.stdout.contains("prod/app:v1.2.3"), "{}", ran.stdout);
}
