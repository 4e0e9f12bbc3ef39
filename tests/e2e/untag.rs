//! `untag` never deletes an image.

use crate::world::{image, shared, until};

#[tokio::test]
async fn untag_keeps_the_image_under_a_guard_tag() {
    let world = shared();
    let image = image("untag");
    world.push("team/untag", "latest", &image);
    until(world, "the tag to go", || {
        world.home("team/untag:latest").is_none()
    })
    .await;
    let guard = format!("team/untag:untagged-{}", image.digest().short());
    assert_eq!(world.home(&guard).as_deref(), Some(&image.manifest()[..]));
    world
        .pull(&world.cloud.addresses().registry, &guard)
        .unwrap();
    until(world, "the message", || {
        !world.messages("team/untag:latest").is_empty()
    })
    .await;
    assert_eq!(
        world.titles("team/untag:latest"),
        ["slack: Tag removed: team/untag:latest"]
    );
}

#[tokio::test]
async fn untag_leaves_the_other_tags_alone() {
    let world = shared();
    let image = image("untag one of two");
    world.push("team/two", "v1", &image);
    world.push("team/two", "latest", &image);
    until(world, "the tag to go", || {
        world.home("team/two:latest").is_none()
    })
    .await;
    assert_eq!(
        world.home("team/two:v1").as_deref(),
        Some(&image.manifest()[..])
    );
    let guard = format!("team/two:untagged-{}", image.digest().short());
    assert_eq!(world.home(&guard), None);
}
