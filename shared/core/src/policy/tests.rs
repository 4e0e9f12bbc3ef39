use proptest::prelude::*;

use super::*;
use crate::event::DetailType;
use crate::mode::Severity;

fn parse(text: &str) -> Policy {
    Policy::parse(text, "policy.yaml").unwrap_or_else(|errors| panic!("{errors}"))
}

fn errors(text: &str) -> String {
    Policy::parse(text, "policy.yaml").unwrap_err().to_string()
}

fn repository(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

#[test]
fn a_policy_that_says_nothing_observes_everything() {
    let policy = parse("version: 1\n");
    assert_eq!(policy.mode, Mode::Observe);
    assert!(policy.in_scope(&repository("prod/app")));
    assert!(!policy.in_scope(&repository("quarantine/prod/app")));
    assert!(policy.ignores_tag(&tag("sha256-0123")));
    assert!(!policy.ignores_tag(&tag("latest")));
    assert_eq!(
        policy.quarantine_repository(&repository("prod/app")),
        Some(repository("quarantine/prod/app"))
    );
    assert!(policy.tag_rules.is_empty() && policy.replication.is_empty());
    assert_eq!(policy.notifications, Notifications::default());
    assert_eq!(policy.notifications.repeat_after.as_secs(), 86400);
}

#[test]
fn five_mistakes_are_five_errors() {
    let text = r#"version: 1
mode: enforced
tag_rules:
  - name: releases-only
    repositories: ["prod/**"]
    alow: [semver]
    deny: ["/(/"]
replication:
  - name: dr
    repositories: ["prod/**"]
    to:
      - registry: https://registry.example.com
        repository: "dr/{repository}"
notifications:
  channels:
    chat: { slack: { webhook: secretsmanager:steward/slack } }
  routes:
    - to: [chatt]
"#;
    insta::assert_snapshot!(errors(text), @r##"
    policy.yaml:2:7: mode: unknown mode `enforced`; did you mean `enforce`? (expected one of `observe`, `enforce`)
    policy.yaml:6:5: tag_rules[0].alow: unknown field `alow`; did you mean `allow`? (expected one of the fields `name`, `repositories`, `tags`, `allow`, `deny`, `immutable`, `protected`, `derive`, `image`, `companion`, `when`, `on_violation`, `mark`, `delete_after`, `exempt`, `mode`, `severity`, `message`)
    policy.yaml:7:12: tag_rules[0].deny[0]: `/(/` is not a valid regular expression: unclosed group (expected a regular expression between slashes, without look-around or back-references)
    policy.yaml:12:19: replication[0].to[0].registry: `https://registry.example.com` is not a registry (expected host[:port] without a scheme such as https://)
    policy.yaml:18:12: notifications.routes[0].to[0]: no channel is named `chatt`; did you mean `chat`? (expected `chat`)
    "##);
}

#[test]
fn every_kind_of_mistake_has_its_place_and_its_remedy() {
    let text = r#"version: 1
version: 1
ignore_tags: [1.10, semvr]
quarantine: { repository: "{prefix}/{basename}" }
tag_rules:
  - name: one
    repositories: ["Prod/**", "a**"]
    allow: [{ semver: { range: ">>1" } }, { calver: { scheme: YYYYMMDD } }, "sha-{gti}", "v[0"]
    on_violation: [notfy, notify, notify]
    severity: 3
  - name: one
    repositories: prod
  - allow: [semver]
    repositories: ["quarantine/**"]
replication:
  - name: dr
    repositories: ["prod/**"]
    tags: {}
    to:
      - registry: ghcr.io
        repository: {basename}
        assume_role: writer
        credentials: hunter2
      - registry: 444455556666.dkr.ecr.eu-central-1.amazonaws.com
        repository: fixed
        external_id: x
        create: yes
      - registry: mirror.example.com
        repository: "{repository}"
        tag: fixed
notifications:
  repeat_after: 1 day
  channels:
    "two words": { sns: security }
    both: { sns: "arn:aws:sns:eu-west-1:111122223333:x", slack: {} }
    none: {}
    chat: { slack: { webhook: "http://hooks.example.com/T0/SECRET" } }
  routes:
    - match: { severity: [], detail_type: [Image Quarantine], rules: [tow] }
      to: []
"#;
    let found = errors(text);
    assert!(
        !found.contains("SECRET") && !found.contains("hunter2"),
        "a secret is repeated"
    );
    insta::assert_snapshot!(found, @r##"
    policy.yaml:2:1: version: `version` is there twice, first on line 1
    policy.yaml:3:15: ignore_tags[0]: found the number `1.10`; put it in quotes (expected a text: `semver`, `calver`, `git`, a tag, a glob such as `release-*`, `sha-{git}` or a `/regex/`)
    policy.yaml:3:21: ignore_tags[1]: `semvr` would only match the tag `semvr` itself: did you mean `semver`? (expected `semver`, or `{exact: semvr}` for a tag of that name)
    policy.yaml:4:27: quarantine.repository: `{prefix}/{basename}` could be the name of any repository, so all would count as quarantine (expected a part of the name that only quarantine has, such as `quarantine/{repository}`)
    policy.yaml:7:20: tag_rules[0].repositories[0]: `Prod/**` holds 'P', which no repository name has (expected a glob over repository names, such as `prod/**` or `*/api`)
    policy.yaml:7:31: tag_rules[0].repositories[1]: `a**` joins `**` with other text, where it is no more than `*`: `**` stands alone between slashes (expected a glob over repository names, such as `prod/**` or `*/api`)
    policy.yaml:8:32: tag_rules[0].allow[0].semver.range: `>>1` is not a valid version range: unexpected character '>' while parsing major version number (expected a range such as `>=1.4, <3` or `~2.1`)
    policy.yaml:8:63: tag_rules[0].allow[1].calver.scheme: `YYYYMMDD` is not a calendar version scheme: `MM` has no fixed width, so `DD` cannot touch it (expected words of calver.org with a year, such as `YYYY.0M.MICRO`: YYYY, YY, 0Y, MM, 0M, WW, 0W, DD, 0D, MAJOR, MINOR, MICRO, MODIFIER)
    policy.yaml:8:77: tag_rules[0].allow[2]: `sha-{gti}` has the unknown placeholder `{gti}` (expected `{semver}`, `{calver}` or `{git}`)
    policy.yaml:8:90: tag_rules[0].allow[3]: `v[0` is not a valid glob: unclosed character class; missing ']' (expected `semver`, `calver`, `git`, a tag, a glob such as `release-*`, `sha-{git}` or a `/regex/`)
    policy.yaml:9:20: tag_rules[0].on_violation[0]: unknown action `notfy`; did you mean `notify`? (expected one of `tag`, `restore`, `quarantine`, `archive`, `untag`, `delete`, `notify`)
    policy.yaml:9:35: tag_rules[0].on_violation[2]: `notify` is there twice
    policy.yaml:10:15: tag_rules[0].severity: found the number `3` (expected a text: one of `info`, `low`, `medium`, `high`, `critical`)
    policy.yaml:11:5: tag_rules[1]: has no check, so nothing could violate it (expected one or more of `allow`, `deny`, `immutable`, `protected`, `image`, `companion`, `when` or `derive`)
    policy.yaml:11:11: tag_rules[1].name: the rule of line 6 is named `one` as well (expected a name of its own for each rule)
    policy.yaml:12:19: tag_rules[1].repositories: found a text (expected a list of globs such as `["prod/**"]`, or a mapping with `include` and `exclude`)
    policy.yaml:13:5: tag_rules[2].name: the field `name` is missing (expected up to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit)
    policy.yaml:18:11: replication[0].tags: has none of `allow`, `deny` and `newest` (expected at least one of them)
    policy.yaml:21:21: replication[0].to[0].repository: found a mapping; put `{basename}` in quotes (expected a text: a name with `{repository}`, `{basename}` or `{prefix}`, such as `dr/{repository}`)
    policy.yaml:22:22: replication[0].to[0].assume_role: `writer` is not the ARN of an IAM role (expected the ARN of an IAM role, such as `arn:aws:iam::444455556666:role/name`)
    policy.yaml:22:22: replication[0].to[0].assume_role: only an ECR registry knows this field (expected `credentials`, or nothing for a registry that is open)
    policy.yaml:23:22: replication[0].to[0].credentials: not a secret reference; it is not repeated here because it may be the secret itself (expected `secretsmanager:NAME`, `secretsmanager:NAME#json-key` or `ssm:NAME`)
    policy.yaml:24:9: replication[0].to[1].repository: `fixed` is the same for every repository of the rule, so their tags would overwrite each other (expected a name with `{repository}`, `{basename}` or `{prefix}`, such as `dr/{repository}`)
    policy.yaml:26:22: replication[0].to[1].external_id: `x` is not an external id (expected 2 to 1224 letters, digits and characters of `_+=,.@:/-`)
    policy.yaml:26:22: replication[0].to[1].external_id: there is no role that it could be for (expected `assume_role` beside it)
    policy.yaml:27:17: replication[0].to[1].create: found a text (expected a mapping with the fields `immutable`, `immutable_except`, `scan_on_push`, `encryption`, `lifecycle_policy`, `repository_policy`, `tags`)
    policy.yaml:30:14: replication[0].to[2].tag: `fixed` has no `{tag}`, so every tag would get the same name (expected a tag with `{tag}`, such as `eu-{tag}`)
    policy.yaml:32:17: notifications.repeat_after: `1 day` is not a duration (expected a whole number with `s`, `m`, `h` or `d`, from `1s` to `90d`)
    policy.yaml:34:5: notifications.channels.two words: `two words` is not a channel name (expected up to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit)
    policy.yaml:34:25: notifications.channels.two words.sns: `security` is not the ARN of an SNS topic (expected the ARN of a standard SNS topic, such as `arn:aws:sns:eu-west-1:111122223333:ecr-steward`)
    policy.yaml:35:11: notifications.channels.both: is not one kind of channel (expected exactly one of `sns`, `slack`, `webhook`)
    policy.yaml:36:11: notifications.channels.none: is not one kind of channel (expected exactly one of `sns`, `slack`, `webhook`)
    policy.yaml:37:31: notifications.channels.chat.slack.webhook: must be an `https` address (`http` only to a loopback address) (expected an `https://` URL, `secretsmanager:NAME`, `secretsmanager:NAME#json-key` or `ssm:NAME`)
    policy.yaml:39:26: notifications.routes[0].match.severity: the list is empty (expected severities)
    policy.yaml:39:44: notifications.routes[0].match.detail_type[0]: unknown detail type `Image Quarantine`; did you mean `Image Quarantined`? (expected one of `Tag Rule Violated`, `Tag Rule Enforced`, `Image Replicated`, `Image Replication Failed`, `Image Quarantined`, `Scan Threshold Exceeded`, `Repository Baselined`, `Image Cleaned Up`, `Deployment Started`, `Steward Unhealthy`)
    policy.yaml:39:71: notifications.routes[0].match.rules[0]: no rule is named `tow` (expected one of `one`, `dr`)
    policy.yaml:40:11: notifications.routes[0].to: the list is empty (expected channel names)
    "##);
}

#[test]
fn mistakes_about_the_whole_file() {
    assert_eq!(
        errors("[]"),
        "policy.yaml:1:1: found a list (expected a mapping with the fields `version`, `mode`, \
         `repositories`, `ignore_tags`, `quarantine`, `tag_rules`, `replication`, `notifications`)"
    );
    assert_eq!(
        errors("mode: observe\n"),
        "policy.yaml:1:1: version: the field `version` is missing (expected `version: 1`)"
    );
    // The fields of another version are not judged.
    assert_eq!(
        errors("version: 2\nunheard_of: 1\n"),
        "policy.yaml:1:10: version: version 2 is not supported (expected the number `1`)"
    );
    let many: String = (0..501).map(|i| format!("x{i}: 1\n")).collect();
    assert_eq!(
        errors(&many),
        "policy.yaml:1:1: has 501 entries (expected at most 500)"
    );
    let many: String = (0..300).map(|i| format!("x{i}: 1\n")).collect();
    let failed = Policy::parse(&format!("version: 1\n{many}"), "p").unwrap_err();
    assert_eq!((failed.errors.len(), failed.omitted), (100, 200));
    assert!(failed.to_string().ends_with("\np: and 200 more mistakes"));
}

#[test]
fn costly_patterns_are_counted() {
    let globs = |n: usize, glob: &str| {
        let list: Vec<String> = (0..n)
            .map(|i| format!("\"{}\"", glob.replace('#', &i.to_string())))
            .collect();
        let rules: String = list
            .chunks(200)
            .enumerate()
            .map(|(i, chunk)| {
                format!(
                    "  - {{name: r{i}, repositories: [{}], allow: [semver]}}\n",
                    chunk.join(", ")
                )
            })
            .collect();
        Policy::parse(&format!("version: 1\ntag_rules:\n{rules}"), "p")
    };
    assert!(globs(1000, "*/x#").is_ok());
    let failed = globs(1001, "*/x#").unwrap_err();
    assert_eq!(failed.errors.len(), 1);
    assert_eq!(failed.errors[0].kind, PolicyErrorKind::TooLarge);
    assert!(globs(3000, "x#/**").is_ok());
}

#[test]
fn a_rule_allows_denies_and_explains() {
    let policy = parse(
        "version: 1\ntag_rules:\n- name: r\n  repositories: [\"prod/**\"]\n  \
         allow: [semver, \"sha-{git}\", latest]\n  deny: [\"0.*\"]\n",
    );
    let rule = &policy.tag_rules[0];
    assert!(rule.applies_to(&repository("prod/app")) && !rule.applies_to(&repository("dev/app")));
    assert_eq!(rule.on_violation, [ActionKind::Notify]);
    assert_eq!(rule.severity, Severity::Medium);
    let verdict = |text: &str| rule.check(&tag(text));
    assert!(verdict("v1.2.3").is_allowed());
    assert!(
        matches!(verdict("latest"), Verdict::Allowed { by: Some(by) } if by.as_str() == "latest")
    );
    assert_eq!(
        verdict("feature-x").accepted(),
        Some(
            "a semantic version, `sha-{git}` (`{git}` a git commit) or `latest`; for example \
             `latest`"
        )
    );
    assert_eq!(
        verdict("v1.4").accepted(),
        Some(
            "a semantic version, `sha-{git}` (`{git}` a git commit) or `latest`; for example \
             `v1.4.0`"
        )
    );
    // `deny` wins, and an example that it matches is not offered.
    match verdict("0.1.0") {
        Verdict::Denied { by, accepted } => {
            assert_eq!(by.as_str(), "0.*");
            assert!(!accepted.unwrap().contains("`0.1.0`"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_rule_that_only_denies_allows_the_rest() {
    let policy = parse(
        "version: 1\ntag_rules:\n- name: r\n  repositories: [\"**\"]\n  deny: [\"tmp-*\"]\n  \
         on_violation: [notify, untag]\n",
    );
    let rule = &policy.tag_rules[0];
    assert_eq!(rule.check(&tag("anything")), Verdict::Allowed { by: None });
    assert!(matches!(
        rule.check(&tag("tmp-1")),
        Verdict::Denied { accepted: None, .. }
    ));
    // The order of execution is not that of the list.
    assert_eq!(rule.on_violation, [ActionKind::Untag, ActionKind::Notify]);
}

#[test]
fn a_rules_own_mode_wins() {
    let policy = parse(
        "version: 1\nmode: enforce\ntag_rules:\n\
         - {name: a, repositories: [\"**\"], allow: [semver], mode: observe}\n\
         - {name: b, repositories: [\"**\"], allow: [semver]}\n",
    );
    let modes: Vec<Mode> = policy
        .tag_rules
        .iter()
        .map(|rule| rule.effective_mode(policy.mode))
        .collect();
    assert_eq!(modes, [Mode::Observe, Mode::Enforce]);
    assert_eq!(
        policy.tag_rules[0].effective_mode(Mode::Enforce),
        Mode::Observe
    );
}

#[test]
fn the_quarantine_is_outside_whatever_the_scope_says() {
    let policy =
        parse("version: 1\nrepositories: [\"**\"]\nquarantine: {repository: \"bad/{basename}\"}\n");
    assert!(policy.is_quarantine(&repository("bad/app")));
    assert!(!policy.in_scope(&repository("bad/app")));
    assert!(policy.in_scope(&repository("bad/team/app")));
    assert!(policy.in_scope(&repository("prod/app")));
    assert_eq!(
        policy.quarantine_repository(&repository("prod/app")),
        Some(repository("bad/app"))
    );
    // Too long for ECR with the prefix in front.
    let policy = parse("version: 1\n");
    assert_eq!(
        policy.quarantine_repository(&repository(&"a".repeat(250))),
        None
    );
}

#[test]
fn replication_rules_filter_and_rename() {
    let policy = parse(
        "version: 1\nreplication:\n- name: dr\n  repositories: {include: [\"prod/**\"], exclude: [\"prod/x\"]}\n  \
         tags: {allow: [semver], deny: [\"*-rc*\"]}\n  to:\n  - registry: \
         444455556666.dkr.ecr.eu-central-1.amazonaws.com\n    repository: \"dr/{repository}\"\n    \
         tag: \"eu-{tag}\"\n    assume_role: arn:aws:iam::444455556666:role/team/writer\n    \
         external_id: a:b\n    create: {immutable: true, tags: {a: b}}\n  - registry: \
         127.0.0.1:5000\n    repository: \"{basename}\"\n    credentials: ssm:/token\n",
    );
    let rule = &policy.replication[0];
    assert!(rule.referrers);
    assert!(rule.applies_to(&repository("prod/app")) && !rule.applies_to(&repository("prod/x")));
    assert!(rule.accepts_tag(&tag("v1.2.3")));
    assert!(!rule.accepts_tag(&tag("v1.2.3-rc.1")) && !rule.accepts_tag(&tag("latest")));
    let [ecr, local] = rule.to.as_slice() else {
        panic!("{rule:?}")
    };
    assert_eq!(
        ecr.repository_for(&repository("prod/app"))
            .unwrap()
            .as_str(),
        "dr/prod/app"
    );
    assert_eq!(ecr.tag_for(&tag("v1")).unwrap(), tag("eu-v1"));
    assert_eq!(
        ecr.create.as_ref().map(|c| (c.immutable, c.scan_on_push)),
        Some((true, false))
    );
    assert_eq!(local.tag_for(&tag("v1")).unwrap(), tag("v1"));
    assert_eq!(
        local.credentials,
        Some(SecretRef::Ssm {
            name: "/token".to_owned()
        })
    );
}

#[test]
fn rules_about_the_quarantine_are_refused() {
    assert_eq!(
        errors(
            "version: 1\ntag_rules:\n- {name: a, repositories: [\"**\"], allow: [semver]}\n\
             - {name: b, repositories: [\"quarantine/**\"], allow: [semver]}\n"
        ),
        "policy.yaml:4:3: tag_rules[1].repositories: every repository of the rule is a quarantine \
         (`quarantine/{repository}`), which is always outside the scope (expected repositories \
         outside the quarantine)"
    );
    // A quarantine within the watched prefix swallows only itself.
    parse(
        "version: 1\nquarantine: {repository: \"prod/quarantine/{basename}\"}\ntag_rules:\n\
         - {name: a, repositories: [\"prod/**\"], allow: [semver], on_violation: [quarantine]}\n",
    );
    // This one swallows every repository that the rule watches.
    assert!(
        errors(
            "version: 1\nquarantine: {repository: \"prod/{basename}\"}\ntag_rules:\n\
             - {name: a, repositories: [\"prod/*\"], allow: [semver], on_violation: [quarantine]}\n"
        )
        .contains("every repository of the rule is a quarantine")
    );
    // And these some of them, or some of the scope.
    for text in [
        "version: 1\nquarantine: {repository: \"prod/{basename}\"}\ntag_rules:\n\
         - {name: a, repositories: [\"prod/**\"], allow: [semver], on_violation: [quarantine]}\n",
        "version: 1\nrepositories: [\"prod/*\"]\nquarantine: {repository: \"prod/{basename}\"}\n",
    ] {
        let errors = errors(text);
        assert!(
            errors.contains("lies within the watched repositories"),
            "{errors}"
        );
    }
}

fn routed(policy: &Policy, facts: RouteFacts<'_>) -> String {
    policy.notifications.route_facts(facts).join(" ")
}

#[test]
fn every_matching_route_counts_and_none_means_all() {
    let policy = parse(
        "version: 1\ntag_rules:\n- {name: a, repositories: [\"**\"], allow: [semver]}\n\
         - {name: b, repositories: [\"**\"], allow: [git, semver]}\nnotifications:\n  repeat_after: 90m\n  \
         channels:\n    chat: {slack: {webhook: \"ssm:/slack\"}}\n    mail: {sns: \
         \"arn:aws:sns:eu-west-1:111122223333:x\"}\n    hook: {webhook: {url: \"http://127.0.0.1:1/\", \
         headers: {X-Token: \"ssm:/token\", x-a: b}}}\n  routes:\n  - {match: {severity: [high, critical]}, \
         to: [mail, chat]}\n  - {match: {rules: [b], repositories: [\"prod/**\"]}, to: [chat, hook]}\n  \
         - {match: {detail_type: [Steward Unhealthy]}, to: [mail]}\n",
    );
    assert_eq!(policy.notifications.repeat_after.as_secs(), 5400);
    let facts = |severity, rule, repository| RouteFacts {
        severity,
        detail_type: DetailType::TagRuleViolated,
        repository,
        rule,
        owner: None,
    };
    assert_eq!(
        routed(&policy, facts(Severity::High, "a", "dev/app")),
        "mail chat"
    );
    assert_eq!(
        routed(&policy, facts(Severity::Low, "a, b", "prod/app")),
        "chat hook"
    );
    assert_eq!(
        routed(&policy, facts(Severity::High, "b", "prod/app")),
        "mail chat hook"
    );
    // Nothing matches: every channel, by name.
    assert_eq!(
        routed(&policy, facts(Severity::Low, "b", "dev/app")),
        "chat hook mail"
    );
    assert_eq!(
        routed(&policy, facts(Severity::Low, "ab", "prod/app")),
        "chat hook mail"
    );
    let unhealthy = RouteFacts {
        detail_type: DetailType::StewardUnhealthy,
        ..facts(Severity::Low, "a", "")
    };
    assert_eq!(routed(&policy, unhealthy), "mail");
    match &policy.notifications.channels["hook"] {
        Channel::Webhook { headers, .. } => {
            assert_eq!(headers["x-a"], HeaderSource::Text("b".to_owned()));
            assert!(matches!(headers["x-token"], HeaderSource::Secret(_)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_route_may_ask_for_the_owner() {
    let policy = parse(
        "version: 1\nnotifications:\n  channels:\n    a: {slack: {webhook: \"ssm:/a\"}}\n    \
         b: {slack: {webhook: \"ssm:/b\"}}\n    c: {slack: {webhook: \"ssm:/c\"}}\n  routes:\n  \
         - {match: {owner: payments}, to: [a]}\n  - {match: {owner: [search, web]}, to: [b]}\n",
    );
    let sent = |owner| {
        let facts = RouteFacts {
            severity: Severity::Low,
            detail_type: DetailType::TagRuleViolated,
            repository: "prod/app",
            rule: "r",
            owner,
        };
        routed(&policy, facts)
    };
    assert_eq!(sent(Some("payments")), "a");
    assert_eq!(sent(Some("web")), "b");
    assert_eq!(sent(Some("other")), "a b c");
    assert_eq!(sent(None), "a b c");
}

#[test]
fn the_example_policy_tells_its_stories_where_they_belong() {
    let policy = parse(include_str!("../../../../infra/policy.example.yaml"));
    assert_eq!(policy.mode, Mode::Enforce);
    let facts = |severity, detail_type| RouteFacts {
        severity,
        detail_type,
        repository: "prod/app",
        rule: "releases-only",
        owner: None,
    };
    let quarantined = routed(&policy, facts(Severity::High, DetailType::ImageQuarantined));
    assert!(quarantined.contains("platform-slack") && quarantined.contains("platform-mail"));
    assert_eq!(
        routed(&policy, facts(Severity::Info, DetailType::ImageReplicated)),
        "platform-slack"
    );
    let rule = &policy.tag_rules[0];
    assert!(rule.check(&tag("v1.2.3")).is_allowed() && !rule.check(&tag("feature-x")).is_allowed());
    let names: Vec<String> = policy
        .replication
        .iter()
        .flat_map(|rule| &rule.to)
        .map(|to| {
            format!(
                "{}/{}",
                to.registry,
                to.repository_for(&repository("prod/app")).unwrap()
            )
        })
        .collect();
    assert_eq!(
        names,
        [
            "444455556666.dkr.ecr.eu-central-1.amazonaws.com/dr/prod/app",
            "mirror.example.com/mirror/app"
        ]
    );
}

/// Pieces of policies, right and wrong, to be put together at random.
const PIECES: [&str; 36] = [
    "version: 1\n",
    "mode: enforce\n",
    "repositories:\n",
    "  include: [\"**\"]\n",
    "tag_rules:\n",
    "  - name: a\n",
    "    repositories: [\"prod/**\"]\n",
    "    allow: [semver, \"/a+/\"]\n",
    "    deny: [{semver: {range: \">1\"}}]\n",
    "    on_violation: [notify, quarantine]\n",
    "    tags: {deny: [latest]}\n",
    "    immutable: [semver]\n",
    "    protected: [latest]\n",
    "    derive: {from: semver, tags: [\"{major}\", latest]}\n",
    "    derive: {from: \"a*\", tags: [\"{tag}-b\"]}\n",
    "    image: {user: non-root, max_size: 1GB, signed: {within: 15m}}\n",
    "    companion: {floating: [latest], requires: [semver]}\n",
    "    when: tag == \"x\"\n",
    "    when: |\n      tag ==\n",
    "    on_violation: [tag, delete, restore]\n",
    "    mark: \"x-{short_digest}\"\n",
    "    exempt: [{until: 2027-01-31, reason: x}]\n",
    "replication:\n",
    "    to:\n",
    "      - registry: ghcr.io\n",
    "        repository: \"{basename}\"\n",
    "notifications:\n",
    "  channels:\n",
    "    chat: {slack: {webhook: \"ssm:/a\"}}\n",
    "  routes:\n",
    "    - to: [chat]\n",
    "  - 1\n",
    "\u{feff}",
    "{",
    "]",
    "x: &a\n",
];

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "(?s).{0,300}") {
        let _ = Policy::parse(&text, "p");
    }

    #[test]
    fn no_mixture_of_pieces_makes_the_parser_panic(picks in prop::collection::vec(0..PIECES.len(), 0..30)) {
        let text: String = picks.iter().map(|i| PIECES[*i]).collect();
        let first = Policy::parse(&text, "p");
        if let Err(failed) = &first {
            prop_assert!(!failed.errors.is_empty());
            prop_assert!(failed.errors.iter().all(|error| error.line >= 1 && error.column >= 1));
        }
        prop_assert_eq!(first, Policy::parse(&text, "p"));
    }

    #[test]
    fn a_check_is_deterministic_and_its_example_valid(text in "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,60}") {
        static EXAMPLE: std::sync::LazyLock<Policy> =
            std::sync::LazyLock::new(|| parse(include_str!("../../../../infra/policy.example.yaml")));
        let tag = tag(&text);
        for rule in &EXAMPLE.tag_rules {
            let verdict = rule.check(&tag);
            prop_assert_eq!(&verdict, &rule.check(&tag));
            if let Some((_, example)) = verdict.accepted().and_then(|a| a.split_once("; for example `")) {
                let example = example.trim_end_matches('`').parse().unwrap();
                prop_assert!(rule.check(&example).is_allowed());
            }
        }
    }
}
