//! What of an image travels.

use steward_testkit::image::{Image, Layer, LayoutEntry, write_layout};

use crate::copy::{copy, image, with_layout};
use crate::distribution::Distribution;
use crate::files::Folder;

#[test]
fn referrers_travel_unless_they_are_told_not_to() {
    let registry = Distribution::start();
    let image = image(1);
    let sbom = Image::referrer(
        &image,
        "application/spdx+json",
        r#"{"spdxVersion":"SPDX-2.3"}"#,
    );
    let folder = Folder::new();
    let entries = [
        LayoutEntry {
            image: &image,
            tag: Some("v1.2.3"),
        },
        LayoutEntry {
            image: &sbom,
            tag: None,
        },
    ];
    write_layout(&folder.path().join("in"), &entries).unwrap();
    let target = |repository: &str| format!("{}/{repository}", registry.address());
    let args = ["oci:in:v1.2.3", &target("with"), "--format", "json"];
    assert_eq!(copy(&folder, &args).expect(0).json()["referrers"], 1);
    let args = [
        "oci:in:v1.2.3",
        &target("without"),
        "--format",
        "json",
        "--no-referrers",
    ];
    assert_eq!(copy(&folder, &args).expect(0).json()["referrers"], 0);
}

#[test]
fn what_cosign_keeps_under_tags_travels_like_other_referrers() {
    let registry = Distribution::start();
    let (image, signature) = (self::image(1), self::image(2));
    let folder = Folder::new();
    let tag = format!("sha256-{}.sig", image.digest().hex());
    let entries = [(&image, "v1.2.3"), (&signature, tag.as_str())];
    let entries = entries.map(|(image, tag)| LayoutEntry {
        image,
        tag: Some(tag),
    });
    write_layout(&folder.path().join("in"), &entries).unwrap();
    let target = |repository: &str| format!("{}/{repository}", registry.address());
    let args = ["oci:in:v1.2.3", &target("with"), "--format", "json"];
    assert_eq!(copy(&folder, &args).expect(0).json()["referrers"], 1);
    let there = registry.digest_of("with", &tag);
    assert_eq!(there.as_deref(), Some(signature.digest().as_str()));
    copy(
        &folder,
        &["oci:in:v1.2.3", &target("without"), "--no-referrers"],
    )
    .expect(0);
    assert_eq!(registry.digest_of("without", &tag), None);
}

#[test]
fn platforms_are_chosen_and_the_target_is_looked_at() {
    let children = ["amd64", "arm64", "s390x"].map(|architecture| {
        Image::builder()
            .platform("linux", architecture)
            .layer(Layer::file("arch", architecture))
            .build()
    });
    let index = Image::index(children);
    let folder = with_layout(&index);
    let args = ["oci:in:v1.2.3", "oci:out", "--format", "json", "--verify"];
    let some = [&args[..], &["--platform", "linux/amd64,linux/arm64"]].concat();
    let ran = copy(&folder, &some).expect(0);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["platforms"]["kept"], 2, "{report}");
    assert_eq!(report["platforms"]["dropped"], 1, "{report}");
    assert_eq!(report["platforms"]["original"], index.digest().as_str());
    assert_ne!(report["digest"], index.digest().as_str());
    assert_eq!(report["verified"], true);

    let single = with_layout(&image(9));
    let refused = [&args[..], &["--platform", "linux/arm64"]].concat();
    let ran = copy(&single, &refused).expect(6);
    assert!(
        ran.stderr.contains("linux/amd64") || ran.stdout.contains("linux/amd64"),
        "{} {}",
        ran.stdout,
        ran.stderr
    );
}
