//! Each rule and each action of the tag guard, from a real push.

mod delete;

use std::sync::LazyLock;

use serde_json::{Value, json};
use steward_testkit::image::{Image, Layer, push};

use crate::world::{QUIET, World, image, until};

/// One cloud for all rules; each has repositories of its own.
static RULES: LazyLock<World> =
    LazyLock::new(|| World::start(include_str!("rules.yaml"), |options| options));

fn world() -> &'static World {
    &RULES
}

fn manifest(image: &Image) -> Option<Vec<u8>> {
    Some(image.manifest().to_vec())
}

/// The plan of the last decision about a tag, as the function logged it.
fn decision(world: &World, image: &str) -> Option<Value> {
    let log = world.cloud.log();
    let line = log
        .lines()
        .rfind(|line| line.contains(&format!("decided about {image}\"")))?;
    let entry: Value = serde_json::from_str(&line[line.find('{')?..]).ok()?;
    serde_json::from_str(entry["plan"].as_str()?).ok()
}

async fn decided(world: &World, image: &str) -> Value {
    until(world, "a decision", || decision(world, image).is_some()).await;
    decision(world, image).unwrap()
}

async fn told(world: &World, image: &str, text: &str) {
    until(
        world,
        &format!("a message about {image} with {text}"),
        || {
            world
                .messages(image)
                .iter()
                .any(|message| message.text.contains(text))
        },
    )
    .await;
}

#[tokio::test]
async fn a_moved_release_is_put_back_and_the_new_image_kept() {
    let world = world();
    let (first, second) = (image("the release"), image("not the release"));
    world.push("move/app", "v1.0.0", &first);
    decided(world, "move/app:v1.0.0").await;
    world.push("move/app", "v1.0.0", &second);
    told(world, "move/app:v1.0.0", "never-move").await;
    until(world, "the release to be back", || {
        world.home("move/app:v1.0.0") == manifest(&first)
    })
    .await;
    let guard = format!("move/app:untagged-{}", second.digest().short());
    assert_eq!(world.home(&guard), manifest(&second));

    // Who did it comes later, from CloudTrail.
    let call = put_image("move/app", "v1.0.0", second.digest().as_str());
    world.client().put_event(&call).await.unwrap();
    told(world, "move/app:v1.0.0", "assumed-role/ci/build-42").await;
    // Nothing of all this sets the rule off again.
    tokio::time::sleep(QUIET).await;
    assert_eq!(world.home("move/app:v1.0.0"), manifest(&first));
    assert_eq!(
        world.messages("move/app:v1.0.0").len(),
        2,
        "{}",
        world.stories("move/app:v1.0.0")
    );
}

#[tokio::test]
async fn a_deleted_release_comes_back_from_its_replica() {
    let world = world();
    let release = image("a release to keep");
    world.push("keep/app", "v1.0.0", &release);
    until(world, "the replica", || {
        world.mirror("mirror/app:v1.0.0") == manifest(&release)
    })
    .await;
    world.delete("keep/app", "v1.0.0");
    told(world, "keep/app:v1.0.0", "never-go").await;
    until(world, "the release to be back", || {
        world.home("keep/app:v1.0.0") == manifest(&release)
    })
    .await;
}

#[tokio::test]
async fn floating_tags_follow_the_highest_release() {
    let world = world();
    let push = |tag: &str| {
        let image = image(&format!("derive {tag}"));
        world.push("derive/app", tag, &image);
        image
    };
    let points = |tag: &str, to: &Image| world.home(&format!("derive/app:{tag}")) == manifest(to);
    let first = push("1.3.8");
    until(world, "1.3", || points("1.3", &first)).await;
    let newer = push("1.4.0");
    until(world, "latest on 1.4.0", || points("latest", &newer)).await;
    until(world, "1.4 and 1 on 1.4.0", || {
        points("1.4", &newer) && points("1", &newer)
    })
    .await;
    // An old line is patched: its own tag moves, those of the newer line do not.
    let patch = push("1.3.9");
    until(world, "1.3 on 1.3.9", || points("1.3", &patch)).await;
    tokio::time::sleep(QUIET).await;
    for tag in ["1.4", "1", "latest"] {
        assert!(points(tag, &newer), "{tag} moved backwards");
    }
    assert!(points("1.3", &patch) && points("1.3.8", &first));
}

