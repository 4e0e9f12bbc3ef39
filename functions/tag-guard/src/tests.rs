//! The function against a registry, a state table and a bus in memory.

mod actions;
mod history;
mod model;
mod people;
mod races;
mod reviews;

use std::collections::BTreeMap;
use std::sync::Mutex;

use sha2::Digest as _;
use steward_aws::ecr::{FakeEcr, Manifest};
use steward_aws::state::FakeState;
use steward_core::event::incoming::{parse, parse_value};
use steward_core::event::outgoing::{DetailType, Outcome as ActionOutcome};
use steward_core::facts::ReferrerFacts;
use steward_core::policy::{Policy, ReplicationTarget};
use steward_core::{Digest, ImageRef, Reference, RegistryHost, RepositoryName, Tag};
use steward_runtime::{MemoryLater, MemorySink};

use super::*;

const POLICY: &str = r#"
version: 1
mode: enforce
tag_rules:
  - name: releases-only
    repositories: ["prod/**"]
    allow: [semver]
    on_violation: [notify, quarantine]
  - name: no-latest
    repositories: ["team/**"]
    deny: [latest]
    on_violation: [notify, untag]
  - name: no-debug
    repositories: ["watched/**"]
    deny: [debug]
    mode: observe
    on_violation: [notify, quarantine]
"#;

/// A manifest with its true digest.
fn manifest(body: &str) -> Manifest {
    Manifest {
        body: body.to_owned(),
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        digest: Digest::from_sha256(&sha2::Sha256::digest(body).into()),
    }
}

/// What somebody else does while an image is copied.
type Meanwhile = Box<dyn FnOnce(&FakeEcr) + Send>;

/// Copies within a [`FakeEcr`]; runs something in between, for races.
struct FakeMover {
    ecr: Arc<FakeEcr>,
    replica: Arc<FakeEcr>,
    meanwhile: Mutex<Option<Meanwhile>>,
    failing: Mutex<Option<fn() -> Failure>>,
}

impl FakeMover {
    async fn bring(
        &self,
        from: &FakeEcr,
        place: &RepositoryName,
        digest: &Digest,
        to: &RepositoryName,
        tag: Option<&Tag>,
    ) -> Result<bool, Failure> {
        if let Some(failure) = *self.failing.lock().unwrap() {
            return Err(failure());
        }
        let reference = Reference::Digest(digest.clone());
        let Some(manifest) = from.get_manifest(place, &reference).await? else {
            return Ok(false);
        };
        self.ecr.push(to, &manifest, tag);
        if let Some(meanwhile) = self.meanwhile.lock().unwrap().take() {
            meanwhile(&self.ecr);
        }
        Ok(true)
    }
}

#[async_trait]
impl Mover for FakeMover {
    async fn copy(
        &self,
        _registry: &RegistryHost,
        from: &RepositoryName,
        digest: &Digest,
        to: &RepositoryName,
        tag: Option<&Tag>,
    ) -> Result<(), Failure> {
        assert!(self.bring(&self.ecr, from, digest, to, tag).await?);
        Ok(())
    }

    async fn fetch(
        &self,
        _target: &ReplicationTarget,
        image: &ImageRef,
        _registry: &RegistryHost,
        to: &RepositoryName,
    ) -> Result<bool, Failure> {
        let place = RepositoryName::try_from(&image.repository).unwrap();
        let digest = image.digest.as_ref().unwrap();
        self.bring(&self.replica, &place, digest, to, None).await
    }
}

/// Configurations and referrers by digest.
#[derive(Default)]
struct FakeContent {
    configs: Mutex<BTreeMap<Digest, Vec<u8>>>,
    referrers: Mutex<BTreeMap<Digest, Vec<ReferrerFacts>>>,
}

