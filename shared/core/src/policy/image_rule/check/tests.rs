use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::policy::{Metadata, TextGlob, TextPattern};

const NOW: &str = "2026-11-23T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn digest(n: u64) -> String {
    format!("sha256:{n:064x}")
}

fn layers(sizes: &[(u64, u64)]) -> Value {
    let layer = |(n, size): &(u64, u64)| {
        json!({
            "digest": digest(*n),
            "media_type": "application/vnd.oci.image.layer.v1.tar+gzip",
            "size": size,
        })
    };
    sizes.iter().map(layer).collect()
}

/// An image that no rule of these tests has anything against.
fn image() -> Value {
    json!({
        "digest": digest(1),
        "pushed_at": "2026-11-23T11:50:00Z",
        "kind": "image",
        "media_type": "application/vnd.oci.image.manifest.v1+json",
        "platform": "linux/amd64",
        "annotations": {},
        "config": {
            "created": "2026-11-01T00:00:00Z",
            "user": "10001",
            "labels": { "team": "web" },
            "exposed_ports": ["8080/tcp"],
        },
        "layers": layers(&[(1, 100), (2, 200)]),
        "referrers": [],
    })
}

fn index(children: &[Value]) -> Value {
    json!({
        "digest": digest(9),
        "pushed_at": "2026-11-23T11:50:00Z",
        "kind": "index",
        "media_type": "application/vnd.oci.image.index.v1+json",
        "annotations": {},
        "children": children,
        "referrers": [],
    })
}

/// A value with some of its fields changed, by JSON pointer; `null` takes one away.
fn with(mut value: Value, changes: &[(&str, Value)]) -> Value {
    for (path, new) in changes {
        let (parent, field) = path.rsplit_once('/').unwrap();
        let parent = value.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if new.is_null() {
            parent.remove(field);
        } else {
            parent.insert(field.to_owned(), new.clone());
        }
    }
    value
}

fn check(rule: &ImageRule, image: &Value) -> ImageVerdict {
    rule.check(&serde_json::from_value(image.clone()).unwrap(), now())
}

/// What is wrong, in one text; fails when something is unknown.
fn wrong(rule: &ImageRule, image: &Value) -> String {
    let verdict = check(rule, image);
    assert_eq!(verdict.unknown, Vec::<String>::new(), "{verdict:?}");
    verdict.violations.join("\n")
}

/// What is unknown; fails when something is wrong.
fn unknown(rule: &ImageRule, image: &Value) -> String {
    let verdict = check(rule, image);
    assert_eq!(verdict.violations, Vec::<String>::new());
    verdict.unknown.join(", ")
}

fn glob(text: &str) -> TextGlob {
    TextGlob::new(text).unwrap()
}

fn labels(required: &[&str], matching: &[(&str, &str)]) -> Metadata {
    Metadata {
        required: required.iter().map(|name| (*name).to_owned()).collect(),
        matching: matching
            .iter()
            .map(|(name, pattern)| ((*name).to_owned(), TextPattern::new(pattern).unwrap()))
            .collect(),
    }
}