#[tokio::test]
async fn rules_about_images_read_every_platform_and_tell_once() {
    let world = world();
    let platform = |architecture: &str, user: &str| {
        Image::builder()
            .platform("linux", architecture)
            .user(user)
            .label("org.opencontainers.image.source", "https://example.com/app")
            .layer(Layer::random(3, 900_000))
            .layer(Layer::file("arch", architecture))
            .build()
    };
    let good = Image::index([platform("amd64", "1000"), platform("arm64", "app")]);
    let small = |architecture: &str| {
        Image::builder()
            .platform("linux", architecture)
            .user("1000")
            .label("org.opencontainers.image.source", "https://example.com/app")
            .layer(Layer::file("arch", architecture))
            .build()
    };
    world.push(
        "image/good",
        "v1",
        &Image::index([small("amd64"), small("arm64")]),
    );
    let plan = decided(world, "image/good:v1").await;
    assert_eq!(plan["violations"], json!([]), "{plan:#}");

    // Shared layers count once: 0.9 MB on either platform is less than 1 MB.
    world.push("image/shared", "v1", &good);
    let plan = decided(world, "image/shared:v1").await;
    assert_eq!(plan["violations"], json!([]), "{plan:#}");

    let bad = Image::builder()
        .platform("linux", "amd64")
        .layer(Layer::random(5, 2_000_000))
        .build();
    world.push("image/bad", "v1", &bad);
    told(world, "image/bad:v1", "well-made").await;
    let stories = world.stories("image/bad:v1");
    assert_eq!(world.messages("image/bad:v1").len(), 1, "{stories}");
    for part in ["arm64", "org.opencontainers.image.source", "root", "small"] {
        assert!(stories.contains(part), "{part} is missing in:\n{stories}");
    }
}

#[tokio::test]
async fn a_mark_is_put_on_the_image() {
    let world = world();
    let image = image("marked");
    world.push("mark/app", "feature", &image);
    let mark = format!("mark/app:rejected-{}", image.digest().short());
    until(world, "the mark", || world.home(&mark) == manifest(&image)).await;
    told(world, "mark/app:feature", "marked").await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(
        world.messages("mark/app:").len(),
        1,
        "{}",
        world.stories("mark/app:")
    );
}

#[tokio::test]
async fn a_floating_tag_needs_its_release() {
    let world = world();
    let alone = image("latest alone");
    world.push("companion/app", "latest", &alone);
    told(world, "companion/app:latest", "with-a-release").await;
    let released = image("latest and released");
    world.push("companion/released", "v1.0.0", &released);
    world.push("companion/released", "latest", &released);
    let plan = decided(world, "companion/released:latest").await;
    assert_eq!(plan["violations"], json!([]), "{plan:#}");
}

#[tokio::test]
async fn a_condition_decides_what_the_other_rules_cannot_say() {
    let world = world();
    let image = image("by hand");
    world.push("when/app", "hand-made", &image);
    world.push("when/other", "hand-made", &image);
    until(world, "the tag to go", || {
        world.home("when/app:hand-made").is_none()
    })
    .await;
    told(world, "when/app:hand-made", "not-by-hand").await;
    decided(world, "when/other:hand-made").await;
    assert_eq!(world.home("when/other:hand-made"), manifest(&image));
}

#[tokio::test]
async fn a_missing_signature_is_told_when_its_grace_ends_and_not_before() {
    let world = world();
    let registry = format!("http://{}", world.cloud.addresses().registry);
    let (unsigned, signed) = (image("unsigned"), image("signed"));
    world.push("signed/no", "v1", &unsigned);
    world.push("signed/yes", "v1", &signed);
    let plan = decided(world, "signed/yes:v1").await;
    assert_eq!(plan["violations"], json!([]), "{plan:#}");
    assert!(plan["recheck_at"].is_string(), "{plan:#}");
    let signature = Image::referrer(
        &signed,
        "application/vnd.dev.cosign.artifact.sig.v1+json",
        "signature",
    );
    push(&registry, "signed/yes", None, &signature)
        .await
        .unwrap();
    told(world, "signed/no:v1", "signed").await;
    tokio::time::sleep(QUIET * 2).await;
    assert_eq!(
        world.messages("signed/yes:v1").len(),
        0,
        "{}",
        world.stories("signed/yes:v1")
    );
    assert_eq!(
        world.messages("signed/no:v1").len(),
        1,
        "{}",
        world.stories("signed/no:v1")
    );
}

#[tokio::test]
async fn an_image_is_archived() {
    let world = world();
    let image = image("archived");
    world.push("archive/app", "old-1", &image);
    told(world, "archive/app:old-1", "archived").await;
    let plan = decided(world, "archive/app:old-1").await;
    assert_eq!(plan["actions"][0]["action"], "archive", "{plan:#}");
    let stories = world.stories("archive/app:old-1");
    assert!(stories.contains("archive: done"), "{stories}");
}