#[async_trait]
impl Content for FakeContent {
    async fn config(
        &self,
        _registry: &RegistryHost,
        _repository: &RepositoryName,
        digest: &Digest,
        _size: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.configs.lock().unwrap().get(digest).cloned())
    }

    async fn referrers(
        &self,
        _registry: &RegistryHost,
        _repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Vec<ReferrerFacts>, Failure> {
        let known = self.referrers.lock().unwrap();
        Ok(known.get(digest).cloned().unwrap_or_default())
    }
}

struct World {
    guard: TagGuard,
    ecr: Arc<FakeEcr>,
    replica: Arc<FakeEcr>,
    mover: Arc<FakeMover>,
    content: Arc<FakeContent>,
    state: Arc<FakeState>,
    events: Arc<MemorySink>,
    later: Arc<MemoryLater>,
    now: Arc<Mutex<Timestamp>>,
}

impl World {
    fn new() -> Self {
        Self::with(POLICY)
    }

    fn with(policy: &str) -> Self {
        let policy =
            Policy::parse(policy, "policy.yaml").unwrap_or_else(|errors| panic!("{errors}"));
        let ecr = Arc::new(FakeEcr::default());
        let replica = Arc::new(FakeEcr::default());
        let mover = Arc::new(FakeMover {
            ecr: ecr.clone(),
            replica: replica.clone(),
            meanwhile: Mutex::default(),
            failing: Mutex::default(),
        });
        let content = Arc::new(FakeContent::default());
        let state = Arc::new(FakeState::default());
        let events = Arc::new(MemorySink::default());
        let later = Arc::new(MemoryLater::default());
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let now = Arc::new(Mutex::new(now));
        let clock = now.clone();
        let guard = TagGuard {
            ecr: ecr.clone(),
            mover: mover.clone(),
            content: content.clone(),
            policy: Arc::new(PolicyStore::fixed(policy)),
            state: state.clone(),
            events: events.clone(),
            later: Some(later.clone()),
            resource_tags: ResourceTags::default(),
            clock: Arc::new(move || *clock.lock().unwrap()),
        };
        Self {
            guard,
            ecr,
            replica,
            mover,
            content,
            state,
            events,
            later,
            now,
        }
    }

    fn push(&self, repository: &str, tag: &str, body: &str) -> Digest {
        let manifest = manifest(body);
        self.ecr.push(
            &repository.parse().unwrap(),
            &manifest,
            Some(&tag.parse().unwrap()),
        );
        manifest.digest
    }

    async fn deliver(
        &self,
        repository: &str,
        tag: &str,
        digest: &Digest,
    ) -> Result<Outcome, Failure> {
        self.guard
            .handle(&event(repository, tag, digest), &RecordContext::for_test())
            .await
    }

    /// Delivers the event of a deletion.
    async fn deliver_deletion(
        &self,
        repository: &str,
        tag: &str,
        digest: &Digest,
    ) -> Result<Outcome, Failure> {
        let event = action(repository, Some(tag), digest, "DELETE");
        self.handle(&event).await
    }

    async fn handle(&self, event: &Incoming) -> Result<Outcome, Failure> {
        self.guard.handle(event, &RecordContext::for_test()).await
    }

    /// Pushes, delivers the event, and says how that ended.
    async fn pushed(&self, repository: &str, tag: &str, body: &str) -> (Digest, &'static str) {
        let digest = self.push(repository, tag, body);
        let outcome = self.deliver(repository, tag, &digest).await;
        let outcome = outcome.unwrap_or_else(|failure| panic!("{}", failure.chain()));
        (digest, outcome.word())
    }

