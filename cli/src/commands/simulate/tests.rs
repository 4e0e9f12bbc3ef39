use jiff::Timestamp;
use serde_json::{Value, json};
use steward_core::policy::Policy;

use super::tally::Tally;
use super::{html, human};
use crate::inventory::Reader;

const POLICY: &str = r#"version: 1
mode: enforce
repositories: { include: ["prod/**", "team/**"] }
tag_rules:
  - name: releases-only
    repositories: ["prod/**"]
    allow: [semver, latest, "/[0-9]+(\\.[0-9]+)?/"]
    on_violation: [notify, untag]
    severity: high
  - name: no-wip
    repositories: ["**"]
    deny: ["wip-*"]
    on_violation: [notify]
    mode: observe
  - name: floating
    repositories: ["prod/**"]
    derive: { from: semver, tags: ["{major}.{minor}", "{major}", latest] }
  - name: labelled
    repositories: ["team/**"]
    image: { labels: { required: [org.opencontainers.image.source] } }
    on_violation: [notify]
  - name: nowhere
    repositories: ["team/nobody/**"]
    deny: ["*"]
    on_violation: [notify]
"#;

fn digest(number: usize) -> String {
    format!("sha256:{number:064x}")
}

fn line(repository: &str, number: usize, tags: &[&str]) -> String {
    json!({ "repository": repository, "digest": digest(number), "tags": tags }).to_string() + "\n"
}

fn report(inventory: &str) -> super::report::Report {
    let policy = Policy::parse(POLICY, "policy.yaml").unwrap();
    let now: Timestamp = "2026-08-01T10:00:00Z".parse().unwrap();
    let mut tally = Tally::new(&policy, now);
    let mut reader = Reader::new(inventory.as_bytes());
    while let Some(entry) = reader.read() {
        tally.add(entry.unwrap());
    }
    tally.finish("policy.yaml".into(), "inventory.jsonl".into())
}

