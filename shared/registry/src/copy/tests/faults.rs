//! Broken connections, registries in trouble, wrong bytes, and the ways of single registries.

use std::time::Duration;

use super::*;
use crate::error::RegistryError;
use crate::fake::{Access, Fault, Image, ImageSpec, Mounts, What, bytes_of_size, digest, image};

const LAYER: usize = 9_000_000;

fn big() -> (Image, String) {
    let layer = bytes_of_size(LAYER, 1);
    let name = digest(&layer);
    let image = image(ImageSpec {
        layers: vec![layer],
        ..ImageSpec::default()
    });
    (image, name)
}

#[tokio::test]
async fn a_cut_download_goes_on_where_it_was_cut() {
    for cuts in [1, 3] {
        let (from, to) = (Fake::start().await, Fake::start().await);
        let (image, layer) = big();
        from.push("team/app", Some("v1"), &image);
        from.quirks(|quirks| {
            quirks.faults = vec![Fault::new("GET", &layer, cuts, What::CutReply(2_000_000))];
        });
        let report = done(&request(&from, &to), &CopyOptions::default()).await;
        assert_eq!(report.digest.as_str(), image.digest);
        let starts: Vec<u64> = from
            .log()
            .iter()
            .filter(|logged| logged.path.ends_with(&layer))
            .map(|logged| {
                let range = logged.header("range").unwrap_or("bytes=0-");
                range
                    .trim_start_matches("bytes=")
                    .trim_end_matches('-')
                    .parse()
                    .unwrap()
            })
            .collect();
        assert_eq!(starts.len(), cuts as usize + 1);
        // What the client had at each cut is what it asks on from: the ranges do not overlap, so
        // together they are the blob.
        assert!(starts.is_sorted(), "{starts:?}");
        assert!(starts.iter().skip(1).all(|start| *start > 0), "{starts:?}");
        assert_eq!(
            to.count("PUT", "/blobs/"),
            2,
            "the upload went on meanwhile"
        );
    }
}

#[tokio::test]
async fn a_registry_without_ranges_is_read_again_from_the_start() {
    let from = Fake::with(|quirks| quirks.ignores_range = true).await;
    let to = Fake::start().await;
    let (image, layer) = big();
    from.push("team/app", Some("v1"), &image);
    from.quirks(|quirks| {
        quirks.faults = vec![Fault::new("GET", &layer, 1, What::CutReply(2_000_000))];
    });
    done(&request(&from, &to), &CopyOptions::default()).await;
    assert_eq!(to.tagged("dr/team/app", "v1"), Some(image.digest));
}

#[tokio::test]
async fn a_cut_upload_goes_on_where_the_registry_can_say_how_far_it_came() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let (image, _) = big();
    from.push("team/app", Some("v1"), &image);
    to.quirks(|quirks| {
        quirks.faults = vec![Fault::new(
            "PUT",
            "upload-1",
            1,
            What::CutRequest(5_000_000),
        )];
    });
    done(&request(&from, &to), &CopyOptions::default()).await;
    assert_eq!(to.tagged("dr/team/app", "v1"), Some(image.digest));
    let resumed = to
        .log()
        .iter()
        .any(|logged| logged.header("content-range") == Some("5000000-8999999"));
    assert!(resumed, "{:?}", to.lines());
    assert_eq!(to.count("POST", "/uploads/"), 2, "no fresh upload");
}

#[tokio::test]
async fn a_cut_upload_begins_afresh_elsewhere() {
    for ecr in [false, true] {
        let from = Fake::start().await;
        let to = Fake::with(|quirks| {
            quirks.forgets_uploads = true;
            quirks.ecr = ecr;
            quirks.faults = vec![Fault::new(
                "PUT",
                "upload-1",
                1,
                What::CutRequest(5_000_000),
            )];
        })
        .await;
        let (image, _) = big();
        from.push("team/app", Some("v1"), &image);
        done(&request(&from, &to), &CopyOptions::default()).await;
        assert_eq!(to.tagged("dr/team/app", "v1"), Some(image.digest));
        assert_eq!(to.count("POST", "/uploads/"), 3, "{:?}", to.lines());
    }
}

