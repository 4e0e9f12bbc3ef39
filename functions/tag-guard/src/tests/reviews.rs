//! Grace periods, and what arrives within them.

use steward_runtime::later::MAX_DELAY;

use super::*;

const SIGNED: &str = r#"
version: 1
mode: enforce
tag_rules:
  - name: signed
    repositories: ["prod/**"]
    image: { signed: { within: 40m } }
    on_violation: [notify]
  - name: made-well
    repositories: ["team/**"]
    image: { user: non-root, labels: { required: [team] } }
    on_violation: [notify]
"#;

fn image(config: &str) -> (String, Digest) {
    let config = Digest::from_sha256(&sha2::Sha256::digest(config).into());
    let body = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":9}},
        "layers":[]}}"#
    );
    (body, config)
}

fn signature(of: &Digest) -> ReferrerFacts {
    ReferrerFacts {
        digest: of.clone(),
        artifact_type: "application/vnd.dev.cosign.artifact.sig.v1+json".to_owned(),
        annotations: BTreeMap::new(),
    }
}

#[tokio::test]
async fn a_missing_signature_is_looked_for_again_when_its_time_is_over() {
    let world = World::with(SIGNED);
    let digest = world.push("prod/app", "1.0.0", "{}");
    world.pushed_at("prod/app", &digest, "2026-11-23T10:00:00Z");
    let outcome = world.deliver("prod/app", "1.0.0", &digest).await.unwrap();
    assert_eq!(outcome.word(), "compliant", "it may still come");
    // The event again asks for nothing more: one review is on its way.
    world.deliver("prod/app", "1.0.0", &digest).await.unwrap();
    let mut now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
    let mut hops = 0;
    let outcome = loop {
        let sent = world.later.take();
        assert_eq!(sent.len(), 1);
        let (review, wait) = &sent[0];
        // Without schedules, a queue keeps nothing back for longer.
        now = now.checked_add(wait.delay.min(MAX_DELAY)).unwrap();
        world.at(&now.to_string());
        hops += 1;
        let review = parse_value(review).unwrap();
        let outcome = world.handle(&review).await.unwrap();
        if outcome.word() != "waiting" {
            break outcome;
        }
    };
    assert_eq!(outcome.word(), "reported");
    assert_eq!(hops, 3, "15 + 15 + 10 minutes");
    assert!(world.last().contains("No signature"), "{}", world.last());
    assert_eq!(world.events.events()[0].cause, "e-1");
    assert!(world.later.take().is_empty());
}

#[tokio::test]
async fn a_signature_that_arrives_is_seen_and_the_review_finds_all_well() {
    let world = World::with(SIGNED);
    let digest = world.push("prod/app", "1.0.0", "{}");
    world.pushed_at("prod/app", &digest, "2026-11-23T10:00:00Z");
    world.deliver("prod/app", "1.0.0", &digest).await.unwrap();
    let signed = BTreeMap::from([(digest.clone(), vec![signature(&digest)])]);
    *world.content.referrers.lock().unwrap() = signed;
    let review = world.later.take().pop().unwrap().0;
    world.at("2026-11-23T10:40:00Z");
    let review = parse_value(&review).unwrap();
    assert_eq!(world.handle(&review).await.unwrap().word(), "compliant");
    assert_eq!(world.told(), Vec::<String>::new());
}

#[tokio::test]
async fn a_referrer_decides_again_about_its_subject() {
    let world = World::with(SIGNED);
    world.at("2026-11-23T12:00:00Z");
    let digest = world.push("prod/app", "1.0.0", "{}");
    world.pushed_at("prod/app", &digest, "2026-11-23T10:00:00Z");
    let body = format!(r#"{{"subject":{{"digest":"{digest}"}}}}"#);
    let referrer = manifest(&body);
    world
        .ecr
        .push(&"prod/app".parse().unwrap(), &referrer, None);
    let event = action("prod/app", None, &referrer.digest, "PUSH");
    assert_eq!(world.handle(&event).await.unwrap().word(), "reported");
    // A signature of cosign's older kind names its subject by its tag, and counts.
    let tag = format!("sha256-{}.sig", digest.hex());
    let signature = world.push("prod/app", &tag, "{\"sig\":1}");
    let event = action("prod/app", Some(&tag), &signature, "PUSH");
    assert_eq!(world.handle(&event).await.unwrap().word(), "compliant");
    // The children of an index refer to nothing.
    let event = action("prod/app", None, &digest, "PUSH");
    assert_eq!(world.handle(&event).await.unwrap().word(), "skipped");
}

#[tokio::test]
async fn the_configuration_is_read_where_a_rule_asks() {
    let world = World::with(SIGNED);
    let config = r#"{"config":{"User":"0"}}"#;
    let (body, config_digest) = image(config);
    let configs = BTreeMap::from([(config_digest, config.as_bytes().to_vec())]);
    *world.content.configs.lock().unwrap() = configs;
    let (_, word) = world.pushed("team/app", "1.0.0", &body).await;
    assert_eq!(word, "reported");
    assert!(world.last().contains("root"), "{}", world.last());
    assert!(world.last().contains("team"), "{}", world.last());
}

#[tokio::test]
async fn what_cannot_be_known_is_not_a_violation() {
    let world = World::with(SIGNED);
    let (body, _) = image("{}");
    let (_, word) = world.pushed("team/app", "1.0.0", &body).await;
    assert_eq!(word, "compliant");
}
