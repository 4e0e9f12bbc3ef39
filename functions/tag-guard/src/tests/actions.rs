//! Each action, carried out against a registry in memory.

use super::*;

const IMMUTABLE: &str = r#"
version: 1
mode: enforce
tag_rules:
  - name: releases-never-move
    repositories: ["prod/**"]
    immutable: [semver]
    on_violation: [restore, notify]
"#;

#[tokio::test]
async fn a_tag_that_may_not_move_is_put_back_and_the_new_image_is_kept() {
    let world = World::with(IMMUTABLE);
    let (first, word) = world.pushed("prod/app", "1.0.0", "{\"n\":1}").await;
    assert_eq!(word, "compliant");
    let (second, word) = world.pushed("prod/app", "1.0.0", "{\"n\":2}").await;
    assert_eq!(word, "enforced");
    assert_eq!(world.image("prod/app", "1.0.0").await, Some(first.clone()));
    let guard = format!("untagged-{}", second.short());
    assert_eq!(
        world.tags("prod/app", &second).await,
        std::slice::from_ref(&guard)
    );
    assert_eq!(
        world.last(),
        format!(
            "Tag Rule Enforced: prod/app:1.0.0 violates releases-never-move: 1.0.0 moved from {} to \
             {}. 1.0.0 is back on {}.",
            first.short(),
            second.short(),
            first.short()
        )
    );
    // Our own pushes come as events too, and change nothing.
    let writes = world.ecr.writes().len();
    for (tag, digest) in [("1.0.0", &first), (guard.as_str(), &second)] {
        let outcome = world.deliver("prod/app", tag, digest).await.unwrap();
        assert!(["compliant", "skipped"].contains(&outcome.word()));
    }
    assert_eq!(world.ecr.writes().len(), writes);
    assert_eq!(world.told().len(), 1);
}

#[tokio::test]
async fn a_new_image_with_another_tag_needs_no_guard() {
    let world = World::with(IMMUTABLE);
    world.pushed("prod/app", "1.0.0", "{\"n\":1}").await;
    world.push("prod/app", "feature", "{\"n\":2}");
    let (second, _) = world.pushed("prod/app", "1.0.0", "{\"n\":2}").await;
    assert_eq!(world.tags("prod/app", &second).await, ["feature"]);
}

#[tokio::test]
async fn a_restore_without_the_image_fails_and_says_what_to_do() {
    let world =
        World::with(&IMMUTABLE.replace("[restore, notify]", "[restore, quarantine, notify]"));
    let (first, _) = world.pushed("prod/app", "1.0.0", "{\"n\":1}").await;
    let second = world.push("prod/app", "1.0.0", "{\"n\":2}");
    let repository = "prod/app".parse().unwrap();
    world.ecr.delete_image(&repository, &first).await.unwrap();
    let failure = world
        .deliver("prod/app", "1.0.0", &second)
        .await
        .unwrap_err();
    assert_eq!(failure.error_type(), "restore_image_gone");
    assert_eq!(
        world.last_actions(),
        ["restore failed", "quarantine skipped", "notify done"]
    );
    let events = world.events.events();
    let remedy = events[0].actions[0].remedy.as_deref().unwrap();
    assert!(remedy.contains("push that image again"), "{remedy}");
    assert_eq!(world.image("prod/app", "1.0.0").await, Some(second));
}

#[tokio::test]
async fn a_restored_tag_is_not_taken_away_and_the_new_image_is_quarantined_by_its_digest() {
    let policy = IMMUTABLE.replace("[restore, notify]", "[restore, quarantine, untag, notify]");
    let world = World::with(&policy);
    let (first, _) = world.pushed("prod/app", "1.0.0", "{\"n\":1}").await;
    let (second, _) = world.pushed("prod/app", "1.0.0", "{\"n\":2}").await;
    assert_eq!(
        world.last_actions(),
        ["restore done", "quarantine done", "notify done"]
    );
    assert_eq!(world.image("prod/app", "1.0.0").await, Some(first));
    assert_eq!(
        world.image("quarantine/prod/app", second.as_str()).await,
        Some(second)
    );
}

const PROTECTED: &str = r#"
version: 1
mode: enforce
tag_rules:
  - name: releases-stay
    repositories: ["prod/**"]
    protected: [semver, stable]
    on_violation: [restore, notify]
  - name: no-debug
    repositories: ["prod/**"]
    deny: ["/.*-debug/"]
    on_violation: [notify, quarantine]
replication:
  - name: dr
    repositories: ["prod/**"]
    to: [{registry: mirror.example.com, repository: "dr/{repository}"}]
"#;

