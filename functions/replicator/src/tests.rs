mod deletions;
mod large;
mod metrics;
mod parts;
mod together;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use sha2::Digest as _;
use steward_aws::ecr::{FakeEcr, Manifest};
use steward_aws::state::FakeState;
use steward_core::event::incoming::parse;
use steward_core::event::outgoing::DetailType;
use steward_core::{Digest, RepositoryName};
use steward_registry::{Amount, CopyReport, Descriptor, Paused, Verify};
use steward_runtime::{Deadline, MemoryLater, MemorySink};

use super::*;

const POLICY: &str = r#"
version: 1
mode: enforce
replication:
  - name: releases
    repositories: ["prod/**"]
    tags: { allow: [semver] }
    to:
      - { registry: a.example.com, repository: "a/{basename}" }
      - { registry: b.example.com, repository: "b/{basename}" }
  - name: watched
    repositories: ["watched/**"]
    mode: observe
    to:
      - { registry: a.example.com, repository: "a/{basename}" }
"#;

/// A manifest with its true digest.
fn manifest(body: &str) -> Manifest {
    Manifest {
        body: body.to_owned(),
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        digest: Digest::from_sha256(&sha2::Sha256::digest(body).into()),
    }
}

/// Copies in memory; fails where it is told to.
#[derive(Default)]
struct FakeCopier {
    /// What each target has.
    copies: Mutex<HashMap<String, Digest>>,
    failing: Mutex<HashMap<String, fn() -> Failure>>,
    calls: Mutex<u32>,
    /// The registries in the order in which they were tried.
    order: Mutex<Vec<String>>,
    /// How each copy was to be verified.
    verified: Mutex<Vec<Verify>>,
    /// How the next copies end, before they are made.
    pauses: Mutex<Vec<Paused>>,
    /// The blobs that the target lacks.
    lacking: Mutex<Vec<Descriptor>>,
    /// Whether the source has lost its blobs.
    lost: AtomicBool,
}

#[async_trait]
impl Copier for FakeCopier {
    async fn copy(&self, job: &CopyJob<'_>) -> Result<Copied, Failure> {
        *self.calls.lock().unwrap() += 1;
        let registry = job.to.registry.to_string();
        self.order.lock().unwrap().push(registry);
        self.verified.lock().unwrap().push(job.verify);
        // Others have their turn while this one is under way.
        tokio::task::yield_now().await;
        if let Some(failure) = self.failing.lock().unwrap().get(job.to.registry.as_str()) {
            return Err(failure());
        }
        if let Some(paused) = self.pauses.lock().unwrap().pop() {
            return Ok(Copied::Paused(paused));
        }
        let mut to = job.to.clone();
        to.digest = None;
        let before = self
            .copies
            .lock()
            .unwrap()
            .insert(to.to_string(), job.digest.clone());
        Ok(Copied::Done(CopyReport {
            unchanged: before.as_ref() == Some(job.digest),
            manifests: 1,
            bytes: 10,
            elapsed: Duration::from_millis(5),
            verified: job.verify,
            ..CopyReport::of(
                job.digest.clone(),
                "application/vnd.oci.image.manifest.v1+json",
            )
        }))
    }

    async fn missing(&self, _: &CopyJob<'_>) -> Result<Vec<Descriptor>, Failure> {
        Ok(self.lacking.lock().unwrap().clone())
    }

    async fn copy_blob(&self, job: &CopyJob<'_>, blob: &Descriptor) -> Result<CopiedBlob, Failure> {
        tokio::task::yield_now().await;
        if let Some(failure) = self.failing.lock().unwrap().get(job.to.registry.as_str()) {
            return Err(failure());
        }
        if let Some(paused) = self.pauses.lock().unwrap().pop() {
            return Ok(CopiedBlob::Paused(paused.moved.bytes, None));
        }
        if self.lost.load(Ordering::SeqCst) {
            return Ok(CopiedBlob::SourceGone);
        }
        let mut lacking = self.lacking.lock().unwrap();
        lacking.retain(|known| known.digest != blob.digest);
        Ok(CopiedBlob::Done(blob.size))
    }

    async fn remove(&self, job: &RemoveJob<'_>) -> Result<Removed, Failure> {
        if let Some(failure) = self.failing.lock().unwrap().get(job.from.registry.as_str()) {
            return Err(failure());
        }
        let mut copies = self.copies.lock().unwrap();
        Ok(match copies.get(&job.from.to_string()) {
            None => Removed::NotThere,
            Some(found) if found != job.digest => Removed::Moved(found.clone()),
            Some(_) => {
                copies.remove(&job.from.to_string());
                Removed::Done
            }
        })
    }
}

