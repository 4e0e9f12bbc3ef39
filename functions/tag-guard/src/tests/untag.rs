//! Tags that go while their image stays.

use super::*;

#[tokio::test]
async fn untag_keeps_an_image_whose_last_tag_goes() {
    let world = World::new();
    let digest = world.push("team/app", "latest", "{}");
    assert_eq!(
        world
            .deliver("team/app", "latest", &digest)
            .await
            .unwrap()
            .word(),
        "enforced"
    );
    assert_eq!(world.image("team/app", "latest").await, None);
    let guard = format!("untagged-{}", digest.short());
    assert_eq!(world.image("team/app", &guard).await, Some(digest));
    assert_eq!(
        world.events.events()[0].detail_type,
        DetailType::TagRuleEnforced
    );
}

#[tokio::test]
async fn untag_needs_no_guard_where_another_tag_remains() {
    let world = World::new();
    let digest = world.push("team/app", "latest", "{}");
    world.push("team/app", "v1", "{}");
    world.deliver("team/app", "latest", &digest).await.unwrap();
    let tags = world
        .ecr
        .tags_of(&"team/app".parse().unwrap(), &digest)
        .await
        .unwrap();
    assert_eq!(tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["v1"]);
}

#[tokio::test]
async fn a_guard_tag_that_names_another_image_is_left_alone() {
    let world = World::new();
    let digest = world.push("team/app", "latest", "{}");
    let short = format!("untagged-{}", digest.short());
    let other = world.push("team/app", &short, "{\"n\":2}");
    world.deliver("team/app", "latest", &digest).await.unwrap();
    assert_eq!(world.image("team/app", "latest").await, None);
    assert_eq!(world.image("team/app", &short).await, Some(other));
    let long = format!("untagged-{}", digest.hex());
    assert_eq!(
        world.tags("team/app", &digest).await,
        std::slice::from_ref(&long)
    );
    let report = &world.events.events()[0].actions[0];
    let detail = format!("the image is kept as {long}");
    assert_eq!(report.detail.as_ref(), Some(&detail));
    // It is a guard tag like the other.
    let outcome = world.deliver("team/app", &long, &digest).await.unwrap();
    assert_eq!(outcome.word(), "skipped");
}

#[tokio::test]
async fn an_image_whose_guard_tags_are_taken_keeps_its_tag() {
    let world = World::new();
    let digest = world.push("team/app", "latest", "{}");
    let names = [digest.short(), digest.hex()].map(|hex| format!("untagged-{hex}"));
    for name in &names {
        world.push("team/app", name, "{\"n\":2}");
    }
    let failure = world.deliver("team/app", "latest", &digest).await;
    assert_eq!(failure.unwrap_err().error_type(), "guard_tag_taken");
    assert_eq!(
        world.image("team/app", "latest").await,
        Some(digest.clone())
    );
    for name in &names {
        assert_ne!(world.image("team/app", name).await, Some(digest.clone()));
    }
    let events = world.events.events();
    let remedy = events[0]
        .actions
        .iter()
        .find_map(|report| report.remedy.clone());
    assert!(remedy.unwrap().contains("remove those tags"));
}