    /// Somebody removes a tag, and the event of that comes.
    async fn removed(&self, repository: &str, tag: &str) -> &'static str {
        let digest = self.image(repository, tag).await.unwrap();
        let (name, parsed) = (repository.parse().unwrap(), tag.parse().unwrap());
        self.ecr.remove_tag(&name, &parsed).await.unwrap();
        let outcome = self.deliver_deletion(repository, tag, &digest).await;
        let outcome = outcome.unwrap_or_else(|failure| panic!("{}", failure.chain()));
        outcome.word()
    }

    fn at(&self, now: &str) {
        *self.now.lock().unwrap() = now.parse().unwrap();
    }

    fn pushed_at(&self, repository: &str, digest: &Digest, at: &str) {
        let at: Timestamp = at.parse().unwrap();
        self.ecr
            .set_pushed_at(&repository.parse().unwrap(), digest, at.into());
    }

    /// The tags of an image.
    async fn tags(&self, repository: &str, digest: &Digest) -> Vec<String> {
        let tags = self.ecr.tags_of(&repository.parse().unwrap(), digest).await;
        tags.unwrap().iter().map(ToString::to_string).collect()
    }

    /// The last event, as `type: explain`.
    fn last(&self) -> String {
        self.told().pop().unwrap_or_default()
    }

    /// The last event's actions, as `action outcome`.
    fn last_actions(&self) -> Vec<String> {
        let events = self.events.events();
        let reports = events.last().map(|event| event.actions.clone());
        reports
            .unwrap_or_default()
            .iter()
            .map(|report| format!("{} {}", report.action, report.outcome))
            .collect()
    }

    /// The digest behind a tag or digest; nothing where there is no such image.
    async fn image(&self, repository: &str, reference: &str) -> Option<Digest> {
        let (repository, reference) = (repository.parse().unwrap(), reference.parse().unwrap());
        self.ecr
            .describe_image(&repository, &reference)
            .await
            .unwrap()
            .map(|image| image.digest)
    }

    fn told(&self) -> Vec<String> {
        self.events
            .events()
            .iter()
            .map(|e| format!("{}: {}", e.detail_type, e.explain))
            .collect()
    }
}

fn event(repository: &str, tag: &str, digest: &Digest) -> Incoming {
    action(repository, Some(tag), digest, "PUSH")
}

