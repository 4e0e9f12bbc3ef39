use steward_core::facts::ImageKind;

use super::*;

const POLICY: &str = r#"version: 1
mode: enforce
tag_rules:
  - name: releases-only
    repositories: ["prod/**"]
    allow: [semver]
    on_violation: [notify, quarantine]
"#;

fn policy() -> Policy {
    Policy::parse(POLICY, "policy.yaml").unwrap()
}

/// What is said about a file of cases.
fn told(text: &str) -> String {
    let checked = CaseFile::parse(text, "cases.yaml")
        .and_then(|file| file.check(&policy(), "cases.yaml").map(|()| file));
    match checked {
        Ok(file) => format!("{} cases", file.cases.len()),
        Err(error) => error.to_string(),
    }
}

fn facts(text: &str) -> Facts {
    let text = format!("cases:\n  - name: one\n    expect: {{}}\n    facts: {text}\n");
    let file = CaseFile::parse(&text, "cases.yaml").unwrap();
    let now = "2026-08-01T10:00:00Z".parse().unwrap();
    let (facts, _) = file.facts_of(&file.cases[0], now).unwrap();
    facts
}

#[test]
fn mistakes_of_form_are_named_with_their_place() {
    for (text, expected) in [
        (
            "cases:\n  - name: a\n    expects: {}\n",
            "cases.yaml:3:5: unknown field `expects`",
        ),
        (
            "cases:\n  - name: a\n    expect: {}\n    facts: { repositry: prod/app }\n",
            "cases.yaml:4:14: unknown field `repositry`",
        ),
        (
            "cases:\n  - name: a\n    expect: {}\n    facts: { image: { size: 12XB } }\n",
            "cases.yaml:4:29: `12XB` is no size",
        ),
        (
            "cases:\n  - name: a\n    expect: {}\n    facts: { pushed: yesterday }\n",
            "cases.yaml:4:22: `yesterday` is no moment",
        ),
        ("cases: [", "cases.yaml:"),
        ("facts: {}\n", "cases.yaml:"),
    ] {
        let told = told(text);
        assert!(told.starts_with(expected), "{text}: {told}");
        assert!(
            !told.contains(" at line "),
            "the place is said once: {told}"
        );
    }
}

#[test]
fn mistakes_of_meaning_are_told_all_at_once() {
    let text = "facts: { repository: prod/app, tag: v1 }\n\
        cases:\n  \
        - name: a\n    expect: { violations: [release-only], actions: [shout] }\n  \
        - name: a\n    expect: {}\n";
    assert_eq!(
        told(text),
        "cases.yaml:4:28: the policy has no tag rule `release-only` (expected one of `releases-only`)\n\
         cases.yaml:4:53: `shout` is no action (expected one of tag, restore, quarantine, archive, \
         untag, delete, notify, derive)\n\
         cases.yaml:5:11: a second case is named \"a\""
    );
    assert_eq!(
        told("cases:\n  - name: a\n    expect: {}\n    facts: { tag: v1 }\n"),
        "cases.yaml:2:11: the case \"a\" says no `repository`"
    );
}

#[test]
fn facts_of_the_file_hold_for_every_case_field_by_field() {
    let text = r#"
facts:
  repository: prod/app
  resource_tags: { owner: payments }
  image: { user: app, labels: { a: "1" } }
cases:
  - name: one
    facts: { tag: v1, image: { labels: { b: 2 } } }
    expect: {}
  - name: two
    facts: { tag: v2, repository: prod/other, digest: shared }
    expect: { violations: [] }
"#;
    let file = CaseFile::parse(text, "cases.yaml").unwrap();
    let now = Timestamp::UNIX_EPOCH;
    let (one, _) = file.facts_of(&file.cases[0], now).unwrap();
    let config = one.image.as_ref().unwrap().config.clone().unwrap();
    assert_eq!(one.repository.as_str(), "prod/app");
    assert_eq!(config.user, "app");
    assert_eq!(config.labels, [("b".to_owned(), "2".to_owned())].into());
    assert_eq!(one.owner(), Some("payments"));
    let (two, names) = file.facts_of(&file.cases[1], now).unwrap();
    assert_eq!(two.repository.as_str(), "prod/other");
    assert_eq!(names.name_of(two.digest().unwrap()), "shared");
    assert_ne!(one.digest(), two.digest());
}

