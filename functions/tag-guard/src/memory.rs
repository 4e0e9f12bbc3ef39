//! What is kept in the state table. Losing it loses history, never correctness: whoever cannot read
//! it decides without it, and says so.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use steward_aws::state::StateStore;
use steward_core::event::incoming::Envelope;
use steward_core::event::outgoing::StewardEvent;
use steward_core::facts::Pusher;
use steward_core::{Digest, RepositoryName, Tag};
use steward_runtime::Failure;

use crate::report;
use crate::subject::Subject;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long the report of a decision that is under way is kept: longer than a queue keeps the event.
const KEEP_REPORT: Duration = DAY.saturating_mul(14);
/// How long it is kept what a tag meant: as good as for ever.
const KEEP_MEANING: Duration = DAY.saturating_mul(3650);
/// How long a push and its CloudTrail event may be apart.
const KEEP_PUSHER: Duration = DAY;

/// The state table, with the keys of one registry.
pub(crate) struct Memory<'a> {
    state: &'a dyn StateStore,
    home: String,
}

/// What the state table says.
#[derive(Debug)]
pub(crate) enum Recalled<T> {
    Known(T),
    Nothing,
    /// It cannot be read.
    Unknown(Failure),
}

impl<T> Recalled<T> {
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Unknown(failure) => Some(failure),
            Self::Known(_) | Self::Nothing => None,
        }
    }

    pub(crate) fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Nothing | Self::Unknown(_) => None,
        }
    }
}

/// How writing went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// It is written, or could not be, which is logged.
    Done,
    /// Something else is written there.
    Other,
}

impl<'a> Memory<'a> {
    pub(crate) fn new(state: &'a dyn StateStore, envelope: &Envelope) -> Self {
        Self {
            state,
            home: format!("{}/{}", envelope.account, envelope.region),
        }
    }

    fn tag_key(&self, repository: &RepositoryName, tag: &Tag) -> String {
        format!("tag#{}/{repository}:{tag}", self.home)
    }

    fn key(&self, what: &str, repository: &RepositoryName, tag: &Tag, digest: &Digest) -> String {
        format!("{what}#{}/{repository}:{tag}@{digest}", self.home)
    }

    fn image_key(&self, what: &str, subject: &Subject, digest: &Digest) -> String {
        self.key(what, &subject.repository, &subject.tag, digest)
    }

    async fn get(&self, key: &str) -> Recalled<Value> {
        match self.state.get(key).await {
            Ok(Some(value)) => Recalled::Known(value),
            Ok(None) => Recalled::Nothing,
            Err(error) => {
                let failure = Failure::from(error);
                tracing::warn!(
                    error = failure.chain(),
                    key,
                    "the state table cannot be read; the decision goes on without it"
                );
                Recalled::Unknown(failure)
            }
        }
    }

    async fn put(&self, key: &str, value: &Value, keep: Duration) {
        if let Err(error) = self.state.put(key, value, keep).await {
            untold(&error.into(), key);
        }
    }

    async fn delete(&self, key: &str) {
        if let Err(error) = self.state.delete(key).await {
            untold(&error.into(), key);
        }
    }

    /// What the tag meant before.
    pub(crate) async fn previous(&self, subject: &Subject) -> Recalled<Digest> {
        let key = self.tag_key(&subject.repository, &subject.tag);
        match self.get(&key).await {
            Recalled::Known(value) => digest_in(&value).map_or(Recalled::Nothing, Recalled::Known),
            Recalled::Nothing => Recalled::Nothing,
            Recalled::Unknown(failure) => Recalled::Unknown(failure),
        }
    }

    /// Remembers the first image of a tag: whoever comes first, is right.
    pub(crate) async fn remember_first(&self, subject: &Subject, digest: &Digest) -> Recorded {
        let key = self.tag_key(&subject.repository, &subject.tag);
        let value = json!({ "digest": digest });
        match self.state.put_new(&key, &value, KEEP_MEANING).await {
            Ok(None) => Recorded::Done,
            Ok(Some(known)) if digest_in(&known).as_ref() == Some(digest) => Recorded::Done,
            Ok(Some(_)) => Recorded::Other,
            Err(error) => {
                untold(&error.into(), &key);
                Recorded::Done
            }
        }
    }

    /// Remembers the latest image of a tag.
    pub(crate) async fn remember_latest(&self, subject: &Subject, digest: &Digest) -> Recorded {
        let key = self.tag_key(&subject.repository, &subject.tag);
        self.put(&key, &json!({ "digest": digest }), KEEP_MEANING)
            .await;
        // The tag is here by right: whoever deletes it from now on is somebody else.
        self.delete(&self.image_key("took", subject, digest)).await;
        Recorded::Done
    }