fn action(repository: &str, tag: Option<&str>, digest: &Digest, kind: &str) -> Incoming {
    let tag = tag
        .map(|tag| format!(r#","image-tag":"{tag}""#))
        .unwrap_or_default();
    let text = format!(
        r#"{{"version":"0","id":"e-1","detail-type":"ECR Image Action","source":"aws.ecr",
        "account":"111122223333","time":"2026-11-23T10:00:00Z","region":"eu-west-1","resources":[],
        "detail":{{"result":"SUCCESS","repository-name":"{repository}","image-digest":"{digest}",
        "action-type":"{kind}"{tag}}}}}"#
    );
    parse(text).unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn a_bad_tag_is_quarantined_and_told_once() {
    let world = World::new();
    let digest = world.push("prod/app", "feature-x", "{}");
    assert_eq!(
        world
            .deliver("prod/app", "feature-x", &digest)
            .await
            .unwrap()
            .word(),
        "enforced"
    );
    assert_eq!(world.image("prod/app", "feature-x").await, None);
    assert_eq!(
        world.image("quarantine/prod/app", "feature-x").await,
        Some(digest.clone())
    );
    assert_eq!(
        world.image("quarantine/prod/app", digest.as_str()).await,
        Some(digest.clone())
    );
    assert_eq!(
        world.told(),
        [
            "Image Quarantined: prod/app:feature-x violates releases-only: feature-x matches nothing that the \
          rule allows. The image is in quarantine/prod/app now and the tag is gone from prod/app."
        ]
    );
    let under_way = |key: &String| key.starts_with("tag-guard#");
    assert!(!world.state.keys().iter().any(under_way));

    // Again, and late.
    assert_eq!(
        world
            .deliver("prod/app", "feature-x", &digest)
            .await
            .unwrap()
            .word(),
        "gone"
    );
    assert_eq!(world.told().len(), 1);
}

#[tokio::test]
async fn a_second_quarantine_of_the_same_tag_keeps_the_first_image() {
    let world = World::new();
    let first = world.push("prod/app", "feature-x", "{\"n\":1}");
    world
        .deliver("prod/app", "feature-x", &first)
        .await
        .unwrap();
    let second = world.push("prod/app", "feature-x", "{\"n\":2}");
    world
        .deliver("prod/app", "feature-x", &second)
        .await
        .unwrap();
    let own = format!("feature-x-{}", first.short());
    assert_eq!(world.image("quarantine/prod/app", &own).await, Some(first));
    assert_eq!(
        world.image("quarantine/prod/app", "feature-x").await,
        Some(second)
    );
}

#[tokio::test]
async fn a_release_is_left_alone() {
    let world = World::new();
    let digest = world.push("prod/app", "v1.2.3", "{}");
    assert_eq!(
        world
            .deliver("prod/app", "v1.2.3", &digest)
            .await
            .unwrap()
            .word(),
        "compliant"
    );
    assert_eq!(world.image("prod/app", "v1.2.3").await, Some(digest));
    assert_eq!(world.told(), Vec::<String>::new());
}

#[tokio::test]
async fn the_registry_is_the_truth_not_the_event() {
    let world = World::new();
    let old = world.push("prod/app", "feature-x", "{\"n\":1}");
    let new = world.push("prod/app", "feature-x", "{\"n\":2}");
    world.deliver("prod/app", "feature-x", &old).await.unwrap();
    assert_eq!(
        world.image("quarantine/prod/app", "feature-x").await,
        Some(new)
    );
    assert_eq!(world.image("quarantine/prod/app", old.as_str()).await, None);
}

#[tokio::test]
async fn a_tag_that_is_gone_is_no_error() {
    let world = World::new();
    let digest: Digest = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
    assert_eq!(
        world
            .deliver("prod/app", "feature-x", &digest)
            .await
            .unwrap()
            .word(),
        "gone"
    );
}

#[tokio::test]
async fn a_tag_that_moved_is_left_alone() {
    let world = World::new();
    let old = world.push("prod/app", "feature-x", "{\"n\":1}");
    *world.mover.meanwhile.lock().unwrap() = Some(Box::new(|ecr| {
        ecr.push(
            &"prod/app".parse().unwrap(),
            &manifest("{\"n\":2}"),
            Some(&"feature-x".parse().unwrap()),
        );
    }));
    assert_eq!(
        world
            .deliver("prod/app", "feature-x", &old)
            .await
            .unwrap()
            .word(),
        "tag_moved"
    );
    let now = world.image("prod/app", "feature-x").await.unwrap();
    assert_ne!(now, old);
    assert_eq!(
        world.told(),
        Vec::<String>::new(),
        "the new image's own event tells its story"
    );
}

#[tokio::test]
async fn untag_keeps_an_image_whose_last_tag_goes() {
    let world = World::new();
    let digest = world.push("team/app", "latest", "{}");
    assert_eq!(
        world
            .deliver("team/app", "latest", &digest)
            .await
            .unwrap()
            .word(),
        "enforced"
    );
    assert_eq!(world.image("team/app", "latest").await, None);
    let guard = format!("untagged-{}", digest.short());
    assert_eq!(world.image("team/app", &guard).await, Some(digest));
    assert_eq!(
        world.events.events()[0].detail_type,
        DetailType::TagRuleEnforced
    );
}

#[tokio::test]
async fn untag_needs_no_guard_where_another_tag_remains() {
    let world = World::new();
    let digest = world.push("team/app", "latest", "{}");
    world.push("team/app", "v1", "{}");
    world.deliver("team/app", "latest", &digest).await.unwrap();
    let tags = world
        .ecr
        .tags_of(&"team/app".parse().unwrap(), &digest)
        .await
        .unwrap();
    assert_eq!(tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["v1"]);
}

#[tokio::test]
async fn observe_changes_nothing_and_says_what_would_be_done() {
    let world = World::new();
    let digest = world.push("watched/app", "debug", "{}");
    assert_eq!(
        world
            .deliver("watched/app", "debug", &digest)
            .await
            .unwrap()
            .word(),
        "reported"
    );
    assert_eq!(world.image("watched/app", "debug").await, Some(digest));
    let event = &world.events.events()[0];
    assert_eq!(event.detail_type, DetailType::TagRuleViolated);
    assert!(
        event
            .explain
            .contains("would be moved to quarantine/watched/app"),
        "{}",
        event.explain
    );
    assert_eq!(event.actions[0].outcome, ActionOutcome::WouldDo);
}

#[tokio::test]
async fn a_run_that_died_before_telling_is_told_by_the_next_delivery() {
    let world = World::new();
    let digest = world.push("prod/app", "feature-x", "{}");
    world.events.fail(true);
    world
        .deliver("prod/app", "feature-x", &digest)
        .await
        .unwrap_err();
    assert_eq!(
        world.image("prod/app", "feature-x").await,
        None,
        "the tag went before the bus failed"
    );
    world.events.fail(false);
    assert_eq!(
        world
            .deliver("prod/app", "feature-x", &digest)
            .await
            .unwrap()
            .word(),
        "reported_late"
    );
    assert_eq!(
        world.events.events()[0].detail_type,
        DetailType::ImageQuarantined
    );
    assert_eq!(
        world
            .deliver("prod/app", "feature-x", &digest)
            .await
            .unwrap()
            .word(),
        "gone"
    );
    assert_eq!(world.told().len(), 1);
}

#[tokio::test]
async fn a_copy_that_fails_leaves_the_tag_and_is_told_at_its_first_and_its_last_try() {
    let world = World::new();
    let digest = world.push("prod/app", "feature-x", "{}");
    *world.mover.failing.lock().unwrap() =
        Some(|| Failure::transient("registry_unreachable", "no route"));
    let failure = world
        .deliver("prod/app", "feature-x", &digest)
        .await
        .unwrap_err();
    assert!(failure.is_transient());
    assert_eq!(
        world.image("prod/app", "feature-x").await,
        Some(digest.clone())
    );
    let event = event("prod/app", "feature-x", &digest);
    let between = RecordContext {
        receive_count: 2,
        ..RecordContext::for_test()
    };
    world.guard.handle(&event, &between).await.unwrap_err();
    let last = RecordContext {
        receive_count: 3,
        last_attempt: true,
        ..RecordContext::for_test()
    };
    world.guard.handle(&event, &last).await.unwrap_err();
    let told = world.events.events();
    assert_eq!(told.len(), 2, "tries between are only logged");
    assert_eq!(told[0].dedupe_key, told[1].dedupe_key);
    assert_eq!(told[0].detail_type, DetailType::TagRuleViolated);
    assert_eq!(told[0].error_type.as_deref(), Some("registry_unreachable"));
    assert_eq!(told[0].actions[0].outcome, ActionOutcome::Failed);
    assert_eq!(
        told[0].actions[1].outcome,
        ActionOutcome::Done,
        "people are told"
    );
    assert_eq!(world.image("prod/app", "feature-x").await, Some(digest));
}

#[tokio::test]
async fn a_run_that_was_stopped_is_told_by_the_next_one_that_gives_up() {
    let world = World::new();
    let digest = world.push("prod/app", "feature-x", "{}");
    let event = event("prod/app", "feature-x", &digest);
    let failure = Failure::transient("deadline", "not finished");
    world
        .guard
        .gave_up(Some(&event), &failure, &RecordContext::for_test())
        .await;
    assert_eq!(world.last_actions(), ["quarantine failed", "notify done"]);
    let failure = Failure::transient("registry_unreachable", "no route");
    world
        .guard
        .gave_up(Some(&event), &failure, &RecordContext::for_test())
        .await;
    assert_eq!(world.told().len(), 1, "a run tells of its own failures");
}
