use super::super::{Policy, PolicyErrorKind};

fn text(rules: &str) -> String {
    let rules: String = rules
        .lines()
        .map(|rule| format!("- {{{}}}\n", rule.trim()))
        .collect();
    format!(
        "version: 1\nmode: enforce\nrepositories: {{exclude: [\"cache/**\"]}}\ntag_rules:\n{rules}"
    )
}

/// What is wrong, without the name of the file.
fn wrong(rules: &str) -> String {
    match Policy::parse(&text(rules), "p") {
        Ok(_) => String::new(),
        Err(errors) => {
            for error in &errors.errors {
                assert_eq!(error.kind, PolicyErrorKind::Contradiction, "{error}");
            }
            errors.to_string().replace("p:", "")
        }
    }
}

fn fine(rules: &str) {
    assert_eq!(wrong(rules), "", "{rules}");
}

#[test]
fn rules_outside_the_scope_are_refused() {
    insta::assert_snapshot!(wrong(r#"name: a, repositories: ["cache/hub/*", "cache/x"], allow: [semver]"#), @"5:27: tag_rules[0].repositories: no repository of the rule is one that the policy looks after (expected repositories within the policy's own `repositories`, which the rule does not exclude)");
    insta::assert_snapshot!(
        wrong(r#"name: a, repositories: {include: ["prod/*"], exclude: ["prod/**"]}, allow: [semver]"#),
        @"5:27: tag_rules[0].repositories: no repository of the rule is one that the policy looks after (expected repositories within the policy's own `repositories`, which the rule does not exclude)"
    );
    fine(r#"name: a, repositories: ["cache*/**"], allow: [semver]"#);
    fine(r#"name: a, repositories: ["cache/**", "prod/app"], allow: [semver]"#);
    fine(r#"name: a, repositories: {include: ["prod/**"], exclude: ["prod/*"]}, allow: [semver]"#);
}

#[test]
fn rules_about_no_tag_are_refused() {
    let rule = |rest: &str| wrong(&format!("name: a, repositories: [\"**\"], {rest}"));
    insta::assert_snapshot!(rule("tags: {allow: [latest, \"1.2.3\"], deny: [semver, latest]}, image: {user: non-root}"), @"5:41: tag_rules[0].tags: no tag passes: everything in `allow` is also denied or ignored (expected an `allow` that leaves some tags)");
    insta::assert_snapshot!(rule("tags: {allow: [\"sha256-1*\"]}, image: {user: non-root}"), @"5:41: tag_rules[0].tags: no tag passes: everything in `allow` is also denied or ignored (expected an `allow` that leaves some tags)");
    insta::assert_snapshot!(rule("allow: [semver, \"x*\"], deny: [semver, \"*\"]"), @"5:42: tag_rules[0].allow: every tag violates the rule: everything in `allow` is also in `deny` (expected an `allow` that leaves some tags)");
    insta::assert_snapshot!(rule("tags: {allow: [semver]}, immutable: [latest, \"release-*\"]"), @"5:71: tag_rules[0].immutable: no such tag passes the rule's `tags` and the policy's `ignore_tags` (expected tags that the rule speaks of)");
    insta::assert_snapshot!(rule("tags: {deny: [latest]}, companion: {floating: [latest], requires: [semver]}"), @"5:70: tag_rules[0].companion: no such tag passes the rule's `tags` and the policy's `ignore_tags` (expected tags that the rule speaks of)");
    for rest in [
        "tags: {allow: [\"v*\"], deny: [semver]}, image: {user: non-root}",
        "allow: [semver], deny: [\"0.*\"]",
        "tags: {allow: [\"/x/\"]}, immutable: [\"l*\"]",
        "tags: {allow: [semver]}, immutable: [latest, \"1.2.3\"]",
        "tags: {allow: [semver]}, protected: [calver]",
    ] {
        assert_eq!(rule(rest), "", "{rest}");
    }
}

#[test]
fn a_rule_that_adds_nothing_is_refused() {
    insta::assert_snapshot!(
        wrong(
            "name: a, repositories: [\"**\"], allow: [semver], on_violation: [notify, untag]\n\
             name: b, repositories: [\"prod/**\"], allow: [semver]"
        ),
        @"6:3: tag_rules[1]: the rule `a` of line 5 already does all this in these repositories (expected other checks, other actions, or no rule)"
    );
    for second in [
        "allow: [semver], on_violation: [untag]",
        "allow: [semver], severity: high",
        "allow: [semver], mode: observe",
        "allow: [semver], message: Ask us.",
        "allow: [semver, calver]",
        "allow: [semver], when: 'tag == \"x\"'",
        "allow: [semver], exempt: [{until: 2027-01-31, reason: x}]",
    ] {
        fine(&format!(
            "name: a, repositories: [\"**\"], allow: [semver]\nname: b, repositories: [\"prod/**\"], {second}"
        ));
    }
    fine(
        "name: a, repositories: [\"prod/**\"], allow: [semver]\nname: b, repositories: [\"**\"], allow: [semver]",
    );
}

#[test]
fn two_rules_that_leave_no_tag_are_refused() {
    let pair = |a: &str, b: &str| {
        wrong(&format!(
            "name: a, repositories: [\"prod/**\"], {a}\nname: b, repositories: [\"prod/app\"], {b}"
        ))
    };
    insta::assert_snapshot!(pair("allow: [semver]", "allow: [latest, git, \"release-*\"]"), @"6:48: tag_rules[1].allow: no tag is allowed both here and by the rule `a` of line 5, so every tag violates one of the two (expected one `allow` with all the patterns, or `tags` that part the two rules)");
    for (a, b) in [
        ("allow: [semver]", "allow: [latest, calver]"),
        ("allow: [semver]", "allow: [latest], mode: observe"),
        (
            "allow: [semver]",
            "allow: [latest], tags: {allow: [latest]}",
        ),
        ("allow: [semver]", "allow: [\"/x/\"]"),
        ("allow: [semver]", "allow: [latest], when: 'tag == \"x\"'"),
        ("allow: [semver]", "deny: [semver]"),
    ] {
        assert_eq!(pair(a, b), "", "{a} {b}");
    }
    fine(
        "name: a, repositories: [\"prod/**\"], allow: [semver]\nname: b, repositories: [\"team/**\"], allow: [git]",
    );
    fine(
        "name: a, repositories: [\"prod/*\"], allow: [semver]\nname: b, repositories: [\"*/app\"], allow: [git]",
    );
}

const FLOATING: &str = "name: d, repositories: [\"prod/**\"], derive: {from: semver, tags: [\"{major}.{minor}\", latest]}";

#[test]
fn derived_tags_that_a_rule_refuses_are_refused() {
    insta::assert_snapshot!(
        wrong(&format!("{FLOATING}\nname: r, repositories: [\"**\"], allow: [semver, latest]")),
        @"5:48: tag_rules[0].derive: in `prod/app`, `1.2`, which `{major}.{minor}` makes of `1.2.3`, violates the rule `r` (expected a derived tag that every rule of its repository allows)"
    );
    insta::assert_snapshot!(
        wrong(&format!("{FLOATING}\nname: r, repositories: [\"prod/app\"], deny: [latest]")),
        @"5:48: tag_rules[0].derive: in `prod/app`, `latest`, which `latest` makes of `1.2.3`, violates the rule `r` (expected a derived tag that every rule of its repository allows)"
    );
    insta::assert_snapshot!(
        wrong(&format!("{FLOATING}\nname: r, repositories: [\"prod/*\"], immutable: [semver, \"/[0-9.]+/\"]")),
        @"5:48: tag_rules[0].derive: in `prod/app`, `1.2` moves with each release, and the rule `r` says that it may not (expected an `immutable` without the derived tags)"
    );
    insta::assert_snapshot!(
        wrong("name: d, repositories: [\"prod/**\"], allow: [semver], derive: {from: semver, tags: [stable]}"),
        @"5:65: tag_rules[0].derive: in `prod/app`, `stable`, which `stable` makes of `1.2.3`, violates the rule `d` (expected a derived tag that every rule of its repository allows)"
    );
    for other in [
        "repositories: [\"**\"], allow: [semver, latest, \"/[0-9]+\\\\.[0-9]+/\"]",
        "repositories: [\"team/**\"], allow: [semver]",
        "repositories: [\"prod/**\"], allow: [semver], tags: {allow: [semver]}",
        "repositories: [\"prod/**\"], allow: [semver], exempt: [{until: 2027-01-31, reason: x}]",
        "repositories: [\"prod/**\"], immutable: [semver]",
    ] {
        fine(&format!("{FLOATING}\nname: r, {other}"));
    }
    // A tag of its own for each release does not move.
    fine(
        "name: d, repositories: [\"prod/**\"], derive: {from: semver, tags: [\"{tag}-stable\"]}\n\
         name: r, repositories: [\"prod/**\"], immutable: [\"*-stable\"]",
    );
}

#[test]
fn derived_tags_that_run_in_a_circle_are_refused() {
    insta::assert_snapshot!(
        wrong("name: d, repositories: [\"prod/**\"], derive: {from: semver, tags: [\"{major}.{minor}.0\"]}"),
        @"5:48: tag_rules[0].derive: `{major}.{minor}.0` makes `1.2.0` of `1.2.3`, which others would be derived from again (expected a tag that `semver without pre-releases` does not match)"
    );
    insta::assert_snapshot!(
        wrong("name: d, repositories: [\"prod/**\"], derive: {from: \"app-*\", tags: [\"{tag}-x\"]}"),
        @"5:48: tag_rules[0].derive: `{tag}-x` makes `app-1.2.3-x` of `app-1.2.3`, which others would be derived from again (expected a tag that `app-*` does not match)"
    );
    insta::assert_snapshot!(
        wrong(
            "name: d, repositories: [\"prod/**\"], derive: {from: \"a-*\", tags: [\"b-{tag}\"]}\n\
             name: e, repositories: [\"**\"], derive: {from: \"b-*\", tags: [\"a-{tag}\"]}"
        ),
        @"6:43: tag_rules[1].derive: in `prod/app`, `b-1.2.3` makes `a-b-1.2.3`, of which the rule `d` makes `b-a-b-1.2.3`, from which the first would be derived again (expected derived tags that no other rule turns back into sources)"
    );
    insta::assert_snapshot!(
        wrong(&format!(
            "{FLOATING}\nname: e, repositories: [\"prod/app\"], derive: {{from: calver, tags: [latest]}}"
        )),
        @r##"
    5:48: tag_rules[0].derive: in `prod/app`, `latest` is derived by the rule `e` as well (expected each derived tag in one rule)
    6:49: tag_rules[1].derive: in `prod/app`, `latest` is derived by the rule `d` as well (expected each derived tag in one rule)
    "##
    );
    // One after the other is no circle, and what only observes moves nothing.
    fine(&format!(
        "{FLOATING}\nname: e, repositories: [\"prod/**\"], derive: {{from: latest, tags: [production]}}"
    ));
    fine(&format!(
        "{FLOATING}\nname: e, repositories: [\"prod/app\"], derive: {{from: calver, tags: [latest]}}, mode: observe"
    ));
    fine(&format!(
        "{FLOATING}\nname: e, repositories: [\"team/**\"], derive: {{from: calver, tags: [latest]}}"
    ));
}
