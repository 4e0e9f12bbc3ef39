use std::sync::atomic::{AtomicUsize, Ordering};

use steward_aws::s3::{Object, Objects};
use steward_aws::ssm::FakeParameters;
use steward_core::Mode;

use super::*;
use crate::sink::MemorySink;

const REFRESH: Duration = Duration::from_secs(60);
const OBSERVE: &str = "version: 1\nmode: observe\n";
const ENFORCE: &str = "version: 1\nmode: enforce\n";
const BROKEN: &str = "version: 1\nmode: enforc\n";

struct NoObjects;

#[async_trait::async_trait]
impl Objects for NoObjects {
    async fn object(
        &self,
        _: &str,
        _: &str,
        _: Option<&str>,
        _: usize,
    ) -> Result<Object, steward_aws::ServiceError> {
        Ok(Object::NotThere)
    }
}

struct World {
    parameters: Arc<FakeParameters>,
    events: Arc<MemorySink>,
    store: PolicyStore,
}

fn world() -> World {
    let parameters = Arc::new(FakeParameters::default());
    let events = Arc::new(MemorySink::default());
    let source = AwsPolicySource::new(
        PolicyLocation::Ssm("/steward/policy".to_owned()),
        parameters.clone(),
        Arc::new(NoObjects),
    );
    let store = PolicyStore::new(Arc::new(source), REFRESH, Some(events.clone()), "tag-guard");
    World {
        parameters,
        events,
        store,
    }
}

impl World {
    fn set(&self, text: &str) {
        self.parameters.set("/steward/policy", text);
    }

    async fn mode(&self) -> Result<Mode, &'static str> {
        self.store
            .current()
            .await
            .map(|x| x.mode)
            .map_err(|x| x.error_type())
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_policy_takes_effect_after_the_interval() {
    let world = world();
    world.set(OBSERVE);
    assert_eq!(world.mode().await, Ok(Mode::Observe));
    world.set(ENFORCE);
    assert_eq!(world.mode().await, Ok(Mode::Observe));
    tokio::time::advance(REFRESH).await;
    assert_eq!(world.mode().await, Ok(Mode::Enforce));
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_policy_is_not_parsed_again() {
    let world = world();
    world.set(OBSERVE);
    let first = world.store.current().await.unwrap();
    tokio::time::advance(REFRESH).await;
    let second = world.store.current().await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
}

#[tokio::test(start_paused = true)]
async fn a_broken_policy_never_replaces_a_good_one_and_is_told_once() {
    let world = world();
    world.set(ENFORCE);
    assert_eq!(world.mode().await, Ok(Mode::Enforce));
    world.set(BROKEN);
    for _ in 0..3 {
        tokio::time::advance(REFRESH).await;
        assert_eq!(world.mode().await, Ok(Mode::Enforce));
        assert!(world.store.is_broken().await);
    }
    let events = world.events.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].detail_type.as_str(), "Steward Unhealthy");
    assert!(
        events[0].explain.starts_with(
            "tag-guard cannot use the policy ssm:/steward/policy; the last good policy stays in use"
        ),
        "{}",
        events[0].explain
    );
    // Another broken version is another story; a good one ends it.
    world.set("version: 1\nmode: 7\n");
    tokio::time::advance(REFRESH).await;
    assert_eq!(world.mode().await, Ok(Mode::Enforce));
    assert_eq!(world.events.events().len(), 2);
    assert_ne!(world.events.events()[1].dedupe_key, events[0].dedupe_key);
    world.set(OBSERVE);
    tokio::time::advance(REFRESH).await;
    assert_eq!(world.mode().await, Ok(Mode::Observe));
    assert!(!world.store.is_broken().await);
}

