use std::time::Duration;

use super::super::super::{ActionKind, ImageRule, IndexScope, Policy, PolicyErrorKind, TagRule};

/// A rule with some lines in it, after its name and repositories.
fn text(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!("version: 1\ntag_rules:\n  - name: r\n    repositories: [\"prod/**\"]\n{lines}")
}

fn rule(lines: &str) -> TagRule {
    let policy = Policy::parse(&text(lines), "p").unwrap_or_else(|errors| panic!("{errors}"));
    policy.tag_rules.into_iter().next().unwrap()
}

/// The mistakes, without the name of the file.
fn mistakes(lines: &str) -> String {
    let errors = Policy::parse(&text(lines), "p").expect_err(lines);
    errors
        .to_string()
        .replace("p:", "")
        .replace("tag_rules[0].", "")
}

#[test]
fn every_field_is_read() {
    let rule = rule(
        r#"tags: { allow: [semver], deny: ["0.*"] }
allow: [semver]
deny: ["1.0.0"]
immutable: [semver]
protected: [semver]
companion: { floating: [semver], requires: [git] }
derive: { from: semver, tags: ["v{major}.{minor}", latest-release] }
image: { max_size: 2GiB }
on_violation: [notify, delete, untag, archive, quarantine, restore, tag]
mark: "rejected-{short_digest}"
delete_after: 30d
exempt:
  - { repositories: ["prod/batch"], tags: ["1.*"], until: 2027-01-31, reason: " why " }
  - { until: "2026-12-01", reason: other }
mode: enforce
severity: critical
message: Ask the platform team."#,
    );
    let tag = |text: &str| text.parse().unwrap();
    assert!(rule.speaks_of(&tag("1.2.3")) && !rule.speaks_of(&tag("0.2.3")));
    assert!(rule.immutable.contains(&tag("1.2.3")) && rule.protected.contains(&tag("1.2.3")));
    assert!(rule.companion.is_some() && rule.image.is_some());
    // In the order of execution, which is that of their declaration.
    assert_eq!(rule.on_violation, ActionKind::ALL);
    assert_eq!(
        rule.mark.as_ref().unwrap().as_str(),
        "rejected-{short_digest}"
    );
    assert_eq!(rule.delete_after, Some(Duration::from_secs(30 * 86_400)));
    let derive = rule.derive.as_ref().unwrap();
    assert!(derive.is_source(&tag("1.2.3")) && !derive.is_source(&tag("1.2.3-rc.1")));
    let [first, second] = rule.exempt.as_slice() else {
        panic!("{:?}", rule.exempt)
    };
    assert_eq!(
        (first.until.to_string(), &*first.reason),
        ("2027-01-31".to_owned(), " why")
    );
    assert!(second.covers(&"prod/any".parse().unwrap(), &tag("any")));
    assert!(!first.covers(&"prod/any".parse().unwrap(), &tag("1.2.3")));
}

#[test]
fn every_demand_on_an_image_is_read() {
    let image = |lines: &str| rule(&format!("image:\n{lines}")).image.unwrap();
    let full = image(
        r#"  labels: { required: [a, b], match: { c: "/x+/" } }
  annotations: { match: { d: "e*" } }
  platforms: [linux/amd64, linux/arm64/v8]
  max_size: 1.5GB
  user: non-root
  created_within: 90d
  base_images: ["registry.example.com/base/*"]
  media_types: ["application/vnd.oci.*"]
  foreign_layers: deny
  max_layers: 40
  exposed_ports: [8080]
  signed: { within: 15m }
  sbom: { within: 1h }
  provenance: { within: 2h }
  referrers:
    - { artifact_type: text/a, within: 1d }
    - { artifact_type: [text/b, "text/c*"], within: 7d }
  index: any"#,
    );
    assert_eq!(full.labels.required, ["a", "b"]);
    assert!(full.labels.matching[0].1.matches("xx") && full.annotations.matching.len() == 1);
    assert_eq!(full.platforms.len(), 2);
    assert_eq!(full.max_size, Some(1_500_000_000));
    assert!(full.non_root && full.no_foreign_layers);
    assert_eq!(full.created_within, Some(Duration::from_secs(90 * 86_400)));
    assert_eq!(
        (full.max_layers, full.exposed_ports),
        (Some(40), Some(vec![8080]))
    );
    let referrers: Vec<(&str, u64)> = full
        .referrers
        .iter()
        .map(|required| (&*required.what, required.within.as_secs()))
        .collect();
    assert_eq!(
        referrers,
        [
            ("signature", 900),
            ("SBOM", 3600),
            ("provenance", 7200),
            ("`text/a`", 86_400),
            ("`text/b` or `text/c*`", 604_800),
        ]
    );
    assert_eq!(full.index, IndexScope::Any);
    assert_eq!(image("  max_size: 12").max_size, Some(12));
    assert_eq!(image("  exposed_ports: []").exposed_ports, Some(Vec::new()));
    let unset = ImageRule {
        non_root: true,
        ..ImageRule::default()
    };
    assert_eq!(image("  user: non-root"), unset);
}

