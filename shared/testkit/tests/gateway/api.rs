//! ECR's API.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};
use steward_testkit::image::{Image, Target, push};

use crate::{
    app, deleted, pushed,
    stage::{Home, Stage},
    summary,
};

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

    let seen: Vec<_> = stage.events(Home, 10).await.iter().map(summary).collect();
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
            deleted(Some("b"), &one),
        ]
    );
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
async fn nobody_sees_a_tag_on_its_way_out() {
    let stage = Stage::start().await;
    let image = app("twelve");
    let target = Target::new(&stage.url()).unwrap();
    target.push("team/app", Some("keep"), &image).await.unwrap();
    for n in 0..15 {
        let tag = format!("t{n}");
        target
            .push_manifest("team/app", Some(&tag), &image)
            .await
            .unwrap();
    }
    let ids: Vec<Value> = (0..15)
        .map(|n| json!({"imageTag": format!("t{n}")}))
        .collect();
    let input = json!({"repositoryName": "team/app", "imageIds": ids});
    let name = json!({"repositoryName": "team/app"});
    let removed = {
        let mut removing = std::pin::pin!(stage.ecr(Home, "BatchDeleteImage", input));
        loop {
            tokio::select! {
                removed = &mut removing => break removed,
                described = stage.ecr(Home, "DescribeImages", name.clone()) => {
                    let described = described.json();
                    let details = described["imageDetails"].as_array().unwrap();
                    assert_eq!(details.len(), 1, "{described}");
                }
            }
        }
    };
    assert_eq!(removed.json()["imageIds"].as_array().unwrap().len(), 15);
    let described = stage.ecr(Home, "DescribeImages", name).await.json();
    assert_eq!(described["imageDetails"][0]["imageTags"], json!(["keep"]));
    stage.stop().await;
}
