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
        "tags: {allow: [\"/.x/\"]}, immutable: [\"l*\"]",
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
            "allow: [latest], tags: {allow: [\"l*\"]}",
        ),
        ("allow: [semver]", "allow: [\"/.x/\"]"),
        ("allow: [semver]", "allow: [latest], when: 'tag == \"x\"'"),
        ("allow: [semver]", "deny: [\"0.*\"]"),
        ("allow: [semver]", "deny: [semver], mode: observe"),
        // Nothing may be pushed there, in so many words.
        ("allow: [semver]", "deny: [\"*\"]"),
        (
            "allow: [{semver: {range: \"<2\"}}]",
            "allow: [{semver: {range: \">=1\"}}]",
        ),
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

#[test]
fn two_rules_of_which_one_denies_what_the_other_allows_are_refused() {
    let pair = |a: &str, b: &str| {
        wrong(&format!(
            "name: a, repositories: [\"prod/**\"], {a}\nname: b, repositories: [\"prod/app\"], {b}"
        ))
    };
    insta::assert_snapshot!(pair("allow: [semver]", "deny: [semver]"), @"6:47: tag_rules[1].deny: no tag is allowed both here and by the rule `a` of line 5, so every tag violates one of the two (expected one `allow` with all the patterns, or `tags` that part the two rules)");
    insta::assert_snapshot!(pair("deny: [\"v*\", latest]", "allow: [\"v1.*\", latest]"), @"6:48: tag_rules[1].allow: no tag is allowed both here and by the rule `a` of line 5, so every tag violates one of the two (expected one `allow` with all the patterns, or `tags` that part the two rules)");
    insta::assert_snapshot!(pair("allow: [semver], deny: [\"1.2.3\"]", "allow: [\"1.2.3\"]"), @"6:48: tag_rules[1].allow: no tag is allowed both here and by the rule `a` of line 5, so every tag violates one of the two (expected one `allow` with all the patterns, or `tags` that part the two rules)");
    insta::assert_snapshot!(pair("allow: [{semver: {range: \"<2\"}}]", "allow: [{semver: {range: \">=2, <3\"}}, latest]"), @"6:48: tag_rules[1].allow: no tag is allowed both here and by the rule `a` of line 5, so every tag violates one of the two (expected one `allow` with all the patterns, or `tags` that part the two rules)");
}