fn small() -> String {
    [
        line("prod/app", 1, &["1.4.2", "latest"]),
        line("prod/app", 2, &["1.3.9", "1.3", "1.4", "1"]),
        line("prod/app", 3, &["feature-x", "wip-1"]),
        line("prod/app", 4, &[]),
        line("team/api", 5, &["main"]),
        line(
            "team/api",
            6,
            &["sha256-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
        ),
        line("cache/alpine", 7, &["3.22"]),
    ]
    .concat()
}

#[test]
fn everything_is_counted_once() {
    let report = serde_json::to_value(report(&small())).unwrap();
    assert_eq!(
        report["totals"],
        json!({
            "repositories": 3, "images": 7, "untagged_images": 1, "tags": 11,
            "violating_tags": 2, "derived_tags": 2,
        })
    );
    assert_eq!(
        report["skipped"],
        json!({ "ignored tag": 1, "out of scope": 1 })
    );
    let rule = |name: &str| -> Value {
        let rules = report["rules"].as_array().unwrap();
        rules.iter().find(|r| r["rule"] == name).unwrap().clone()
    };
    let releases = rule("releases-only");
    assert_eq!(releases["violated"], 2);
    assert_eq!(releases["looked_at"], 8);
    assert_eq!(releases["repositories"], 1);
    assert_eq!(releases["examples"][0]["tag"], "feature-x");
    assert_eq!(rule("no-wip")["violated"], 1);
    assert_eq!(rule("no-wip")["mode"], "observe");
    assert_eq!(rule("nowhere")["looked_at"], 0);
    // Nothing was read of the image, so there is no answer.
    assert_eq!(rule("labelled")["undecided"], 1);
    assert_eq!(rule("labelled")["undecided_example"]["tag"], "main");
    // `1.4` and `1` are on the image of 1.3.9 and belong to 1.4.2.
    assert_eq!(
        report["actions"],
        json!([
            { "action": "untag", "enforced": 2, "observed": 0, "blocked": 0 },
            { "action": "derive", "enforced": 2, "observed": 0, "blocked": 0 },
            { "action": "notify", "enforced": 2, "observed": 0, "blocked": 0 },
        ])
    );
    assert_eq!(
        report["repositories"],
        json!([{
            "repository": "prod/app", "images": 4, "tags": 8, "violating_tags": 2,
            "derived_tags": 2, "rules": { "no-wip": 1, "releases-only": 2 },
        }])
    );
}

#[test]
fn the_order_of_the_lines_does_not_matter() {
    let mut lines: Vec<String> = small().lines().map(|line| format!("{line}\n")).collect();
    lines.reverse();
    let (there, back) = (report(&small()), report(&lines.concat()));
    assert_eq!(
        serde_json::to_value(&there.repositories).unwrap(),
        serde_json::to_value(&back.repositories).unwrap()
    );
    assert_eq!(
        serde_json::to_value(&there.actions).unwrap(),
        serde_json::to_value(&back.actions).unwrap()
    );
}

#[test]
fn examples_are_few_however_many_violations_there_are() {
    let tags: Vec<String> = (0..5000).map(|n| format!("wip-{n}")).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let mut inventory = line("prod/app", 1, &tags);
    for number in 0..20 {
        inventory += &line(&format!("prod/app{number}"), number + 2, &["wip-1"]);
    }
    let report = report(&inventory);
    let releases = &report.rules[0];
    assert_eq!(releases.violated, 5020);
    assert_eq!(releases.repositories, 21);
    assert_eq!(releases.examples.len(), 5);
    // The first repository does not take all places.
    let places: std::collections::BTreeSet<&str> = releases
        .examples
        .iter()
        .map(|example| example.repository.as_str())
        .collect();
    assert!(places.len() >= 4, "{places:?}");
}

#[test]
fn an_empty_registry_violates_nothing() {
    let empty = report("");
    let text = human::render(&empty);
    assert!(text.contains("0 tags of 0 images"), "{text}");
    assert!(text.contains("nothing is violated anywhere"), "{text}");
    assert!(html::render(&empty).contains("Nothing is violated anywhere."));
}

#[test]
fn the_summary_says_what_matters_first() {
    let text = human::render(&report(&small()));
    let text = anstream::adapter::strip_str(&text).to_string();
    insta::assert_snapshot!(text, @r"
    policy   policy.yaml, mode enforce
    images   inventory.jsonl
             11 tags of 7 images in 3 repositories
             1 image without a tag, which no rule looks at
    left out tags: 1 ignored tag, 1 out of scope

    by rule
      releases-only  enforce high      2 violated of 8, in 1 repository
          prod/app:feature-x  feature-x matches nothing that the rule allows (accepted: a semantic version, `latest` or a tag that…
          prod/app:wip-1  wip-1 matches nothing that the rule allows (accepted: a semantic version, `latest` or a tag that mat…
      no-wip         observe medium    1 violated of 9, in 1 repository
          prod/app:wip-1  the rule denies wip-1: it is a tag that begins with `wip-`
      floating       enforce medium    none violated of 8
      labelled       enforce medium    none violated of 1
          no answer for 1 tag, such as team/api:main  not known: the manifest
      nowhere        enforce medium    never looked at

    actions
      untag       2 tags
      derive      2 tags
      notify      2 tags

    by repository
      prod/app       2 of 8       no-wip 1, releases-only 2, derived tags 2
    ");
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_keeps_text_text() {
    let report = report(&small());
    let hostile = super::report::Report {
        policy: "<script>alert(1)</script>".into(),
        ..report
    };
    let page = html::render(&hostile);
    assert!(page.starts_with("<!doctype html>"));
    assert!(!page.contains("<script"), "{page}");
    for elsewhere in ["http://", "https://", "src=", "url(", "@import"] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
    assert!(page.contains("feature-x"));
}