struct World {
    replicator: Replicator,
    ecr: Arc<FakeEcr>,
    copier: Arc<FakeCopier>,
    events: Arc<MemorySink>,
    state: Arc<FakeState>,
    later: Arc<MemoryLater>,
    /// Seconds since [`BEGIN`].
    time: Arc<AtomicI64>,
}

/// When the events of these tests happened.
const BEGIN: &str = "2026-11-23T10:00:00Z";

impl World {
    fn new() -> Self {
        Self::with(POLICY)
    }

    fn with(policy: &str) -> Self {
        let policy =
            Policy::parse(policy, "policy.yaml").unwrap_or_else(|errors| panic!("{errors}"));
        let (later, time) = (Arc::<MemoryLater>::default(), Arc::<AtomicI64>::default());
        let state = Arc::new(FakeState::default());
        let clock = time.clone();
        let ecr = Arc::new(FakeEcr::default());
        let copier = Arc::new(FakeCopier::default());
        let events = Arc::new(MemorySink::default());
        let replicator = Replicator {
            ecr: ecr.clone(),
            copier: copier.clone(),
            policy: Arc::new(PolicyStore::fixed(policy)),
            state: state.clone(),
            events: events.clone(),
            later: Some(later.clone()),
            split_bytes: 1000,
            clock: Arc::new(move || {
                let begin: Timestamp = BEGIN.parse().unwrap();
                begin + SignedDuration::from_secs(clock.load(Ordering::SeqCst))
            }),
        };
        Self {
            replicator,
            ecr,
            copier,
            events,
            state,
            later,
            time,
        }
    }

    /// Lets time pass.
    fn pass(&self, seconds: i64) {
        self.time.fetch_add(seconds, Ordering::SeqCst);
        self.state
            .advance(Duration::from_secs(seconds.unsigned_abs()));
    }

    fn push(&self, repository: &str, tag: Option<&str>, body: &str) -> Digest {
        let repository: RepositoryName = repository.parse().unwrap();
        let manifest = manifest(body);
        self.ecr.push(
            &repository,
            &manifest,
            tag.map(|tag| tag.parse().unwrap()).as_ref(),
        );
        manifest.digest
    }

    fn fail(&self, registry: &str, failure: fn() -> Failure) {
        self.copier
            .failing
            .lock()
            .unwrap()
            .insert(registry.to_owned(), failure);
    }

    fn mend(&self) {
        self.copier.failing.lock().unwrap().clear();
    }

    async fn deliver(
        &self,
        event: &Incoming,
        receive_count: u32,
        last_attempt: bool,
    ) -> Result<Outcome, Failure> {
        let context = RecordContext {
            receive_count,
            last_attempt,
            ..RecordContext::for_test()
        };
        self.replicator.handle(event, &context).await
    }

    async fn gave_up(&self, event: &Incoming, failure: &Failure) {
        let context = RecordContext::for_test();
        self.replicator
            .gave_up(Some(event), failure, &context)
            .await;
    }

    /// Whether the state table has a key that begins like this.
    fn keys(&self, begin: &str) -> bool {
        self.state.keys().iter().any(|key| key.starts_with(begin))
    }

    /// What was told so far, a line an event.
    fn told(&self) -> Vec<String> {
        self.events
            .events()
            .iter()
            .map(|e| format!("{}: {}", e.detail_type, e.explain))
            .collect()
    }

    fn has(&self, target: &str) -> Option<Digest> {
        self.copier.copies.lock().unwrap().get(target).cloned()
    }
}

fn event(repository: &str, tag: Option<&str>, digest: &Digest) -> Incoming {
    action("PUSH", repository, tag, digest)
}

