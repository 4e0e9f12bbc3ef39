//! What a replication rule may say beyond where to: how a target is created, what a deletion means,
//! and images that one run cannot copy.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use steward_testkit::image::{Image, Layer};

use crate::world::{QUIET, World, image, until};

const POLICY: &str = include_str!("replication.yaml");

static WORLD: LazyLock<World> = LazyLock::new(|| World::start(POLICY, |options| options));

/// Asks the ECR of the target's account.
async fn target_ecr(world: &World, operation: &str, input: Value) -> Value {
    let client = world.client();
    let api = client.api().acting_as("444455556666", "eu-central-1");
    let operation = format!("AmazonEC2ContainerRegistry_V20150921.{operation}");
    api.json("ecr", &operation, &input).await.unwrap()
}

#[tokio::test]
async fn a_target_is_created_with_the_settings_of_the_policy() {
    let world = &*WORLD;
    world.push("prod/created", "v1.0.0", &image("created"));
    until(world, "the copy", || {
        world.target("dr/prod/created:v1.0.0").is_some()
    })
    .await;
    let name = json!({ "repositoryName": "dr/prod/created" });
    let named = json!({ "repositoryNames": ["dr/prod/created"] });
    let found = target_ecr(world, "DescribeRepositories", named).await;
    let found = &found["repositories"][0];
    assert_eq!(found["imageTagMutability"], "IMMUTABLE_WITH_EXCLUSION");
    assert_eq!(found["imageScanningConfiguration"]["scanOnPush"], true);
    let lifecycle = target_ecr(world, "GetLifecyclePolicy", name.clone()).await;
    let lifecycle = lifecycle["lifecyclePolicyText"].as_str().unwrap();
    assert!(lifecycle.contains("imageCountMoreThan"), "{lifecycle}");
    let policy = target_ecr(world, "GetRepositoryPolicy", name).await;
    assert!(policy["policyText"].as_str().unwrap().contains("Statement"));
    let arn = json!({ "resourceArn": found["repositoryArn"] });
    let tags = target_ecr(world, "ListTagsForResource", arn).await;
    assert!(tags.to_string().contains("managed-by"), "{tags}");
}

#[tokio::test]
async fn a_tag_of_an_immutable_target_is_never_moved() {
    let world = &*WORLD;
    let first = image("immutable, first");
    world.push("prod/immutable", "v1.0.0", &first);
    until(world, "the copy", || {
        world.target("dr/prod/immutable:v1.0.0").is_some()
    })
    .await;
    world.push("prod/immutable", "v1.0.0", &image("immutable, second"));
    until(world, "the failure's message", || {
        let stories = world.stories("prod/immutable:v1.0.0");
        stories.contains("could not be copied") && stories.contains("may not be moved")
    })
    .await;
    assert_eq!(
        world.target("dr/prod/immutable:v1.0.0").as_deref(),
        Some(&first.manifest()[..])
    );
}

#[tokio::test]
async fn a_deletion_takes_the_copy_along_and_nothing_else() {
    let world = &*WORLD;
    let (ours, theirs) = (image("ours"), image("theirs"));
    world.push("prod/deleted", "v1.0.0", &ours);
    until(world, "the copy", || {
        world.target("dr/prod/deleted:v1.0.0").is_some()
    })
    .await;
    // Somebody else brought this one to the target, before it was pushed at home.
    let registry = &world.cloud.facts().target_registry;
    world.push_to(registry, "dr/prod/deleted", "v2.0.0", &theirs);
    world.push("prod/deleted", "v2.0.0", &theirs);
    tokio::time::sleep(QUIET).await;
    world.delete("prod/deleted", "v1.0.0");
    world.delete("prod/deleted", "v2.0.0");
    until(world, "the removal", || {
        world.target("dr/prod/deleted:v1.0.0").is_none()
    })
    .await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(
        world.target("dr/prod/deleted:v2.0.0").as_deref(),
        Some(&theirs.manifest()[..])
    );
    until(world, "the message", || {
        world
            .stories("dr/prod/deleted:v1.0.0")
            .contains("was removed")
    })
    .await;
}

#[tokio::test]
async fn only_the_wanted_platforms_travel() {
    let world = &*WORLD;
    let part = |architecture: &str| {
        Image::builder()
            .platform("linux", architecture)
            .layer(Layer::file("app/version", architecture))
            .build()
    };
    world.push(
        "multi/app",
        "v1",
        &Image::index([part("amd64"), part("arm64")]),
    );
    until(world, "the copy", || world.mirror("multi/app:v1").is_some()).await;
    let copy = String::from_utf8(world.mirror("multi/app:v1").unwrap()).unwrap();
    assert!(copy.contains("amd64") && !copy.contains("arm64"), "{copy}");
}

/// An image with layers of so many bytes.
fn large(seed: u64, layers: u64, size: u64) -> Image {
    let layers = (0..layers).map(|layer| Layer::random(seed + layer, size));
    Image::builder().layers(layers).build()
}

#[tokio::test]
async fn an_image_that_one_run_cannot_copy_is_finished_by_the_next_ones() {
    let world = World::start(POLICY, |mut options| {
        options.replicator_timeout = 9;
        // 64 KiB in 200 ms: two layers of 3 MiB take about ten seconds beside each other.
        options.mirror_delay = Some(Duration::from_millis(200));
        options
    });
    let image = large(1, 2, 3 << 20);
    world.push("large/whole", "v1", &image);
    until(&world, "the copy", || {
        world.mirror("large/whole:v1").as_deref() == Some(image.manifest())
    })
    .await;
    assert!(world.cloud.log().contains("unfinished"), "it took one run");
    world
        .pull(&world.cloud.addresses().mirror, "large/whole:v1")
        .unwrap();
    // Nobody is told of a failure, because there was none.
    assert!(!world.stories("large/whole").contains("Replication failed"));
    let letters = world
        .client()
        .dead_letters("ReplicatorDeadLetterQueueUrl")
        .await;
    assert_eq!(letters.unwrap(), []);
}

#[tokio::test]
async fn a_very_large_image_is_copied_blob_by_blob_and_tagged_last() {
    let world = World::start(POLICY, |mut options| {
        options.replicator_timeout = 9;
        options.split_bytes = Some(4 << 20);
        options.mirror_delay = Some(Duration::from_millis(100));
        options
    });
    let image = large(10, 4, 2 << 20);
    world.push("large/split", "v1", &image);
    until(&world, "a part", || {
        world.cloud.log().contains("part_copied")
    })
    .await;
    until(&world, "the copy", || {
        world.mirror("large/split:v1").as_deref() == Some(image.manifest())
    })
    .await;
    world
        .pull(&world.cloud.addresses().mirror, "large/split:v1")
        .unwrap();
    assert!(!world.stories("large/split").contains("Replication failed"));
}
