//! `steward test`.

use crate::files::{Folder, POLICY};
use crate::steward::{Ran, run, steward};

fn test(cases: &str, extra: &[&str]) -> Ran {
    let folder = Folder::new();
    folder.write("policy.yaml", POLICY);
    folder.write("cases.yaml", cases);
    run(steward(folder.path())
        .args(["test", "policy.yaml", "cases.yaml"])
        .args(extra))
}

const GOOD: &str = r#"
facts: { repository: prod/app }
cases:
  - name: a release stays
    facts: { tag: v1.2.3 }
    expect: { violations: [], actions: [] }
  - name: a branch does not
    facts: { tag: feature-x }
    expect:
      violations: [releases-only]
      actions: [notify, quarantine]
      message: "*matches nothing*"
      severity: high
      mode: enforce
"#;

#[test]
fn cases_that_hold_are_told_in_a_line_each() {
    let ran = test(GOOD, &[]).expect(0);
    insta::assert_snapshot!(ran.stdout, @r"
    cases.yaml
      ok      a release stays
      ok      a branch does not
    2 cases: all passed
    no case violates: no-wip, team-tags
    ");
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_case_that_does_not_hold_says_what_was_found_and_why() {
    let cases = r#"
facts: { repository: prod/app }
cases:
  - name: branches are fine
    facts: { tag: feature-x }
    expect: { actions: [notify], message: "*never*", mode: observe, skipped: true }
"#;
    let ran = test(cases, &[]).expect(8);
    insta::assert_snapshot!(ran.stdout, @r"
    cases.yaml
      FAILED  branches are fine (cases.yaml:4)
              violations  expected none
                          found    releases-only
              actions     expected notify
                          found    notify, quarantine
              mode        expected observe
                          found    enforce
              skipped     expected no rule is looked at
                          found    the rules are looked at
              message     expected *never*
                          found    feature-x matches nothing that the rule allows
              violated  releases-only (enforce): feature-x matches nothing that the rule allows
              kept      no-wip (observe): nothing in the rule denies feature-x
    1 case: 0 passed, 1 failed
    no case violates: no-wip, team-tags
    ");
    let document = test(cases, &["--format", "json"]).expect(8).json();
    assert_eq!(document["passed"], 0);
    assert_eq!(document["failed"], 1);
    let case = &document["files"][0]["cases"][0];
    assert_eq!(case["line"], 4);
    assert_eq!(case["mismatches"][0]["what"], "violations");
    assert_eq!(case["mismatches"][0]["expected"], "none");
    assert_eq!(case["mismatches"][0]["found"], "releases-only");
    assert_eq!(case["plan"]["violations"][0]["rule"], "releases-only");
}

#[test]
fn a_case_that_no_rule_looks_at_says_so() {
    let ran = test(
        "cases:\n  - name: typo\n    facts: { repository: porduction/app, tag: v1 }\n    expect: {}\n\
         \x20 - name: other\n    facts: { repository: quarantine/prod/app, tag: v1 }\n    expect: {}\n",
        &[],
    )
    .expect(0);
    assert!(ran.stdout.contains("note"), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("no rule was looked at: quarantine/prod/app"),
        "{}",
        ran.stdout
    );
}

#[test]
fn cases_with_mistakes_are_refused_with_their_places() {
    let cases = GOOD.replace("violations: [releases-only]", "violations: [release-only]");
    let ran = test(&cases, &["--format", "json"]).expect(4);
    let error = &ran.json()["error"];
    assert_eq!(error["details"]["mistakes"][0]["line"], 10);
    assert!(
        ran.stderr
            .contains("cases.yaml:10:20: the policy has no tag rule `release-only`"),
        "{}",
        ran.stderr
    );
    let ran = test("cases:\n  - name: a\n    expcet: {}\n", &[]).expect(4);
    assert!(
        ran.stderr
            .contains("cases.yaml:3:5: unknown field `expcet`"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("steward schema cases"),
        "{}",
        ran.stderr
    );
    test("cases: []\n", &[]).expect(4);
}

#[test]
fn facts_that_cannot_be_are_refused_with_their_places() {
    let case = |facts: &str, expect: &str| {
        let text = format!(
            "cases:\n  - name: a\n    facts: {{ repository: prod/app, tag: v1.2.3, {facts} }}\n    expect: {{ {expect} }}\n"
        );
        test(&text, &[])
    };
    for (facts, expect, said) in [
        (
            "pusher: ci",
            "",
            "cases.yaml:3:57: `ci` is nobody who can push",
        ),
        (
            "pusher: { arn: \"arn:aws:iam::1:user/x\" }",
            "",
            "is nobody who can push",
        ),
        (
            "image: { exposed_ports: [web] }",
            "",
            "cases.yaml:3:74: `web` is no port",
        ),
        (
            "image: { exposed_ports: [0/tcp, 9-8] }",
            "",
            "`0/tcp` is no port",
        ),
        (
            "image: { exposed_ports: [70000] }",
            "",
            "`70000` is no port",
        ),
        (
            "event: pushed",
            "undecided: [release-only]",
            "cases.yaml:4:27: the policy has no tag rule `release-only`",
        ),
    ] {
        let ran = case(facts, expect).expect(4);
        assert!(ran.stderr.contains(said), "{facts}: {}", ran.stderr);
    }
    for facts in [
        "pusher: ecr.amazonaws.com",
        "pusher: \"arn:aws-cn:sts::111122223333:assumed-role/ci/build\"",
        "image: { exposed_ports: [8080, 53/udp, 8000-8010/tcp] }",
    ] {
        case(facts, "undecided: []").expect(0);
    }
}

#[test]
fn other_failures_have_their_own_codes() {
    let folder = Folder::new();
    folder.write("policy.yaml", "version: 1\nmode: enforced\n");
    folder.write("cases.yaml", GOOD);
    run(steward(folder.path()).args(["test", "policy.yaml", "cases.yaml"])).expect(3);
    run(steward(folder.path()).args(["test", "policy.yaml"])).expect(2);
    folder.write("policy.yaml", POLICY);
    run(steward(folder.path()).args(["test", "policy.yaml", "nowhere.yaml"])).expect(7);
    run(steward(folder.path()).args(["test", "-", "-"])).expect(2);
}

#[test]
fn the_example_policies_keep_their_cases() {
    let infra = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../infra"));
    let mut tested = 0;
    for entry in std::fs::read_dir(infra).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".cases.yaml") else {
            continue;
        };
        let ran = run(steward(infra).args(["test", &format!("{stem}.yaml"), &name]));
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        assert!(
            !ran.stdout.contains("no case violates"),
            "every rule has a case: {}",
            ran.stdout
        );
        tested += 1;
    }
    assert!(tested >= 1);
}

#[test]
fn the_documented_cases_are_cases() {
    let page = include_str!("../../../docs/CLI.md");
    let (_, section) = page.split_once("## `steward test`").unwrap();
    let (_, example) = section.split_once("```yaml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let infra = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../infra"));
    let ran = run(steward(infra)
        .args(["test", "policy.example.yaml", "-"])
        .write_stdin(example))
    .expect(0);
    assert!(ran.stdout.contains("2 cases: all passed"), "{}", ran.stdout);
}

#[test]
fn every_field_of_a_case_is_documented() {
    let page = include_str!("../../../docs/CLI.md");
    let folder = Folder::new();
    let schema = run(steward(folder.path()).args(["schema", "cases"]))
        .expect(0)
        .json();
    for (of, prefix) in [("facts", ""), ("image", "image."), ("expect", "")] {
        for field in schema["$defs"][of]["properties"]
            .as_object()
            .unwrap()
            .keys()
        {
            let name = format!("`{prefix}{field}`");
            assert!(page.contains(&name), "{name} is not documented");
        }
    }
}
