//! The function, and what people do around it.

use super::*;

pub(super) struct World {
    pub(super) guard: TagGuard,
    pub(super) ecr: Arc<FakeEcr>,
    pub(super) replica: Arc<FakeEcr>,
    pub(super) mover: Arc<FakeMover>,
    pub(super) content: Arc<FakeContent>,
    pub(super) state: Arc<FakeState>,
    pub(super) events: Arc<MemorySink>,
    pub(super) later: Arc<MemoryLater>,
    pub(super) now: Arc<Mutex<Timestamp>>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(POLICY)
    }

    pub(super) fn with(policy: &str) -> Self {
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
            role: Some("arn:aws:iam::111122223333:role/steward-tag-guard".to_owned()),
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

    pub(super) fn push(&self, repository: &str, tag: &str, body: &str) -> Digest {
        let manifest = manifest(body);
        self.ecr.push(
            &repository.parse().unwrap(),
            &manifest,
            Some(&tag.parse().unwrap()),
        );
        manifest.digest
    }

    pub(super) async fn deliver(
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
    pub(super) async fn deliver_deletion(
        &self,
        repository: &str,
        tag: &str,
        digest: &Digest,
    ) -> Result<Outcome, Failure> {
        let event = action(repository, Some(tag), digest, "DELETE");
        self.handle(&event).await
    }

    pub(super) async fn handle(&self, event: &Incoming) -> Result<Outcome, Failure> {
        self.guard.handle(event, &RecordContext::for_test()).await
    }

    /// Pushes, delivers the event, and says how that ended.
    pub(super) async fn pushed(
        &self,
        repository: &str,
        tag: &str,
        body: &str,
    ) -> (Digest, &'static str) {
        let digest = self.push(repository, tag, body);
        let outcome = self.deliver(repository, tag, &digest).await;
        let outcome = outcome.unwrap_or_else(|failure| panic!("{}", failure.chain()));
        (digest, outcome.word())
    }

    /// Somebody removes a tag, and the event of that comes.
    pub(super) async fn removed(&self, repository: &str, tag: &str) -> &'static str {
        let digest = self.image(repository, tag).await.unwrap();
        let (name, parsed) = (repository.parse().unwrap(), tag.parse().unwrap());
        self.ecr.remove_tag(&name, &parsed).await.unwrap();
        let outcome = self.deliver_deletion(repository, tag, &digest).await;
        let outcome = outcome.unwrap_or_else(|failure| panic!("{}", failure.chain()));
        outcome.word()
    }

    pub(super) fn at(&self, now: &str) {
        *self.now.lock().unwrap() = now.parse().unwrap();
    }

    pub(super) fn pushed_at(&self, repository: &str, digest: &Digest, at: &str) {
        let at: Timestamp = at.parse().unwrap();
        self.ecr
            .set_pushed_at(&repository.parse().unwrap(), digest, at.into());
    }

    /// The tags of an image.
    pub(super) async fn tags(&self, repository: &str, digest: &Digest) -> Vec<String> {
        let tags = self.ecr.tags_of(&repository.parse().unwrap(), digest).await;
        tags.unwrap().iter().map(ToString::to_string).collect()
    }

    /// The last event, as `type: explain`.
    pub(super) fn last(&self) -> String {
        self.told().pop().unwrap_or_default()
    }

    /// The last event's actions, as `action outcome`.
    pub(super) fn last_actions(&self) -> Vec<String> {
        let events = self.events.events();
        let reports = events.last().map(|event| event.actions.clone());
        reports
            .unwrap_or_default()
            .iter()
            .map(|report| format!("{} {}", report.action, report.outcome))
            .collect()
    }

    /// The digest behind a tag or digest; nothing where there is no such image.
    pub(super) async fn image(&self, repository: &str, reference: &str) -> Option<Digest> {
        let (repository, reference) = (repository.parse().unwrap(), reference.parse().unwrap());
        self.ecr
            .describe_image(&repository, &reference)
            .await
            .unwrap()
            .map(|image| image.digest)
    }

    pub(super) fn told(&self) -> Vec<String> {
        self.events
            .events()
            .iter()
            .map(|e| format!("{}: {}", e.detail_type, e.explain))
            .collect()
    }
}
