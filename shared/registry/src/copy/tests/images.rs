//! What arrives, and in which order.

use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::fake::{ImageSpec, bytes_of_size, digest, image, index};

#[tokio::test]
async fn an_image_arrives_with_the_same_digest() {
    for docker in [false, true] {
        let (from, to) = (Fake::start().await, Fake::start().await);
        let image = image(ImageSpec {
            layers: vec![bytes_of_size(300_000, 1), bytes_of_size(10, 2)],
            docker,
            ..ImageSpec::default()
        });
        from.push("team/app", Some("v1"), &image);
        let report = done(&request(&from, &to), &CopyOptions::default()).await;
        assert_eq!(report.digest.as_str(), image.digest);
        assert_eq!(report.media_type, image.media_type);
        let size: usize = image.blobs.values().map(Vec::len).sum();
        assert_eq!(report.bytes, size as u64);
        assert_eq!(to.tagged("dr/team/app", "v1"), Some(image.digest));
        assert!(is_whole(&to.repository("dr/team/app"), &reference("v1")).await);
    }
}

#[tokio::test]
async fn blobs_come_first_then_children_by_digest_then_the_tag() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let inner = index(vec![image(ImageSpec::default())]);
    let outer = index(vec![
        inner.clone(),
        image(ImageSpec {
            docker: true,
            ..ImageSpec::default()
        }),
    ]);
    from.push("team/app", Some("v1"), &outer);
    done(&request(&from, &to), &CopyOptions::default()).await;
    let puts: Vec<String> = to
        .log()
        .into_iter()
        .filter(|logged| logged.method == "PUT")
        .map(|logged| logged.path)
        .collect();
    let kind = |path: &String| {
        if path.contains("/blobs/") {
            0
        } else if path.contains("/manifests/sha256:") {
            1
        } else {
            2
        }
    };
    let kinds: Vec<i32> = puts.iter().map(kind).collect();
    assert!(kinds.is_sorted(), "{puts:?}");
    assert_eq!(puts.last().unwrap(), "/v2/dr/team/app/manifests/v1");
    assert_eq!(kinds.iter().filter(|kind| **kind == 2).count(), 1);
    assert!(is_whole(&to.repository("dr/team/app"), &reference("v1")).await);
}

#[tokio::test]
async fn without_a_tag_the_image_is_there_by_digest_only() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let image = image(ImageSpec::default());
    from.push("team/app", Some("v1"), &image);
    let mut request = request(&from, &to);
    request.tag = None;
    done(&request, &CopyOptions::default()).await;
    assert!(to.state().store.repositories["dr/team/app"].tags.is_empty());
    assert!(is_whole(&to.repository("dr/team/app"), &reference(&image.digest)).await);
}

#[tokio::test]
async fn empty_and_repeated_layers_are_moved_once() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let layer = bytes_of_size(70_000, 1);
    let image = image(ImageSpec {
        layers: vec![layer.clone(), Vec::new(), layer, Vec::new()],
        ..ImageSpec::default()
    });
    from.push("team/app", Some("v1"), &image);
    let report = done(&request(&from, &to), &CopyOptions::default()).await;
    assert_eq!(report.blobs.copied, 3, "two layers and the configuration");
    assert!(is_whole(&to.repository("dr/team/app"), &reference("v1")).await);
}

#[tokio::test]
async fn foreign_layers_stay_references_and_their_addresses_are_never_called() {
    let (from, to, elsewhere) = (
        Fake::start().await,
        Fake::start().await,
        Fake::start().await,
    );
    let foreign = bytes_of_size(500, 9);
    let image = image(ImageSpec {
        extra_layers: vec![json!({
            "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "digest": digest(&foreign), "size": foreign.len(),
            "urls": [elsewhere.url("/layer")],
        })],
        docker: true,
        ..ImageSpec::default()
    });
    from.push("team/app", Some("v1"), &image);
    let report = done(&request(&from, &to), &CopyOptions::default()).await;
    assert_eq!(report.blobs.foreign, 1);
    assert!(elsewhere.log().is_empty());
    assert_eq!(to.tagged("dr/team/app", "v1"), Some(image.digest));
}

#[tokio::test]
async fn a_child_that_is_there_is_not_read_again() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let old = image(ImageSpec::default());
    let new = image(ImageSpec {
        layers: vec![bytes_of_size(100, 7)],
        ..ImageSpec::default()
    });
    to.push("dr/team/app", None, &old);
    from.push("team/app", Some("v1"), &index(vec![old.clone(), new]));
    let report = done(&request(&from, &to), &CopyOptions::default()).await;
    assert_eq!(report.manifests, 2);
    assert_eq!(from.count("GET", &old.digest), 0);
}

#[tokio::test]
async fn a_moved_tag_is_moved() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    to.push("dr/team/app", Some("v1"), &image(ImageSpec::default()));
    let new = image(ImageSpec {
        layers: vec![bytes_of_size(100, 7)],
        ..ImageSpec::default()
    });
    from.push("team/app", Some("v1"), &new);
    let report = done(&request(&from, &to), &CopyOptions::default()).await;
    assert!(!report.unchanged);
    assert_eq!(to.tagged("dr/team/app", "v1"), Some(new.digest));
}

