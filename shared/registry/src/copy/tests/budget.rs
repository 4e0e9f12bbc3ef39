//! How many requests a copy may take.

use super::*;
use crate::fake::{Access, Image, ImageSpec, Mounts, bytes_of_size, image, index};

fn layers(count: u64) -> Image {
    image(ImageSpec {
        layers: (0..count).map(|seed| bytes_of_size(5000, seed)).collect(),
        ..ImageSpec::default()
    })
}

#[tokio::test]
async fn a_cold_copy_takes_three_requests_and_three_per_blob() {
    for layer_count in [1, 5] {
        let (from, to) = (Fake::start().await, Fake::start().await);
        from.push("team/app", Some("v1"), &layers(layer_count));
        let report = done(&request(&from, &to), &CopyOptions::default()).await;
        let blobs = layer_count + 1;
        assert_eq!(
            report.requests.source + report.requests.target,
            3 + 3 * blobs,
            "{:?}\n{:?}",
            from.lines(),
            to.lines()
        );
        assert_eq!(report.requests.source as usize, from.log().len());
        assert_eq!(report.requests.target as usize, to.log().len());
        assert_eq!(report.blobs.copied, blobs);
        assert!(!report.unchanged);
    }
}

#[tokio::test]
async fn an_unchanged_image_takes_two_heads_and_no_put() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    from.push("team/app", Some("v1"), &layers(3));
    let request = request(&from, &to);
    done(&request, &CopyOptions::default()).await;
    from.forget_log();
    to.forget_log();
    let report = done(&request, &CopyOptions::default()).await;
    assert!(report.unchanged);
    assert_eq!(from.lines(), ["HEAD /v2/team/app/manifests/v1 200"]);
    assert_eq!(to.lines(), ["HEAD /v2/dr/team/app/manifests/v1 200"]);
    assert_eq!(
        report.requests,
        RequestCounts {
            source: 1,
            target: 1
        }
    );
}

#[tokio::test]
async fn an_unchanged_image_known_by_digest_takes_one_head() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let image = layers(1);
    from.push("team/app", Some("v1"), &image);
    let mut request = request(&from, &to);
    request.reference = reference(&image.digest);
    done(&request, &CopyOptions::default()).await;
    from.forget_log();
    to.forget_log();
    assert!(done(&request, &CopyOptions::default()).await.unchanged);
    assert!(from.lines().is_empty());
    assert_eq!(to.lines(), ["HEAD /v2/dr/team/app/manifests/v1 200"]);
}

#[tokio::test]
async fn every_manifest_of_an_index_takes_three_requests() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let (a, b) = (layers(2), layers(3));
    from.push("team/app", Some("v1"), &index(vec![a, b]));
    let report = done(&request(&from, &to), &CopyOptions::default()).await;
    // Two layers and no configuration are shared.
    let blobs = 3 + 2;
    assert_eq!(report.blobs.copied, blobs);
    assert_eq!(report.manifests, 3);
    let total = report.requests.source + report.requests.target;
    assert_eq!(total, 3 * 3 + 3 * blobs);
}

#[tokio::test]
async fn blobs_that_are_there_take_one_request_each() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let image = layers(4);
    from.push("team/app", Some("v1"), &image);
    to.push("dr/team/app", None, &image);
    let report = done(&request(&from, &to), &CopyOptions::default()).await;
    assert_eq!(report.blobs.present, 5);
    assert_eq!(report.bytes, 0);
    assert_eq!(report.requests.source + report.requests.target, 3 + 5);
}

#[tokio::test]
async fn blobs_of_the_same_registry_are_mounted() {
    let registry = Fake::start().await;
    registry.push("team/app", Some("v1"), &layers(4));
    let report = done(&request(&registry, &registry), &CopyOptions::default()).await;
    assert_eq!(report.blobs.mounted, 5);
    assert_eq!(report.requests.source + report.requests.target, 3 + 5);
}

#[tokio::test]
async fn a_refused_mount_is_an_upload_session_already() {
    let registry = Fake::with(|quirks| quirks.mounts = Mounts::Refused).await;
    registry.push("team/app", Some("v1"), &layers(4));
    let report = done(&request(&registry, &registry), &CopyOptions::default()).await;
    assert_eq!(report.blobs.copied, 5);
    assert_eq!(registry.count("POST", "/blobs/uploads/"), 5);
    assert_eq!(report.requests.source + report.requests.target, 3 + 3 * 5);
}

#[tokio::test]
async fn a_denied_mount_is_followed_by_an_upload() {
    let registry = Fake::with(|quirks| quirks.mounts = Mounts::Denied).await;
    registry.push("team/app", Some("v1"), &layers(1));
    let report = done(&request(&registry, &registry), &CopyOptions::default()).await;
    assert_eq!(report.blobs.copied, 2);
}

