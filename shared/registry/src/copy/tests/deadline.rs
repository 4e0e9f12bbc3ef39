//! Copies that end before they are done, and others that go on with them.

use std::time::{Duration, Instant};

use super::*;
use crate::fake::{Fault, Image, ImageSpec, What, bytes_of_size, digest, image};

/// Too much to fit into the time that the tests give, as far as that can be told beforehand.
const LAYER: usize = 40_000_000;
/// Where uploads are made to stand still: within their first part.
const STILL: u64 = 5_000_000;

fn big() -> (Image, String) {
    let layer = bytes_of_size(LAYER, 1);
    let name = digest(&layer);
    let image = image(ImageSpec {
        layers: vec![layer],
        ..ImageSpec::default()
    });
    (image, name)
}

fn within(time: Duration) -> CopyOptions {
    CopyOptions {
        deadline: Some(Instant::now() + time),
        concurrency: 1,
        ..CopyOptions::default()
    }
}

async fn paused(request: &CopyRequest, options: &CopyOptions) -> Paused {
    match copy(request, options).await.unwrap() {
        Outcome::Paused(paused) => paused,
        other => panic!("{other:?}"),
    }
}

/// Copies until one upload, standing still, was left where it can be taken up. A busy machine may
/// need several tries to come that far in the time there is. The registry goes by a name of which
/// large blobs are sent in parts, however much time there is.
async fn left_behind(from: &Fake, to: &Fake) -> Paused {
    let request = budget::to_named(from, to, "contoso.azurecr.io");
    for seconds in [4, 8, 16, 32, 64] {
        to.quirks(|quirks| {
            let hang = What::HangRequest(STILL);
            quirks.faults = vec![Fault::new("PATCH", "/blobs/uploads/", 1, hang)];
        });
        let mut paused = paused(&request, &within(Duration::from_secs(seconds))).await;
        if !paused.uploads.is_empty() {
            to.quirks(|quirks| quirks.faults.clear());
            for upload in &mut paused.uploads {
                upload.host = to.host();
            }
            return paused;
        }
    }
    panic!("no upload came anywhere")
}

#[tokio::test]
async fn a_copy_with_time_enough_is_as_cheap_as_any() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let (image, _) = big();
    from.push("team/app", Some("v1"), &image);
    let report = done(&request(&from, &to), &within(Duration::from_secs(600))).await;
    assert_eq!(report.requests.source + report.requests.target, 3 + 3 * 2);
}

#[tokio::test]
async fn what_does_not_fit_is_not_begun_and_what_does_counts() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    // So large that no second would do for it, whatever was measured before.
    let huge = 1_u64 << 45;
    let small = bytes_of_size(4000, 2);
    let image = image(ImageSpec {
        layers: vec![small],
        extra_layers: vec![serde_json::json!({
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": digest(b"huge"), "size": huge,
        })],
        ..ImageSpec::default()
    });
    from.push("team/app", Some("v1"), &image);
    let options = within(Duration::from_secs(60));
    // A registry that takes no parts.
    let paused = paused(&budget::to_named(&from, &to, "ghcr.io"), &options).await;
    assert_eq!(paused.moved.blobs, 2, "the layer and the configuration");
    assert_eq!(
        paused.left,
        Amount {
            blobs: 1,
            bytes: huge
        }
    );
    assert!(paused.uploads.is_empty());
    assert_eq!(from.count("GET", &digest(b"huge")), 0);
    assert_eq!(to.count("PUT", "/manifests/"), 0);
    assert_eq!(paused.requests.target as usize, to.log().len());
}

#[tokio::test]
async fn without_any_time_nothing_is_tagged() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let (image, _) = big();
    from.push("team/app", Some("v1"), &image);
    let paused = paused(&request(&from, &to), &within(Duration::ZERO)).await;
    assert_eq!(paused.moved, Amount::default());
    assert_eq!(to.count("PUT", ""), 0);
}

