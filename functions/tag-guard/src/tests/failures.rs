//! Runs that fail or die.

use super::*;

#[tokio::test]
async fn a_run_that_died_before_telling_is_told_by_the_next_delivery() {
    let world = World::new();
    let digest = world.push("prod/app", "feature-x", "{}");
    world.events.fail(true);
    world
        .deliver("prod/app", "feature-x", &digest)
        .await
        .unwrap_err();
    assert_eq!(
        world.image("prod/app", "feature-x").await,
        None,
        "the tag went before the bus failed"
    );
    world.events.fail(false);
    assert_eq!(
        world
            .deliver("prod/app", "feature-x", &digest)
            .await
            .unwrap()
            .word(),
        "reported_late"
    );
    assert_eq!(
        world.events.events()[0].detail_type,
        DetailType::ImageQuarantined
    );
    assert_eq!(
        world
            .deliver("prod/app", "feature-x", &digest)
            .await
            .unwrap()
            .word(),
        "gone"
    );
    assert_eq!(world.told().len(), 1);
}

#[tokio::test]
async fn a_copy_that_fails_leaves_the_tag_and_is_told_at_its_first_and_its_last_try() {
    let world = World::new();
    let digest = world.push("prod/app", "feature-x", "{}");
    *world.mover.failing.lock().unwrap() =
        Some(|| Failure::transient("registry_unreachable", "no route"));
    let failure = world
        .deliver("prod/app", "feature-x", &digest)
        .await
        .unwrap_err();
    assert!(failure.is_transient());
    assert_eq!(
        world.image("prod/app", "feature-x").await,
        Some(digest.clone())
    );
    let event = event("prod/app", "feature-x", &digest);
    let between = RecordContext {
        receive_count: 2,
        ..RecordContext::for_test()
    };
    world.guard.handle(&event, &between).await.unwrap_err();
    let last = RecordContext {
        receive_count: 3,
        last_attempt: true,
        ..RecordContext::for_test()
    };
    world.guard.handle(&event, &last).await.unwrap_err();
    let told = world.events.events();
    assert_eq!(told.len(), 2, "tries between are only logged");
    assert_eq!(told[0].dedupe_key, told[1].dedupe_key);
    assert_eq!(told[0].detail_type, DetailType::TagRuleViolated);
    assert_eq!(told[0].error_type.as_deref(), Some("registry_unreachable"));
    assert_eq!(told[0].actions[0].outcome, ActionOutcome::Failed);
    assert_eq!(
        told[0].actions[1].outcome,
        ActionOutcome::Done,
        "people are told"
    );
    assert_eq!(world.image("prod/app", "feature-x").await, Some(digest));
}

#[tokio::test]
async fn a_run_that_was_stopped_is_told_by_the_next_one_that_gives_up() {
    let world = World::new();
    let digest = world.push("prod/app", "feature-x", "{}");
    let event = event("prod/app", "feature-x", &digest);
    let failure = Failure::transient("deadline", "not finished");
    world
        .guard
        .gave_up(Some(&event), &failure, &RecordContext::for_test())
        .await;
    assert_eq!(world.last_actions(), ["quarantine failed", "notify done"]);
    let failure = Failure::transient("registry_unreachable", "no route");
    world
        .guard
        .gave_up(Some(&event), &failure, &RecordContext::for_test())
        .await;
    assert_eq!(world.told().len(), 1, "a run tells of its own failures");
}

#[tokio::test]
async fn a_tag_that_was_brought_back_is_told_by_the_next_delivery() {
    let world = World::with(
        r#"
version: 1
mode: enforce
tag_rules:
  - name: releases-stay
    repositories: ["prod/**"]
    protected: [semver]
    on_violation: [restore, notify]
"#,
    );
    let (digest, _) = world.pushed("prod/app", "1.0.0", "{}").await;
    world.push("prod/app", "keeps-the-image", "{}");
    let (name, tag) = ("prod/app".parse().unwrap(), "1.0.0".parse().unwrap());
    world.ecr.remove_tag(&name, &tag).await.unwrap();
    world.events.fail(true);
    let died = world.deliver_deletion("prod/app", "1.0.0", &digest).await;
    died.unwrap_err();
    assert_eq!(world.image("prod/app", "1.0.0").await, Some(digest.clone()));
    world.events.fail(false);
    for _ in 0..2 {
        let again = world.deliver_deletion("prod/app", "1.0.0", &digest).await;
        again.unwrap();
        assert_eq!(world.told().len(), 1, "{:?}", world.told());
        assert_eq!(world.last_actions(), ["restore done", "notify done"]);
    }
}

#[tokio::test]
async fn a_deletion_that_was_announced_is_told_although_the_violation_was() {
    let world = World::with(
        r#"
version: 1
mode: enforce
tag_rules:
  - name: old-ones-go
    repositories: ["prod/**"]
    deny: ["tmp-*"]
    delete_after: 1d
    on_violation: [delete, notify]
"#,
    );
    let digest = world.push("prod/app", "tmp-1", "{}");
    world.pushed_at("prod/app", &digest, "2026-11-23T10:00:00Z");
    world.deliver("prod/app", "tmp-1", &digest).await.unwrap();
    world.deliver("prod/app", "tmp-1", &digest).await.unwrap();
    world.at("2026-11-24T10:00:00Z");
    world.deliver("prod/app", "tmp-1", &digest).await.unwrap();
    let keys: Vec<String> = world
        .events
        .events()
        .into_iter()
        .map(|e| e.dedupe_key)
        .collect();
    let [first, second, deleted] = &keys[..] else {
        panic!("{keys:?}");
    };
    assert_eq!(first, second, "the notifier sends it once");
    assert_ne!(second, deleted);
}