#[test]
fn actions_that_miss_what_they_need_are_refused() {
    insta::assert_snapshot!(mistakes("allow: [semver]\non_violation: [tag]"), @"6:19: on_violation: the action `tag` needs the field `mark` (expected `mark` beside it, such as `rejected-{short_digest}`)");
    insta::assert_snapshot!(mistakes("allow: [semver]\non_violation: [delete]"), @"6:19: on_violation: the action `delete` needs the field `delete_after` (expected `delete_after` beside it: the age from which an image may be deleted, such as `30d`)");
    insta::assert_snapshot!(mistakes("allow: [semver]\non_violation: [restore]"), @"6:19: on_violation: only a tag that moved or was deleted can be restored (expected `immutable` or `protected` in the rule, or another action)");
    insta::assert_snapshot!(mistakes("allow: [semver]\ndelete_after: 23h\nmark: rejected"), @r##"
    6:19: delete_after: `23h` is too short (expected a whole number with `s`, `m`, `h` or `d`, from `1d` to `3650d`)
    6:19: delete_after: is only for the action `delete`, which the rule has not (expected `delete` in `on_violation`, or no `delete_after`)
    7:11: mark: `rejected` has no `{short_digest}`, so the mark would move from one image to the next (expected a tag with `{short_digest}`, such as `rejected-{short_digest}`)
    7:11: mark: is only for the action `tag`, which the rule has not (expected `tag` in `on_violation`, or no `mark`)
    "##);
    insta::assert_snapshot!(mistakes("allow: [semver]\ndelete_after: 30d"), @"6:19: delete_after: is only for the action `delete`, which the rule has not (expected `delete` in `on_violation`, or no `delete_after`)");
    insta::assert_snapshot!(mistakes("protected: [semver]\non_violation: [restore, quarantine]"), @"6:19: on_violation: a tag that was deleted leaves nothing that `quarantine` could act on (expected `restore`, `notify` or both)");
    insta::assert_snapshot!(mistakes("derive: {from: semver, tags: [latest]}\non_violation: [notify]"), @"6:19: on_violation: nothing violates a rule that only derives tags (expected no `on_violation`, or a check beside `derive`)");
    insta::assert_snapshot!(mistakes("on_violation: [notify]"), @"3:5: tag_rules[0]: has no check, so nothing could violate it (expected one or more of `allow`, `deny`, `immutable`, `protected`, `image`, `companion`, `when` or `derive`)");
    // Each of them is enough where it is asked for.
    rule("immutable: [semver]\non_violation: [restore, quarantine]");
    rule("protected: [semver]\non_violation: [restore]");
    rule("derive: {from: semver, tags: [latest]}\nmode: observe");
}

#[test]
fn values_that_mean_nothing_are_refused() {
    insta::assert_snapshot!(mistakes(
        r#"tags: {}
immutable: []
protected: semver
derive: { from: "release-*", tags: ["{major}", "{tag}", latest, latest, "{sha}"] }
companion: { floating: [latest] }
image:
  labels: { required: [a, a], match: {} }
  annotations: {}
  platforms: [linux, linux/amd64, linux/amd64]
  max_size: 2 gigs
  user: nobody
  created_within: 30m
  base_images: [""]
  foreign_layers: allow
  max_layers: 0
  exposed_ports: [0, "80", 70000]
  signed: {}
  sbom: { within: 8d }
  referrers: [{ within: 1h }, { artifact_type: [], within: 0s }]
  index: some
exempt:
  - { until: 2027-02-30, reason: "" }
  - { tags: [a] }
mark: "{tag}""#
    ), @r##"
    5:11: tags: has neither `allow` nor `deny` (expected `allow`, `deny` or both)
    6:16: immutable: the list is empty (expected `semver`, `calver`, `git`, a tag, a glob such as `release-*`, `sha-{git}` or a `/regex/`)
    7:16: protected: found a text (expected a list of `semver`, `calver`, `git`, a tag, a glob such as `release-*`, `sha-{git}` or a `/regex/`)
    8:41: derive.tags[0]: `{major}` asks for a version, which `release-*` has not (expected `semver` or a pattern with `{semver}` in `from`)
    8:52: derive.tags[1]: `{tag}` is the tag that it is derived from (expected a tag with `{major}`, `{minor}`, `{patch}` or `{tag}`, or a plain one such as `latest`)
    8:69: derive.tags[3]: `latest` is there twice
    8:77: derive.tags[4]: `{sha}` has the unknown placeholder `{sha}` (expected a tag with `{major}`, `{minor}`, `{patch}` or `{tag}`, or a plain one such as `latest`)
    9:16: companion.requires: the field `requires` is missing (expected the tags that go with them, such as `[semver]`)
    11:31: image.labels.required[1]: `a` is there twice
    11:42: image.labels.match: the mapping is empty (expected a mapping of names to patterns)
    12:20: image.annotations: has neither `required` nor `match` (expected `required`, `match` or both)
    13:19: image.platforms[0]: `linux` is not a platform (expected `os/architecture` or `os/architecture/variant`, such as `linux/arm64`)
    13:39: image.platforms[2]: `linux/amd64` is there twice
    14:17: image.max_size: `2 gigs` is not a size (expected a size such as `2GiB` or `500MB`, or a number of bytes)
    15:13: image.user: unknown user `nobody` (expected `non-root`)
    16:23: image.created_within: `30m` is too short (expected a whole number with `s`, `m`, `h` or `d`, from `1h` to `3650d`)
    17:21: image.base_images[0]: the text is empty (expected a glob; `*` is any text)
    18:23: image.foreign_layers: unknown choice `allow` (expected `deny`)
    19:19: image.max_layers: found the number `0` (expected a whole number from 1 to 1000)
    20:23: image.exposed_ports[0]: found the number `0` (expected a whole number from 1 to 65535)
    20:26: image.exposed_ports[1]: found a text (expected a whole number from 1 to 65535)
    20:32: image.exposed_ports[2]: found the number `70000` (expected a whole number from 1 to 65535)
    21:15: image.signed.within: the field `within` is missing (expected how long after the push, such as `15m`)
    22:23: image.sbom.within: `8d` is too long (expected a whole number with `s`, `m`, `h` or `d`, from `1s` to `7d`)
    23:19: image.referrers[0].artifact_type: the field `artifact_type` is missing (expected a glob over artifact types, or a list of them)
    23:52: image.referrers[1].artifact_type: the list is empty (expected globs over artifact types)
    23:64: image.referrers[1].within: `0s` is no time at all (expected a whole number with `s`, `m`, `h` or `d`, from `1s` to `7d`)
    24:14: image.index: unknown choice `some` (expected one of `every`, `any`)
    26:18: exempt[0].until: `2027-02-30` is not a day (expected a day such as `2027-01-31`)
    26:38: exempt[0].reason: the text is empty (expected why, for those who read the reports)
    27:9: exempt[1].until: the field `until` is missing (expected its last day, such as `2027-01-31`)
    27:9: exempt[1].reason: the field `reason` is missing (expected why, for those who read the reports)
    28:11: mark: `{tag}` has no `{short_digest}`, so the mark would move from one image to the next (expected a tag with `{short_digest}`, such as `rejected-{short_digest}`)
    28:11: mark: is only for the action `tag`, which the rule has not (expected `tag` in `on_violation`, or no `mark`)
    "##);
    insta::assert_snapshot!(mistakes("image: {}"), @"5:12: image: asks nothing of an image (expected one or more of `labels`, `annotations`, `platforms`, `max_size`, `user`, `created_within`, `base_images`, `media_types`, `foreign_layers`, `max_layers`, `exposed_ports`, `referrers`, `signed`, `sbom`, `provenance`)");
    insta::assert_snapshot!(mistakes("image: { index: any }"), @"5:12: image: asks nothing of an image (expected one or more of `labels`, `annotations`, `platforms`, `max_size`, `user`, `created_within`, `base_images`, `media_types`, `foreign_layers`, `max_layers`, `exposed_ports`, `referrers`, `signed`, `sbom`, `provenance`)");
    insta::assert_snapshot!(mistakes("image: { max_size: 1.5 }"), @"5:24: image.max_size: `1.5` is not a number of bytes (expected a size such as `2GiB` or `500MB`, or a number of bytes)");
}

/// Where the mistake in a condition is said to be.
fn place(lines: &str) -> String {
    let errors = Policy::parse(&text(lines), "p").unwrap_err();
    let [error] = errors.errors.as_slice() else {
        panic!("{errors}")
    };
    assert_eq!(error.kind, PolicyErrorKind::InvalidValue, "{error}");
    assert_eq!(error.path, "tag_rules[0].when");
    let source = text(lines);
    let line = source.lines().nth(error.line - 1).unwrap();
    line.chars().skip(error.column - 1).collect()
}

#[test]
fn a_mistake_in_a_condition_has_its_place_in_the_text() {
    assert_eq!(place("when: tag == tga"), "tga");
    assert_eq!(place("when: 'tag == \"it''s\" || tga'"), "tga'");
    assert_eq!(place("when: \"tag == \\\"x\\\" || tga\""), "tga\"");
    assert_eq!(
        place("when: |\n  tag == \"x\" ||\n  tag == tga ||\n  tag == \"y\""),
        "tga ||"
    );
    assert_eq!(place("when: >-\n  tag == \"x\"\n  || tga"), "tga");
    assert!(mistakes(&format!("when: '{}'", "x".repeat(2049))).contains("longer than 2048 bytes"));
}