#[tokio::test]
async fn a_blob_whose_answer_was_lost_is_not_sent_again() {
    for host in [
        None,
        Some("ghcr.io"),
        Some("contoso.azurecr.io"),
        Some("111122223333.dkr.ecr.eu-west-1.amazonaws.com"),
    ] {
        let (from, to) = (Fake::start().await, Fake::start().await);
        let app = image(ImageSpec::default());
        from.push("team/app", Some("v1"), &app);
        let lost = Fault::new("PUT", "/blobs/uploads/", 1, What::LoseReply);
        to.quirks(|quirks| quirks.faults = vec![lost]);
        let request = match host {
            Some(host) => budget::to_named(&from, &to, host),
            None => request(&from, &to),
        };
        done(&request, &CopyOptions::default()).await;
        assert_eq!(to.count("PUT", "/blobs/uploads/"), 2, "{host:?}");
        assert!(to.tagged("dr/team/app", "v1").is_some());
    }
}

#[tokio::test]
async fn wrong_bytes_never_complete_an_upload() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let (image, layer) = big();
    from.push("team/app", Some("v1"), &image);
    let mut wrong = bytes_of_size(LAYER, 1);
    *wrong.last_mut().unwrap() ^= 1;
    from.state().store.blobs.insert(layer.clone(), wrong);
    let error = copy(&request(&from, &to), &CopyOptions::default())
        .await
        .unwrap_err();
    assert!(
        matches!(
            &error,
            CopyError::Source(RegistryError::DigestMismatch { .. })
        ),
        "{error:?}"
    );
    let upload = to
        .log()
        .into_iter()
        .find(|l| l.method == "PUT" && l.received > 1000);
    assert!(
        upload.is_none_or(|upload| upload.received < LAYER as u64 && upload.status == 0),
        "the registry would have refused it, but a worse one might not"
    );
    assert_eq!(to.tagged("dr/team/app", "v1"), None);
}

#[tokio::test]
async fn bytes_that_are_wrong_once_are_read_again() {
    let (image, layer) = big();
    let mut wrong = bytes_of_size(LAYER, 1);
    *wrong.last_mut().unwrap() ^= 1;
    for (path, bytes) in [
        (layer.as_str(), wrong),
        (layer.as_str(), vec![7; LAYER - 1]),
        ("/manifests/", b"{}".to_vec()),
    ] {
        let (from, to) = (Fake::start().await, Fake::start().await);
        from.push("team/app", Some("v1"), &image);
        from.quirks(|quirks| {
            quirks.faults = vec![Fault::new("GET", path, 1, What::Bytes(bytes.clone()))];
        });
        let mut request = request(&from, &to);
        request.reference = image.digest.parse().unwrap();
        let report = done(&request, &CopyOptions::default()).await;
        assert_eq!(report.digest.as_str(), image.digest);
    }
}

#[tokio::test]
async fn a_manifest_that_breaks_off_is_read_again() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let (image, _) = big();
    from.push("team/app", Some("v1"), &image);
    from.quirks(|quirks| {
        quirks.faults = vec![Fault::new("GET", "/manifests/", 2, What::CutReply(20))];
    });
    let report = done(&request(&from, &to), &CopyOptions::default()).await;
    assert_eq!(report.digest.as_str(), image.digest);
}