fn action(action: &str, repository: &str, tag: Option<&str>, digest: &Digest) -> Incoming {
    let tag = tag
        .map(|tag| format!(r#","image-tag":"{tag}""#))
        .unwrap_or_default();
    let text = format!(
        r#"{{"version":"0","id":"e-1","detail-type":"ECR Image Action","source":"aws.ecr",
        "account":"111122223333","time":"2026-11-23T10:00:00Z","region":"eu-west-1","resources":[],
        "detail":{{"result":"SUCCESS","repository-name":"{repository}","image-digest":"{digest}",
        "action-type":"{action}"{tag}}}}}"#
    );
    parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn down() -> Failure {
    Failure::transient("registry_unreachable", "connection refused")
}

#[tokio::test]
async fn a_release_is_copied_to_every_target_and_told() {
    let world = World::new();
    let digest = world.push("prod/app", Some("v1.2.3"), "{}");
    let event = event("prod/app", Some("v1.2.3"), &digest);
    assert_eq!(
        world.deliver(&event, 1, false).await.unwrap().word(),
        "copied"
    );
    assert_eq!(
        world.has("a.example.com/a/app:v1.2.3"),
        Some(digest.clone())
    );
    assert_eq!(world.has("b.example.com/b/app:v1.2.3"), Some(digest));
    assert_eq!(world.told().len(), 2);

    // Again, and late: nothing to copy, nothing to tell.
    assert_eq!(
        world.deliver(&event, 1, false).await.unwrap().word(),
        "unchanged"
    );
    assert_eq!(world.told().len(), 2);
}

#[tokio::test]
async fn the_registry_is_the_truth_not_the_event() {
    let world = World::new();
    let old = world.push("prod/app", Some("v1.2.3"), "{\"n\":1}");
    let new = world.push("prod/app", Some("v1.2.3"), "{\"n\":2}");
    world
        .deliver(&event("prod/app", Some("v1.2.3"), &old), 1, false)
        .await
        .unwrap();
    assert_eq!(world.has("a.example.com/a/app:v1.2.3"), Some(new));
}

#[tokio::test]
async fn a_tag_that_is_gone_is_no_error() {
    let world = World::new();
    let digest: Digest = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
    let outcome = world
        .deliver(&event("prod/app", Some("v1.2.3"), &digest), 1, false)
        .await
        .unwrap();
    assert_eq!(outcome.word(), "nothing_to_copy");
    assert_eq!(*world.copier.calls.lock().unwrap(), 0);
}

#[tokio::test]
async fn one_failing_target_does_not_hold_up_the_other() {
    let world = World::new();
    let digest = world.push("prod/app", Some("v1.2.3"), "{}");
    world.fail("a.example.com", down);
    let failure = world
        .deliver(&event("prod/app", Some("v1.2.3"), &digest), 1, false)
        .await
        .unwrap_err();
    assert!(failure.is_transient());
    assert_eq!(world.has("b.example.com/b/app:v1.2.3"), Some(digest));
    assert_eq!(world.has("a.example.com/a/app:v1.2.3"), None);
}

#[tokio::test]
async fn an_outage_is_told_once_when_it_begins_and_once_when_it_ends() {
    let world = World::new();
    let digest = world.push("prod/app", Some("v1.2.3"), "{}");
    let event = event("prod/app", Some("v1.2.3"), &digest);
    world.fail("a.example.com", down);
    for receive_count in 1..=3 {
        world
            .deliver(&event, receive_count, false)
            .await
            .unwrap_err();
    }
    world.mend();
    world.deliver(&event, 4, false).await.unwrap();
    world.deliver(&event, 1, false).await.unwrap();
    assert_eq!(
        world.told(),
        [
            "Image Replication Failed: prod/app:v1.2.3 cannot be copied yet to a.example.com/a/app:v1.2.3: \
             cannot copy prod/app:v1.2.3 to a.example.com/a/app:v1.2.3@DIGEST: connection refused.",
            "Image Replicated: prod/app:v1.2.3 was copied to b.example.com/b/app:v1.2.3 with the same digest.",
            "Image Replicated: prod/app:v1.2.3 is at last copied to a.example.com/a/app:v1.2.3 with the same digest.",
        ]
        .map(|line| line.replace("DIGEST", digest.as_str()))
    );
}

#[tokio::test]
async fn the_last_attempt_is_told_as_final() {
    let world = World::new();
    let digest = world.push("prod/app", Some("v1.2.3"), "{}");
    let event = event("prod/app", Some("v1.2.3"), &digest);
    world.fail("a.example.com", down);
    world.deliver(&event, 1, false).await.unwrap_err();
    world.deliver(&event, 2, true).await.unwrap_err();
    let events = world.events.events();
    let failures: Vec<_> = events
        .iter()
        .filter(|e| e.detail_type == DetailType::ImageReplicationFailed)
        .collect();
    assert_eq!(failures.len(), 2);
    assert_ne!(failures[0].dedupe_key, failures[1].dedupe_key);
    assert!(
        failures[1].explain.contains("could not be copied"),
        "{}",
        failures[1].explain
    );
    assert_eq!(
        failures[1].error_type.as_deref(),
        Some("registry_unreachable")
    );
}

#[tokio::test]
async fn observe_copies_nothing_and_says_what_it_would_copy() {
    let world = World::new();
    let digest = world.push("watched/app", Some("v1"), "{}");
    let outcome = world
        .deliver(&event("watched/app", Some("v1"), &digest), 1, false)
        .await
        .unwrap();
    assert_eq!(outcome.word(), "observed");
    assert_eq!(*world.copier.calls.lock().unwrap(), 0);
    assert_eq!(
        world.told(),
        ["Image Replicated: watched/app:v1 would be copied to a.example.com/a/app:v1."]
    );
}

#[tokio::test]
async fn a_copy_made_by_a_try_that_died_is_told_by_the_next() {
    let world = World::new();
    let digest = world.push("prod/app", Some("v1.2.3"), "{}");
    let event = event("prod/app", Some("v1.2.3"), &digest);
    world.events.fail(true);
    world.deliver(&event, 1, false).await.unwrap_err();
    world.events.fail(false);
    assert_eq!(
        world.deliver(&event, 2, false).await.unwrap().word(),
        "unchanged"
    );
    assert_eq!(world.told().len(), 2);
}

#[tokio::test]
async fn an_untagged_referrer_brings_its_image_up_to_date() {
    let world = World::new();
    let image = world.push("prod/app", Some("v1.2.3"), "{}");
    let sbom = world.push(
        "prod/app",
        None,
        &format!(r#"{{"subject":{{"digest":"{image}"}}}}"#),
    );
    let signature = world.push(
        "prod/app",
        None,
        &format!(r#"{{"subject":{{"digest":"{sbom}"}}}}"#),
    );
    for referrer in [sbom, signature] {
        *world.copier.calls.lock().unwrap() = 0;
        world
            .deliver(&event("prod/app", None, &referrer), 1, false)
            .await
            .unwrap();
        assert_eq!(*world.copier.calls.lock().unwrap(), 2);
    }
    // cosign names the image in a tag, which no rule looks at.
    *world.copier.calls.lock().unwrap() = 0;
    let tag = format!("sha256-{}.sig", image.hex());
    let signature = world.push("prod/app", Some(&tag), "{\"cosign\":1}");
    world
        .deliver(&event("prod/app", Some(&tag), &signature), 1, false)
        .await
        .unwrap();
    assert_eq!(*world.copier.calls.lock().unwrap(), 2);

    let child = world.push("prod/app", None, "{\"child\":1}");
    let outcome = world
        .deliver(&event("prod/app", None, &child), 1, false)
        .await
        .unwrap();
    assert_eq!(outcome.word(), "skipped");
}

#[tokio::test]
async fn the_time_from_the_push_to_the_copy_is_measured_once() {
    let world = World::new();
    let digest = world.push("prod/app", Some("v1.2.3"), "{}");
    let event = event("prod/app", Some("v1.2.3"), &digest);
    world.pass(90);
    let outcome = world.deliver(&event, 1, false).await.unwrap();
    assert_eq!(
        outcome.samples(),
        [("ReplicationLag", 90.0), ("ReplicationLag", 90.0)]
    );
    let again = world.deliver(&event, 1, false).await.unwrap();
    assert_eq!(again.samples(), []);
}

#[tokio::test]
async fn an_image_whose_name_grows_round_after_round_is_a_loop() {
    let world = World::with(
        "version: 1\nmode: enforce\nreplication:\n- name: there\n  repositories: [\"prod/**\"]\n  \
         to: [{registry: a.example.com, repository: \"{repository}\", tag: \"eu-{tag}\"}]",
    );
    let mut tag = "v1".to_owned();
    for round in 0..20 {
        let digest = world.push("prod/app", Some(&tag), "{}");
        let result = world
            .deliver(&event("prod/app", Some(&tag), &digest), 1, false)
            .await;
        if let Err(failure) = result {
            assert_eq!(failure.error_type(), "replication_loop");
            assert!(!failure.is_transient());
            assert!(round > 5, "{round}");
            return;
        }
        // The other side brings it back.
        tag = format!("eu-{tag}");
    }
    panic!("the loop has no end");
}

#[tokio::test]
async fn only_the_newest_tags_are_copied() {
    let world = World::with(&POLICY.replacen("allow: [semver]", "allow: [semver], newest: 2", 1));
    for tag in ["v1.1.0", "v1.2.0", "v1.3.0"] {
        world.push("prod/app", Some(tag), tag);
    }
    for (tag, word) in [("v1.1.0", "nothing_to_copy"), ("v1.2.0", "copied")] {
        let digest = world.push("prod/app", Some(tag), tag);
        let event = event("prod/app", Some(tag), &digest);
        let outcome = world.deliver(&event, 1, false).await.unwrap();
        assert_eq!(outcome.word(), word, "{tag}");
    }
}