#[tokio::test]
async fn of_two_pushes_of_one_tag_within_a_second_no_image_is_lost() {
    let world = world();
    let pair = [image("race one"), image("race two")];
    for order in [[0, 1], [1, 0]] {
        let repository = format!("move/race-{}", order[0]);
        for n in order {
            world.push(&repository, "v1.0.0", &pair[n]);
        }
        // Whichever the function saw first stays; the other one is kept by a tag of its own.
        until(world, "both images to have a tag", || {
            let tagged = world.home(&format!("{repository}:v1.0.0"));
            let (kept, other) = if tagged == manifest(&pair[0]) {
                (&pair[0], &pair[1])
            } else {
                (&pair[1], &pair[0])
            };
            let guard = format!("{repository}:untagged-{}", other.digest().short());
            tagged == manifest(kept)
                && (world.home(&guard) == manifest(other)
                    || decision(world, &format!("{repository}:v1.0.0"))
                        .is_some_and(|plan| plan["violations"] == json!([])))
        })
        .await;
        for image in &pair {
            let by_digest = format!("{repository}@{}", image.digest());
            assert_eq!(world.home(&by_digest), manifest(image));
        }
    }
}

#[tokio::test]
async fn without_the_state_table_decisions_go_on_without_history() {
    // A cloud of its own: its table is deleted.
    let world = World::start(include_str!("rules.yaml"), |options| options);
    let table = world.cloud.facts().outputs["StateTableName"].clone();
    world
        .client()
        .api()
        .json(
            "dynamodb",
            "DynamoDB_20120810.DeleteTable",
            &json!({ "TableName": table }),
        )
        .await
        .unwrap();
    let (first, second) = (image("no table"), image("no table, moved"));
    world.push("move/app", "v1.0.0", &first);
    decided(&world, "move/app:v1.0.0").await;
    world.push("move/app", "v1.0.0", &second);
    world.push("when/app", "hand-made", &first);
    until(&world, "the tag to go", || {
        world.home("when/app:hand-made").is_none()
    })
    .await;
    assert_eq!(world.home("move/app:v1.0.0"), manifest(&second));
}

#[tokio::test]
async fn an_exemption_holds_until_its_day_and_is_named_afterwards() {
    let world = world();
    let image = image("exempt");
    world.push("exempt/app", "legacy-1", &image);
    world.push("exempt/app", "ended-1", &image);
    told(
        world,
        "exempt/app:ended-1",
        "the exemption ended on 2026-01-31",
    )
    .await;
    let plan = decided(world, "exempt/app:legacy-1").await;
    assert_eq!(plan["violations"], json!([]), "{plan:#}");
    assert_eq!(world.messages("exempt/app:legacy-1").len(), 0);
}

#[tokio::test]
async fn a_rule_that_observes_changes_nothing() {
    let world = world();
    let image = image("observed");
    world.push("observe/app", "feature", &image);
    told(world, "observe/app:feature", "watched-only").await;
    assert_eq!(world.home("observe/app:feature"), manifest(&image));
    assert_eq!(world.home("quarantine/observe/app:feature"), None);
}

#[tokio::test]
async fn two_violated_rules_are_one_message() {
    let world = world();
    let image = image("two rules");
    world.push("many/app", "feature-dirty", &image);
    until(world, "the quarantine", || {
        world.home("quarantine/many/app:feature-dirty") == manifest(&image)
    })
    .await;
    told(world, "many/app:feature-dirty", "two-at-once-again").await;
    tokio::time::sleep(QUIET).await;
    let stories = world.stories("many/app:feature-dirty");
    assert_eq!(
        world.messages("many/app:feature-dirty").len(),
        1,
        "{stories}"
    );
    assert!(stories.contains("critical"), "{stories}");
}

/// What CloudTrail says of a push.
fn put_image(repository: &str, tag: &str, digest: &str) -> Value {
    let text = include_str!("../fixtures/events/cloudtrail-put-image.json");
    let mut event: Value = serde_json::from_str(text).unwrap();
    event["detail"]["requestParameters"]["repositoryName"] = json!(repository);
    event["detail"]["requestParameters"]["imageTag"] = json!(tag);
    let image = &mut event["detail"]["responseElements"]["image"];
    image["repositoryName"] = json!(repository);
    image["imageId"] = json!({ "imageTag": tag, "imageDigest": digest });
    event
}
