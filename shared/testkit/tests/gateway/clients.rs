//! What real clients do.

use http::StatusCode;
use serde_json::{Value, json};
use steward_testkit::image::{LayoutEntry, write_layout};

use crate::{
    app, deleted, pushed,
    stage::{self, Home, Stage},
    summary, two_platforms,
};

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
