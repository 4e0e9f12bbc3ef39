//! Many images in one call.

use super::*;
use crate::fake::{Image, ImageSpec, Mounts, bytes_of_size, image};

/// Images with three shared layers and one of their own each.
fn family(count: u64) -> Vec<Image> {
    (0..count)
        .map(|n| {
            image(ImageSpec {
                layers: [1, 2, 3, 100 + n]
                    .map(|seed| bytes_of_size(20_000, seed))
                    .into(),
                ..ImageSpec::default()
            })
        })
        .collect()
}

fn requests(from: &Fake, to: &Fake, images: &[Image], apart: bool) -> Vec<CopyRequest> {
    let (source, target) = (client_of(from), client_of(to));
    images
        .iter()
        .enumerate()
        .map(|(n, image)| {
            from.push("team/app", Some(&format!("v{n}")), image);
            let path = if apart {
                format!("dr/app-{n}")
            } else {
                "dr/app".to_owned()
            };
            CopyRequest {
                from: source("team/app").into(),
                reference: reference(&format!("v{n}")),
                to: target(&path).into(),
                tag: Some(format!("v{n}").parse().unwrap()),
            }
        })
        .collect()
}

/// Repositories of one client.
fn client_of(fake: &Fake) -> impl Fn(&str) -> Repository {
    let client = crate::fake::client().build().unwrap();
    let host = fake.host();
    move |path| client.repository(&host, &path.parse().unwrap()).unwrap()
}

#[tokio::test]
async fn images_that_share_blobs_move_each_of_them_once() {
    for apart in [false, true] {
        let (from, to) = (Fake::start().await, Fake::start().await);
        let images = family(8);
        let requests = requests(&from, &to, &images, apart);
        let outcomes = copy_many(&requests, &CopyOptions::default(), 4).await;
        let mut bytes = 0;
        for ((outcome, image), request) in outcomes.iter().zip(&images).zip(&requests) {
            let report = outcome.as_ref().unwrap().report().unwrap();
            assert_eq!(report.digest.as_str(), image.digest);
            bytes += report.bytes;
            let Place::Repository(target) = &request.to else {
                unreachable!()
            };
            assert!(is_whole(target, &request.reference).await);
        }
        let own = (3 + 8) * 20_000 + images[0].blobs.values().map(Vec::len).min().unwrap();
        assert_eq!(bytes, own as u64);
        // Three shared layers, eight of their own, and one configuration.
        assert_eq!(from.count("GET", "/blobs/"), 12);
        assert_eq!(to.count("PUT", "/blobs/"), 12);
        if apart {
            let mounted: u64 = outcomes
                .iter()
                .map(|outcome| outcome.as_ref().unwrap().report().unwrap().blobs.mounted)
                .sum();
            assert_eq!(mounted, 4 * 7);
        } else {
            // What is known to be there is not asked for: one request for each blob that moves.
            assert_eq!(to.count("POST", "/uploads/"), 12);
        }
    }
}

#[tokio::test]
async fn where_mounts_are_refused_every_repository_gets_its_own() {
    let from = Fake::start().await;
    let to = Fake::with(|quirks| quirks.mounts = Mounts::Refused).await;
    let requests = requests(&from, &to, &family(3), true);
    for outcome in copy_many(&requests, &CopyOptions::default(), 3).await {
        assert_eq!(outcome.unwrap().report().unwrap().blobs.copied, 5);
    }
}

#[tokio::test]
async fn a_failing_leader_fails_alone() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let mut requests = requests(&from, &to, &family(4), true);
    // The first image's source is gone; the others share its layers.
    requests[0].reference = reference("gone");
    let outcomes = copy_many(&requests, &CopyOptions::default(), 4).await;
    assert!(outcomes[0].as_ref().unwrap_err().is_source_missing());
    assert!(outcomes[1..].iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_blob_that_was_known_and_is_gone_is_looked_for_again() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let images = family(2);
    let requests = requests(&from, &to, &images, false);
    let options = CopyOptions {
        batch: Some(Batch::new(4, 100)),
        ..CopyOptions::default()
    };
    done(&requests[0], &options).await;
    let shared = crate::fake::digest(&bytes_of_size(20_000, 1));
    to.state()
        .store
        .repositories
        .get_mut("dr/app")
        .unwrap()
        .blobs
        .remove(&shared);
    let report = done(&requests[1], &options).await;
    assert_eq!(report.digest.as_str(), images[1].digest);
    assert!(
        is_whole(
            &to.repository("dr/app"),
            &requests[1].tag.clone().unwrap().into()
        )
        .await
    );
}
