//! The gateway before a real emulator, with real clients.

mod stage;

use std::{collections::BTreeMap, time::Duration};

use http::StatusCode;
use serde_json::{Value, json};
use stage::{Home, Other, Stage};
use steward_testkit::{
    gateway::{Action, Activity, CreateOnPush, Delivery, EventOptions, Outage, OutageKind},
    image::{Format, Image, Layer, LayoutEntry, Target, push, write_layout},
};

fn app(text: &str) -> Image {
    Image::builder()
        .layer(Layer::file("etc/motd", text))
        .layer(Layer::random(1, 300_000))
        .build()
}

fn two_platforms() -> Image {
    let child = |architecture: &str| {
        Image::builder()
            .platform("linux", architecture)
            .layer(Layer::file("etc/arch", architecture))
            .build()
    };
    Image::index([child("amd64"), child("arm64")])
}

/// The fields of an event that tell what it is about.
fn summary(event: &Value) -> (String, Option<String>, String) {
    let detail = &event["detail"];
    let text = |key: &str| detail[key].as_str().map(str::to_owned);
    (
        text("action-type").unwrap(),
        text("image-tag"),
        text("image-digest").unwrap(),
    )
}

fn pushed(tag: Option<&str>, image: &Image) -> (String, Option<String>, String) {
    (
        "PUSH".into(),
        tag.map(str::to_owned),
        image.digest().to_string(),
    )
}

