//! The policy changes while the functions run.

use std::time::Duration;

use crate::world::{World, image, until};

#[tokio::test]
async fn a_broken_policy_never_replaces_a_good_one() {
    let world = World::start(include_str!("policy.yaml"), |options| options);
    let client = world.client();
    world.push("prod/before", "bad", &image("before"));
    until(&world, "the first policy at work", || {
        world.home("prod/before:bad").is_none()
    })
    .await;

    client
        .set_policy("version: 1\ntag_rules: [{ name: x, alow: [semver] }]\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(
        u64::from(world.cloud.facts().policy_refresh) + 1,
    ))
    .await;
    world.push("prod/after", "bad", &image("after"));
    until(&world, "the last good policy at work", || {
        world.home("prod/after:bad").is_none()
    })
    .await;
    until(&world, "the warning", || !world.messages("alow").is_empty()).await;

    let repaired = include_str!("policy.yaml").replace("mode: enforce", "mode: observe");
    client.set_policy(&repaired).await.unwrap();
    tokio::time::sleep(Duration::from_secs(
        u64::from(world.cloud.facts().policy_refresh) + 1,
    ))
    .await;
    world.push("prod/repaired", "bad", &image("repaired"));
    until(&world, "the new policy at work", || {
        !world.messages("prod/repaired:bad").is_empty()
    })
    .await;
    assert!(
        world.home("prod/repaired:bad").is_some(),
        "it only observes now"
    );
}