#[test]
fn an_image_is_known_as_far_as_it_is_told() {
    let bare = facts("{ repository: prod/app, tag: v1, tags: [latest] }");
    let image = bare.image.unwrap();
    assert_eq!(image.kind, None);
    assert_eq!(image.config, None);
    assert_eq!(image.tags.len(), 2);
    assert_eq!(image.pushed_at, Some(bare.event.now));

    let told = facts(
        "{ repository: prod/app, tag: v1, pushed: 20m ago, image: { size: 10MiB, layers: 3, \
         created: 2d ago, platforms: [linux/amd64], exposed_ports: [8080], referrers: [signature] } }",
    );
    let image = told.image.unwrap();
    assert_eq!(image.kind, Some(ImageKind::Image));
    let layers = image.layers.unwrap();
    assert_eq!(layers.len(), 3);
    assert_eq!(layers.iter().map(|l| l.size).sum::<u64>(), 10 << 20);
    let config = image.config.unwrap();
    assert_eq!(config.exposed_ports, ["8080"]);
    assert_eq!(config.created.unwrap().to_string(), "2026-07-30T10:00:00Z");
    assert_eq!(told.event.time.to_string(), "2026-08-01T09:40:00Z");
    assert_eq!(image.referrers.unwrap().len(), 1);
}

#[test]
fn several_platforms_make_an_index_and_images_one_of_different_ones() {
    let index = facts(
        "{ repository: prod/app, tag: v1, image: { platforms: [linux/amd64, linux/arm64], \
         user: app, size: 5MB } }",
    );
    let children = index.image.unwrap().children.unwrap();
    let platforms: Vec<String> = children
        .iter()
        .map(|child| child.platform.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    assert!(
        children
            .iter()
            .all(|c| c.config.as_ref().unwrap().user == "app")
    );
    assert_ne!(
        children[0].layers.as_ref().unwrap()[0].digest,
        children[1].layers.as_ref().unwrap()[0].digest
    );

    let index = facts(
        "{ repository: prod/app, tag: v1, image: { images: [{ platforms: [linux/amd64], user: a }, \
         { platforms: [linux/arm64] }] } }",
    );
    let image = index.image.unwrap();
    assert_eq!(image.kind, Some(ImageKind::Index));
    let users: Vec<String> = image
        .children
        .unwrap()
        .into_iter()
        .map(|child| child.config.unwrap().user)
        .collect();
    assert_eq!(users, ["a", ""]);
}

#[test]
fn a_deleted_tag_is_gone_unless_it_was_pushed_again() {
    let gone = facts("{ repository: prod/app, tag: v1, event: deleted, previous: old }");
    assert_eq!(gone.image, None);
    assert!(gone.previous.is_some());
    let again =
        facts("{ repository: prod/app, tag: v1, event: deleted, previous: old, digest: old }");
    assert_eq!(again.digest(), again.previous.as_ref());
}

#[test]
fn siblings_have_the_tag_in_question_among_them() {
    let facts = facts("{ repository: prod/app, tag: 1.4.2, siblings: { 1.4.1: old } }");
    let siblings = facts.siblings.clone().unwrap();
    assert_eq!(siblings.len(), 2);
    assert_eq!(siblings.get(&"1.4.2".parse().unwrap()), facts.digest());
}

#[test]
fn who_pushed_is_an_arn_or_more() {
    let arn = "arn:aws:iam::111122223333:user/ada";
    let short = facts(&format!(
        "{{ repository: prod/app, tag: v1, pusher: \"{arn}\" }}"
    ));
    let long = facts(&format!(
        "{{ repository: prod/app, tag: v1, pusher: {{ arn: \"{arn}\", source_ip: 192.0.2.7 }} }}"
    ));
    assert_eq!(short.pusher.unwrap().arn, arn);
    assert_eq!(long.pusher.unwrap().source_ip.as_deref(), Some("192.0.2.7"));
}