#[tokio::test]
async fn an_upload_that_stands_still_is_left_before_the_deadline_and_taken_up_again() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let (image, layer) = big();
    from.push("team/app", Some("v1"), &image);
    let first = left_behind(&from, &to).await;
    let state = &first.uploads[0];
    assert_eq!(state.digest.as_str(), layer);
    assert_eq!(
        state.offset, STILL,
        "the registry was asked how far it came"
    );
    let config = image.blobs.values().map(Vec::len).min().unwrap() as u64;
    assert_eq!(
        first.left,
        Amount {
            blobs: 2,
            bytes: LAYER as u64 - STILL + config,
        }
    );
    assert_eq!(to.tagged("dr/team/app", "v1"), None);

    // In another process: what travels is text.
    let text = serde_json::to_string(&first.uploads).unwrap();
    from.forget_log();
    to.forget_log();
    let options = CopyOptions {
        resume: serde_json::from_str(&text).unwrap(),
        ..CopyOptions::default()
    };
    let report = done(&request(&from, &to), &options).await;
    assert_eq!(report.digest.as_str(), image.digest);
    let log = to.log();
    let rest = log
        .iter()
        .find(|logged| logged.method == "PUT" && logged.header("content-range").is_some())
        .unwrap();
    assert_eq!(
        rest.header("content-range"),
        Some("5000000-39999999"),
        "the same upload goes on"
    );
    // Read again is at most what lies between two states of the hasher.
    let log = from.log();
    let get = log
        .iter()
        .find(|logged| logged.path.ends_with(&layer))
        .unwrap();
    let start: u64 = get.header("range").unwrap()["bytes=".len()..]
        .trim_end_matches('-')
        .parse()
        .unwrap();
    assert!(
        start <= STILL && STILL - start <= 5 * 1024 * 1024,
        "{start}"
    );
}

#[tokio::test]
async fn on_ecr_a_blob_goes_on_after_its_last_whole_part() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let (image, layer) = big();
    from.push("team/app", Some("v1"), &image);
    to.quirks(|quirks| {
        quirks.ecr = true;
        quirks.forgets_uploads = true;
    });
    let target = budget::to_ecr(&from, &to).to;
    let source: Place = from.repository("team/app").into();
    let blob = Descriptor::new(
        "application/octet-stream",
        layer.parse().unwrap(),
        LAYER as u64,
    );
    let mut left = None;
    for seconds in [4, 8, 16, 32, 64] {
        // What an earlier try on a busy machine did not come to is begun anew.
        let hang = Fault::new("PATCH", "", 1, What::HangRequest(1000));
        to.quirks(|quirks| {
            // However much time there is, the blob goes in parts.
            quirks.parts_only = true;
            quirks.faults = vec![hang.sparing(1)];
        });
        let options = within(Duration::from_secs(seconds));
        let outcome = copy_blob(&source, &target, &blob, &options, None).await;
        let BlobOutcome::Paused { moved, upload } = outcome.unwrap() else {
            panic!("it cannot be done")
        };
        if let Some(upload) = upload {
            left = Some((moved, upload));
            break;
        }
    }
    let (moved, upload) = left.unwrap();
    const PART: u64 = 10 * 1024 * 1024;
    assert_eq!((moved, upload.offset % PART), (upload.offset, 0));
    assert!(upload.offset >= PART);
    to.quirks(|quirks| {
        quirks.parts_only = false;
        quirks.faults.clear();
    });
    to.forget_log();
    let plain = CopyOptions::default();
    let resumed = copy_blob(&source, &target, &blob, &plain, Some(upload.clone()));
    let BlobOutcome::Done(report) = resumed.await.unwrap() else {
        panic!("there is time enough")
    };
    assert_eq!((report.how, report.size), (Moved::Copied, LAYER as u64));
    assert_eq!(to.count("GET", "/uploads/"), 0, "ECR cannot be asked");
    assert_eq!(to.count("POST", "/uploads/"), 0);
    let sent: u64 = to.log().iter().map(|logged| logged.received).sum();
    assert_eq!(sent, LAYER as u64 - upload.offset);

    // Another time the upload is gone: everything again, and no failure.
    to.state()
        .store
        .repositories
        .get_mut("dr/team/app")
        .unwrap()
        .blobs
        .clear();
    let again = copy_blob(&source, &target, &blob, &plain, Some(upload));
    assert!(matches!(again.await.unwrap(), BlobOutcome::Done(_)));
}