#[test]
fn checks_that_nothing_can_violate_are_refused() {
    let rule = |rest: &str| wrong(&format!("name: a, repositories: [\"prod/**\"], {rest}"));
    insta::assert_snapshot!(rule("tags: {allow: [semver]}, deny: [latest, \"rc-*\"]"), @"5:71: tag_rules[0].deny: no such tag passes the rule's `tags` and the policy's `ignore_tags` (expected tags that the rule speaks of)");
    insta::assert_snapshot!(rule("tags: {allow: [\"rc-*\"]}, allow: [semver, latest]"), @"5:72: tag_rules[0].allow: every tag violates the rule: nothing in `allow` passes the rule's `tags` and the policy's `ignore_tags` (expected an `allow` that leaves some tags)");
    insta::assert_snapshot!(rule("tags: {allow: [\"1.2.3\"]}, allow: [semver]"), @"5:73: tag_rules[0].allow: no tag violates the rule: everything that passes `tags` is in `allow` (expected a `tags` that lets other tags through, or no rule)");
    insta::assert_snapshot!(rule("tags: {deny: [semver]}, derive: {from: semver, tags: [latest]}"), @"5:72: tag_rules[0].derive: no such tag passes the rule's `tags` and the policy's `ignore_tags` (expected tags that the rule speaks of)");
    insta::assert_snapshot!(rule("companion: {floating: [latest, \"v1.*\"], requires: [\"v*\", latest]}"), @"5:51: tag_rules[0].companion: every tag in `floating` is also in `requires`, so each is its own companion (expected a `requires` without the floating tags)");
    insta::assert_snapshot!(rule("when: '1 < 2'"), @"5:46: tag_rules[0].when: the condition is always true: it asks for nothing of the image (expected a condition with a variable, or none)");
    insta::assert_snapshot!(rule("allow: [semver], when: '\"a\" == \"b\"'"), @"5:63: tag_rules[0].when: the condition is always false: it asks for nothing of the image (expected a condition with a variable, or none)");
    insta::assert_snapshot!(rule("allow: [semver], exempt: [{repositories: [\"dev/**\"], until: 2027-01-31, reason: x}]"), @"5:65: tag_rules[0].exempt: entry 1 is about repositories that the rule does not look at (expected what the rule looks at)");
    insta::assert_snapshot!(rule("allow: [git], tags: {deny: [latest]}, exempt: [{tags: [latest], until: 2027-01-31, reason: x}]"), @"5:86: tag_rules[0].exempt: entry 1 is about tags that the rule does not look at (expected what the rule looks at)");
    for rest in [
        "tags: {allow: [semver, latest]}, deny: [\"rc-*\", latest]",
        "tags: {allow: [\"v*\"]}, allow: [semver]",
        "tags: {allow: [\"1.2.3\"]}, allow: [semver], image: {user: non-root}",
        "tags: {deny: [\"0.1.0\"]}, derive: {from: semver, tags: [latest]}",
        "companion: {floating: [\"*\"], requires: [semver]}",
        "companion: {floating: [latest, main], requires: [semver, main]}",
        "when: 'tag == tag'",
        "allow: [semver], exempt: [{repositories: [\"*/app\"], until: 2027-01-31, reason: x}]",
        "allow: [semver], exempt: [{tags: [latest], until: 2027-01-31, reason: x}]",
    ] {
        assert_eq!(rule(rest), "", "{rest}");
    }
    let ignored = Policy::parse(
        "version: 1\nignore_tags: [\"*\"]\ntag_rules: [{name: a, repositories: [\"**\"], deny: [x1]}]",
        "p",
    );
    insta::assert_snapshot!(ignored.unwrap_err().to_string(), @"p:3:13: tag_rules[0]: the policy's `ignore_tags` leave no tag for the rule (expected an `ignore_tags` without `*`)");
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
        "repositories: [\"prod/**\"], allow: [semver], tags: {allow: [semver, \"rc-*\"]}",
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
    let three = |last: &str| {
        wrong(&format!(
            "name: d, repositories: [\"prod/**\"], derive: {{from: \"a-*\", tags: [\"b-{{tag}}\"]}}\n\
             name: e, repositories: [\"prod/app\"], derive: {{from: \"b-*\", tags: [\"c-{{tag}}\"]}}\n\
             name: f, {last}"
        ))
    };
    insta::assert_snapshot!(three("repositories: [\"**\"], derive: {from: \"c-*\", tags: [\"a-{tag}\"]}"), @"7:43: tag_rules[2].derive: in `prod/app`, `c-1.2.3` makes `a-c-1.2.3`, of which the rule `d` makes `b-a-c-1.2.3`, of which the rule `e` makes `c-b-a-c-1.2.3`, from which the first would be derived again (expected derived tags that no other rule turns back into sources)");
    assert_eq!(
        three("repositories: [\"prod/web\"], derive: {from: \"c-*\", tags: [\"a-{tag}\"]}"),
        ""
    );
    assert_eq!(
        three("repositories: [\"**\"], derive: {from: \"c-*\", tags: [\"d-{tag}\"]}"),
        ""
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
    // Also where a rule looks at one release only, which no usual version is.
    insta::assert_snapshot!(
        wrong(&format!(
            "{FLOATING}\nname: e, repositories: [\"prod/app\"], tags: {{allow: [\"1.0.0\"]}}, derive: {{from: semver, tags: [latest]}}"
        )),
        @r"
    5:48: tag_rules[0].derive: in `prod/app`, `latest` is derived by the rule `e` as well (expected each derived tag in one rule)
    6:75: tag_rules[1].derive: in `prod/app`, `latest` is derived by the rule `d` as well (expected each derived tag in one rule)
    "
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
