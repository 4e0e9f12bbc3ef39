//! `mode: observe` is safe.

use crate::world::{QUIET, World, image, until};

#[tokio::test]
async fn observe_changes_nothing_and_says_what_would_have_been_done() {
    let policy = include_str!("policy.yaml").replace("mode: enforce", "mode: observe");
    let world = World::start(&policy, |options| options);
    let (release, feature) = (image("observed release"), image("observed feature"));
    world.push("prod/seen", "v1.0.0", &release);
    world.push("prod/seen", "feature-x", &feature);
    until(&world, "the messages", || {
        world.messages("prod/seen:v1.0.0").len() >= 2
            && world.messages("prod/seen:feature-x").len() >= 2
    })
    .await;
    tokio::time::sleep(QUIET).await;

    let told = |text: &str| {
        world
            .messages(text)
            .iter()
            .map(|message| message.text.clone())
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert!(told("prod/seen:feature-x").contains("would be moved to quarantine/prod/seen"));
    assert!(
        told("prod/seen:v1.0.0")
            .contains("would be copied to mirror.example.com/mirror/seen:v1.0.0")
    );
    assert_eq!(
        world.home("prod/seen:feature-x").as_deref(),
        Some(&feature.manifest()[..])
    );
    assert_eq!(world.home("quarantine/prod/seen:feature-x"), None);
    assert_eq!(world.target("dr/prod/seen:v1.0.0"), None);
    assert_eq!(world.mirror("mirror/seen:v1.0.0"), None);
}
