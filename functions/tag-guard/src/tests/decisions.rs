//! What is decided, and that it is done and told once.

use super::*;

#[tokio::test]
async fn a_bad_tag_is_quarantined_and_told_once() {
    let world = World::new();
    let digest = world.push("prod/app", "feature-x", "{}");
    assert_eq!(
        world
            .deliver("prod/app", "feature-x", &digest)
            .await
            .unwrap()
            .word(),
        "enforced"
    );
    assert_eq!(world.image("prod/app", "feature-x").await, None);
    assert_eq!(
        world.image("quarantine/prod/app", "feature-x").await,
        Some(digest.clone())
    );
    assert_eq!(
        world.image("quarantine/prod/app", digest.as_str()).await,
        Some(digest.clone())
    );
    assert_eq!(
        world.told(),
        [
            "Image Quarantined: prod/app:feature-x violates releases-only: feature-x matches nothing that the \
          rule allows. The image is in quarantine/prod/app now and the tag is gone from prod/app."
        ]
    );
    let under_way = |key: &String| key.starts_with("tag-guard#");
    assert!(!world.state.keys().iter().any(under_way));

    // Again, and late.
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
async fn a_second_quarantine_of_the_same_tag_keeps_the_first_image() {
    let world = World::new();
    let first = world.push("prod/app", "feature-x", "{\"n\":1}");
    world
        .deliver("prod/app", "feature-x", &first)
        .await
        .unwrap();
    let second = world.push("prod/app", "feature-x", "{\"n\":2}");
    world
        .deliver("prod/app", "feature-x", &second)
        .await
        .unwrap();
    let own = format!("feature-x-{}", first.short());
    assert_eq!(world.image("quarantine/prod/app", &own).await, Some(first));
    assert_eq!(
        world.image("quarantine/prod/app", "feature-x").await,
        Some(second)
    );
}

#[tokio::test]
async fn a_release_is_left_alone() {
    let world = World::new();
    let digest = world.push("prod/app", "v1.2.3", "{}");
    assert_eq!(
        world
            .deliver("prod/app", "v1.2.3", &digest)
            .await
            .unwrap()
            .word(),
        "compliant"
    );
    assert_eq!(world.image("prod/app", "v1.2.3").await, Some(digest));
    assert_eq!(world.told(), Vec::<String>::new());
}

#[tokio::test]
async fn the_registry_is_the_truth_not_the_event() {
    let world = World::new();
    let old = world.push("prod/app", "feature-x", "{\"n\":1}");
    let new = world.push("prod/app", "feature-x", "{\"n\":2}");
    world.deliver("prod/app", "feature-x", &old).await.unwrap();
    assert_eq!(
        world.image("quarantine/prod/app", "feature-x").await,
        Some(new)
    );
    assert_eq!(world.image("quarantine/prod/app", old.as_str()).await, None);
}

#[tokio::test]
async fn a_tag_that_is_gone_is_no_error() {
    let world = World::new();
    let digest: Digest = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
    assert_eq!(
        world
            .deliver("prod/app", "feature-x", &digest)
            .await
            .unwrap()
            .word(),
        "gone"
    );
}

#[tokio::test]
async fn a_tag_that_moved_is_left_alone() {
    let world = World::new();
    let old = world.push("prod/app", "feature-x", "{\"n\":1}");
    *world.mover.meanwhile.lock().unwrap() = Some(Box::new(|ecr| {
        ecr.push(
            &"prod/app".parse().unwrap(),
            &manifest("{\"n\":2}"),
            Some(&"feature-x".parse().unwrap()),
        );
    }));
    assert_eq!(
        world
            .deliver("prod/app", "feature-x", &old)
            .await
            .unwrap()
            .word(),
        "tag_moved"
    );
    let now = world.image("prod/app", "feature-x").await.unwrap();
    assert_ne!(now, old);
    assert_eq!(
        world.told(),
        Vec::<String>::new(),
        "the new image's own event tells its story"
    );
}

#[tokio::test]
async fn observe_changes_nothing_and_says_what_would_be_done() {
    let world = World::new();
    let digest = world.push("watched/app", "debug", "{}");
    assert_eq!(
        world
            .deliver("watched/app", "debug", &digest)
            .await
            .unwrap()
            .word(),
        "reported"
    );
    assert_eq!(world.image("watched/app", "debug").await, Some(digest));
    let event = &world.events.events()[0];
    assert_eq!(event.detail_type, DetailType::TagRuleViolated);
    assert!(
        event
            .explain
            .contains("would be moved to quarantine/watched/app"),
        "{}",
        event.explain
    );
    assert_eq!(event.actions[0].outcome, ActionOutcome::WouldDo);
}