fn deleted(tag: Option<&str>, image: &Image) -> (String, Option<String>, String) {
    let (_, tag, digest) = pushed(tag, image);
    ("DELETE".into(), tag, digest)
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_pushes_an_image_and_the_event_is_on_the_bus() {
    let stage = Stage::start().await;
    let image = app("one");
    let dir = tempfile::tempdir().unwrap();
    write_layout(
        dir.path(),
        &[LayoutEntry {
            image: &image,
            tag: Some("v1"),
        }],
    )
    .unwrap();
    let source = format!("oci:{}:v1", dir.path().display());
    let target = format!("docker://{}/prod/app:v1.2.3", stage.registry());
    stage.skopeo(&["copy", "--dest-tls-verify=false", &source, &target]);

    let events = stage.events(Home, 1).await;
    assert_eq!(
        events.iter().map(summary).collect::<Vec<_>>(),
        [pushed(Some("v1.2.3"), &image)]
    );
    let event = &events[0];
    assert_eq!(event["source"], "ecr-steward");
    assert_eq!(event["detail-type"], "ECR Image Action");
    assert_eq!(event["account"], stage.registry_of(Home).account.as_str());
    assert_eq!(event["region"], "eu-west-1");
    assert_eq!(event["resources"], json!([]));
    assert_eq!(event["detail"]["result"], "SUCCESS");
    assert_eq!(event["detail"]["repository-name"], "prod/app");

    let inspected = stage.skopeo(&["inspect", "--tls-verify=false", &target]);
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!(inspected["Digest"], image.digest().as_str());

    // The log tells the same, with the event's id on the bus.
    let log = stage.get("/_gateway/log").await.json();
    assert_eq!(log["pushes"][0]["tag"], "v1.2.3");
    assert_eq!(log["events"][0]["id"], event["id"]);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_copies_an_index_whole_and_pulls_it_back() {
    let stage = Stage::start().await;
    let index = two_platforms();
    let dir = tempfile::tempdir().unwrap();
    write_layout(
        dir.path(),
        &[LayoutEntry {
            image: &index,
            tag: Some("v1"),
        }],
    )
    .unwrap();
    let source = format!("oci:{}:v1", dir.path().display());
    let target = format!("docker://{}/prod/app:v1", stage.registry());
    stage.skopeo(&["copy", "--all", "--dest-tls-verify=false", &source, &target]);
    let events = stage.events(Home, 3).await;
    let [first, second] = index.children() else {
        panic!("{index:?}");
    };
    let seen: Vec<_> = events.iter().map(summary).collect();
    assert_eq!(
        seen,
        [
            pushed(None, first),
            pushed(None, second),
            pushed(Some("v1"), &index)
        ]
    );

    let back = tempfile::tempdir().unwrap();
    let copy = format!("oci:{}:v1", back.path().display());
    stage.skopeo(&["copy", "--all", "--src-tls-verify=false", &target, &copy]);
    for digest in [index.digest(), first.digest(), first.blobs()[1].digest()] {
        let path = back.path().join("blobs/sha256").join(digest.hex());
        assert!(path.exists(), "{}", path.display());
    }

    // A child goes only after its index.
    let child = format!("/v2/prod/app/manifests/{}", first.digest());
    let refused = stage.send("DELETE", &child, Home).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.json()["errors"][0]["code"], "DENIED");
    stage.skopeo(&["delete", "--tls-verify=false", &target]);
    assert_eq!(
        stage.send("DELETE", &child, Home).await.status,
        StatusCode::ACCEPTED
    );
    let events = stage.events(Home, 2).await;
    assert_eq!(
        events.iter().map(summary).collect::<Vec<_>>(),
        [deleted(Some("v1"), &index), deleted(None, first)]
    );
    stage.stop().await;
}

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
            assert_eq!(patched.status, StatusCode::ACCEPTED);
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
async fn immutable_repositories_keep_their_tags_but_lose_them_on_request() {
    let stage = Stage::start().await;
    let created = stage
        .ecr(
            Home,
            "CreateRepository",
            json!({"repositoryName": "team/app", "imageTagMutability": "IMMUTABLE"}),
        )
        .await;
    assert_eq!(created.status, StatusCode::OK);
    let (one, two) = (app("one"), app("two"));
    let target = Target::new(&stage.url()).unwrap();
    target.push("team/app", Some("v1"), &one).await.unwrap();
    for image in [&one, &two] {
        let message = target
            .push("team/app", Some("v1"), image)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("TAG_INVALID") && message.contains("immutable"),
            "{message}"
        );
    }
    let again = json!({"repositoryName": "team/app", "imageTag": "v1",
        "imageManifest": String::from_utf8_lossy(one.manifest()),
        "imageManifestMediaType": one.media_type()});
    let again = stage.ecr(Home, "PutImage", again).await;
    assert_eq!(again.json()["__type"], "ImageTagAlreadyExistsException");

    target
        .push_manifest("team/app", Some("keep"), &one)
        .await
        .unwrap();
    let removed = stage
        .ecr(
            Home,
            "BatchDeleteImage",
            json!({"repositoryName": "team/app", "imageIds": [{"imageTag": "v1"}]}),
        )
        .await;
    assert_eq!(
        removed.json(),
        json!({"imageIds": [{"imageTag": "v1", "imageDigest": one.digest()}], "failures": []})
    );
    let described = stage
        .ecr(
            Home,
            "DescribeImages",
            json!({"repositoryName": "team/app"}),
        )
        .await
        .json();
    let details = described["imageDetails"].as_array().unwrap();
    let tags: BTreeMap<&str, &Value> = details
        .iter()
        .map(|d| (d["imageDigest"].as_str().unwrap(), &d["imageTags"]))
        .collect();
    assert_eq!(tags.len(), 1, "{described}");
    assert_eq!(tags[one.digest().as_str()], &json!(["keep"]));
    // And it is immutable still.
    assert!(
        target
            .push_manifest("team/app", Some("keep"), &one)
            .await
            .is_err()
    );
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exclusion_filters_are_kept_and_followed() {
    let stage = Stage::start().await;
    let filters = json!([{"filterType": "WILDCARD", "filter": "dev-*"}]);
    let created = stage
        .ecr(
            Home,
            "CreateRepository",
            json!({"repositoryName": "team/app", "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
                "imageTagMutabilityExclusionFilters": filters}),
        )
        .await;
    assert_eq!(created.status, StatusCode::OK);
    let described = stage
        .ecr(Home, "DescribeRepositories", json!({}))
        .await
        .json();
    assert_eq!(
        described["repositories"][0]["imageTagMutabilityExclusionFilters"],
        filters
    );
    let target = Target::new(&stage.url()).unwrap();
    for (tag, moves) in [("dev-1", true), ("v1", false)] {
        target
            .push("team/app", Some(tag), &app("one"))
            .await
            .unwrap();
        let again = target.push("team/app", Some(tag), &app("two")).await;
        assert_eq!(again.is_ok(), moves, "{tag}");
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_has_the_semantics_of_ecr() {
    let stage = Stage::start().await;
    let (one, two) = (app("one"), app("two"));
    let index = Image::index([one.clone()]);
    let target = Target::new(&stage.url()).unwrap();
    target.push("team/app", Some("a"), &one).await.unwrap();
    target
        .push_manifest("team/app", Some("b"), &one)
        .await
        .unwrap();
    target.push("team/app", None, &two).await.unwrap();
    target
        .push("team/app", Some("index"), &index)
        .await
        .unwrap();
    let call = async |action: &str, input: Value| {
        let mut input = input;
        input["repositoryName"] = json!("team/app");
        stage.ecr(Home, action, input).await.json()
    };

    // ListImages: one entry per tag, in pages.
    let mut listed = Vec::new();
    let mut input = json!({"maxResults": 3});
    loop {
        let page = call("ListImages", input.clone()).await;
        listed.extend(page["imageIds"].as_array().unwrap().clone());
        match page.get("nextToken") {
            Some(token) => input["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(
        listed,
        [
            json!({"imageDigest": one.digest(), "imageTag": "a"}),
            json!({"imageDigest": one.digest(), "imageTag": "b"}),
            json!({"imageDigest": two.digest()}),
            json!({"imageDigest": index.digest(), "imageTag": "index"}),
        ]
    );

    // DescribeImages: sizes, media types, and no silence about what is not there.
    let details = call(
        "DescribeImages",
        json!({"imageIds": [{"imageTag": "index"}]}),
    )
    .await;
    assert_eq!(
        details["imageDetails"][0]["imageSizeInBytes"],
        one.payload()
    );
    let details = call(
        "DescribeImages",
        json!({"filter": {"tagStatus": "UNTAGGED"}}),
    )
    .await;
    let [detail] = details["imageDetails"].as_array().unwrap().as_slice() else {
        panic!("{details}");
    };
    assert_eq!(detail["imageSizeInBytes"], two.payload());
    assert_eq!(
        detail["artifactMediaType"],
        "application/vnd.oci.image.config.v1+json"
    );
    assert!(detail.get("imageTags").is_none());
    let missing = call("DescribeImages", json!({"imageIds": [{"imageTag": "no"}]})).await;
    assert_eq!(missing["__type"], "ImageNotFoundException");

    // BatchGetImage after a push by digest, and what fails in it.
    let got = call(
        "BatchGetImage",
        json!({"imageIds": [{"imageDigest": two.digest()}, {"imageTag": "no"},
            {"imageTag": "a", "imageDigest": two.digest()}]}),
    )
    .await;
    assert_eq!(
        got["images"][0]["imageManifest"]
            .as_str()
            .unwrap()
            .as_bytes(),
        two.manifest()
    );
    let codes: Vec<&Value> = got["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| &f["failureCode"])
        .collect();
    assert_eq!(codes, ["ImageNotFound", "ImageTagDoesNotMatchDigest"]);

    // PutImage: a further tag, and what it refuses.
    let text = String::from_utf8_lossy(one.manifest()).into_owned();
    let put = json!({"imageManifest": text, "imageManifestMediaType": one.media_type(),
        "imageTag": "c", "imageDigest": one.digest()});
    assert_eq!(
        call("PutImage", put.clone()).await["image"]["imageId"]["imageTag"],
        "c"
    );
    assert_eq!(
        call("PutImage", put.clone()).await["__type"],
        "ImageAlreadyExistsException"
    );
    let mut wrong = put.clone();
    wrong["imageDigest"] = json!(two.digest());
    assert_eq!(
        call("PutImage", wrong).await["__type"],
        "ImageDigestDoesNotMatchException"
    );
    for (image, error) in [
        (app("absent"), "LayersNotFoundException"),
        (
            Image::index([app("absent")]),
            "ReferencedImagesNotFoundException",
        ),
    ] {
        let text = String::from_utf8_lossy(image.manifest()).into_owned();
        let put = json!({"imageManifest": text, "imageTag": "d"});
        assert_eq!(call("PutImage", put).await["__type"], error);
    }
    let by_tag = stage.send("GET", "/v2/team/app/manifests/c", Home).await;
    assert_eq!(by_tag.body, one.manifest());

    // BatchDeleteImage: a tag, an image that an index names, the index, the last tag.
    let delete = async |ids: Value| call("BatchDeleteImage", json!({"imageIds": ids})).await;
    let removed = delete(json!([{"imageTag": "a"}, {"imageTag": "c"}, {}])).await;
    assert_eq!(removed["imageIds"].as_array().unwrap().len(), 2);
    assert_eq!(removed["failures"][0]["failureCode"], "MissingDigestAndTag");
    for id in [
        json!({"imageDigest": one.digest()}),
        json!({"imageTag": "b"}),
    ] {
        let refused = delete(json!([id])).await;
        assert_eq!(
            refused["failures"][0]["failureCode"],
            "ImageReferencedByManifestList"
        );
    }
    let removed = delete(json!([{"imageTag": "index"}, {"imageTag": "b"}])).await;
    assert_eq!(removed["failures"], json!([]));
    let path = format!("/v2/team/app/manifests/{}", one.digest());
    assert_eq!(
        stage.send("GET", &path, Home).await.status,
        StatusCode::NOT_FOUND
    );

    let seen: Vec<_> = stage.events(Home, 9).await.iter().map(summary).collect();
    assert_eq!(
        seen,
        [
            pushed(Some("a"), &one),
            pushed(Some("b"), &one),
            pushed(None, &two),
            pushed(None, &one),
            pushed(Some("index"), &index),
            pushed(Some("c"), &one),
            deleted(Some("a"), &one),
            deleted(Some("c"), &one),
            deleted(Some("index"), &index),
        ]
    );
    assert_eq!(
        stage
            .events(Home, 1)
            .await
            .iter()
            .map(summary)
            .collect::<Vec<_>>(),
        [deleted(Some("b"), &one)]
    );
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
async fn events_are_doubled_delayed_and_dropped_on_request() {
    let stage = Stage::start().await;
    let image = app("seven");
    let mut feed = stage.handle().subscribe();
    let set = stage
        .post("/_gateway/events", json!({"duplicate": 1, "delay_ms": 50}))
        .await;
    assert_eq!(set.status, StatusCode::OK);
    push(&stage.url(), "team/app", Some("v1"), &image)
        .await
        .unwrap();
    let events = stage.events(Home, 2).await;
    assert_eq!(summary(&events[0]), summary(&events[1]));
    assert_ne!(events[0]["id"], events[1]["id"]);
    let Ok(Activity::Change(change)) = feed.recv().await else {
        panic!("expected the push first");
    };
    assert_eq!(
        (change.action, change.tag.as_deref()),
        (Action::Push, Some("v1"))
    );

    stage.handle().set_events(EventOptions {
        drop: true,
        ..EventOptions::default()
    });
    push(&stage.url(), "team/app", Some("v2"), &image)
        .await
        .unwrap();
    stage.handle().settled().await;
    let log = stage.handle().log();
    let Some(Activity::Event(last)) = log.last() else {
        panic!("{log:?}");
    };
    assert_eq!(last.delivery, Delivery::Dropped);
    assert_eq!(last.change.tag.as_deref(), Some("v2"));

    let wrong = stage
        .post("/_gateway/events", json!({"duplicates": 1}))
        .await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_fails_on_request_and_recovers() {
    let stage = Stage::start().await;
    let fault =
        json!({"account": stage.registry_of(Other).account, "kind": "unavailable", "seconds": 60});
    assert_eq!(
        stage.post("/_gateway/faults", fault).await.status,
        StatusCode::OK
    );
    assert_eq!(
        stage.send("GET", "/v2/", Other).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(stage.send("GET", "/v2/", Home).await.status, StatusCode::OK);
    let repositories = stage.ecr(Other, "DescribeRepositories", json!({})).await;
    assert_eq!(repositories.status, StatusCode::OK);
    assert_eq!(
        stage.send("DELETE", "/_gateway/faults", Home).await.status,
        StatusCode::OK
    );
    assert_eq!(
        stage.send("GET", "/v2/", Other).await.status,
        StatusCode::OK
    );

    stage.handle().fail(Outage {
        account: stage.registry_of(Home).account.clone(),
        region: None,
        kind: OutageKind::Refuse,
        seconds: None,
        requests: Some(1),
        api: true,
    });
    let refused = push(&stage.url(), "team/app", Some("v1"), &app("x")).await;
    assert!(refused.unwrap_err().to_string().starts_with("no answer"));
    push(&stage.url(), "team/app", Some("v1"), &app("x"))
        .await
        .unwrap();
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_be_required() {
    let stage = Stage::start_with(|config| config.require_auth = true).await;
    let refused = stage.send("GET", "/v2/", Home).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let challenge = refused.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("Basic realm="), "{challenge}");
    let token = stage
        .ecr(Home, "GetAuthorizationToken", json!({}))
        .await
        .json();
    let token = token["authorizationData"][0]["authorizationToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let image = app("eight");
    let dir = tempfile::tempdir().unwrap();
    write_layout(
        dir.path(),
        &[LayoutEntry {
            image: &image,
            tag: Some("v1"),
        }],
    )
    .unwrap();
    let source = format!("oci:{}:v1", dir.path().display());
    let target = format!("docker://{}/team/app:v1", stage.registry());
    let credentials = stage::basic(&token);
    stage.skopeo(&[
        "copy",
        "--dest-tls-verify=false",
        "--dest-creds",
        &credentials,
        &source,
        &target,
    ]);
    assert!(stage.skopeo_fails(&[
        "inspect",
        "--tls-verify=false",
        "--creds",
        "AWS:wrong",
        &target
    ]));
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
async fn a_repository_deleted_by_force_leaves_no_image_behind() {
    let stage = Stage::start().await;
    let image = app("nine");
    push(&stage.url(), "team/app", Some("v1"), &image)
        .await
        .unwrap();
    let name = json!({"repositoryName": "team/app"});
    let refused = stage.ecr(Home, "DeleteRepository", name.clone()).await;
    assert_eq!(refused.json()["__type"], "RepositoryNotEmptyException");
    let mut force = name.clone();
    force["force"] = json!(true);
    assert_eq!(
        stage.ecr(Home, "DeleteRepository", force).await.status,
        StatusCode::OK
    );
    let gone = stage.ecr(Home, "ListImages", name.clone()).await;
    assert_eq!(gone.json()["__type"], "RepositoryNotFoundException");
    assert_eq!(
        stage
            .ecr(Home, "CreateRepository", name.clone())
            .await
            .status,
        StatusCode::OK
    );
    let twice = stage.ecr(Home, "CreateRepository", name).await;
    assert_eq!(twice.json()["__type"], "RepositoryAlreadyExistsException");
    let path = format!("/v2/team/app/manifests/{}", image.digest());
    assert_eq!(
        stage.send("GET", &path, Home).await.status,
        StatusCode::NOT_FOUND
    );
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_bus_does_not_fail_a_push() {
    let stage = Stage::start_without_bus().await;
    push(&stage.url(), "team/app", Some("v1"), &app("ten"))
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(30), stage.handle().settled())
        .await
        .unwrap();
    let log = stage.handle().log();
    assert!(
        matches!(log.last(), Some(Activity::Event(event)) if event.delivery == Delivery::Failed),
        "{log:?}"
    );
    stage.stop().await;
}
