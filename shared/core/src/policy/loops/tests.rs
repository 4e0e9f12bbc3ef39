use super::*;

/// What is wrong with a policy with these replication rules in the home registry.
fn check(rules: &str) -> Vec<PolicyError> {
    let text = format!("version: 1\n{rules}");
    let policy = Policy::parse(&text, "test").unwrap_or_else(|e| panic!("{e}"));
    policy.check_home(
        &"111122223333".parse().unwrap(),
        &"eu-west-1".parse().unwrap(),
    )
}

const HOME: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";

#[test]
fn a_copy_onto_itself_is_found_with_its_example() {
    let errors = check(&format!(
        "replication:\n- name: loop\n  repositories: [\"prod/**\"]\n  to:\n  - registry: ghcr.io\n    \
         repository: \"x/{{basename}}\"\n  - registry: {HOME}\n    repository: \"{{repository}}\"\n"
    ));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].kind, PolicyErrorKind::FeedsItself);
    assert_eq!(
        (errors[0].line, errors[0].path.as_str()),
        (8, "replication[0].to[1]")
    );
    assert_eq!(
        errors[0].message,
        "`prod/app:v1.2.3` would be copied to `prod/app:v1.2.3` in the registry it came from, and \
         the rule `loop` would copy that again"
    );
}

#[test]
fn names_that_grow_for_ever_are_found() {
    let rule = format!(
        "replication:\n- name: grow\n  repositories: [\"**\"]\n  to:\n  - registry: {HOME}\n    \
         repository: \"dr/{{repository}}\"\n"
    );
    assert_eq!(check(&rule).len(), 1);
    // Left out of the scope, or of the rule, the copies rest.
    assert_eq!(
        check(&format!("repositories: {{exclude: [\"dr/**\"]}}\n{rule}")),
        []
    );
    let rule = rule.replace("[\"**\"]", "{include: [\"**\"], exclude: [\"dr/**\"]}");
    assert_eq!(check(&rule), []);
}

#[test]
fn a_copy_that_another_rule_takes_up_is_found() {
    let rules = format!(
        "replication:\n- name: a\n  repositories: [\"prod/**\"]\n  to:\n  - registry: {HOME}\n    \
         repository: \"dr/{{basename}}\"\n- name: b\n  repositories: [dr/shop]\n  to:\n  - registry: \
         ghcr.io\n    repository: \"x/{{basename}}\"\n"
    );
    let errors = check(&rules);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].message.contains("`dr/shop:v1.2.3`"),
        "{}",
        errors[0].message
    );
    assert_eq!(check(&rules.replace("[dr/shop]", "[team/shop]")), []);
}

#[test]
fn tags_can_keep_rules_apart() {
    let rules = |second: &str| {
        format!(
            "replication:\n- name: a\n  repositories: [\"prod/**\"]\n  tags: {{allow: [semver]}}\n  to:\n  \
             - registry: {HOME}\n    repository: \"all/{{basename}}\"\n    tag: \"copy-{{tag}}\"\n\
             - name: b\n  repositories: [\"all/**\"]\n  tags: {{allow: [{second}]}}\n  to:\n  - \
             registry: ghcr.io\n    repository: \"x/{{basename}}\"\n"
        )
    };
    assert_eq!(check(&rules("semver")), []);
    assert_eq!(check(&rules("\"copy-*\"")).len(), 1);
}

#[test]
fn other_registries_are_not_home() {
    for registry in [
        "444455556666.dkr.ecr.eu-west-1.amazonaws.com",
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com",
        "mirror.example.com",
    ] {
        let rule = format!(
            "replication:\n- name: a\n  repositories: [\"**\"]\n  to:\n  - registry: {registry}\n    \
             repository: \"{{repository}}\"\n"
        );
        assert_eq!(check(&rule), [], "{registry}");
    }
    // The FIPS and dual-stack names of home are home.
    let rule = "replication:\n- name: a\n  repositories: [\"**\"]\n  to:\n  - registry: \
                111122223333.dkr-ecr.eu-west-1.on.aws\n    repository: \"{repository}\"\n";
    assert_eq!(check(rule).len(), 1);
}

#[test]
fn wildcards_are_filled_with_names_that_match() {
    let set = |glob: &str| RepositorySet {
        include: vec![RepositoryGlob::new(glob).unwrap()],
        exclude: Vec::new(),
    };
    let words = ["app".to_owned(), "team/app".to_owned()];
    for glob in [
        "**",
        "prod/**",
        "*/api",
        "a?",
        "[x-z]/app",
        "[!a]b",
        "{dev,test}/*",
        "a/**/b",
    ] {
        assert!(samples(&set(glob), &words).next().is_some(), "{glob}");
    }
}