#[tokio::test]
async fn a_deleted_tag_comes_back_from_its_own_repository() {
    let world = World::with(PROTECTED);
    let (digest, _) = world.pushed("prod/app", "1.0.0", "{}").await;
    world.push("prod/app", "other", "{}");
    assert_eq!(world.removed("prod/app", "1.0.0").await, "enforced");
    assert_eq!(world.image("prod/app", "1.0.0").await, Some(digest));
    assert_eq!(world.last_actions(), ["restore done", "notify done"]);
}

#[tokio::test]
async fn a_deleted_image_comes_back_from_quarantine_or_from_a_replica_and_it_is_said_where_none_is()
{
    for place in ["quarantine/prod/app", "dr/prod/app", ""] {
        let world = World::with(PROTECTED);
        let (digest, _) = world.pushed("prod/app", "1.0.0", "{}").await;
        let copy = manifest("{}");
        match place {
            "dr/prod/app" => world.replica.push(&place.parse().unwrap(), &copy, None),
            "" => {}
            quarantine => world.ecr.push(&quarantine.parse().unwrap(), &copy, None),
        }
        let (name, tag) = ("prod/app".parse().unwrap(), "1.0.0".parse().unwrap());
        world.ecr.remove_tag(&name, &tag).await.unwrap();
        let outcome = world.deliver_deletion("prod/app", "1.0.0", &digest).await;
        if place.is_empty() {
            assert_eq!(outcome.unwrap_err().error_type(), "restore_nowhere");
            assert_eq!(world.last_actions(), ["restore failed", "notify done"]);
            assert!(world.last().contains("neither in"), "{}", world.last());
            continue;
        }
        assert_eq!(outcome.unwrap().word(), "enforced", "{place}");
        assert_eq!(world.image("prod/app", "1.0.0").await, Some(digest));
        let events = world.events.events();
        let detail = events[0].actions[0].detail.as_deref().unwrap();
        assert!(detail.contains(place), "{detail}");
    }
}

#[tokio::test]
async fn a_tag_that_went_to_the_archive_with_its_image_is_not_lost() {
    let world = World::with(PROTECTED);
    let (digest, _) = world.pushed("prod/app", "1.0.0", "{}").await;
    let (name, tag) = ("prod/app".parse().unwrap(), "1.0.0".parse().unwrap());
    world.ecr.archive(&name, &digest).await.unwrap();
    // An old DELETE, or one that comes twice.
    let outcome = world.deliver_deletion("prod/app", "1.0.0", &digest).await;
    outcome.unwrap();
    assert_eq!(world.last_actions(), ["restore unchanged", "notify done"]);
    assert!(world.ecr.is_archived(&name, &digest));

    let other = world.push("prod/app", "kept", "{}");
    assert_eq!(other, digest);
    world.ecr.remove_tag(&name, &tag).await.unwrap();
    world.ecr.archive(&name, &digest).await.unwrap();
    let outcome = world.deliver_deletion("prod/app", "1.0.0", &digest).await;
    assert_eq!(outcome.unwrap_err().error_type(), "restore_archived");
}

#[tokio::test]
async fn a_tag_that_the_function_itself_took_away_is_not_brought_back() {
    let policy = PROTECTED.replace("[semver, stable]", "[\"*\"]");
    let world = World::with(&policy);
    let (digest, word) = world.pushed("prod/app", "1.0.0-debug", "{}").await;
    assert_eq!(word, "enforced");
    assert_eq!(world.image("prod/app", "1.0.0-debug").await, None);
    let outcome = world
        .deliver_deletion("prod/app", "1.0.0-debug", &digest)
        .await;
    assert_eq!(outcome.unwrap().word(), "compliant");
    assert_eq!(world.image("prod/app", "1.0.0-debug").await, None);
    assert_eq!(world.told().len(), 1);
}

const DERIVED: &str = r#"
version: 1
mode: enforce
tag_rules:
  - name: floating
    repositories: ["prod/**"]
    derive: { from: semver, tags: ["{major}.{minor}", "{major}", latest] }
  - name: no-bad
    repositories: ["prod/**"]
    deny: ["9.*"]
    on_violation: [untag]
"#;

#[tokio::test]
async fn derived_tags_follow_the_highest_release_and_never_move_back() {
    let world = World::with(DERIVED);
    let (first, word) = world.pushed("prod/app", "1.4.0", "{\"n\":1}").await;
    assert_eq!(word, "enforced");
    for tag in ["1.4", "1", "latest"] {
        assert_eq!(
            world.image("prod/app", tag).await,
            Some(first.clone()),
            "{tag}"
        );
    }
    let (patch, _) = world.pushed("prod/app", "1.3.9", "{\"n\":2}").await;
    assert_eq!(world.image("prod/app", "1.3").await, Some(patch));
    for tag in ["1.4", "1", "latest"] {
        assert_eq!(
            world.image("prod/app", tag).await,
            Some(first.clone()),
            "{tag}"
        );
    }
    assert_eq!(
        world.last(),
        "Tag Rule Enforced: prod/app:1.3 follows 1.3.9 now."
    );
    // The events of derived pushes end there.
    let writes = world.ecr.writes().len();
    for tag in ["1.4", "1", "latest"] {
        let outcome = world.deliver("prod/app", tag, &first).await.unwrap();
        assert_eq!(outcome.word(), "compliant");
    }
    assert_eq!(world.ecr.writes().len(), writes);
}

