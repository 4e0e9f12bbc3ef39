//! Images that go: to the archive, or for good.

use super::*;

const ARCHIVED: &str = r#"
version: 1
mode: enforce
tag_rules:
  - name: no-old
    repositories: ["prod/**"]
    deny: ["old-*"]
    on_violation: [archive, untag, notify]
"#;

#[tokio::test]
async fn an_image_is_archived_with_a_guard_and_only_when_no_other_tag_is_in_order() {
    let world = World::with(ARCHIVED);
    let repository = "prod/app".parse().unwrap();
    let (digest, _) = world.pushed("prod/app", "old-1", "{}").await;
    assert!(world.ecr.is_archived(&repository, &digest));
    let rendered = world.ecr.render();
    assert_eq!(
        rendered,
        format!("prod/app@{} untagged-{}", digest.short(), digest.short())
    );
    assert_eq!(
        world.last_actions(),
        ["archive done", "untag done", "notify done"]
    );

    world.push("prod/app", "1.0.0", "{\"n\":2}");
    let (shared, _) = world.pushed("prod/app", "old-2", "{\"n\":2}").await;
    assert!(!world.ecr.is_archived(&repository, &shared));
    assert_eq!(
        world.last_actions(),
        ["archive failed", "untag skipped", "notify done"]
    );
    assert!(world.last().contains("1.0.0 as well"), "{}", world.last());
}

const DELETED: &str = r#"
version: 1
mode: enforce
tag_rules:
  - name: previews-go
    repositories: ["preview/**"]
    deny: ["pr-*"]
    on_violation: [delete]
    delete_after: 30d
"#;

#[tokio::test]
async fn an_image_is_deleted_only_when_it_is_old_enough_and_no_other_tag_is_in_order() {
    let world = World::with(DELETED);
    let digest = world.push("preview/app", "pr-1", "{}");
    world.pushed_at("preview/app", &digest, "2026-11-20T10:00:00Z");
    let outcome = world.deliver("preview/app", "pr-1", &digest).await.unwrap();
    assert_eq!(outcome.word(), "reported");
    assert_eq!(
        world.image("preview/app", "pr-1").await,
        Some(digest.clone())
    );
    assert_eq!(world.later.take().len(), 1, "it is looked at again");

    world.at("2026-12-20T10:00:00Z");
    world.push("preview/app", "keep", "{}");
    world.deliver("preview/app", "pr-1", &digest).await.unwrap();
    assert_eq!(world.last_actions(), ["delete failed"]);
    let (name, tag) = ("preview/app".parse().unwrap(), "keep".parse().unwrap());
    world.ecr.remove_tag(&name, &tag).await.unwrap();
    world.push("preview/app", "pr-2", "{}");
    world.deliver("preview/app", "pr-1", &digest).await.unwrap();
    assert_eq!(world.last_actions(), ["delete done"]);
    assert_eq!(world.ecr.render(), "");
}

#[tokio::test]
async fn the_child_of_an_index_is_never_deleted() {
    let world = World::with(DELETED);
    world.at("2026-12-30T10:00:00Z");
    let child = world.push("preview/app", "pr-1", "{}");
    let index = format!(r#"{{"manifests":[{{"digest":"{child}"}}]}}"#);
    world.push("preview/app", "index", &index);
    let failure = world
        .deliver("preview/app", "pr-1", &child)
        .await
        .unwrap_err();
    assert_eq!(failure.error_type(), "ecr_image_refused");
    let events = world.events.events();
    let remedy = events[0].actions[0].remedy.as_deref().unwrap();
    assert!(remedy.contains("index"), "{remedy}");
    assert_eq!(world.image("preview/app", "pr-1").await, Some(child));
}
