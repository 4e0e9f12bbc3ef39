//! Deletion: only what is old enough, and only what nothing else keeps.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use steward_testkit::cloud::ApiError;
use steward_testkit::image::{Image, Layer};

use super::{decided, decision, manifest, told, world};
use crate::world::{QUIET, World, image, push_event, until};

const TWO_DAYS: Duration = Duration::from_secs(2 * 24 * 3600);

/// Lets an image be two days old, and brings the event of its push again, as a reconciler would.
async fn comes_of_age(world: &World, repository: &str, tag: &str, image: &Image) {
    let client = world.client();
    client.age_image(repository, tag, TWO_DAYS).await.unwrap();
    let event = push_event(repository, tag, image.digest().as_str());
    client.put_event(&event).await.unwrap();
}

#[tokio::test]
async fn a_young_image_is_not_deleted_before_its_time_and_an_old_one_is() {
    let world = world();
    let (young, old) = (image("young"), image("old"));
    world.push("delete/app", "tmp-young", &young);
    world.push("delete/app", "tmp-old", &old);
    for tag in ["tmp-young", "tmp-old"] {
        let plan = decided(world, &format!("delete/app:{tag}")).await;
        assert!(plan["recheck_at"].is_string(), "{plan:#}");
    }
    told(world, "delete/app:tmp-young", "old-ones-go").await;

    comes_of_age(world, "delete/app", "tmp-old", &old).await;
    until(world, "the old image to go", || {
        world.home("delete/app:tmp-old").is_none()
    })
    .await;
    told(world, "delete/app:tmp-old", "delete: done").await;
    let by_digest = format!("delete/app@{}", old.digest());
    assert_eq!(world.home(&by_digest), None, "with its last tag");
    assert_eq!(world.home("quarantine/delete/app:tmp-old"), None);
    // Our own deletion leads to nothing, and the young one stays.
    tokio::time::sleep(QUIET).await;
    assert_eq!(world.home("delete/app:tmp-old"), None);
    assert_eq!(world.home("delete/app:tmp-young"), manifest(&young));
    let stories = world.stories("delete/app:tmp-young");
    assert!(!stories.contains("delete: done"), "{stories}");
}

#[tokio::test]
async fn an_old_image_with_another_tag_in_order_is_not_deleted() {
    let world = world();
    let released = image("tmp and released");
    world.push("delete/shared", "v1.0.0", &released);
    world.push("delete/shared", "tmp-1", &released);
    decided(world, "delete/shared:tmp-1").await;
    comes_of_age(world, "delete/shared", "tmp-1", &released).await;
    told(world, "delete/shared:tmp-1", "v1.0.0 as well").await;
    for tag in ["v1.0.0", "tmp-1"] {
        let found = world.home(&format!("delete/shared:{tag}"));
        assert_eq!(found, manifest(&released), "{tag}");
    }
}

#[tokio::test]
async fn an_old_image_that_an_index_names_is_not_deleted() {
    let world = world();
    let platform = |architecture: &str| {
        Image::builder()
            .platform("linux", architecture)
            .layer(Layer::file("arch", architecture))
            .build()
    };
    let child = platform("amd64");
    let index = Image::index([child.clone(), platform("arm64")]);
    world.push("delete/index", "v1.0.0", &index);
    world.push("delete/index", "tmp-child", &child);
    decided(world, "delete/index:tmp-child").await;
    comes_of_age(world, "delete/index", "tmp-child", &child).await;
    told(
        world,
        "delete/index:tmp-child",
        "an index still names the image",
    )
    .await;
    assert_eq!(world.home("delete/index:tmp-child"), manifest(&child));
    assert_eq!(world.home("delete/index:v1.0.0"), manifest(&index));
    world
        .pull(&world.cloud.addresses().registry, "delete/index:v1.0.0")
        .unwrap();
}

/// The schedule that waits for an image, as EventBridge Scheduler has it.
async fn schedule_of(world: &World, tag: &str) -> Option<Value> {
    let client = world.client();
    let api = client.api();
    let all = api.rest("scheduler", Method::GET, "/schedules", None).await;
    for schedule in all.unwrap()["Schedules"].as_array()? {
        let (group, name) = (schedule["GroupName"].as_str()?, schedule["Name"].as_str()?);
        let path = format!("/schedules/{name}?groupName={group}");
        let whole = api.rest("scheduler", Method::GET, &path, None).await;
        // One that fired since it was listed is gone.
        let whole = match whole {
            Err(ApiError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => continue,
            other => other.unwrap(),
        };
        if whole["Target"]["Input"].as_str()?.contains(tag) {
            return Some(whole);
        }
    }
    None
}

#[tokio::test]
async fn an_image_waits_in_a_schedule_and_is_deleted_when_it_fires() {
    let world = world();
    let client = world.client();
    let waiting = image("waits for a day");
    world.push("delete/wait", "tmp-waiting", &waiting);
    decided(world, "delete/wait:tmp-waiting").await;
    // The same push again waits in the same schedule.
    let event = push_event("delete/wait", "tmp-waiting", waiting.digest().as_str());
    client.put_event(&event).await.unwrap();
    let mut found = schedule_of(world, "tmp-waiting").await;
    for _ in 0..100 {
        if found.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        found = schedule_of(world, "tmp-waiting").await;
    }
    let schedule = found.expect("a schedule");
    assert_eq!(schedule["ActionAfterCompletion"], "DELETE");
    let at = schedule["ScheduleExpression"].as_str().unwrap();
    let plan = decision(world, "delete/wait:tmp-waiting").unwrap();
    let due = plan["recheck_at"].as_str().unwrap();
    assert!(at.starts_with(&format!("at({}", &due[..10])), "{at} {due}");

    // Nobody waits for a day: the image ages, and the schedule's time comes at once.
    client
        .age_image("delete/wait", "tmp-waiting", TWO_DAYS)
        .await
        .unwrap();
    let mut target = schedule["Target"].clone();
    let mut review: Value = serde_json::from_str(target["Input"].as_str().unwrap()).unwrap();
    review["detail"]["due"] = json!("2026-01-01T00:00:00Z");
    target["Input"] = json!(review.to_string());
    let changed = json!({
        "GroupName": schedule["GroupName"],
        "ScheduleExpression": "at(2026-01-01T00:00:00)",
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "ActionAfterCompletion": "DELETE",
        "Target": target,
    });
    let path = format!("/schedules/{}", schedule["Name"].as_str().unwrap());
    client
        .api()
        .rest("scheduler", Method::PUT, &path, Some(&changed))
        .await
        .unwrap();
    until(world, "the image to go", || {
        world.home("delete/wait:tmp-waiting").is_none()
    })
    .await;
    told(world, "delete/wait:tmp-waiting", "delete: done").await;
    // The scheduler sends first and deletes then.
    let mut left = schedule_of(world, "tmp-waiting").await;
    for _ in 0..150 {
        if left.is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        left = schedule_of(world, "tmp-waiting").await;
    }
    assert_eq!(left, None, "it is over");
}
