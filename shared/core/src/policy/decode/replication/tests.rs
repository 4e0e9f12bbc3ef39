use std::time::Duration;

use crate::policy::{CreateSettings, Deletes, Policy, Propagation, ReplicationRule};

const ECR: &str = "444455556666.dkr.ecr.eu-central-1.amazonaws.com";

fn rule(fields: &str, create: &str) -> Result<ReplicationRule, String> {
    let text = format!(
        "version: 1\nreplication:\n- name: a\n  repositories: [\"prod/**\"]\n{fields}  to:\n  \
         - registry: {ECR}\n    repository: \"dr/{{repository}}\"\n{create}"
    );
    match Policy::parse(&text, "x") {
        Ok(policy) => Ok(policy.replication[0].clone()),
        Err(errors) => Err(errors.to_string()),
    }
}

fn created(create: &str) -> Result<CreateSettings, String> {
    let lines: String = create
        .lines()
        .map(|line| format!("      {line}\n"))
        .collect();
    rule("", &format!("    create:\n{lines}")).map(|rule| rule.to[0].create.clone().unwrap())
}

#[test]
fn a_rule_may_be_about_the_newest_tags_and_some_platforms() {
    let plain = rule("", "").unwrap();
    assert_eq!((plain.newest, plain.platforms.len()), (None, 0));
    assert_eq!(plain.deletes, Deletes::Ignore);
    let both = rule(
        "  tags: {newest: 5}\n  platforms: [linux/amd64, linux/arm/v7]\n",
        "",
    )
    .unwrap();
    assert_eq!((both.tags, both.newest), (None, Some(5)));
    assert_eq!(both.platforms[1].to_string(), "linux/arm/v7");
    let error = rule("  platforms: [linux/amd64, linux/amd64]\n", "").unwrap_err();
    assert!(error.contains("x:5:"), "{error}");
}

#[test]
fn deletions_propagate_with_defaults_or_settings() {
    let of = |text: &str| rule(&format!("  deletes: {text}\n"), "").map(|rule| rule.deletes);
    assert_eq!(of("ignore"), Ok(Deletes::Ignore));
    assert_eq!(
        of("propagate"),
        Ok(Deletes::Propagate(Propagation {
            after: Duration::from_secs(86_400),
            max_per_hour: 20
        }))
    );
    assert_eq!(of("{propagate: {}}"), of("propagate"));
    assert_eq!(
        of("{propagate: {after: 30m, max_per_hour: 5}}"),
        Ok(Deletes::Propagate(Propagation {
            after: Duration::from_secs(1800),
            max_per_hour: 5
        }))
    );
    for (wrong, place) in [
        ("forward", "replication[0].deletes"),
        (
            "{propagate: {after: 31d}}",
            "replication[0].deletes.propagate.after",
        ),
        (
            "{propagate: {max_per_hour: 0}}",
            "replication[0].deletes.propagate.max_per_hour",
        ),
    ] {
        let error = of(wrong).unwrap_err();
        assert!(error.contains(&format!(" {place}: ")), "{error}");
    }
}

#[test]
fn a_repository_is_created_with_every_setting() {
    let settings = created(
        "immutable: true\nimmutable_except: [latest, \"dev-*\"]\nscan_on_push: true\n\
         encryption: {kms_key: alias/images}\n\
         lifecycle_policy:\n  rules:\n  - rulePriority: 1\n    selection: {tagStatus: any, countNumber: 9}\n\
         repository_policy: '{\"Statement\": [ ]}'\ntags: {a: b}",
    )
    .unwrap();
    let except: Vec<&str> = settings
        .immutable_except
        .iter()
        .map(|e| e.as_str())
        .collect();
    assert_eq!(except, ["latest", "dev-*"]);
    assert_eq!(settings.kms_key.as_deref(), Some("alias/images"));
    let lifecycle: serde_json::Value =
        serde_json::from_str(settings.lifecycle_policy.as_deref().unwrap()).unwrap();
    assert_eq!(lifecycle["rules"][0]["selection"]["countNumber"], 9);
    assert_eq!(
        settings.repository_policy.as_deref(),
        Some(r#"{"Statement":[]}"#)
    );
}

#[test]
fn settings_that_ecr_would_refuse_are_refused_here() {
    for (wrong, expected) in [
        (
            "immutable_except: [latest]",
            "x:9:25: replication[0].to[0].create.immutable_except: every tag",
        ),
        (
            "immutable: true\nimmutable_except: [a?]",
            "`a?` is no filter of ECR's",
        ),
        (
            "immutable: true\nimmutable_except: [a, b, c, d, e, f]",
            "has 6 entries (expected at most 5)",
        ),
        (
            "encryption: {kms_key: images}",
            "`images` does not name a KMS key",
        ),
        (
            "encryption: {kms_key: \"arn:aws:kms:eu-west-1:1:key/x\"}",
            "does not name a KMS key",
        ),
        ("lifecycle_policy: '{'", "is not JSON"),
        (
            "lifecycle_policy: {rules: [], rules: []}",
            "`rules` is there twice",
        ),
        ("lifecycle_policy: {a: b}", "has no `rules`"),
        ("repository_policy: '[]'", "has no `Statement`"),
    ] {
        let error = created(wrong).unwrap_err();
        assert!(error.contains(expected), "{wrong}: {error}");
    }
    let long = format!(
        "repository_policy: '{{\"Statement\": \"{}\"}}'",
        "x".repeat(10_240)
    );
    assert!(created(&long).unwrap_err().contains("at most 10240"));
}

#[test]
fn rules_that_would_undo_each_other_are_refused() {
    let policy = |platforms: &str, tags: &str| {
        let text = format!(
            "version: 1\nreplication:\n- name: a\n  repositories: [\"prod/**\"]\n  to: [{{registry: m.example.com, repository: \"{{repository}}\"}}]\n\
             - name: b\n  repositories: [\"prod/team/**\"]\n{tags}{platforms}  to: [{{registry: m.example.com, repository: \"{{repository}}\"}}]\n"
        );
        Policy::parse(&text, "x").map_err(|errors| errors.to_string())
    };
    let error = policy("  platforms: [linux/amd64]\n", "").unwrap_err();
    assert!(
        error.contains("replication[1].to[0]: the rule `a` of line 3 copies the same images"),
        "{error}"
    );
    assert!(policy("", "").is_ok());
}