#[tokio::test(start_paused = true)]
async fn the_event_is_put_again_until_it_was_put() {
    let world = world();
    world.set(ENFORCE);
    assert_eq!(world.mode().await, Ok(Mode::Enforce));
    world.set(BROKEN);
    world.events.fail(true);
    tokio::time::advance(REFRESH).await;
    assert_eq!(world.mode().await, Ok(Mode::Enforce));
    world.events.fail(false);
    assert_eq!(world.mode().await, Ok(Mode::Enforce));
    assert_eq!(world.events.events().len(), 0);
    tokio::time::advance(REFRESH).await;
    assert_eq!(world.mode().await, Ok(Mode::Enforce));
    assert_eq!(world.events.events().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_cannot_be_read_leaves_the_last_one_in_use() {
    let world = world();
    world.set(ENFORCE);
    assert_eq!(world.mode().await, Ok(Mode::Enforce));
    world.parameters.fail(true);
    tokio::time::advance(REFRESH).await;
    assert_eq!(world.mode().await, Ok(Mode::Enforce));
    assert!(!world.store.is_broken().await);
}

#[tokio::test(start_paused = true)]
async fn without_any_good_policy_every_event_looks_again() {
    let world = world();
    assert_eq!(world.mode().await, Err("policy_unreadable"));
    world.set(BROKEN);
    assert_eq!(world.mode().await, Err("policy_broken"));
    let error = world.store.current().await.unwrap_err();
    assert!(error.is_transient());
    assert!(error.to_string().contains("mode"), "{error}");
    world.set(OBSERVE);
    assert_eq!(world.mode().await, Ok(Mode::Observe));
}

#[tokio::test(start_paused = true)]
async fn a_broken_policy_that_is_taken_back_is_forgotten() {
    let parameters = Arc::new(Scripted::default());
    let store = PolicyStore::new(parameters, REFRESH, None, "tag-guard");
    for broken in [false, true, false] {
        tokio::time::advance(REFRESH).await;
        assert_eq!(store.current().await.unwrap().mode, Mode::Enforce);
        assert_eq!(store.is_broken().await, broken);
    }
}

/// Good, broken, and the same good version again.
#[derive(Default)]
struct Scripted(AtomicUsize);

#[async_trait::async_trait]
impl PolicySource for Scripted {
    async fn read(&self, known: Option<&str>) -> Result<PolicyText, PolicyReadError> {
        let n = self.0.fetch_add(1, Ordering::SeqCst);
        let (text, version) = if n == 1 {
            (BROKEN, "2")
        } else {
            (ENFORCE, "1")
        };
        assert_eq!(known, [None, Some("1"), Some("2")][n]);
        Ok(PolicyText::Text {
            text: text.to_owned(),
            version: version.to_owned(),
        })
    }

    fn location(&self) -> String {
        "scripted".to_owned()
    }
}

mod file {
    use super::*;

    fn source(path: &std::path::Path) -> AwsPolicySource {
        AwsPolicySource::new(
            PolicyLocation::File(path.to_owned()),
            Arc::new(FakeParameters::default()),
            Arc::new(NoObjects),
        )
    }

    #[tokio::test]
    async fn a_file_is_read_when_its_text_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.yaml");
        let source = source(&path);
        assert!(matches!(
            source.read(None).await,
            Err(PolicyReadError::NotThere)
        ));
        std::fs::write(&path, "a").unwrap();
        let PolicyText::Text { text, version } = source.read(None).await.unwrap() else {
            panic!("a first text");
        };
        assert_eq!(text, "a");
        assert_eq!(
            source.read(Some(&version)).await.unwrap(),
            PolicyText::Unchanged
        );
        std::fs::write(&path, "b").unwrap();
        assert!(matches!(
            source.read(Some(&version)).await.unwrap(),
            PolicyText::Text { text, .. } if text == "b"
        ));
    }

    #[tokio::test]
    async fn what_is_too_large_or_no_text_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.yaml");
        std::fs::write(&path, vec![b'#'; Policy::MAX_BYTES + 1]).unwrap();
        let error = source(&path).read(None).await.unwrap_err();
        assert!(matches!(error, PolicyReadError::TooLarge), "{error}");
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        let error = source(&path).read(None).await.unwrap_err();
        assert!(matches!(error, PolicyReadError::NotText), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_that_starts_while_the_policy_is_broken_uses_the_last_good_one() {
    let table = Arc::new(steward_aws::state::FakeState::default());
    let remembering = |world: World| World {
        store: world.store.remembering(Arc::new(StateMemory::new(
            table.clone(),
            "ssm:/steward/policy",
        ))),
        ..world
    };
    let first = remembering(world());
    first.set(ENFORCE);
    assert_eq!(first.mode().await, Ok(Mode::Enforce));

    let second = remembering(world());
    second.set(BROKEN);
    assert_eq!(second.mode().await, Ok(Mode::Enforce));
    assert!(second.store.is_broken().await, "and says that it is broken");
    assert_eq!(second.events.events().len(), 1);

    let forgetful = world();
    forgetful.set(BROKEN);
    assert_eq!(forgetful.mode().await, Err("policy_broken"));
}
