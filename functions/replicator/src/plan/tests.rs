use steward_core::policy::Policy;

use super::*;

const POLICY: &str = r#"
version: 1
mode: enforce
replication:
  - name: disaster-recovery
    repositories: ["prod/**"]
    tags: { allow: [semver] }
    to:
      - registry: 444455556666.dkr.ecr.eu-central-1.amazonaws.com
        repository: "dr/{repository}"
        assume_role: arn:aws:iam::444455556666:role/ecr-steward-writer
      - registry: mirror.example.com
        repository: "mirror/{basename}"
  - name: everything
    repositories: ["prod/app"]
    referrers: false
    mode: observe
    to:
      - registry: mirror.example.com
        repository: "mirror/{basename}"
"#;

fn facts(repository: &str, tag: &str) -> Facts {
    Facts {
        account: "111122223333".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
        repository: repository.parse().unwrap(),
        tag: tag.parse().unwrap(),
        digest: Some(format!("sha256:{}", "ab".repeat(32)).parse().unwrap()),
        siblings: None,
    }
}

fn plan_for(facts: &Facts) -> Plan {
    let policy = Policy::parse(POLICY, "policy.yaml").unwrap_or_else(|errors| panic!("{errors}"));
    plan(facts, &policy)
}

fn destinations(plan: &Plan) -> Vec<String> {
    plan.copies
        .iter()
        .map(|copy| {
            format!(
                "{} {}/{}:{}",
                copy.mode,
                copy.to.registry,
                copy.to.repository,
                copy.to.tag.as_ref().unwrap()
            )
        })
        .collect()
}

#[test]
fn a_release_goes_to_every_target_under_its_new_name() {
    assert_eq!(
        destinations(&plan_for(&facts("prod/team/web", "v1.2.3"))),
        [
            "enforce 444455556666.dkr.ecr.eu-central-1.amazonaws.com/dr/prod/team/web:v1.2.3",
            "enforce mirror.example.com/mirror/web:v1.2.3",
        ]
    );
}

#[test]
fn a_target_that_two_rules_name_is_copied_to_once_by_the_rule_that_acts() {
    let plan = plan_for(&facts("prod/app", "v1.2.3"));
    assert_eq!(plan.copies.len(), 2);
    assert_eq!(plan.copies[1].mode, Mode::Enforce);
    assert!(plan.copies[1].referrers);
}

#[test]
fn a_tag_outside_the_filter_is_not_copied_by_that_rule() {
    let plan = plan_for(&facts("prod/app", "feature-x"));
    assert_eq!(
        destinations(&plan),
        ["observe mirror.example.com/mirror/app:feature-x"]
    );
    assert_eq!(
        plan.rules[0].why,
        "the rule's tags do not include feature-x"
    );
}

#[test]
fn other_repositories_are_no_rules_business() {
    let plan = plan_for(&facts("team/app", "v1.2.3"));
    assert_eq!(plan.rules, []);
    assert_eq!(plan.copies, []);
}

#[test]
fn what_is_quarantined_or_gone_or_ignored_is_skipped() {
    assert!(matches!(
        plan_for(&facts("quarantine/prod/app", "v1.2.3")).skipped,
        Some(Skip::Quarantine { .. })
    ));
    let gone = Facts {
        digest: None,
        ..facts("prod/app", "v1.2.3")
    };
    assert_eq!(plan_for(&gone).skipped, Some(Skip::Gone));
    let signature = facts("prod/app", &format!("sha256-{}", "ab".repeat(32)));
    assert!(matches!(
        plan_for(&signature).skipped,
        Some(Skip::IgnoredTag { .. })
    ));
    let guard = facts("prod/app", "untagged-abababababab");
    assert!(matches!(
        plan_for(&guard).skipped,
        Some(Skip::GuardTag { .. })
    ));
}

#[test]
fn an_image_is_never_copied_onto_itself() {
    let text = r#"
version: 1
mode: enforce
replication:
  - name: itself
    repositories: ["prod/**"]
    to:
      - registry: 111122223333.dkr.ecr.eu-west-1.amazonaws.com
        repository: "{repository}"
"#;
    // The parser may refuse this policy outright; where it does not, the plan has no copy.
    if let Ok(policy) = Policy::parse(text, "policy.yaml") {
        assert_eq!(plan(&facts("prod/app", "v1"), &policy).copies, []);
    }
}

