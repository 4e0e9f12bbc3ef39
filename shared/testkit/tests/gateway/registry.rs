//! The registry protocol.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::json;
use steward_testkit::{
    gateway::CreateOnPush,
    image::{Format, Image, Layer, Target, push},
};

use crate::{
    app, deleted, pushed,
    stage::{self, Home, Other, Stage},
    summary, two_platforms,
};

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_regions_are_apart_and_only_home_creates_repositories() {
    let stage = Stage::start().await;
    let image = app("two");
    let there = Target::new(&stage.url())
        .unwrap()
        .with_host(&stage.registry_of(Other).host());
    let refused = there.push("dr/prod/app", Some("v1"), &image).await;
    assert!(refused.unwrap_err().to_string().contains("NAME_UNKNOWN"));

    let created = stage
        .ecr(
            Other,
            "CreateRepository",
            json!({"repositoryName": "dr/prod/app"}),
        )
        .await;
    assert_eq!(created.status, StatusCode::OK);
    there.push("dr/prod/app", Some("v1"), &image).await.unwrap();
    let events = stage.events(Other, 1).await;
    assert_eq!(
        events[0]["account"],
        stage.registry_of(Other).account.as_str()
    );
    assert_eq!(events[0]["region"], "eu-central-1");
    assert_eq!(summary(&events[0]), pushed(Some("v1"), &image));

    let path = "/v2/dr/prod/app/manifests/v1";
    assert_eq!(stage.send("HEAD", path, Other).await.status, StatusCode::OK);
    assert_eq!(
        stage.send("HEAD", path, Home).await.status,
        StatusCode::NOT_FOUND
    );
    // The second address needs no `Host`.
    let also = format!("docker://{}/dr/prod/app:v1", stage.also());
    let inspected = stage.skopeo(&["inspect", "--tls-verify=false", &also]);
    assert!(inspected.contains(image.digest().as_str()), "{inspected}");

    // Who calls the API with a session of another account's role acts in that account.
    let session = stage.session_in_other().await;
    let found = stage
        .ecr_with(
            &session,
            "eu-central-1",
            "DescribeImages",
            json!({"repositoryName": "dr/prod/app"}),
        )
        .await;
    assert_eq!(
        found.json()["imageDetails"][0]["registryId"],
        stage.registry_of(Other).account.as_str()
    );
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn create_on_push_may_be_everywhere_or_nowhere() {
    for (create, home, other) in [
        (CreateOnPush::Everywhere, true, true),
        (CreateOnPush::Never, false, false),
    ] {
        let stage = Stage::start_with(|config| config.create_on_push = create).await;
        let image = app("three");
        let target = Target::new(&stage.url()).unwrap();
        assert_eq!(
            target.push("team/app", Some("v1"), &image).await.is_ok(),
            home
        );
        let target = target.with_host(&stage.registry_of(Other).host());
        assert_eq!(
            target.push("team/app", Some("v1"), &image).await.is_ok(),
            other
        );
        stage.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_arrive_by_every_kind_of_upload_and_leave_in_parts() {
    let stage = Stage::start().await;
    let image = app("four");
    push(&stage.url(), "team/app", Some("v1"), &image)
        .await
        .unwrap();
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    let digest = stage::digest(&bytes);

    // POST with the digest.
    let path = format!("/v2/team/app/blobs/uploads/?digest={digest}");
    let posted = stage.send_body("POST", &path, Home, bytes.clone()).await;
    assert_eq!(posted.status, StatusCode::CREATED);
    let blob = format!("/v2/team/app/blobs/{digest}");
    let head = stage.send("HEAD", &blob, Home).await;
    assert_eq!(head.headers["content-length"], "100000");

    // Parts of it.
    for (range, from, to) in [
        ("bytes=0-9", 0, 10),
        ("bytes=70000-", 70_000, 100_000),
        ("bytes=-5", 99_995, 100_000),
    ] {
        let part = stage.get_range(&blob, range).await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(part.body, bytes[from..to], "{range}");
        let range = format!("bytes {from}-{}/100000", to - 1);
        assert_eq!(part.headers["content-range"], range);
    }
    let beyond = stage.get_range(&blob, "bytes=100000-").await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);

    // PATCHes, with the last part on the PUT and without.
    for last in [0, 1_000] {
        let started = stage
            .send("POST", "/v2/team/other/blobs/uploads/", Home)
            .await;
        assert_eq!(started.status, StatusCode::ACCEPTED);
        let mut location = started.location();
        let (parts, end) = bytes.split_at(bytes.len() - last);
        for part in parts.chunks(40_000) {
            let patched = stage
                .send_body("PATCH", &location, Home, part.to_vec())
                .await;
            // As ECR has it; the specification says 202.
            assert_eq!(patched.status, StatusCode::CREATED);
            location = patched.location();
        }
        let done = format!("{location}?digest={digest}");
        let done = stage.send_body("PUT", &done, Home, end.to_vec()).await;
        assert_eq!(done.status, StatusCode::CREATED, "{last}");
        assert_eq!(done.headers["docker-content-digest"], digest);
    }

    // A mount, and one that cannot be, which opens a session.
    let mount = format!("/v2/team/third/blobs/uploads/?mount={digest}&from=team/app");
    assert_eq!(
        stage.send("POST", &mount, Home).await.status,
        StatusCode::CREATED
    );
    let mount = format!(
        "/v2/team/third/blobs/uploads/?mount=sha256:{:064}&from=team/app",
        0
    );
    let session = stage.send("POST", &mount, Home).await;
    assert_eq!(session.status, StatusCode::ACCEPTED);
    let wrong = format!("{}?digest=sha256:{:064}", session.location(), 0);
    let wrong = stage.send_body("PUT", &wrong, Home, bytes).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(wrong.json()["errors"][0]["code"], "DIGEST_INVALID");

    let answers = stage
        .ecr(
            Home,
            "BatchCheckLayerAvailability",
            json!({"repositoryName": "team/third",
                "layerDigests": [digest, format!("sha256:{:064}", 0), "nonsense"]}),
        )
        .await
        .json();
    assert_eq!(answers["layers"][0]["layerAvailability"], "AVAILABLE");
    assert_eq!(answers["layers"][0]["layerSize"], 100_000);
    assert_eq!(answers["layers"][1]["layerAvailability"], "UNAVAILABLE");
    assert_eq!(answers["failures"][0]["failureCode"], "InvalidLayerDigest");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_that_ecr_refuses_are_refused() {
    let stage = Stage::start().await;
    let image = app("five");
    let target = Target::new(&stage.url()).unwrap();
    let refused = target.push_manifest("team/app", Some("v1"), &image).await;
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("MANIFEST_BLOB_UNKNOWN"), "{message}");
    let index = Image::index([image.clone()]);
    let refused = target.push_manifest("team/app", Some("v1"), &index).await;
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("MANIFEST_BLOB_UNKNOWN") && message.contains("Images with digests"));

    target.push("team/app", Some("v1"), &image).await.unwrap();
    for (path, body, status, code) in [
        (
            format!("/v2/team/app/manifests/sha256:{:064}", 0),
            image.manifest().to_vec(),
            StatusCode::BAD_REQUEST,
            "DIGEST_INVALID",
        ),
        (
            "/v2/team/app/manifests/v2".into(),
            b"{".to_vec(),
            StatusCode::BAD_REQUEST,
            "MANIFEST_INVALID",
        ),
        (
            "/v2/team/app/manifests/v2".into(),
            vec![b' '; (4 << 20) + 1],
            StatusCode::PAYLOAD_TOO_LARGE,
            "MANIFEST_INVALID",
        ),
        (
            "/v2/Team/app/manifests/v2".into(),
            image.manifest().to_vec(),
            StatusCode::BAD_REQUEST,
            "NAME_INVALID",
        ),
    ] {
        let refused = stage.put_manifest(&path, image.media_type(), body).await;
        assert_eq!(refused.status, status, "{path}");
        assert_eq!(refused.json()["errors"][0]["code"], code, "{path}");
    }
    let gone = stage.send("GET", "/v2/team/app/manifests/v9", Home).await;
    assert_eq!(gone.json()["errors"][0]["code"], "MANIFEST_UNKNOWN");
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn referrers_are_listed_and_reported_untagged() {
    let stage = Stage::start().await;
    let index = two_platforms();
    let sbom = Image::referrer(&index, "application/spdx+json", "{}");
    let signature = Image::referrer(&index, "application/x-signature", "signed");
    let target = Target::new(&stage.url()).unwrap();
    target.push("prod/app", Some("v1"), &index).await.unwrap();
    target.push("prod/app", None, &sbom).await.unwrap();
    let path = format!("/v2/prod/app/manifests/{}", signature.digest());
    target.push("prod/app", None, &signature).await.unwrap();
    let again = stage
        .put_manifest(&path, signature.media_type(), signature.manifest().to_vec())
        .await;
    assert_eq!(again.headers["oci-subject"], index.digest().as_str());

    let path = format!("/v2/prod/app/referrers/{}", index.digest());
    let all = stage.send("GET", &path, Home).await;
    assert_eq!(
        all.headers["content-type"],
        "application/vnd.oci.image.index.v1+json"
    );
    let mut digests: Vec<String> = all.json()["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["digest"].as_str().unwrap().to_owned())
        .collect();
    digests.sort();
    let mut expected = [sbom.digest().to_string(), signature.digest().to_string()];
    expected.sort();
    assert_eq!(digests, expected);
    let some = stage
        .send(
            "GET",
            &format!("{path}?artifactType=application%2Fspdx%2Bjson"),
            Home,
        )
        .await;
    assert_eq!(some.headers["oci-filters-applied"], "artifactType");
    assert_eq!(some.json()["manifests"].as_array().unwrap().len(), 1);
    assert_eq!(
        some.json()["manifests"][0]["artifactType"],
        "application/spdx+json"
    );
    let none = format!("/v2/prod/app/referrers/sha256:{:064}", 0);
    assert_eq!(
        stage.send("GET", &none, Home).await.json()["manifests"],
        json!([])
    );

    let details = stage
        .ecr(
            Home,
            "DescribeImages",
            json!({"repositoryName": "prod/app",
            "imageIds": [{"imageDigest": sbom.digest()}]}),
        )
        .await
        .json();
    assert_eq!(
        details["imageDetails"][0]["subjectManifestDigest"],
        index.digest().as_str()
    );
    assert_eq!(
        details["imageDetails"][0]["artifactMediaType"],
        "application/spdx+json"
    );
    let seen: Vec<_> = stage.events(Home, 6).await.iter().map(summary).collect();
    assert_eq!(
        seen[3..],
        [
            pushed(None, &sbom),
            pushed(None, &signature),
            pushed(None, &signature)
        ]
    );
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_come_in_pages() {
    let stage = Stage::start().await;
    let image = app("six");
    let target = Target::new(&stage.url()).unwrap();
    target.push("team/app", Some("a"), &image).await.unwrap();
    for tag in ["b", "c"] {
        target
            .push_manifest("team/app", Some(tag), &image)
            .await
            .unwrap();
    }
    let first = stage.send("GET", "/v2/team/app/tags/list?n=2", Home).await;
    assert_eq!(first.json()["tags"], json!(["a", "b"]));
    let link = first.headers["link"].to_str().unwrap().to_owned();
    let next = link
        .strip_prefix('<')
        .and_then(|l| l.split_once('>'))
        .unwrap()
        .0;
    let second = stage.send("GET", next, Home).await;
    assert_eq!(second.json()["tags"], json!(["c"]));
    assert!(!second.headers.contains_key("link"));
    let too_many = stage
        .send("GET", "/v2/team/app/tags/list?n=1001", Home)
        .await;
    assert!(too_many.status.is_client_error());
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_images_and_lists_are_taken_as_they_are() {
    let stage = Stage::start().await;
    let image = Image::builder()
        .format(Format::Docker)
        .layer(Layer::file("a", "b"))
        .build();
    let list = Image::index_of(Format::Docker, [image], BTreeMap::new());
    push(&stage.url(), "team/app", Some("v1"), &list)
        .await
        .unwrap();
    let got = stage.send("GET", "/v2/team/app/manifests/v1", Home).await;
    assert_eq!(got.body, list.manifest());
    assert_eq!(got.headers["content-type"], list.media_type());
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_deleted_alone_and_the_last_takes_the_image_with_it() {
    let stage = Stage::start().await;
    let image = app("eleven");
    let target = Target::new(&stage.url()).unwrap();
    target.push("team/app", Some("a"), &image).await.unwrap();
    target
        .push_manifest("team/app", Some("b"), &image)
        .await
        .unwrap();
    let by_digest = format!("/v2/team/app/manifests/{}", image.digest());
    for (tag, image_stays) in [("a", StatusCode::OK), ("b", StatusCode::NOT_FOUND)] {
        let path = format!("/v2/team/app/manifests/{tag}");
        let deleted = stage.send("DELETE", &path, Home).await;
        assert_eq!(deleted.status, StatusCode::ACCEPTED, "{tag}");
        assert_eq!(
            stage.send("HEAD", &path, Home).await.status,
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            stage.send("HEAD", &by_digest, Home).await.status,
            image_stays,
            "{tag}"
        );
        assert_eq!(
            stage.send("DELETE", &path, Home).await.status,
            StatusCode::NOT_FOUND
        );
    }
    let events = stage.events(Home, 4).await;
    assert_eq!(
        events[2..].iter().map(summary).collect::<Vec<_>>(),
        [deleted(Some("a"), &image), deleted(Some("b"), &image)]
    );
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_at_the_same_time_create_a_repository_once() {
    let stage = Stage::start().await;
    let target = Target::new(&stage.url()).unwrap();
    let images: Vec<Image> = (0..6).map(|n| app(&n.to_string())).collect();
    let pushes = images.iter().enumerate().map(|(n, image)| {
        let (target, tag) = (&target, format!("v{n}"));
        async move { target.push("team/app", Some(&tag), image).await }
    });
    futures_util::future::try_join_all(pushes).await.unwrap();
    assert_eq!(stage.events(Home, 6).await.len(), 6);
    stage.stop().await;
}
