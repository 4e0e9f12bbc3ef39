use steward_core::policy::Policy;

use super::*;

const POLICY: &str = r#"
version: 1
mode: enforce
repositories: { include: ["**"], exclude: ["cache/**"] }
tag_rules:
  - name: releases-only
    repositories: ["prod/**"]
    allow: [semver]
    severity: high
    on_violation: [notify, quarantine]
  - name: no-latest
    repositories: ["prod/**", "team/**"]
    deny: [latest]
    on_violation: [untag]
  - name: lower-case
    repositories: ["**"]
    deny: ["/.*[A-Z].*/"]
    mode: observe
    on_violation: [notify]
"#;

fn policy() -> Policy {
    Policy::parse(POLICY, "policy.yaml").unwrap_or_else(|errors| panic!("{errors}"))
}

fn digest() -> Digest {
    format!("sha256:{}", "ab".repeat(32)).parse().unwrap()
}

fn facts(repository: &str, tag: &str, other_tags: &[&str]) -> Facts {
    let tags = std::iter::once(tag).chain(other_tags.iter().copied());
    let now = "2026-11-23T10:00:00Z".parse().unwrap();
    let event = EventFacts {
        kind: EventKind::Pushed,
        time: now,
        now,
    };
    Facts {
        image: Some(ImageFacts::new(
            digest(),
            tags.map(|t| t.parse().unwrap()).collect(),
        )),
        ..Facts::absent(repository.parse().unwrap(), tag.parse().unwrap(), event)
    }
}