    /// Forgets what a tag meant.
    ///
    /// # Errors
    ///
    /// When that may still be done later: a tag must not be held to what it meant before it went.
    pub(crate) async fn forget(&self, subject: &Subject) -> Result<(), Failure> {
        let key = self.tag_key(&subject.repository, &subject.tag);
        match self.state.delete(&key).await.map_err(Failure::from) {
            Err(failure) if failure.is_transient() => Err(failure),
            Err(failure) => {
                untold(&failure, &key);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Forgets what a tag meant that moves freely. Not worth a failure: it matters only if a rule comes
    /// to hold the tag.
    pub(crate) async fn forget_moved(&self, subject: &Subject) {
        self.delete(&self.tag_key(&subject.repository, &subject.tag))
            .await;
    }

    /// Forgets what a tag meant that this function took away. Not worth a failure: the event of the
    /// deletion forgets it as well.
    pub(crate) async fn forget_taken(&self, subject: &Subject) {
        self.delete(&self.tag_key(&subject.repository, &subject.tag))
            .await;
    }

    /// Writes down that this function takes a tag away.
    pub(crate) async fn take(&self, subject: &Subject, digest: &Digest) {
        let key = self.image_key("took", subject, digest);
        self.put(&key, &json!({}), KEEP_REPORT).await;
    }

    /// Takes it back: the tag was left alone.
    pub(crate) async fn leave(&self, subject: &Subject, digest: &Digest) {
        self.delete(&self.image_key("took", subject, digest)).await;
    }

    /// Whether this function took the tag away.
    pub(crate) async fn took(&self, subject: &Subject, digest: &Digest) -> Recalled<()> {
        match self.get(&self.image_key("took", subject, digest)).await {
            Recalled::Known(_) => Recalled::Known(()),
            Recalled::Nothing => Recalled::Nothing,
            Recalled::Unknown(failure) => Recalled::Unknown(failure),
        }
    }

    /// Keeps the report of what is about to be done.
    pub(crate) async fn begin(&self, subject: &Subject, digest: &Digest, event: &StewardEvent) {
        let key = self.image_key("tag-guard", subject, digest);
        self.put(&key, &report::write(event), KEEP_REPORT).await;
    }

    /// The report of what was begun and not told.
    pub(crate) async fn begun(&self, subject: &Subject, digest: &Digest) -> Option<Value> {
        let key = self.image_key("tag-guard", subject, digest);
        match self.get(&key).await {
            Recalled::Known(value) => Some(value),
            Recalled::Nothing | Recalled::Unknown(_) => None,
        }
    }

    /// Drops that report: it is told, or there is nothing to tell.
    pub(crate) async fn ended(&self, subject: &Subject, digest: &Digest) {
        self.delete(&self.image_key("tag-guard", subject, digest))
            .await;
    }

    /// Remembers who pushed, unless somebody is known who did it later; says whether it is news.
    ///
    /// # Errors
    ///
    /// When the table cannot be read or written.
    pub(crate) async fn push(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        digest: &Digest,
        pusher: &Pusher,
        at: Timestamp,
    ) -> Result<bool, Failure> {
        let key = self.key("pusher", repository, tag, digest);
        let known = self.state.get(&key).await?;
        let known: Option<Timestamp> =
            known.and_then(|known| known.get("at")?.as_str()?.parse().ok());
        if known.is_some_and(|known| known > at) {
            return Ok(false);
        }
        let value = json!({ "pusher": pusher, "at": at });
        self.state.put(&key, &value, KEEP_PUSHER).await?;
        Ok(true)
    }

    /// Who pushed.
    pub(crate) async fn pusher(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        digest: &Digest,
    ) -> Option<Pusher> {
        let key = self.key("pusher", repository, tag, digest);
        let value = self.get(&key).await;
        serde_json::from_value(value.known()?.get("pusher")?.clone()).ok()
    }

    /// Remembers what was told about an image, for when it becomes known who pushed it.
    pub(crate) async fn tell(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        digest: &Digest,
        event: &StewardEvent,
    ) {
        let key = self.key("told", repository, tag, digest);
        self.put(&key, &report::write(event), KEEP_PUSHER).await;
    }

    /// What was told about an image.
    pub(crate) async fn told(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        digest: &Digest,
    ) -> Option<StewardEvent> {
        let key = self.key("told", repository, tag, digest);
        report::read(self.get(&key).await.known()?)
    }

    /// When the review comes that is on its way, if one is.
    pub(crate) async fn review(&self, subject: &Subject, digest: &Digest) -> Option<Timestamp> {
        let value = self.get(&self.image_key("review", subject, digest)).await;
        value.known()?.get("due")?.as_str()?.parse().ok()
    }

    /// Remembers that a review is on its way.
    pub(crate) async fn begin_review(
        &self,
        subject: &Subject,
        digest: &Digest,
        due: Timestamp,
        keep: Duration,
    ) {
        let key = self.image_key("review", subject, digest);
        self.put(&key, &json!({ "due": due }), keep).await;
    }

    /// The review came.
    pub(crate) async fn end_review(&self, subject: &Subject, digest: &Digest) {
        self.delete(&self.image_key("review", subject, digest))
            .await;
    }
}

fn digest_in(value: &Value) -> Option<Digest> {
    value.get("digest")?.as_str()?.parse().ok()
}

fn untold(failure: &Failure, key: &str) {
    tracing::warn!(
        error = failure.chain(),
        key,
        "the state table cannot be written; the decision goes on without it"
    );
}
