//! Registries that open an upload for every mount, whatever they have.

use super::*;
use crate::client::Client;
use crate::fake::{Image, ImageSpec, Mounts, bytes_of_size, image};

/// An image with layers of these seeds.
fn app(seeds: std::ops::Range<u64>) -> Image {
    image(ImageSpec {
        layers: seeds.map(|seed| bytes_of_size(5000, seed)).collect(),
        ..ImageSpec::default()
    })
}

async fn silent() -> Fake {
    Fake::with(|quirks| quirks.mounts = Mounts::Refused).await
}

fn client() -> Client {
    crate::fake::client().build().unwrap()
}

/// A copy of `team/app:<tag>` to `dr/team/app:<tag>` by a client that remembers.
async fn copied(client: &Client, from: &Fake, to: &Fake, tag: &str) -> CopyReport {
    let path = "dr/team/app".parse().unwrap();
    let request = CopyRequest {
        from: from.repository("team/app").into(),
        reference: reference(tag),
        to: client.repository(&to.host(), &path).unwrap().into(),
        tag: Some(tag.parse().unwrap()),
    };
    let options = CopyOptions {
        concurrency: 1,
        ..CopyOptions::default()
    };
    done(&request, &options).await
}

#[tokio::test]
async fn a_moved_tag_does_not_send_again_what_a_silent_registry_has() {
    let (from, to) = (Fake::start().await, silent().await);
    to.push("dr/team/app", Some("v1"), &app(0..6));
    from.push("team/app", Some("v1"), &app(1..7));
    let report = copied(&client(), &from, &to, "v1").await;
    // The configuration of both is the same.
    assert_eq!((report.blobs.present, report.blobs.copied), (6, 1));
    assert_eq!(to.count("HEAD", "/blobs/"), 7);
}

#[tokio::test]
async fn a_silent_registry_is_looked_at_first_once_it_is_known() {
    let (from, to) = (Fake::start().await, silent().await);
    let client = client();
    from.push("team/app", Some("v1"), &app(0..6));
    from.push("team/app", Some("v2"), &app(0..7));
    from.push("team/app", Some("v3"), &app(0..8));
    // Into a new repository nothing is looked for.
    let first = copied(&client, &from, &to, "v1").await;
    assert_eq!(first.requests.source + first.requests.target, 3 + 3 * 7);
    assert_eq!(to.count("HEAD", "/blobs/"), 0);
    // Another tag: the client remembers what it brought. (The configuration is another one.)
    let second = copied(&client, &from, &to, "v2").await;
    assert_eq!((second.blobs.present, second.blobs.copied), (6, 2));
    to.forget_log();
    let third = copied(&client, &from, &to, "v3").await;
    assert_eq!((third.blobs.present, third.blobs.copied), (7, 2));
    assert_eq!(to.count("HEAD", "/blobs/"), 9, "{:?}", to.lines());
    assert_eq!(to.count("POST", "/blobs/uploads/"), 2, "{:?}", to.lines());
}

#[tokio::test]
async fn a_registry_that_mounts_is_soon_believed() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let client = client();
    to.push("dr/team/app", Some("v1"), &app(100..101));
    from.push("team/app", Some("v1"), &app(0..10));
    let report = copied(&client, &from, &to, "v1").await;
    // Nothing but the configuration is there.
    assert_eq!((report.blobs.present, report.blobs.copied), (0, 11));
    assert_eq!(to.count("HEAD", "/blobs/"), 3, "{:?}", to.lines());

    to.forget_log();
    from.push("team/app", Some("v1"), &app(0..12));
    let report = copied(&client, &from, &to, "v1").await;
    assert_eq!((report.blobs.present, report.blobs.copied), (10, 3));
    assert_eq!(to.count("HEAD", "/blobs/"), 0, "{:?}", to.lines());
}

#[tokio::test]
async fn one_mount_is_enough_to_believe_a_registry() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let client = client();
    from.push("team/app", Some("v1"), &app(0..3));
    copied(&client, &from, &to, "v1").await;
    from.push("team/app", Some("v2"), &app(0..3));
    copied(&client, &from, &to, "v2").await;
    from.push("team/app", Some("v1"), &app(3..9));
    let report = copied(&client, &from, &to, "v1").await;
    assert_eq!(report.blobs.copied, 7);
    assert_eq!(to.count("HEAD", "/blobs/"), 0, "{:?}", to.lines());
}
