//! Images of which only some platforms are wanted.

use serde_json::{Value, json};

use super::*;
use crate::fake::{Image, ImageSpec, bytes_of_size, digest, image, index, referrer};

fn of_seed(seed: u64) -> Image {
    image(ImageSpec {
        layers: vec![bytes_of_size(2000, seed)],
        ..ImageSpec::default()
    })
}

/// An index whose children have these platforms (`os/arch[/variant]`, or nothing).
fn multi(children: Vec<(Image, &str)>) -> Image {
    let platforms: Vec<String> = children.iter().map(|(_, p)| (*p).to_owned()).collect();
    let mut made = index(children.into_iter().map(|(child, _)| child).collect());
    let mut manifest: Value = serde_json::from_slice(&made.manifest).unwrap();
    for (n, platform) in platforms.iter().enumerate() {
        let parts: Vec<&str> = platform.split('/').collect();
        if parts.len() < 2 {
            continue;
        }
        let child = &mut manifest["manifests"][n];
        child["platform"] = json!({ "os": parts[0], "architecture": parts[1] });
        if let Some(variant) = parts.get(2) {
            child["platform"]["variant"] = json!(variant);
        }
    }
    rewrite(&mut made, &manifest);
    made
}

fn rewrite(image: &mut Image, manifest: &Value) {
    image.manifest = serde_json::to_vec_pretty(manifest).unwrap();
    image.digest = digest(&image.manifest);
}

/// Adds a child that `BuildKit` would add: an attestation about child `of`.
fn attest(image: &mut Image, of: usize, seed: u64) -> String {
    let attestation = of_seed(seed);
    let mut manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
    let mut descriptor = attestation.descriptor();
    descriptor["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
    descriptor["annotations"] = json!({
        "vnd.docker.reference.digest": image.children[of].digest,
        "vnd.docker.reference.type": "attestation-manifest",
    });
    let name = attestation.digest.clone();
    manifest["manifests"]
        .as_array_mut()
        .unwrap()
        .push(descriptor);
    image.children.push(attestation);
    rewrite(image, &manifest);
    name
}

fn wanting(platforms: &str) -> CopyOptions {
    CopyOptions {
        platforms: Some(platforms.parse().unwrap()),
        ..CopyOptions::default()
    }
}

/// The digests of the children of the image under `v1` at the target.
async fn children(to: &Fake) -> Vec<String> {
    let target = to.repository("dr/team/app");
    assert!(is_whole(&target, &reference("v1")).await);
    let manifest = target.manifest(&reference("v1")).await.unwrap();
    let children = manifest.children().iter();
    children.map(|child| child.digest.to_string()).collect()
}

#[tokio::test]
async fn of_an_index_only_the_wanted_platforms_and_their_attestations_travel() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let mut app = multi(vec![
        (of_seed(1), "linux/amd64"),
        (of_seed(2), "linux/arm64/v8"),
        (of_seed(3), "linux/s390x"),
    ]);
    let of_amd64 = attest(&mut app, 0, 4);
    let of_s390x = attest(&mut app, 2, 5);
    from.push("team/app", Some("v1"), &app);
    let report = done(
        &request(&from, &to),
        &wanting("linux/amd64,linux/arm64,linux/riscv64"),
    )
    .await;
    let expected = [&app.children[0].digest, &app.children[1].digest, &of_amd64];
    assert_eq!(children(&to).await, expected.map(String::clone));
    let filtered = report.filtered.unwrap();
    assert_eq!(filtered.original.as_str(), app.digest);
    assert_eq!((filtered.kept, filtered.dropped), (3, 2));
    assert_eq!(filtered.absent, ["linux/riscv64".parse().unwrap()]);
    assert_eq!(
        to.tagged("dr/team/app", "v1"),
        Some(report.digest.to_string())
    );
    for gone in [&app.children[2].digest, &of_s390x] {
        assert_eq!(from.count("GET", gone), 0);
    }
}

