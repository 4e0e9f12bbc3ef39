//! Bytes and texts that try to be taken for something else.

use super::*;

/// A reply that says it is compressed is still the bytes that the digest stands for: nothing here
/// ever decompresses, so no bomb ever grows, and nothing invites a registry to compress.
#[tokio::test]
async fn nothing_is_ever_decompressed() {
    let (fake, image) = with_image(|_| {}).await;
    // A gzip member of a few bytes that says it holds a manifest.
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    let repository = fake.repository("team/app");
    fake.quirks(|q| {
        let header = What::Header("content-encoding", "gzip");
        q.faults = vec![Fault::new("GET", "/manifests/", 1, header)];
    });
    let manifest = repository.manifest(&v1()).await.unwrap();
    assert_eq!(manifest.bytes(), &image.manifest, "as it came");
    fake.quirks(|q| {
        q.faults = vec![Fault::new(
            "GET",
            "/manifests/",
            2,
            What::Bytes(gzip.to_vec()),
        )];
    });
    let error = repository.manifest(&v1()).await.unwrap_err();
    assert_eq!(error.error_type(), "digest_mismatch");
    for logged in fake.log() {
        assert_eq!(logged.header("accept-encoding"), None);
    }
}

/// Names become paths and headers of requests. None of them can end a line or leave its place.
#[test]
fn no_name_carries_a_second_request() {
    for text in [
        "v1\r\nx: y",
        "v1\n",
        "v1 HTTP/1.1\r\n\r\nGET /",
        "v1?x=y",
        "v1#",
        "v1/../v2",
        "../v1",
        "v1%0d%0a",
        "sha256:00\r\n",
    ] {
        assert!(text.parse::<Reference>().is_err(), "{text:?}");
        assert!(
            text.parse::<steward_core::RepositoryPath>().is_err()
                || !text.contains(['\r', '\n', '?', '#', '%']),
            "{text:?}"
        );
        assert!(
            text.parse::<RegistryHost>().is_err()
                || !text.contains(['\r', '\n', '/', '?', '#', '@']),
            "{text:?}"
        );
        assert!(text.parse::<Digest>().is_err(), "{text:?}");
    }
    assert!(
        crate::client::Client::builder()
            .user_agent("a\r\nb")
            .build()
            .is_err()
    );
}

/// What a registry sends in its headers does not come out of an error as lines of a log.
#[tokio::test]
async fn a_hostile_text_stays_on_its_line() {
    let (fake, _) = with_image(|q| {
        let what = What::Status(400, vec![], "A\r\nB: \u{1b}[2J\r\nforged line");
        q.faults = vec![Fault::new("GET", "/manifests/", 1, what)];
    })
    .await;
    let error = fake
        .repository("team/app")
        .manifest(&v1())
        .await
        .unwrap_err();
    assert!(
        !error.to_string().contains(['\r', '\n', '\u{1b}']),
        "{error}"
    );
}

/// CVE-2024-39897: a mount can succeed where reading would not. Only repositories that the copy
/// itself reads, or that its caller names, are ever mounted from.
#[tokio::test]
async fn only_named_repositories_are_mounted_from() {
    let (fake, image) = with_image(|_| {}).await;
    fake.push("secret/other", Some("v1"), &image);
    let request = crate::copy::CopyRequest {
        from: fake.repository("team/app").into(),
        reference: v1(),
        to: fake.repository("dr/app").into(),
        tag: None,
    };
    let options = crate::copy::CopyOptions {
        mount_from: vec!["base/image".parse().unwrap()],
        ..crate::copy::CopyOptions::default()
    };
    crate::copy::copy(&request, &options).await.unwrap();
    for logged in fake.log().iter().filter(|logged| logged.method == "POST") {
        assert!(!logged.query.contains("secret"), "{}", logged.query);
    }
}