#[tokio::test]
async fn a_source_that_moved_meanwhile_leaves_the_target_untagged() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let old = image(ImageSpec::default());
    let new = image(ImageSpec {
        layers: vec![bytes_of_size(100, 7)],
        ..ImageSpec::default()
    });
    from.push("team/app", None, &old);
    from.push("team/app", Some("v1"), &new);
    let mut request = request(&from, &to);
    request.reference = reference(&old.digest);
    let options = CopyOptions {
        recheck: Some("v1".parse().unwrap()),
        ..CopyOptions::default()
    };
    let outcome = copy(&request, &options).await.unwrap();
    assert_eq!(
        outcome,
        Outcome::SourceMoved {
            expected: old.digest.parse().unwrap(),
            found: Some(new.digest.parse().unwrap()),
        }
    );
    assert_eq!(to.tagged("dr/team/app", "v1"), None);
    from.push("team/app", Some("v1"), &old);
    assert!(matches!(
        copy(&request, &options).await.unwrap(),
        Outcome::Done(_)
    ));
}

#[tokio::test]
async fn a_missing_repository_is_created_once() {
    struct Creates<'a>(&'a Fake, Mutex<u32>);
    #[async_trait]
    impl CreateRepository for Creates<'static> {
        async fn create(
            &self,
            host: &RegistryHost,
            path: &RepositoryPath,
        ) -> Result<(), CreateError> {
            assert_eq!(*host, self.0.host());
            *self.1.lock().unwrap() += 1;
            let mut state = self.0.state();
            state
                .store
                .repositories
                .entry(path.to_string())
                .or_default();
            Ok(())
        }
    }
    let from = Fake::start().await;
    let to: &'static Fake = Box::leak(Box::new(
        Fake::with(|quirks| quirks.must_create = true).await,
    ));
    from.push(
        "team/app",
        Some("v1"),
        &image(ImageSpec {
            layers: (0..6).map(|seed| bytes_of_size(1000, seed)).collect(),
            ..ImageSpec::default()
        }),
    );
    let request = request(&from, to);
    let error = copy(&request, &CopyOptions::default()).await.unwrap_err();
    assert_eq!(error.error_type(), "repository_not_found");
    assert!(!error.is_source_missing());
    let creates = Arc::new(Creates(to, Mutex::new(0)));
    let options = CopyOptions {
        create: Some(creates.clone()),
        ..CopyOptions::default()
    };
    done(&request, &options).await;
    assert_eq!(*creates.1.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_missing_source_is_told_apart_from_a_missing_target() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let error = copy(&request(&from, &to), &CopyOptions::default())
        .await
        .unwrap_err();
    assert!(error.is_source_missing(), "{error:?}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn an_immutable_tag_is_a_success_only_where_it_says_the_same() {
    let (from, to) = (
        Fake::start().await,
        Fake::with(|q| q.immutable = true).await,
    );
    let image_ = image(ImageSpec::default());
    from.push("team/app", Some("v1"), &image_);
    let repository = to.repository("dr/team/app");
    done(&request(&from, &to), &CopyOptions::default()).await;
    let manifest = repository.manifest(&reference("v1")).await.unwrap();
    repository
        .put_manifest(&reference("v1"), &manifest)
        .await
        .unwrap();

    let other = image(ImageSpec {
        layers: vec![bytes_of_size(100, 7)],
        ..ImageSpec::default()
    });
    from.push("team/app", Some("v1"), &other);
    let error = copy(&request(&from, &to), &CopyOptions::default())
        .await
        .unwrap_err();
    match error.error() {
        RegistryError::ImmutableTag { existing, .. } => {
            assert_eq!(existing.as_ref().unwrap().as_str(), image_.digest);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(error.error_type(), "immutable_tag");
}

#[tokio::test]
async fn progress_tells_of_every_blob_and_manifest() {
    #[derive(Default)]
    struct Seen(Mutex<Vec<ProgressEvent>>);
    impl Progress for Seen {
        fn event(&self, event: &ProgressEvent) {
            self.0.lock().unwrap().push(event.clone());
        }
    }
    let (from, to) = (Fake::start().await, Fake::start().await);
    let image = image(ImageSpec {
        layers: vec![bytes_of_size(300_000, 1)],
        ..ImageSpec::default()
    });
    from.push("team/app", Some("v1"), &image);
    let seen = Arc::new(Seen::default());
    let options = CopyOptions {
        progress: seen.clone(),
        ..CopyOptions::default()
    };
    let report = done(&request(&from, &to), &options).await;
    let seen = seen.0.lock().unwrap();
    let planned = ProgressEvent::Planned {
        blobs: 2,
        bytes: report.bytes,
    };
    assert_eq!(seen.first(), Some(&planned));
    let ends: Vec<_> = seen
        .iter()
        .filter(|event| {
            matches!(
                event,
                ProgressEvent::BlobDone {
                    how: Moved::Copied,
                    ..
                }
            )
        })
        .collect();
    assert_eq!(ends.len(), 2);
    let furthest = seen.iter().filter_map(|event| match event {
        ProgressEvent::BlobMoved { sent, .. } => Some(*sent),
        _ => None,
    });
    assert_eq!(furthest.max(), Some(300_000));
    assert_eq!(
        seen.last(),
        Some(&ProgressEvent::ManifestDone {
            digest: report.digest
        })
    );
}

#[tokio::test]
async fn a_copy_that_is_dropped_leaves_no_tag() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    from.push(
        "team/app",
        Some("v1"),
        &image(ImageSpec {
            layers: (0..20).map(|seed| bytes_of_size(200_000, seed)).collect(),
            ..ImageSpec::default()
        }),
    );
    let request = request(&from, &to);
    let options = CopyOptions::default();
    // Dropped at the first blob that has arrived: far from the end.
    let arrived = async {
        while to.count("PUT", "/blobs/") == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        outcome = copy(&request, &options) => panic!("{outcome:?}"),
        () = arrived => {}
    }
    assert_eq!(to.tagged("dr/team/app", "v1"), None);
    assert!(
        !done(&request, &options).await.unchanged,
        "and the next one completes it"
    );
}