#[tokio::test]
async fn the_same_index_and_platforms_give_the_same_digest_and_no_second_write() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let app = multi(vec![
        (of_seed(1), "linux/amd64"),
        (of_seed(2), "linux/arm64"),
    ]);
    from.push("team/app", Some("v1"), &app);
    let first = done(&request(&from, &to), &wanting("linux/arm64")).await;
    from.forget_log();
    to.forget_log();
    let again = done(&request(&from, &to), &wanting("linux/arm64")).await;
    assert!(again.unchanged);
    assert_eq!(
        (again.digest, again.filtered),
        (first.digest.clone(), first.filtered)
    );
    assert_eq!(from.lines(), ["GET /v2/team/app/manifests/v1 200"]);
    assert_eq!(to.lines(), ["HEAD /v2/dr/team/app/manifests/v1 200"]);

    let elsewhere = Fake::start().await;
    let report = done(&request(&from, &elsewhere), &wanting("linux/arm64")).await;
    assert_eq!(report.digest, first.digest);
    // By digest, as an event names it, and without a tag.
    let mut by_digest = request(&from, &to);
    by_digest.reference = reference(&app.digest);
    by_digest.tag = None;
    assert!(done(&by_digest, &wanting("linux/arm64")).await.unchanged);
}

#[tokio::test]
async fn an_index_of_wanted_platforms_only_is_not_changed() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let app = multi(vec![
        (of_seed(1), "linux/amd64"),
        (of_seed(2), "linux/arm64"),
    ]);
    from.push("team/app", Some("v1"), &app);
    let report = done(&request(&from, &to), &wanting("linux/arm64,linux/amd64")).await;
    assert_eq!(report.digest.as_str(), app.digest);
    assert_eq!(report.filtered, None);
}

#[tokio::test]
async fn indexes_within_the_index_are_pruned_in_turn() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let inner = multi(vec![
        (of_seed(1), "linux/amd64"),
        (of_seed(2), "linux/arm64"),
    ]);
    let foreign = multi(vec![(of_seed(3), "windows/amd64")]);
    let outer = multi(vec![
        (inner, ""),
        (foreign, ""),
        (of_seed(4), "linux/amd64"),
    ]);
    from.push("team/app", Some("v1"), &outer);
    for _ in 0..2 {
        let report = done(&request(&from, &to), &wanting("linux/amd64")).await;
        let found = children(&to).await;
        assert_eq!(found.len(), 2);
        assert_eq!(found[1], outer.children[2].digest);
        let inner = to
            .repository("dr/team/app")
            .manifest(&reference(&found[0]))
            .await
            .unwrap();
        assert_eq!(inner.children().len(), 1);
        assert_eq!(
            inner.children()[0].digest.as_str(),
            outer.children[0].children[0].digest
        );
        assert_eq!(report.filtered.unwrap().dropped, 1);
    }
    assert_eq!(to.count("PUT", "/manifests/v1"), 1);
    // Within one repository nothing moves but what had to be made.
    let mut retag = request(&from, &from);
    retag.to = retag.from.clone();
    retag.tag = Some("slim".parse().unwrap());
    let report = done(&retag, &wanting("linux/amd64")).await;
    assert_eq!((report.bytes, report.manifests), (0, 2));
    assert!(is_whole(&from.repository("team/app"), &reference("slim")).await);
}

/// An image whose configuration says on what it runs.
fn single(architecture: &str) -> Image {
    let mut made = of_seed(7);
    let config = format!(r#"{{"os":"linux","architecture":"{architecture}"}}"#).into_bytes();
    let mut manifest: Value = serde_json::from_slice(&made.manifest).unwrap();
    let old = manifest["config"]["digest"].as_str().unwrap().to_owned();
    made.blobs.remove(&old);
    manifest["config"]["digest"] = json!(digest(&config));
    manifest["config"]["size"] = json!(config.len());
    made.blobs.insert(digest(&config), config);
    rewrite(&mut made, &manifest);
    made
}

#[tokio::test]
async fn a_single_image_is_copied_where_its_platform_is_wanted_and_else_not_at_all() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    from.push("team/app", Some("v1"), &single("arm64"));
    let outcome = copy(&request(&from, &to), &wanting("linux/amd64"))
        .await
        .unwrap();
    assert_eq!(
        outcome,
        Outcome::OtherPlatform {
            digest: single("arm64").digest.parse().unwrap(),
            platform: "linux/arm64".parse().unwrap(),
        }
    );
    assert_eq!(to.lines(), ["HEAD /v2/dr/team/app/manifests/v1 404"]);
    for unchanged in [false, true] {
        let report = done(&request(&from, &to), &wanting("linux/arm64/v8")).await;
        assert_eq!((report.unchanged, report.filtered), (unchanged, None));
    }
    assert_eq!(children(&to).await.len(), 0);
}