#[tokio::test]
async fn a_blob_of_another_size_is_refused() {
    for size in [LAYER - 1, LAYER + 1] {
        let (from, to) = (Fake::start().await, Fake::start().await);
        let (image, layer) = big();
        from.push("team/app", Some("v1"), &image);
        from.state()
            .store
            .blobs
            .insert(layer.clone(), vec![0; size]);
        let error = copy(&request(&from, &to), &CopyOptions::default())
            .await
            .unwrap_err();
        assert!(
            matches!(
                &error,
                CopyError::Source(RegistryError::SizeMismatch { .. })
            ),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_wrong_empty_layer_is_noticed() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let mut image = image(ImageSpec {
        layers: vec![b"x".to_vec()],
        ..ImageSpec::default()
    });
    // A manifest that says the layer has no bytes.
    let text = String::from_utf8(image.manifest.clone()).unwrap();
    image.manifest = text
        .replacen("\"size\": 1\n", "\"size\": 0\n", 1)
        .into_bytes();
    image.digest = digest(&image.manifest);
    let layer = digest(b"x");
    image.blobs.insert(layer.clone(), Vec::new());
    from.push("team/app", Some("v1"), &image);
    let error = copy(&request(&from, &to), &CopyOptions::default())
        .await
        .unwrap_err();
    assert!(
        matches!(
            &error,
            CopyError::Source(RegistryError::DigestMismatch { .. })
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn trouble_that_passes_is_waited_for() {
    let status = |status, headers| What::Status(status, headers, "TROUBLE");
    let (from, to) = (Fake::start().await, Fake::start().await);
    from.push("team/app", Some("v1"), &image(ImageSpec::default()));
    from.quirks(|quirks| {
        quirks.faults = vec![
            Fault::new("GET", "/manifests/", 2, status(503, vec![])),
            Fault::new(
                "GET",
                "/blobs/",
                1,
                status(429, vec![("retry-after", "0".to_owned())]),
            ),
        ];
    });
    to.quirks(|quirks| {
        quirks.faults = vec![
            Fault::new("HEAD", "/manifests/", 1, What::CutReply(0)),
            Fault::new("POST", "/uploads/", 1, status(500, vec![])),
            Fault::new("PUT", "/blobs/", 1, status(502, vec![])),
            Fault::new("PUT", "/manifests/", 1, status(504, vec![])),
        ];
    });
    let report = done(&request(&from, &to), &CopyOptions::default()).await;
    assert_eq!(report.manifests, 1);
    assert!(is_whole(&to.repository("dr/team/app"), &reference("v1")).await);
}

#[tokio::test]
async fn a_target_that_reads_half_written_bytes_is_asked_again() {
    let invalid = |path, times| {
        let what = What::Status(400, vec![], "DIGEST_INVALID: provided digest did not match");
        Fault::new("PUT", path, times, what)
    };
    let (from, to) = (Fake::start().await, Fake::start().await);
    from.push("team/app", Some("v1"), &image(ImageSpec::default()));
    to.quirks(|quirks| quirks.faults = vec![invalid("/blobs/", 1), invalid("/manifests/", 2)]);
    done(&request(&from, &to), &CopyOptions::default()).await;
    assert!(is_whole(&to.repository("dr/team/app"), &reference("v1")).await);

    to.quirks(|quirks| quirks.faults = vec![invalid("/manifests/v1", 1000)]);
    let to_another = CopyRequest {
        to: to.repository("dr/team/other").into(),
        ..request(&from, &to)
    };
    let error = copy(&to_another, &CopyOptions::default())
        .await
        .unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(error.error_type(), "registry_unsettled");
}

#[tokio::test]
async fn trouble_that_stays_is_transient() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    from.push("team/app", Some("v1"), &image(ImageSpec::default()));
    to.quirks(|quirks| {
        let what = What::Status(503, vec![], "UNAVAILABLE");
        quirks.faults = vec![Fault::new("PUT", "/blobs/", 1000, what)];
    });
    let error = copy(&request(&from, &to), &CopyOptions::default())
        .await
        .unwrap_err();
    assert!(error.is_transient());
    assert_eq!(error.error_type(), "registry_unavailable");
    let uploads = to.count("PUT", "/blobs/uploads/upload-1");
    assert!(uploads <= 5, "{uploads} attempts");
}

#[tokio::test]
async fn a_registry_that_wants_more_patience_than_there_is_says_how_much() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    from.quirks(|quirks| {
        let headers = vec![("retry-after", "3600".to_owned())];
        let what = What::Status(429, headers, "TOOMANYREQUESTS");
        quirks.faults = vec![Fault::new("GET", "/manifests/", 1, what)];
    });
    let error = copy(&request(&from, &to), &CopyOptions::default())
        .await
        .unwrap_err();
    assert!(error.is_transient());
    assert_eq!(error.error().retry_after(), Some(Duration::from_secs(3600)));
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_a_network_error() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    from.push("team/app", Some("v1"), &image(ImageSpec::default()));
    let request = request(&from, &to);
    drop(to);
    let error = copy(&request, &CopyOptions::default()).await.unwrap_err();
    assert_eq!(error.error_type(), "registry_network");
    assert!(error.is_transient());
}

#[tokio::test]
async fn tokens_that_expire_on_the_way_are_renewed() {
    for uses in [2, 3, 5] {
        let access = || Access::Bearer {
            pair: None,
            realm: None,
            uses,
            refresh: None,
        };
        let from = Fake::with(|quirks| quirks.access = access()).await;
        let to = Fake::with(|quirks| quirks.access = access()).await;
        from.push(
            "team/app",
            Some("v1"),
            &image(ImageSpec {
                layers: (0..3).map(|seed| bytes_of_size(50_000, seed)).collect(),
                ..ImageSpec::default()
            }),
        );
        let options = CopyOptions {
            concurrency: 1,
            ..CopyOptions::default()
        };
        let report = done(&request(&from, &to), &options).await;
        assert_eq!(report.blobs.copied, 4, "{uses}");
        assert!(to.count("GET", "/token") > 1);
    }
}

#[tokio::test]
async fn upload_locations_may_be_relative_and_keep_their_query() {
    for relative in [false, true] {
        let from = Fake::start().await;
        let to = Fake::with(|quirks| {
            quirks.relative_location = relative;
            quirks.location_query = Some("_state=a%2Fb%3D".replace("%2F", "_").replace("%3D", "-"));
        })
        .await;
        from.push("team/app", Some("v1"), &image(ImageSpec::default()));
        done(&request(&from, &to), &CopyOptions::default()).await;
        assert!(is_whole(&to.repository("dr/team/app"), &reference("v1")).await);
    }
}

#[tokio::test]
async fn a_registry_that_takes_no_whole_blobs_gets_parts() {
    for ecr in [false, true] {
        let from = Fake::start().await;
        let to = Fake::with(|quirks| {
            quirks.parts_only = true;
            quirks.ecr = ecr;
        })
        .await;
        let layer = bytes_of_size(25_000_000, 3);
        let image = image(ImageSpec {
            layers: vec![layer, Vec::new()],
            ..ImageSpec::default()
        });
        from.push("team/app", Some("v1"), &image);
        done(&request(&from, &to), &CopyOptions::default()).await;
        assert_eq!(to.tagged("dr/team/app", "v1"), Some(image.digest));
        let sizes: Vec<u64> = to
            .log()
            .iter()
            .filter(|logged| logged.method == "PATCH")
            .map(|logged| logged.received)
            .collect();
        assert!(
            sizes.iter().all(|size| *size <= 10 * 1024 * 1024),
            "{sizes:?}"
        );
        assert!(sizes.len() >= 3, "{sizes:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_cuts_large_bodies_gets_parts() {
    let from = Fake::start().await;
    let to = Fake::with(|quirks| {
        quirks.forgets_uploads = true;
        let cut = What::CutRequest(10_000_000);
        quirks.faults = vec![Fault::new("PUT", "/blobs/", 2, cut)];
    })
    .await;
    let image = image(ImageSpec {
        layers: vec![bytes_of_size(15_000_000, 3)],
        ..ImageSpec::default()
    });
    from.push("team/app", Some("v1"), &image);
    let options = CopyOptions {
        concurrency: 1,
        ..CopyOptions::default()
    };
    done(&request(&from, &to), &options).await;
    assert_eq!(to.tagged("dr/team/app", "v1"), Some(image.digest));
    assert_eq!(to.count("PATCH", "/blobs/"), 2, "{:?}", to.lines());
}

#[tokio::test]
async fn a_registry_that_does_not_say_digests_is_read_instead() {
    let (from, to) = (
        Fake::with(|quirks| quirks.no_digest_header = true).await,
        Fake::with(|quirks| quirks.no_digest_header = true).await,
    );
    let image = image(ImageSpec::default());
    from.push("team/app", Some("v1"), &image);
    let request = request(&from, &to);
    done(&request, &CopyOptions::default()).await;
    let report = done(&request, &CopyOptions::default()).await;
    assert!(report.unchanged);
    assert_eq!(report.digest.as_str(), image.digest);
}

#[tokio::test]
async fn a_target_that_says_it_stored_something_else_is_not_believed() {
    let from = Fake::start().await;
    let to = Fake::with(|quirks| quirks.wrong_digest_header = true).await;
    from.push("team/app", Some("v1"), &image(ImageSpec::default()));
    let error = copy(&request(&from, &to), &CopyOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "digest_mismatch");
}

#[tokio::test]
async fn a_mount_offered_by_hand_is_used() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let image = image(ImageSpec::default());
    from.push("team/app", Some("v1"), &image);
    to.push("dr/base", None, &image);
    let options = CopyOptions {
        mount_from: vec!["dr/base".parse().unwrap()],
        ..CopyOptions::default()
    };
    let report = done(&request(&from, &to), &options).await;
    assert_eq!(report.blobs.mounted, 2);
    to.quirks(|quirks| quirks.mounts = Mounts::Refused);
}

#[tokio::test]
async fn many_cuts_do_not_end_an_upload_that_goes_on() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let (image, _) = big();
    from.push("team/app", Some("v1"), &image);
    // More of them than there are attempts, each one a little further.
    to.quirks(|quirks| {
        quirks.faults = vec![Fault::new("PUT", "upload-1", 9, What::CutRequest(900_000))];
    });
    done(&request(&from, &to), &CopyOptions::default()).await;
    assert_eq!(to.tagged("dr/team/app", "v1"), Some(image.digest));
    assert_eq!(to.count("POST", "/uploads/"), 2, "no fresh upload");
}