#[tokio::test]
async fn another_tag_in_the_same_repository_moves_nothing() {
    let registry = Fake::start().await;
    registry.push("team/app", Some("v1"), &index(vec![layers(4)]));
    let mut request = request(&registry, &registry);
    request.to = request.from.clone();
    request.tag = Some("v2".parse().unwrap());
    let report = done(&request, &CopyOptions::default()).await;
    assert_eq!(report.requests.source + report.requests.target, 3);
    assert_eq!(
        registry.tagged("team/app", "v2"),
        registry.tagged("team/app", "v1")
    );
}

#[tokio::test]
async fn a_token_service_is_asked_once_per_registry() {
    let access = || Access::Bearer {
        pair: None,
        realm: None,
        uses: 1000,
        refresh: None,
    };
    let from = Fake::with(|quirks| quirks.access = access()).await;
    let to = Fake::with(|quirks| quirks.access = access()).await;
    from.push("team/app", Some("v1"), &layers(5));
    let report = done(&request(&from, &to), &CopyOptions::default()).await;
    assert_eq!(from.count("GET", "/token"), 1);
    assert_eq!(to.count("GET", "/token"), 1);
    // One refused request each, before anything is known.
    assert_eq!(
        report.requests.source + report.requests.target,
        3 + 3 * 6 + 2
    );
}

#[tokio::test]
async fn a_batched_look_replaces_the_looks_for_single_blobs() {
    struct Knows(Vec<Digest>);
    #[async_trait]
    impl BlobAvailability for Knows {
        async fn present(
            &self,
            _: &RegistryHost,
            _: &RepositoryPath,
            digests: &[Digest],
        ) -> Option<Vec<Digest>> {
            Some(
                digests
                    .iter()
                    .filter(|d| self.0.contains(d))
                    .cloned()
                    .collect(),
            )
        }
    }
    let (from, to) = (Fake::start().await, Fake::start().await);
    let image = layers(4);
    from.push("team/app", Some("v1"), &image);
    let there = image.blobs.iter().take(2);
    for (digest, bytes) in there.clone() {
        to.state()
            .store
            .add_blob("dr/team/app", digest, bytes.clone());
    }
    let options = CopyOptions {
        availability: Some(Arc::new(Knows(
            there.map(|(digest, _)| digest.parse().unwrap()).collect(),
        ))),
        ..CopyOptions::default()
    };
    let report = done(&request(&from, &to), &options).await;
    assert_eq!((report.blobs.present, report.blobs.copied), (2, 3));
    assert_eq!(report.requests.source + report.requests.target, 3 + 3 * 3);
}

/// A copy to an ECR registry, which the fake stands in for.
pub(super) fn to_ecr(from: &Fake, to: &Fake) -> CopyRequest {
    to_named(from, to, "111122223333.dkr.ecr.eu-west-1.amazonaws.com")
}

/// A copy to a registry of this name, which the fake stands in for.
pub(super) fn to_named(from: &Fake, to: &Fake, host: &str) -> CopyRequest {
    let host: RegistryHost = host.parse().unwrap();
    let client = crate::fake::client()
        .endpoints(format!("{host}={}", to.url("")).parse().unwrap())
        .build()
        .unwrap();
    let path = "dr/team/app".parse().unwrap();
    CopyRequest {
        to: client.repository(&host, &path).unwrap().into(),
        ..request(from, to)
    }
}

#[tokio::test]
async fn on_ecr_a_blob_is_looked_for_before_it_is_moved() {
    let (from, to) = (Fake::start().await, Fake::with(|q| q.ecr = true).await);
    let image = layers(3);
    from.push("team/app", Some("v1"), &image);
    let (there, bytes) = image.blobs.iter().next().unwrap();
    to.state()
        .store
        .add_blob("dr/team/app", there, bytes.clone());
    let report = done(&to_ecr(&from, &to), &CopyOptions::default()).await;
    assert_eq!((report.blobs.present, report.blobs.copied), (1, 3));
    assert_eq!(to.count("HEAD", "/blobs/"), 4);
    assert_eq!(to.count("POST", "/uploads/"), 3);
    assert_eq!(to.count("PATCH", ""), 0);
}

#[tokio::test]
async fn on_ecr_known_blobs_are_not_looked_for() {
    struct Nothing;
    #[async_trait]
    impl BlobAvailability for Nothing {
        async fn present(
            &self,
            _: &RegistryHost,
            _: &RepositoryPath,
            _: &[Digest],
        ) -> Option<Vec<Digest>> {
            Some(Vec::new())
        }
    }
    let (from, to) = (Fake::start().await, Fake::with(|q| q.ecr = true).await);
    from.push("team/app", Some("v1"), &layers(3));
    let options = CopyOptions {
        availability: Some(Arc::new(Nothing)),
        ..CopyOptions::default()
    };
    let report = done(&to_ecr(&from, &to), &options).await;
    assert_eq!(report.requests.source + report.requests.target, 3 + 3 * 4);
}