#[tokio::test]
async fn children_without_a_platform_say_it_in_their_configuration() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let app = index(vec![single("amd64"), single("arm64")]);
    from.push("team/app", Some("v1"), &app);
    done(&request(&from, &to), &wanting("linux/arm64")).await;
    assert_eq!(children(&to).await, [single("arm64").digest]);
    // Read once for its platform, and not again for the copy.
    assert_eq!(from.count("GET", &single("arm64").digest), 1);
}

#[tokio::test]
async fn what_runs_nowhere_travels() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    // The configuration of the fake's images names no platform.
    let app = multi(vec![
        (of_seed(1), "linux/amd64"),
        (of_seed(2), "linux/arm64"),
        (of_seed(3), ""),
    ]);
    from.push("team/app", Some("v1"), &app);
    done(&request(&from, &to), &wanting("linux/amd64")).await;
    assert_eq!(
        children(&to).await,
        [
            app.children[0].digest.clone(),
            app.children[2].digest.clone()
        ]
    );
    // Where nothing runs anywhere there is nothing to choose from.
    from.push("team/app", Some("v1"), &index(vec![of_seed(3), of_seed(4)]));
    let report = done(&request(&from, &to), &wanting("linux/amd64")).await;
    assert_eq!(report.filtered, None);
}

#[tokio::test]
async fn an_image_without_any_wanted_platform_is_an_error_that_names_what_there_is() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let mut app = multi(vec![
        (of_seed(1), "linux/amd64"),
        (of_seed(2), "windows/amd64"),
    ]);
    attest(&mut app, 0, 9);
    from.push("team/app", Some("v1"), &app);
    let error = copy(&request(&from, &to), &wanting("linux/s390x"))
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "platform_missing");
    assert!(!error.is_transient());
    let text = error.error().to_string();
    assert!(text.contains("linux/amd64,windows/amd64"), "{text}");
    assert!(text.contains("linux/s390x"), "{text}");
    assert_eq!(to.count("PUT", ""), 0);
}

#[tokio::test]
async fn referrers_of_the_whole_index_stay_and_those_of_its_children_travel() {
    let from = Fake::with(|quirks| quirks.referrers_api = true).await;
    let to = Fake::with(|quirks| quirks.referrers_api = true).await;
    let app = multi(vec![
        (of_seed(1), "linux/amd64"),
        (of_seed(2), "linux/arm64"),
    ]);
    let of_whole = referrer(&app, 1);
    let of_child = referrer(&app.children[0], 2);
    from.push("team/app", Some("v1"), &app);
    from.push("team/app", None, &of_whole);
    from.push("team/app", None, &of_child);
    let cosign = format!("{}.sig", app.children[0].digest.replace(':', "-"));
    from.push("team/app", Some(&cosign), &of_seed(9));
    let options = CopyOptions {
        referrers: true,
        cosign_tags: true,
        ..wanting("linux/amd64")
    };
    for unchanged in [false, true] {
        let report = done(&request(&from, &to), &options).await;
        assert_eq!((report.unchanged, report.referrers), (unchanged, 2));
        let target = to.repository("dr/team/app");
        assert!(is_whole(&target, &reference(&of_child.digest)).await);
        assert!(!is_whole(&target, &reference(&of_whole.digest)).await);
        assert!(to.tagged("dr/team/app", &cosign).is_some());
    }
}

#[tokio::test]
async fn a_moved_source_is_noticed_by_the_digest_it_had() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let app = multi(vec![
        (of_seed(1), "linux/amd64"),
        (of_seed(2), "linux/arm64"),
    ]);
    from.push("team/app", Some("v1"), &app);
    let mut request = request(&from, &to);
    request.reference = reference(&app.digest);
    let options = CopyOptions {
        recheck: Some("v1".parse().unwrap()),
        ..wanting("linux/amd64")
    };
    done(&request, &options).await;
    from.push("team/app", Some("v1"), &of_seed(3));
    request.tag = Some("v2".parse().unwrap());
    match copy(&request, &options).await.unwrap() {
        Outcome::SourceMoved { expected, .. } => assert_eq!(expected.as_str(), app.digest),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_filter_is_read_and_written_alike() {
    for text in ["linux/amd64", "linux/amd64,linux/arm64/v8"] {
        let filter: PlatformFilter = text.parse().unwrap();
        assert_eq!(filter.to_string(), text);
    }
    for wrong in ["", "linux", "linux/amd64,,", "linux/amd64,linux/"] {
        assert!(wrong.parse::<PlatformFilter>().is_err(), "{wrong}");
    }
    assert!(PlatformFilter::new([]).is_none());
}
