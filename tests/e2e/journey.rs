//! From a real push to a real effect.

use steward_testkit::image::{Image, Layer};

use crate::world::{image, shared, skopeo, until};

#[tokio::test]
async fn a_release_appears_in_both_targets_with_the_same_digest() {
    let world = shared();
    let image = image("release");
    world.push("prod/release", "v1.2.3", &image);
    until(world, "the copy in the other account", || {
        world.target("dr/prod/release:v1.2.3").as_deref() == Some(image.manifest())
    })
    .await;
    until(world, "the copy in the mirror", || {
        world.mirror("mirror/release:v1.2.3").as_deref() == Some(image.manifest())
    })
    .await;
    world
        .pull(&world.cloud.addresses().mirror, "mirror/release:v1.2.3")
        .unwrap();
    world
        .pull(
            &world.cloud.facts().target_registry,
            "dr/prod/release:v1.2.3",
        )
        .unwrap();
    assert!(
        world.home("prod/release:v1.2.3").is_some(),
        "a release stays where it is"
    );

    until(world, "both messages", || {
        world.messages("prod/release:v1.2.3").len() >= 2
    })
    .await;
    assert_eq!(
        world.titles("prod/release:v1.2.3"),
        vec!["slack: Image replicated: prod/release:v1.2.3"; 2]
    );
}

#[tokio::test]
async fn a_bad_tag_ends_in_quarantine_and_stays_pullable_by_digest() {
    let world = shared();
    let image = image("feature");
    world.push("prod/feature", "feature-x", &image);
    until(world, "the tag to go", || {
        world.home("prod/feature:feature-x").is_none()
    })
    .await;
    let by_digest = format!("quarantine/prod/feature@{}", image.digest());
    assert_eq!(
        world.home(&by_digest).as_deref(),
        Some(&image.manifest()[..])
    );
    assert_eq!(
        world.home("quarantine/prod/feature:feature-x").as_deref(),
        Some(&image.manifest()[..])
    );
    world
        .pull(&world.cloud.addresses().registry, &by_digest)
        .unwrap();

    until(world, "chat and mail", || {
        world.messages("prod/feature:feature-x").len() >= 2
    })
    .await;
    let mut titles = world.titles("prod/feature:feature-x");
    titles.sort();
    assert_eq!(titles.len(), 2, "{titles:?}");
    assert!(
        titles[0].starts_with("email: [high] Image quarantined: prod/feature:feature-x"),
        "{titles:?}"
    );
    assert!(
        titles[1].contains("Image quarantined: prod/feature:feature-x"),
        "{titles:?}"
    );
    assert_eq!(
        world.mirror("mirror/feature:feature-x"),
        None,
        "it was not copied anywhere"
    );
}

/// Two platforms, and an SBOM that refers to the index.
fn index() -> Image {
    let platform = |architecture: &str| {
        Image::builder()
            .platform("linux", architecture)
            .layer(Layer::file("app/arch", architecture))
            .layer(Layer::random(7, 300_000))
            .build()
    };
    Image::index([platform("amd64"), platform("arm64")])
}

async fn push_referrer(registry: &str, repository: &str, referrer: &Image) {
    let base = format!("http://{registry}");
    steward_testkit::image::push(&base, repository, None, referrer)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_index_with_a_referrer_travels_whole() {
    let world = shared();
    let index = index();
    let sbom = Image::referrer(&index, "application/spdx+json", "{\"spdx\":true}");
    let registry = world.cloud.addresses().registry.clone();
    // The referrer first, so that it is there when the index is copied.
    push_referrer(&registry, "prod/multi", &sbom).await;
    world.push("prod/multi", "v2.0.0", &index);

    for (what, read) in [
        (
            "the other account",
            &(|r: &str| world.target(&format!("dr/prod/multi{r}")))
                as &dyn Fn(&str) -> Option<Vec<u8>>,
        ),
        ("the mirror", &|r: &str| {
            world.mirror(&format!("mirror/multi{r}"))
        }),
    ] {
        until(world, what, || {
            read(":v2.0.0").as_deref() == Some(index.manifest())
        })
        .await;
        for child in index.children() {
            let by_digest = format!("@{}", child.digest());
            assert_eq!(
                read(&by_digest).as_deref(),
                Some(&child.manifest()[..]),
                "{what}"
            );
        }
        let by_digest = format!("@{}", sbom.digest());
        until(world, what, || {
            read(&by_digest).as_deref() == Some(sbom.manifest())
        })
        .await;
    }
    world
        .pull(&world.cloud.addresses().mirror, "mirror/multi:v2.0.0")
        .unwrap();
}

#[tokio::test]
async fn a_late_referrer_follows_its_image() {
    let world = shared();
    let image = image("signed later");
    world.push("prod/late", "v1.0.0", &image);
    until(world, "the copy", || {
        world.mirror("mirror/late:v1.0.0").is_some()
    })
    .await;
    let signature = Image::referrer(&image, "application/vnd.example.signature", "signed");
    let registry = world.cloud.addresses().registry.clone();
    push_referrer(&registry, "prod/late", &signature).await;
    let by_digest = format!("@{}", signature.digest());
    until(world, "the signature in the mirror", || {
        world.mirror(&format!("mirror/late{by_digest}")).is_some()
    })
    .await;
    until(world, "the signature in the other account", || {
        world.target(&format!("dr/prod/late{by_digest}")).is_some()
    })
    .await;
    // Distribution 2.8 has no referrers API, so the tag schema must name the signature.
    let schema = format!("mirror/late:{}", image.digest().referrers_tag());
    let index = world
        .mirror(&schema)
        .unwrap_or_else(|| panic!("no {schema}"));
    assert!(
        String::from_utf8(index)
            .unwrap()
            .contains(signature.digest().as_str())
    );
}

#[tokio::test]
async fn every_message_is_linked_to_the_event_that_caused_it() {
    let world = shared();
    world.push("prod/linked", "nightly", &image("linked"));
    until(world, "the message", || {
        !world.messages("prod/linked:nightly").is_empty()
    })
    .await;
    let message = world.messages("prod/linked:nightly").remove(0);
    let cause = message.cause.clone().unwrap();
    let known = || {
        world
            .cloud
            .inbox()
            .unwrap()
            .events()
            .iter()
            .any(|event| event.id == cause)
    };
    until(world, "the event in the inbox", known).await;
}

#[test]
fn skopeo_is_the_real_one() {
    let version = String::from_utf8(skopeo(&["--version"]).unwrap()).unwrap();
    assert!(version.starts_with("skopeo version"), "{version}");
}