/// The plan as one line a rule and one an action, so that a test reads as a table.
fn check(repository: &str, tag: &str, other_tags: &[&str]) -> String {
    let plan = plan(&facts(repository, tag, other_tags), &policy());
    if let Some(skip) = plan.skipped {
        assert!(plan.actions.is_empty() && plan.rules.is_empty());
        return format!("skipped: {skip}");
    }
    let rules = plan.rules.iter().map(|r| {
        format!(
            "{}{}: {}",
            if r.matched { "! " } else { "  " },
            r.rule,
            r.why
        )
    });
    let actions = plan
        .actions
        .iter()
        .map(|a| format!("{} {:?}", a.mode, a.action));
    rules.chain(actions).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_release_is_fine() {
    let plan = plan(&facts("prod/app", "v1.2.3", &[]), &policy());
    assert_eq!(plan.violations, []);
    assert_eq!(plan.actions, []);
    assert_eq!(plan.rules.iter().filter(|rule| rule.matched).count(), 0);
    assert_eq!(plan.rules.len(), 3, "every rule says why it is content");
}

#[test]
fn another_tag_is_quarantined_and_told() {
    let plan = plan(&facts("prod/app", "feature-x", &[]), &policy());
    assert_eq!(plan.mode, Mode::Enforce);
    assert_eq!(plan.severity, Severity::High);
    assert_eq!(plan.rules_of_event(), "releases-only");
    let to = "quarantine/prod/app".parse().unwrap();
    let tags = vec![
        "feature-x-abababababab".parse().unwrap(),
        "feature-x".parse().unwrap(),
    ];
    assert_eq!(
        plan.actions,
        [
            PlannedAction {
                action: Action::Quarantine {
                    to,
                    tags,
                    keeps_tag: false
                },
                mode: Mode::Enforce
            },
            PlannedAction {
                action: Action::Notify,
                mode: Mode::Enforce
            },
        ]
    );
    let accepted = plan.violations[0].accepted.as_deref().unwrap();
    assert!(
        accepted.contains("semantic version") || accepted.contains("semver"),
        "{accepted}"
    );
}

#[test]
fn all_violations_are_one_decision() {
    // `latest` breaks two rules; quarantine takes the tag away, so untag is part of it.
    let plan = plan(&facts("prod/app", "latest", &[]), &policy());
    assert_eq!(plan.rules_of_event(), "releases-only, no-latest");
    let names: Vec<_> = plan
        .actions
        .iter()
        .map(|planned| planned.action.name())
        .collect();
    assert_eq!(names, ["quarantine", "notify"]);
}

#[test]
fn untag_puts_a_guard_only_on_the_last_tag() {
    let guard =
        |other_tags| match &plan(&facts("team/app", "latest", other_tags), &policy()).actions[..] {
            [
                PlannedAction {
                    action: Action::Untag { guard },
                    mode: Mode::Enforce,
                },
            ] => guard.clone(),
            other => panic!("{other:?}"),
        };
    assert_eq!(guard(&[]).unwrap().as_str(), "untagged-abababababab");
    assert_eq!(guard(&["1.0.0"]), None);
}

#[test]
fn a_rule_of_its_own_mode_only_says_so() {
    let plan = plan(&facts("other/app", "RC", &[]), &policy());
    assert_eq!(plan.mode, Mode::Observe);
    assert!(!plan.changes_registry());
    assert_eq!(
        plan.actions,
        [PlannedAction {
            action: Action::Notify,
            mode: Mode::Observe
        }]
    );
}

#[test]
fn observing_plans_the_same_actions_and_none_of_them_acts() {
    let text = POLICY.replace("mode: enforce", "mode: observe");
    let policy = Policy::parse(&text, "policy.yaml").unwrap_or_else(|errors| panic!("{errors}"));
    let observed = plan(&facts("prod/app", "feature-x", &[]), &policy);
    assert!(!observed.changes_registry());
    let names: Vec<_> = observed
        .actions
        .iter()
        .map(|planned| planned.action.name())
        .collect();
    assert_eq!(names, ["quarantine", "notify"]);
}

#[test]
fn what_the_policy_does_not_look_at_is_skipped() {
    assert_eq!(
        check("cache/app", "x", &[]),
        "skipped: cache/app is outside the policy's repositories"
    );
    assert_eq!(
        check("quarantine/prod/app", "x", &[]),
        "skipped: quarantine/prod/app holds quarantined images"
    );
    let signature = format!("sha256-{}.sig", "ab".repeat(32));
    assert_eq!(
        check("prod/app", &signature, &[]),
        format!("skipped: the policy ignores the tag {signature}")
    );
}

#[test]
fn a_tag_that_is_gone_is_skipped() {
    let facts = Facts {
        image: None,
        ..facts("prod/app", "feature-x", &[])
    };
    assert_eq!(plan(&facts, &policy()).skipped, Some(Skip::Gone));
}

#[test]
fn a_guard_tag_is_exempt_only_on_its_own_image() {
    assert!(check("prod/app", "untagged-abababababab", &[]).starts_with("skipped:"));
    let forged = plan(&facts("prod/app", "untagged-cdcdcdcdcdcd", &[]), &policy());
    assert_eq!(forged.rules_of_event(), "releases-only");
}

#[test]
fn a_plan_is_the_same_every_time() {
    let facts = facts("prod/app", "latest", &["x", "y"]);
    assert_eq!(plan(&facts, &policy()), plan(&facts, &policy()));
}

#[test]
fn an_exemption_is_told_before_and_after_it_ends() {
    let policy = Policy::parse(
        r#"
version: 1
mode: enforce
tag_rules:
  - name: releases-only
    repositories: ["prod/**"]
    allow: [semver]
    exempt: [{ tags: ["legacy-*"], until: 2026-12-01, reason: "migrated later" }]
    on_violation: [notify, quarantine]
"#,
        "policy.yaml",
    )
    .unwrap();
    let on = |day: &str| {
        let mut facts = facts("prod/app", "legacy-1", &[]);
        facts.event.now = format!("{day}T10:00:00Z").parse().unwrap();
        plan(&facts, &policy)
    };
    let early = on("2026-10-01");
    assert!(!early.has_news(), "{early:?}");
    let soon = on("2026-11-23");
    assert_eq!((soon.violations.len(), soon.actions.len()), (0, 0));
    assert_eq!((soon.severity, soon.mode), (Severity::Low, Mode::Observe));
    let notice = &soon.notices[0].message;
    assert!(
        notice.contains("exempt until 2026-12-01, 8 days left"),
        "{notice}"
    );
    assert_eq!(soon.rules_of_event(), "releases-only");
    let ended = on("2026-12-02");
    assert_eq!(ended.notices, []);
    let message = &ended.violations[0].message;
    assert!(
        message.contains("the exemption ended on 2026-12-01"),
        "{message}"
    );
    assert_eq!(ended.actions[0].action.name(), "quarantine");
}

#[test]
fn no_tag_goes_with_a_deleted_image_that_no_rule_deletes_yet() {
    let policy = Policy::parse(
        r#"
version: 1
mode: enforce
ignore_tags: ["keep-*"]
tag_rules:
  - name: pull-requests
    repositories: ["prod/**"]
    deny: ["pr-*"]
    delete_after: 1d
    on_violation: [delete]
  - name: candidates
    repositories: ["prod/**"]
    deny: ["rc-*"]
    delete_after: 30d
    on_violation: [untag, delete]
"#,
        "policy.yaml",
    )
    .unwrap();
    let decide = |tag: &str, other: &[&str], pushed: &str| {
        let mut facts = facts("prod/app", tag, other);
        facts.image.as_mut().unwrap().pushed_at = Some(pushed.parse().unwrap());
        let plan = plan(&facts, &policy);
        let names: Vec<_> = plan
            .actions
            .iter()
            .map(|planned| match &planned.action {
                Action::Blocked { wanted, .. } => format!("{wanted} blocked"),
                action => action.name().to_owned(),
            })
            .collect();
        (names.join(" "), plan.recheck_at.map(|at| at.to_string()))
    };
    let (old, older) = ("2026-11-20T00:00:00Z", "2026-10-01T00:00:00Z");
    assert_eq!(decide("pr-1", &[], old), ("delete".to_owned(), None));
    // The candidate is promised 30 days.
    let at = Some("2026-12-20T00:00:00Z".to_owned());
    assert_eq!(decide("pr-1", &["rc-1"], old), (String::new(), at));
    assert_eq!(
        decide("pr-1", &["rc-1"], older),
        ("delete".to_owned(), None)
    );
    // What no rule looks at is in order.
    let blocked = ("delete blocked".to_owned(), None);
    assert_eq!(decide("pr-1", &["keep-1"], old), blocked);
    // A deletion that cannot be done does not keep the tag from going.
    let (actions, _) = decide("rc-1", &["1.0.0"], older);
    assert_eq!(actions, "untag delete blocked");
}
