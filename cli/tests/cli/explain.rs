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
    insta::assert_snapshot!(ran.stdout, @r#"
    event   ECR Image Action, PUSH SUCCESS (aws.ecr, account 111122223333, eu-west-1, 2026-08-01T10:00:00Z)
    image   prod/app:feature-x sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    policy  policy.yaml, mode enforce
    facts   the event is taken at its word; the functions ask the registry (see --facts)

    tag-guard
      violated  releases-only (enforce): feature-x matches nothing that the rule allows
                 accepted: a semantic version; for example `v1.2.3`
      kept      no-wip (observe): nothing in the rule denies feature-x
      other     team-tags: does not speak about prod/app
      plan:
        1. quarantine: copy the image to quarantine/prod/app as feature-x-aaaaaaaaaaaa and feature-x, verify it there, then remove the tag feature-x
        2. notify: tell people
      tells: Image Quarantined (high)
        "prod/app:feature-x violates releases-only: feature-x matches nothing that the rule allows. The image is in quarantine/prod/app now and the tag is gone from prod/app."
        to chat (slack), mail (sns)

    replicator
      passes    disaster-recovery (enforce): the rule's tags do not include feature-x
      plan: nothing to do

    notifier
      nothing to do: it only handles the events that ecr-steward sends
    "#);
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_release_is_copied() {
    let ran = explain(&push("prod/app", Some("v1.2.3")), None, &[]).expect(0);
    insta::assert_snapshot!(ran.stdout, @r#"
    event   ECR Image Action, PUSH SUCCESS (aws.ecr, account 111122223333, eu-west-1, 2026-08-01T10:00:00Z)
    image   prod/app:v1.2.3 sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    policy  policy.yaml, mode enforce
    facts   the event is taken at its word; the functions ask the registry (see --facts)

    tag-guard
      kept      releases-only (enforce): v1.2.3 is a semantic version
      kept      no-wip (observe): nothing in the rule denies v1.2.3
      other     team-tags: does not speak about prod/app
      plan: nothing to do

    replicator
      selects   disaster-recovery (enforce): the rule's tags include v1.2.3
      plan:
        1. copy: to 444455556666.dkr.ecr.eu-central-1.amazonaws.com/dr/prod/app:v1.2.3 with its referrers (rule disaster-recovery)
      tells: Image Replicated (info)
        "prod/app:v1.2.3 was copied to 444455556666.dkr.ecr.eu-central-1.amazonaws.com/dr/prod/app:v1.2.3 with the same digest."
        to chat (slack)

    notifier
      nothing to do: it only handles the events that ecr-steward sends
    "#);
}

#[test]
fn what_observe_mode_would_do_is_marked() {
    let ran = explain(&push("batch/app", Some("wip-1")), None, &[]).expect(0);
    insta::assert_snapshot!(ran.stdout, @r#"
    event   ECR Image Action, PUSH SUCCESS (aws.ecr, account 111122223333, eu-west-1, 2026-08-01T10:00:00Z)
    image   batch/app:wip-1 sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    policy  policy.yaml, mode enforce
    facts   the event is taken at its word; the functions ask the registry (see --facts)

    tag-guard
      violated  no-wip (observe): the rule denies wip-1: it is a tag that begins with `wip-`
      other     releases-only: does not speak about batch/app
      other     team-tags: does not speak about batch/app
      plan:
        1. would untag: keep the image under the tag untagged-aaaaaaaaaaaa, then remove the tag wip-1
      tells: Tag Rule Violated (medium)
        "batch/app:wip-1 violates no-wip: the rule denies wip-1: it is a tag that begins with `wip-`. The tag would be removed."
        to nobody: no violated rule asks for notify

    replicator
      other     disaster-recovery: does not speak about batch/app
      plan: nothing to do

    notifier
      nothing to do: it only handles the events that ecr-steward sends
    "#);
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
    let facts = tag_guard::plan::said_by(&event, event.envelope.time).unwrap();
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
            .contains("the event names no tag, so there is none to check"),
        "{}",
        ran.stdout
    );
    let deleted = push("prod/app", Some("v1.0.0")).replace("PUSH", "DELETE");
    let ran = explain(&deleted, None, &["--format", "json"]).expect(0);
    let functions = &ran.json()["functions"];
    assert_eq!(functions["tag-guard"]["plan"]["skipped"]["reason"], "gone");
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

#[test]
fn facts_may_say_more_than_tags() {
    let facts = format!(
        "tags: {{ v1.2.3: '{A}', latest: '{A}' }}\nprevious: {B}\n\
         resource_tags: {{ owner: payments }}\npusher: arn:aws:iam::111122223333:user/ada\n\
         image: {{ user: app, size: 10MiB, layers: 2 }}\n"
    );
    let event = push("prod/app", Some("v1.2.3"));
    let ran = explain(&event, Some(&facts), &[]).expect(0);
    for part in [
        "tags      latest, v1.2.3",
        "image, 2 layers with 10.00 MiB",
        "user      app",
        &format!("before    the tag was on {B}"),
        "resource  owner=payments",
        "owner: payments",
        "pushed by: arn:aws:iam::111122223333:user/ada",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    let document = explain(&event, Some(&facts), &["--format", "json"])
        .expect(0)
        .json();
    assert_eq!(document["facts_used"]["previous"], B);
    assert_eq!(document["facts_used"]["siblings"]["latest"], A);
}

#[test]
fn a_moved_release_is_put_back_and_looked_at_again() {
    let folder = Folder::new();
    folder.write(
        "policy.yaml",
        r#"version: 1
mode: enforce
tag_rules:
  - name: releases-never-move
    repositories: ["prod/**"]
    immutable: [semver]
    on_violation: [restore, notify]
  - name: floating
    repositories: ["prod/**"]
    derive: { from: semver, tags: ["{major}", latest] }
  - name: signed
    repositories: ["prod/**"]
    image: { signed: { within: 15m } }
    on_violation: [notify]
  - name: never-root
    repositories: ["prod/**"]
    when: 'image.user == ""'
    on_violation: [notify]
"#,
    );
    folder.write("event.json", &push("prod/app", Some("v1.4.2")));
    let explain = |facts: String| {
        folder.write("facts.yaml", &facts);
        let args = [
            "explain",
            "--policy",
            "policy.yaml",
            "--event",
            "event.json",
        ];
        run(steward(folder.path()).args(args).args([
            "--facts",
            "facts.yaml",
            "--now",
            "2026-08-01T10:05:00Z",
        ]))
        .expect(0)
        .stdout
    };
    let moved = explain(format!(
        "tags: {{ v1.4.2: '{A}' }}\nprevious: {B}\nresource_tags: {{ owner: payments }}\n\
         image: {{ user: app, referrers: [] }}\n"
    ));
    for part in [
        "violated  releases-never-move (enforce)",
        &format!("restore: put the tag v1.4.2 back on {B}"),
        "looks again at 2026-08-01T10:15:00Z",
        "owner: payments",
    ] {
        assert!(moved.contains(part), "{part}: {moved}");
    }
    let fine = explain(format!(
        "tags: {{ v1.4.2: '{A}', latest: '{B}' }}\nprevious: {A}\n"
    ));
    for part in [
        "kept      releases-never-move (enforce)",
        "unknown   never-root (enforce)",
        &format!("derive: point the tag latest to the image of v1.4.2 ({A})"),
        "derive: point the tag 1 to",
    ] {
        assert!(fine.contains(part), "{part}: {fine}");
    }
}