#[tokio::test]
async fn derived_tags_go_back_when_a_release_goes_and_come_back_when_they_are_moved() {
    let world = World::with(DERIVED);
    let (first, _) = world.pushed("prod/app", "1.0.0", "{\"n\":1}").await;
    let (second, _) = world.pushed("prod/app", "1.0.1", "{\"n\":2}").await;
    assert_eq!(world.image("prod/app", "latest").await, Some(second));
    world.removed("prod/app", "1.0.1").await;
    assert_eq!(world.image("prod/app", "latest").await, Some(first.clone()));
    // Somebody moves it by hand; that image had no other tag.
    let (stray, _) = world.pushed("prod/app", "latest", "{\"n\":3}").await;
    assert_eq!(world.image("prod/app", "latest").await, Some(first));
    let guard = format!("untagged-{}", stray.short());
    assert_eq!(world.tags("prod/app", &stray).await, [guard]);
}

#[tokio::test]
async fn nothing_is_derived_from_an_image_that_is_taken_away() {
    let world = World::with(DERIVED);
    world.pushed("prod/app", "9.0.0", "{}").await;
    assert_eq!(world.last_actions(), ["untag done"]);
    assert_eq!(world.image("prod/app", "latest").await, None);

    // What followed it before leaves it.
    let (good, _) = world.pushed("prod/app", "1.0.0", "{\"n\":2}").await;
    world.push("prod/app", "latest", "{\"n\":3}");
    world.pushed("prod/app", "9.0.1", "{\"n\":3}").await;
    assert_eq!(world.image("prod/app", "latest").await, Some(good.clone()));
}

const MARKED: &str = r#"
version: 1
mode: enforce
tag_rules:
  - name: releases-only
    repositories: ["prod/**"]
    allow: [semver]
    on_violation: [tag, untag, notify]
    mark: "rejected-{short_digest}"
"#;

#[tokio::test]
async fn a_mark_is_put_once_and_keeps_the_image() {
    let world = World::with(MARKED);
    let (digest, _) = world.pushed("prod/app", "feature", "{}").await;
    let mark = format!("rejected-{}", digest.short());
    assert_eq!(
        world.tags("prod/app", &digest).await,
        std::slice::from_ref(&mark)
    );
    assert_eq!(
        world.last_actions(),
        ["tag done", "untag done", "notify done"]
    );
    let outcome = world.deliver("prod/app", &mark, &digest).await.unwrap();
    assert_eq!(outcome.word(), "skipped");
    // Another image under the name of a mark is no mark.
    let forged = world
        .pushed("prod/app", "rejected-000000000000", "{\"n\":2}")
        .await;
    assert_eq!(forged.1, "enforced");
}

#[tokio::test]
async fn a_floating_tag_is_looked_at_again_when_its_companion_goes() {
    let policy = r#"
version: 1
mode: enforce
tag_rules:
  - name: companion
    repositories: ["prod/**"]
    companion: { floating: [latest], requires: [semver] }
    on_violation: [notify]
"#;
    let world = World::with(policy);
    world.pushed("prod/app", "1.0.0", "{}").await;
    let (_, word) = world.pushed("prod/app", "latest", "{}").await;
    assert_eq!(word, "compliant");
    world.removed("prod/app", "1.0.0").await;
    assert!(
        world
            .last()
            .contains("the image of latest has no tag that is"),
        "{}",
        world.last()
    );
}

#[tokio::test]
async fn a_quarantine_that_cannot_have_a_name_fails_and_stops_what_is_behind_it() {
    let policy = r#"
version: 1
mode: enforce
tag_rules:
  - name: releases-only
    repositories: ["**"]
    allow: [semver]
    on_violation: [quarantine, untag, notify]
"#;
    let world = World::with(policy);
    let long = format!("prod/{}", "a".repeat(250));
    let (digest, word) = world.pushed(&long, "feature", "{}").await;
    assert_eq!(word, "reported");
    assert_eq!(world.last_actions(), ["quarantine failed", "notify done"]);
    let event = &world.events.events()[0];
    assert_eq!(event.error_type.as_deref(), Some("action_impossible"));
    assert!(
        event.actions[0]
            .detail
            .as_deref()
            .unwrap()
            .contains("longer than ECR allows")
    );
    assert_eq!(world.image(&long, "feature").await, Some(digest));
}
