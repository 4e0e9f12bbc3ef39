use std::sync::Mutex;

use sha2::Digest as _;
use steward_aws::ecr::{FakeEcr, Manifest};
use steward_aws::state::FakeState;
use steward_core::event::incoming::parse;
use steward_core::event::outgoing::DetailType;
use steward_core::policy::Policy;
use steward_runtime::MemorySink;

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
    meanwhile: Mutex<Option<Meanwhile>>,
    failing: Mutex<Option<fn() -> Failure>>,
}

#[async_trait]
impl Mover for FakeMover {
    async fn copy(
        &self,
        _registry: &RegistryHost,
        from: &RepositoryName,
        digest: &Digest,
        to: &RepositoryName,
        tag: &Tag,
    ) -> Result<(), Failure> {
        if let Some(failure) = *self.failing.lock().unwrap() {
            return Err(failure());
        }
        let manifest = self
            .ecr
            .get_manifest(from, &Reference::Digest(digest.clone()))
            .await?
            .unwrap();
        self.ecr.push(to, &manifest, Some(tag));
        if let Some(meanwhile) = self.meanwhile.lock().unwrap().take() {
            meanwhile(&self.ecr);
        }
        Ok(())
    }
}

struct World {
    guard: TagGuard,
    ecr: Arc<FakeEcr>,
    mover: Arc<FakeMover>,
    state: Arc<FakeState>,
    events: Arc<MemorySink>,
}

impl World {
    fn new() -> Self {
        let policy =
            Policy::parse(POLICY, "policy.yaml").unwrap_or_else(|errors| panic!("{errors}"));
        let ecr = Arc::new(FakeEcr::default());
        let mover = Arc::new(FakeMover {
            ecr: ecr.clone(),
            meanwhile: Mutex::default(),
            failing: Mutex::default(),
        });
        let state = Arc::new(FakeState::default());
        let events = Arc::new(MemorySink::default());
        let guard = TagGuard {
            ecr: ecr.clone(),
            mover: mover.clone(),
            policy: Arc::new(PolicyStore::fixed(policy)),
            state: state.clone(),
            events: events.clone(),
        };
        Self {
            guard,
            ecr,
            mover,
            state,
            events,
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
    let text = format!(
        r#"{{"version":"0","id":"e-1","detail-type":"ECR Image Action","source":"aws.ecr",
        "account":"111122223333","time":"2026-11-23T10:00:00Z","region":"eu-west-1","resources":[],
        "detail":{{"result":"SUCCESS","repository-name":"{repository}","image-digest":"{digest}",
        "action-type":"PUSH","image-tag":"{tag}"}}}}"#
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
    assert_eq!(
        world.state.keys(),
        Vec::<String>::new(),
        "nothing is under way any more"
    );

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
async fn a_copy_that_fails_leaves_the_tag_and_is_told_when_given_up() {
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
    assert_eq!(world.told(), Vec::<String>::new());

    let event = event("prod/app", "feature-x", &digest);
    world
        .guard
        .gave_up(Some(&event), &failure, &RecordContext::for_test())
        .await;
    let event = &world.events.events()[0];
    assert_eq!(event.detail_type, DetailType::TagRuleViolated);
    assert_eq!(event.error_type.as_deref(), Some("registry_unreachable"));
    assert_eq!(event.actions[0].outcome, ActionOutcome::Failed);
}