#[test]
fn labels_must_be_there_and_match() {
    let rule = ImageRule {
        labels: labels(
            &["team", "source", "empty"],
            &[("team", "/a|b/"), ("other", "x*")],
        ),
        ..ImageRule::default()
    };
    let found = with(image(), &[("/config/labels/empty", json!(" "))]);
    insta::assert_snapshot!(wrong(&rule, &found), @r##"
    The label `source` is missing or empty; set it when the image is built.
    The label `empty` is missing or empty; set it when the image is built.
    The label `team` is `web`; it must match `/a|b/`.
    The label `other` is missing; it must be there and match `x*`.
    "##);
    let fine = json!({ "team": "a", "source": "s", "empty": "e", "other": "xyz" });
    assert_eq!(
        wrong(&rule, &with(image(), &[("/config/labels", fine)])),
        ""
    );
    assert_eq!(
        unknown(&rule, &with(image(), &[("/config", Value::Null)])),
        "the configuration"
    );
}

#[test]
fn annotations_of_an_index_count_for_its_images() {
    let rule = ImageRule {
        annotations: labels(&["source"], &[]),
        ..ImageRule::default()
    };
    let annotated = |value| with(value, &[("/annotations", json!({ "source": "here" }))]);
    insta::assert_snapshot!(wrong(&rule, &image()), @"The annotation `source` is missing or empty; set it when the image is built.");
    assert_eq!(wrong(&rule, &annotated(image())), "");
    assert_eq!(wrong(&rule, &annotated(index(&[image()]))), "");
    assert_eq!(wrong(&rule, &index(&[annotated(image())])), "");
    let unread = with(image(), &[("/annotations", Value::Null)]);
    assert_eq!(unknown(&rule, &unread), "the annotations");
}

#[test]
fn every_platform_must_be_there() {
    let rule = ImageRule {
        platforms: vec![
            "linux/amd64".parse().unwrap(),
            "linux/arm64".parse().unwrap(),
        ],
        ..ImageRule::default()
    };
    let arm = || with(image(), &[("/platform", json!("linux/arm64/v8"))]);
    insta::assert_snapshot!(wrong(&rule, &image()), @"The platform linux/arm64 is missing, there is only linux/amd64; push an index with an image for each platform.");
    insta::assert_snapshot!(wrong(&rule, &index(&[arm()])), @"The platform linux/amd64 is missing, there is only linux/arm64/v8; add what is missing to the index.");
    assert_eq!(wrong(&rule, &index(&[image(), arm()])), "");
    // An index within an index is looked into.
    assert_eq!(wrong(&rule, &index(&[index(&[image()]), arm()])), "");
    let nameless = with(image(), &[("/platform", Value::Null)]);
    assert_eq!(unknown(&rule, &nameless), "the platform");
    let unread = with(index(&[]), &[("/children", Value::Null)]);
    assert_eq!(unknown(&rule, &unread), "the images of the index");
    // An index without images passes no rule about images.
    insta::assert_snapshot!(wrong(&rule, &index(&[])), @"The index names no image with a platform, so nothing of it can be checked; push it with the platform of each image.");
}

#[test]
fn shared_layers_count_once() {
    let rule = |max| ImageRule {
        max_size: Some(max),
        ..ImageRule::default()
    };
    assert_eq!(wrong(&rule(300), &image()), "");
    insta::assert_snapshot!(wrong(&rule(299), &image()), @"The layers have 300 bytes, compressed; at most 299 bytes are allowed.");
    let other = with(image(), &[("/layers", layers(&[(1, 100), (3, 300)]))]);
    assert_eq!(wrong(&rule(600), &index(&[image(), other.clone()])), "");
    insta::assert_snapshot!(wrong(&rule(599), &index(&[image(), other])), @"The layers of all 2 images together have 600 bytes, compressed; at most 599 bytes are allowed.");
    let twice = with(image(), &[("/layers", layers(&[(1, 100), (1, 100)]))]);
    assert_eq!(wrong(&rule(100), &twice), "");
    let unread = with(image(), &[("/layers", Value::Null)]);
    assert_eq!(unknown(&rule(1), &unread), "the layers");
    let huge = with(
        image(),
        &[("/layers", layers(&[(1, u64::MAX), (2, u64::MAX)]))],
    );
    assert!(wrong(&rule(u64::MAX - 1), &huge).contains("TiB"));
}

#[test]
fn root_has_many_names() {
    let rule = ImageRule {
        non_root: true,
        ..ImageRule::default()
    };
    let user = |user: &str| wrong(&rule, &with(image(), &[("/config/user", json!(user))]));
    for root in [
        "root",
        "0",
        "0:0",
        "root:app",
        "00",
        "+0",
        "-0",
        "ContainerAdministrator",
        " 0 ",
    ] {
        assert!(
            user(root).contains("which is root"),
            "{root}: {}",
            user(root)
        );
    }
    insta::assert_snapshot!(user(""), @"No user is set, so the process runs as root; set another user, such as `USER 10001`.");
    insta::assert_snapshot!(user("0:10"), @"The user is `0:10`, which is root; set another user, such as `USER 10001`.");
    assert!(user(":1000").contains("No user is set"));
    for other in ["10001", "app", "app:root", "1000:0", "rooty"] {
        assert_eq!(user(other), "", "{other}");
    }
}

#[test]
fn builds_grow_old() {
    let rule = ImageRule {
        created_within: Some(Duration::from_secs(30 * 86_400)),
        ..ImageRule::default()
    };
    let built = |at: Value| wrong(&rule, &with(image(), &[("/config/created", at)]));
    assert_eq!(built(json!("2026-10-24T12:00:00Z")), "");
    insta::assert_snapshot!(built(json!("2026-10-24T11:59:59Z")), @"The image was built on 2026-10-24 11:59 UTC, 30 days ago; it may be at most 30 days old: build it again.");
    insta::assert_snapshot!(built(json!("1970-01-01T00:00:00Z")), @"The image was built on 1970-01-01 00:00 UTC, 20780 days ago; it may be at most 30 days old: build it again.");
    insta::assert_snapshot!(built(json!("2030-01-01T00:00:00Z")), @"The image claims to have been built on 2030-01-01 00:00 UTC, which is in the future; build it with a right clock.");
    insta::assert_snapshot!(built(Value::Null), @"The configuration does not say when the image was built; it may be at most 30 days old.");
    assert_eq!(built(json!("2026-11-24T11:00:00Z")), "");
}

#[test]
fn base_images_are_named_by_annotation_or_label() {
    let rule = ImageRule {
        base_images: vec![glob("registry.example.com/base/*"), glob("scratch")],
        ..ImageRule::default()
    };
    const NAME: &str = "org.opencontainers.image.base.name";
    let annotated = |name: &str| with(image(), &[("/annotations", json!({ NAME: name }))]);
    let labelled = |name: &str| with(image(), &[("/config/labels", json!({ NAME: name }))]);
    assert_eq!(
        wrong(&rule, &annotated("registry.example.com/base/go:1")),
        ""
    );
    assert_eq!(wrong(&rule, &labelled("scratch")), "");
    insta::assert_snapshot!(wrong(&rule, &annotated("docker.io/library/alpine")), @"The base image `docker.io/library/alpine` is not allowed; it must be `registry.example.com/base/*` or `scratch`.");
    insta::assert_snapshot!(wrong(&rule, &image()), @"The image does not name its base image; give it the annotation or label `org.opencontainers.image.base.name`, which must be `registry.example.com/base/*` or `scratch`.");
    let unread = with(image(), &[("/config", Value::Null)]);
    assert_eq!(unknown(&rule, &unread), "the annotations and labels");
}

#[test]
fn media_types_of_manifests_and_layers_are_looked_at() {
    let rule = ImageRule {
        media_types: vec![glob("application/vnd.oci.image.*")],
        ..ImageRule::default()
    };
    let docker = json!("application/vnd.docker.distribution.manifest.v2+json");
    assert_eq!(wrong(&rule, &index(&[image()])), "");
    let other = with(image(), &[("/media_type", docker.clone())]);
    insta::assert_snapshot!(wrong(&rule, &other), @"The media type `application/vnd.docker.distribution.manifest.v2+json` of the manifest is not allowed; it must be `application/vnd.oci.image.*`.");
    insta::assert_snapshot!(wrong(&rule, &index(&[image(), other])), @"In the image for linux/amd64, the media type `application/vnd.docker.distribution.manifest.v2+json` of the manifest is not allowed; it must be `application/vnd.oci.image.*`.");
    assert!(
        wrong(&rule, &with(index(&[image()]), &[("/media_type", docker)])).contains("of the index")
    );
    let mut layer = image();
    layer["layers"][1]["media_type"] = json!("application/octet-stream");
    insta::assert_snapshot!(wrong(&rule, &layer), @"The media type `application/octet-stream` of the layer 000000000000 is not allowed; it must be `application/vnd.oci.image.*`.");
    let unread = with(image(), &[("/media_type", Value::Null)]);
    assert_eq!(unknown(&rule, &unread), "the media type");
}

#[test]
fn layers_are_counted_and_must_be_in_the_registry() {
    let rule = ImageRule {
        no_foreign_layers: true,
        max_layers: Some(1),
        ..ImageRule::default()
    };
    let mut found = image();
    found["layers"][0]["media_type"] =
        json!("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip");
    insta::assert_snapshot!(wrong(&rule, &found), @r##"
    The layer 000000000000 is a foreign one (`application/vnd.oci.image.layer.nondistributable.v1.tar+gzip`), which is not in the registry; push the image with all its layers.
    The image has 2 layers; at most 1 are allowed: join steps of the build, or build in stages.
    "##);
    let mut docker = with(image(), &[("/layers", layers(&[(1, 1)]))]);
    assert_eq!(wrong(&rule, &docker), "");
    docker["layers"][0]["media_type"] =
        json!("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
    assert!(wrong(&rule, &docker).contains("foreign"));
}

#[test]
fn only_some_ports_may_be_exposed() {
    let ports = |allowed: &[u16], exposed: &[&str]| {
        let rule = ImageRule {
            exposed_ports: Some(allowed.to_vec()),
            ..ImageRule::default()
        };
        wrong(
            &rule,
            &with(image(), &[("/config/exposed_ports", json!(exposed))]),
        )
    };
    assert_eq!(
        ports(&[8080, 8081], &["8080/tcp", "8081", "8080-8081/udp"]),
        ""
    );
    assert_eq!(ports(&[], &[]), "");
    insta::assert_snapshot!(ports(&[8080], &["22/tcp", "8080-8082/tcp", "x", "9-8"]), @"The ports `22/tcp`, `8080-8082/tcp`, `x` and `9-8` are exposed; only 8080 may be.");
    insta::assert_snapshot!(ports(&[], &["80/tcp"]), @"The port `80/tcp` is exposed; no port may be.");
}

#[test]
fn an_index_is_asked_for_every_image_or_for_any() {
    let rule = |index| ImageRule {
        non_root: true,
        labels: labels(&["team"], &[]),
        index,
        ..ImageRule::default()
    };
    let root = || with(image(), &[("/config/user", json!(""))]);
    let arm = |value| with(value, &[("/platform", json!("linux/arm64"))]);
    let bare = || with(image(), &[("/config/labels", json!({}))]);
    let unread = || with(image(), &[("/config", Value::Null)]);
    let (every, any) = (rule(IndexScope::Every), rule(IndexScope::Any));

    assert_eq!(wrong(&every, &index(&[image(), arm(image())])), "");
    insta::assert_snapshot!(wrong(&every, &index(&[image(), arm(root())])), @"In the image for linux/arm64, no user is set, so the process runs as root; set another user, such as `USER 10001`.");
    insta::assert_snapshot!(wrong(&every, &index(&[root(), arm(root())])), @"In every image of the index, no user is set, so the process runs as root; set another user, such as `USER 10001`.");
    assert_eq!(wrong(&any, &index(&[root(), arm(image())])), "");
    // One image must be right in every respect, not one for each.
    insta::assert_snapshot!(wrong(&any, &index(&[root(), arm(bare())])), @"No image of the index is as the rule asks; nearest is the one for linux/amd64, where no user is set, so the process runs as root; set another user, such as `USER 10001`.");
    assert_eq!(
        unknown(&every, &index(&[image(), arm(unread())])),
        "the configuration"
    );
    assert_eq!(
        unknown(&any, &index(&[root(), arm(unread())])),
        "the configuration"
    );
    assert_eq!(unknown(&any, &index(&[image(), arm(unread())])), "");
}

#[test]
fn an_artifact_is_asked_only_what_it_has() {
    let rule = ImageRule {
        labels: labels(&["x"], &[]),
        platforms: vec!["linux/amd64".parse().unwrap()],
        max_size: Some(10),
        non_root: true,
        base_images: vec![glob("x")],
        created_within: Some(Duration::from_secs(3600)),
        exposed_ports: Some(Vec::new()),
        ..ImageRule::default()
    };
    let chart = with(
        image(),
        &[
            ("/kind", json!("artifact")),
            ("/config", Value::Null),
            ("/platform", Value::Null),
        ],
    );
    insta::assert_snapshot!(wrong(&rule, &chart), @"The layers have 300 bytes, compressed; at most 10 bytes are allowed.");
    let nothing = with(image(), &[("/kind", Value::Null)]);
    assert_eq!(unknown(&rule, &nothing), "the manifest");
}

#[test]
fn a_referrer_may_be_missing_for_a_while() {
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let rule = ImageRule {
        referrers: vec![
            RequiredReferrer::signature(minutes(15)).unwrap(),
            RequiredReferrer::sbom(minutes(60)).unwrap(),
        ],
        ..ImageRule::default()
    };
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let verdict = |image: &Value, now: &str| {
        rule.check(&serde_json::from_value(image.clone()).unwrap(), at(now))
    };
    let early = verdict(&image(), "2026-11-23T12:00:00Z");
    assert!(early.is_fine());
    assert_eq!(early.recheck_at, Some(at("2026-11-23T12:05:00Z")));
    let late = verdict(&image(), "2026-11-23T12:05:00Z");
    insta::assert_snapshot!(late.violations.join("\n"), @"No signature refers to the image; one must be there 15 minutes after the push of 2026-11-23 11:50 UTC (artifact type `application/vnd.dev.cosign.artifact.sig.v1+json`, `application/vnd.dev.sigstore.bundle*`, `application/vnd.cncf.notary.signature`).");
    assert_eq!(late.recheck_at, Some(at("2026-11-23T12:50:00Z")));
    let last = verdict(&image(), "2026-11-24T00:00:00Z");
    assert_eq!((last.violations.len(), last.recheck_at), (2, None));
    let signature = json!([{
        "digest": digest(5),
        "artifact_type": "application/vnd.cncf.notary.signature",
    }]);
    let signed = verdict(
        &with(image(), &[("/referrers", signature)]),
        "2026-11-23T12:05:00Z",
    );
    assert!(signed.is_fine());
    assert_eq!(signed.recheck_at, Some(at("2026-11-23T12:50:00Z")));
    let unread = with(image(), &[("/referrers", Value::Null)]);
    assert_eq!(unknown(&rule, &unread), "the referrers");
    let undated = with(image(), &[("/pushed_at", Value::Null)]);
    assert_eq!(unknown(&rule, &undated), "the time of the push");
    // Nothing but the referrers is asked for here.
    assert!(!rule.asks_about_content() && rule.asks_about_referrers());
    assert_eq!(wrong(&rule, &with(image(), &[("/kind", Value::Null)])), "");
}

#[test]
fn hostile_values_stay_short_and_on_one_line() {
    let rule = ImageRule {
        labels: labels(&[], &[("team", "web")]),
        ..ImageRule::default()
    };
    let hostile = format!("<!channel>`\n{}", "x".repeat(10_000));
    let text = wrong(
        &rule,
        &with(image(), &[("/config/labels/team", json!(hostile))]),
    );
    assert!(text.len() < 300 && !text.contains('\n'), "{text}");
}
