//! The state table, and its absence.

use super::*;

const POLICY: &str = r#"
version: 1
mode: enforce
tag_rules:
  - name: releases-never-move
    repositories: ["prod/**"]
    immutable: [semver]
    on_violation: [restore, notify]
  - name: no-latest
    repositories: ["prod/**"]
    deny: [latest]
    on_violation: [untag, notify]
  - name: no-rc
    repositories: ["prod/**"]
    deny: ["*-rc"]
    on_violation: [notify]
"#;

#[tokio::test]
async fn without_the_state_table_decisions_go_on_and_say_so() {
    let world = World::with(POLICY);
    let (first, _) = world.pushed("prod/app", "1.0.0-rc", "{\"n\":1}").await;
    world.state.fail(true);
    let (second, word) = world.pushed("prod/app", "1.0.0-rc", "{\"n\":2}").await;
    assert_eq!(word, "reported", "the rest of the policy holds");
    assert!(
        world.last().contains("the state table cannot be read"),
        "{}",
        world.last()
    );
    assert_eq!(
        world.image("prod/app", "1.0.0-rc").await,
        Some(second.clone())
    );
    let (latest, word) = world.pushed("prod/app", "latest", "{\"n\":3}").await;
    assert_eq!(word, "enforced");
    assert_eq!(world.image("prod/app", "latest").await, None);
    assert_eq!(world.tags("prod/app", &latest).await.len(), 1, "it is kept");

    // What was missed is looked at again once the table is back.
    let (review, wait) = world.later.take().pop().unwrap();
    assert_eq!(wait.delay.as_secs(), 300);
    world.state.fail(false);
    world.at("2026-11-23T10:05:00Z");
    let review = parse_value(&review).unwrap();
    assert_eq!(world.handle(&review).await.unwrap().word(), "enforced");
    assert_eq!(world.image("prod/app", "1.0.0-rc").await, Some(first));
    assert_eq!(world.tags("prod/app", &second).await.len(), 1);
}

#[tokio::test]
async fn a_tag_that_was_deleted_may_be_given_anew_unless_it_is_protected() {
    let world = World::with(POLICY);
    world.pushed("prod/app", "1.0.0", "{\"n\":1}").await;
    assert_eq!(world.removed("prod/app", "1.0.0").await, "gone");
    let (second, word) = world.pushed("prod/app", "1.0.0", "{\"n\":2}").await;
    assert_eq!(word, "compliant");
    assert_eq!(world.image("prod/app", "1.0.0").await, Some(second));
}

#[tokio::test]
async fn a_deletion_waits_for_the_state_table() {
    let policy = r#"
version: 1
mode: enforce
tag_rules:
  - name: releases-stay
    repositories: ["prod/**"]
    protected: [semver]
    on_violation: [restore, notify]
"#;
    let world = World::with(policy);
    let (digest, _) = world.pushed("prod/app", "1.0.0", "{}").await;
    world.push("prod/app", "other", "{}");
    let (name, tag) = ("prod/app".parse().unwrap(), "1.0.0".parse().unwrap());
    world.ecr.remove_tag(&name, &tag).await.unwrap();
    world.state.fail(true);
    let failure = world.deliver_deletion("prod/app", "1.0.0", &digest).await;
    assert!(failure.unwrap_err().is_transient());
    assert_eq!(world.told(), Vec::<String>::new());
    world.state.fail(false);
    let outcome = world.deliver_deletion("prod/app", "1.0.0", &digest).await;
    assert_eq!(outcome.unwrap().word(), "enforced");
}

/// Holds releases, but not on the 25th.
const HELD: &str = r#"
version: 1
mode: enforce
tag_rules:
  - name: releases-never-move
    repositories: ["prod/**", "team/**"]
    immutable: [semver]
    when: 'now.getDayOfMonth() != 24'
    on_violation: [restore, notify]
"#;

/// The second image stays, and from here on the tag may not move.
async fn is_held_again(world: &World, second: &Digest) {
    let outcome = world.deliver("prod/app", "1.0.0", second).await.unwrap();
    assert_eq!(outcome.word(), "compliant");
    let (_, word) = world.pushed("prod/app", "1.0.0", "{\"n\":3}").await;
    assert_eq!(word, "enforced");
    assert_eq!(
        world.image("prod/app", "1.0.0").await.as_ref(),
        Some(second)
    );
}

#[tokio::test]
async fn a_tag_that_moved_while_a_rules_condition_let_it_is_not_put_back_later() {
    let world = World::with(HELD);
    world.pushed("prod/app", "1.0.0", "{\"n\":1}").await;
    // `getDayOfMonth` counts from 0.
    world.at("2026-11-25T10:00:00Z");
    let (second, word) = world.pushed("prod/app", "1.0.0", "{\"n\":2}").await;
    assert_eq!(word, "compliant");
    world.at("2026-11-27T10:00:00Z");
    is_held_again(&world, &second).await;
}

#[tokio::test]
async fn a_tag_that_moved_while_no_rule_held_it_is_not_put_back_later() {
    let held = HELD.replace("'now.getDayOfMonth() != 24'", "'tag != \"none\"'");
    for let_go in [
        held.replace(
            "tag_rules:",
            "repositories: {exclude: [\"prod/**\"]}\ntag_rules:",
        ),
        held.replace("\"prod/**\", ", ""),
        held.replace("tag_rules:", "ignore_tags: [\"1.0.*\"]\ntag_rules:"),
    ] {
        let mut world = World::with(&held);
        world.pushed("prod/app", "1.0.0", "{\"n\":1}").await;
        let parsed = |text: &str| {
            let policy = Policy::parse(text, "policy.yaml");
            Arc::new(PolicyStore::fixed(policy.unwrap_or_else(|e| panic!("{e}"))))
        };
        world.guard.policy = parsed(&let_go);
        let (second, _) = world.pushed("prod/app", "1.0.0", "{\"n\":2}").await;
        world.guard.policy = parsed(&held);
        is_held_again(&world, &second).await;
    }
}