#[test]
fn only_the_newest_tags_are_copied_and_without_them_nothing_is_decided() {
    let text = POLICY.replacen("{ allow: [semver] }", "{ allow: [semver], newest: 2 }", 1);
    let policy = Policy::parse(&text, "policy.yaml").unwrap_or_else(|errors| panic!("{errors}"));
    let with = |tag: &str| Facts {
        siblings: Some(
            ["v1.0.0", "v1.1.0", "v1.2.0", "main", "sha256-ab"]
                .iter()
                .map(|tag| (tag.parse().unwrap(), None))
                .collect(),
        ),
        ..facts("prod/team/web", tag)
    };
    assert_eq!(plan(&with("v1.1.0"), &policy).copies.len(), 2);
    let old = plan(&with("v1.0.0"), &policy);
    assert_eq!(old.copies, []);
    assert_eq!(
        old.rules[0].why,
        "the rule's tags include v1.0.0, but it is not among the newest 2"
    );
    let unknown = plan(&facts("prod/team/web", "v1.0.0"), &policy);
    assert!(unknown.rules[0].undecided && unknown.copies.is_empty());
}

#[test]
fn a_deletion_goes_only_where_every_rule_lets_it() {
    let text = POLICY.replacen("    to:", "    deletes: propagate\n    to:", 1);
    let policy = Policy::parse(&text, "policy.yaml").unwrap_or_else(|errors| panic!("{errors}"));
    let gone = |repository: &str, tag: &str| {
        let facts = Facts {
            digest: None,
            ..facts(repository, tag)
        };
        removals(&facts, &policy)
            .into_iter()
            .map(|removal| removal.from.to_string())
            .collect::<Vec<_>>()
    };
    let dr = "444455556666.dkr.ecr.eu-central-1.amazonaws.com/dr";
    assert_eq!(
        gone("prod/team/web", "v1.2.3"),
        [
            format!("{dr}/prod/team/web:v1.2.3"),
            "mirror.example.com/mirror/web:v1.2.3".to_owned()
        ]
    );
    // The rule `everything` keeps what it copies to the mirror.
    assert_eq!(
        gone("prod/app", "v1.2.3"),
        [format!("{dr}/prod/app:v1.2.3")]
    );
    assert_eq!(gone("prod/app", "main"), Vec::<String>::new());
    assert_eq!(gone("quarantine/prod/app", "v1.2.3"), Vec::<String>::new());
}

/// A policy whose rules `watched` (observe) and `real` (enforce) name the same target.
fn watched_and_real(watched_first: bool) -> Policy {
    let watched = r#"
  - name: watched
    repositories: ["prod/**"]
    mode: observe
    deletes: { propagate: { after: 1h, max_per_hour: 1 } }
    to:
      - { registry: mirror.example.com, repository: "mirror/{basename}" }"#;
    let real = r#"
  - name: real
    repositories: ["prod/**"]
    referrers: false
    deletes: { propagate: { after: 2h, max_per_hour: 2 } }
    to:
      - { registry: other.example.com, repository: "other/{basename}" }
      - { registry: mirror.example.com, repository: "mirror/{basename}" }"#;
    let rules = if watched_first {
        [watched, real]
    } else {
        [real, watched]
    };
    let text = format!("version: 1\nmode: enforce\nreplication:{}", rules.concat());
    Policy::parse(&text, "policy.yaml").unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn the_rule_that_acts_says_how_a_target_of_two_rules_is_copied_to() {
    for watched_first in [true, false] {
        let plan = plan(&facts("prod/app", "v1"), &watched_and_real(watched_first));
        let copies = plan.copies.iter();
        let mirror = copies
            .filter(|copy| copy.to.registry.as_str() == "mirror.example.com")
            .collect::<Vec<_>>();
        assert_eq!(mirror.len(), 1, "{watched_first}");
        assert_eq!(mirror[0].rule, "real", "{watched_first}");
        assert_eq!(mirror[0].target_index, 1);
        assert!(!mirror[0].referrers, "{watched_first}");
        assert_eq!(mirror[0].mode, Mode::Enforce);
    }
}

#[test]
fn the_rule_that_acts_says_when_a_copy_of_two_rules_goes() {
    for watched_first in [true, false] {
        let facts = Facts {
            digest: None,
            ..facts("prod/app", "v1")
        };
        let removals = removals(&facts, &watched_and_real(watched_first));
        let mirror = removals
            .iter()
            .filter(|removal| removal.from.registry.as_str() == "mirror.example.com")
            .collect::<Vec<_>>();
        assert_eq!(mirror.len(), 1, "{watched_first}");
        assert_eq!(mirror[0].rule, "real", "{watched_first}");
        assert_eq!((mirror[0].target_index, mirror[0].max_per_hour), (1, 2));
        assert_eq!(mirror[0].after.as_secs(), 7200);
        assert_eq!(mirror[0].mode, Mode::Enforce);
    }
}