#[tokio::test]
async fn a_wrong_byte_of_an_earlier_run_is_noticed() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let (image, layer) = big();
    from.push("team/app", Some("v1"), &image);
    let mut wrong = bytes_of_size(LAYER, 1);
    wrong[100] ^= 1;
    from.state().store.blobs.insert(layer.clone(), wrong);
    let first = left_behind(&from, &to).await;
    // What comes now is right; what was read before was not.
    from.state()
        .store
        .blobs
        .insert(layer.clone(), bytes_of_size(LAYER, 1));
    let options = CopyOptions {
        resume: first.uploads,
        ..CopyOptions::default()
    };
    let gets = from.count("GET", &layer);
    let report = done(&request(&from, &to), &options).await;
    assert_eq!(report.digest.as_str(), image.digest);
    // What was left is of no use: the layer is read from its first byte once more.
    assert!(from.count("GET", &layer) > gets + 1);
    assert_eq!(to.state().store.blobs[&layer], bytes_of_size(LAYER, 1));
}

#[tokio::test]
async fn an_image_is_copied_by_many_hands() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let image = image(ImageSpec {
        layers: (1..6)
            .map(|seed| bytes_of_size(1000 * seed as usize, seed))
            .collect(),
        ..ImageSpec::default()
    });
    from.push("team/app", Some("v1"), &image);
    let (there, bytes) = image.blobs.iter().next().unwrap();
    to.state()
        .store
        .add_blob("dr/team/app", there, bytes.clone());
    let request = request(&from, &to);
    let options = CopyOptions::default();
    let blobs = missing(&request, &options).await.unwrap();
    assert_eq!(blobs.len(), 5);
    assert!(blobs.is_sorted_by_key(|blob| std::cmp::Reverse(blob.size)));
    for blob in blobs.iter().rev() {
        let done = copy_blob(&request.from, &request.to, blob, &options, None).await;
        assert!(matches!(done.unwrap(), BlobOutcome::Done(_)));
        // Delivered twice.
        let again = copy_blob(&request.from, &request.to, blob, &options, None).await;
        let BlobOutcome::Done(again) = again.unwrap() else {
            panic!()
        };
        assert_eq!(again.how, Moved::Present);
    }
    assert!(missing(&request, &options).await.unwrap().is_empty());
    let report = done(&request, &options).await;
    assert_eq!((report.blobs.present, report.bytes), (6, 0));
    assert!(
        missing(&request, &options).await.unwrap().is_empty(),
        "it is there, tag and all"
    );
}

#[tokio::test]
async fn an_upload_of_another_place_is_not_taken_up() {
    let (from, to, elsewhere) = (
        Fake::start().await,
        Fake::start().await,
        Fake::start().await,
    );
    let (image, _) = big();
    from.push("team/app", Some("v1"), &image);
    let first = left_behind(&from, &to).await;
    let text = serde_json::to_string(&first.uploads).unwrap();
    for changed in [
        text.replace("/v2/dr/team/app/", &elsewhere.url("/v2/dr/team/app/")),
        text.replace("/blobs/uploads/", "/manifests/"),
    ] {
        assert_ne!(changed, text);
        let options = CopyOptions {
            resume: serde_json::from_str(&changed).unwrap(),
            ..CopyOptions::default()
        };
        to.forget_log();
        done(&request(&from, &to), &options).await;
        assert!(elsewhere.log().is_empty());
        assert_eq!(
            to.count("PUT", "/manifests/"),
            1,
            "the image's, and nothing else"
        );
        let mut state = to.state();
        let contents = state.store.repositories.get_mut("dr/team/app").unwrap();
        contents.blobs.clear();
        contents.tags.clear();
    }
}
