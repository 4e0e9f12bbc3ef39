//! What is kept in the state table. Losing it loses history, never correctness: without it a copy is
//! taken for somebody else's, which nothing here removes.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use steward_aws::state::StateStore;
use steward_core::{AccountId, Digest, ImageRef, Region, RepositoryName, Tag};
use steward_registry::UploadState;
use steward_runtime::Failure;

use crate::plan::Facts;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long the outcome of a copy is remembered.
const KEEP_OUTCOME: Duration = DAY.saturating_mul(30);
/// How long it is known which copies are ours: as good as for ever.
const KEEP_COPY: Duration = DAY.saturating_mul(3650);
/// How long a chain of copies is remembered.
const KEEP_CHAIN: Duration = DAY.saturating_mul(7);
/// Longer than any registry keeps an upload that nobody goes on with.
const KEEP_UPLOADS: Duration = DAY;
/// Beyond its hour no count is asked for.
const KEEP_COUNT: Duration = Duration::from_secs(2 * 3600);

/// How the last try of one image's copy to one target went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastTry {
    /// How.
    pub status: Status,
    /// The event that led to it.
    #[serde(default)]
    pub event: String,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Since when it fails, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The stable word for what failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// What failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The target has the image.
    Done,
    /// It failed.
    Failing,
}

/// The key under which [`LastTry`] is kept. `to` names its digest, so that every image of a tag has
/// a story of its own.
#[must_use]
pub fn last_try_key(
    account: &AccountId,
    region: &Region,
    repository: &RepositoryName,
    to: &ImageRef,
) -> String {
    format!("replica#{account}/{region}/{repository}>{to}")
}

/// An image that many runs copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Split {
    /// How many blobs were missing at the last look.
    pub(crate) left: usize,
    /// When the messages of the missing blobs count as lost.
    pub(crate) until: Timestamp,
    /// How many times in a row they were sent without any blob coming further.
    #[serde(default)]
    pub(crate) rounds: u32,
    /// Why one of them will not come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failed: Option<String>,
}

impl Split {
    /// An image of which no messages were sent yet.
    pub(crate) const fn due(now: Timestamp) -> Self {
        Self {
            left: 0,
            until: now,
            rounds: 0,
            failed: None,
        }
    }
}

fn uploads_key(to: &ImageRef, blob: Option<&Digest>) -> String {
    match blob {
        // A blob is the same one for every image of the repository.
        Some(blob) => format!("upload#{}/{}@{blob}", to.registry, to.repository),
        None => format!("uploads#{to}"),
    }
}

/// The state table, with the keys of one tag.
pub(crate) struct Memory<'a> {
    state: &'a dyn StateStore,
    home: String,
    tag: &'a Tag,
}

impl<'a> Memory<'a> {
    pub(crate) fn new(state: &'a dyn StateStore, facts: &'a Facts) -> Self {
        Self {
            state,
            home: format!("{}/{}/{}", facts.account, facts.region, facts.repository),
            tag: &facts.tag,
        }
    }

    fn last_try(&self, to: &ImageRef) -> String {
        format!("replica#{}>{to}", self.home)
    }

    fn copy(&self, to: &ImageRef) -> String {
        let mut to = to.clone();
        to.digest = None;
        format!("copied#{}:{}>{to}", self.home, self.tag)
    }

    fn gone(&self) -> String {
        format!("gone#{}:{}", self.home, self.tag)
    }

    /// How the last try went; nothing where that is not known.
    pub(crate) async fn recall(&self, to: &ImageRef) -> Option<LastTry> {
        let known = match self.state.get(&self.last_try(to)).await {
            Ok(known) => known?,
            Err(error) => {
                tracing::warn!(error = %error, "the state table does not answer");
                return None;
            }
        };
        serde_json::from_value(known).ok()
    }

    pub(crate) async fn remember(&self, to: &ImageRef, last: &LastTry) {
        let Ok(last) = serde_json::to_value(last) else {
            return;
        };
        self.write(&self.last_try(to), &last, KEEP_OUTCOME).await;
    }

    /// Notes that the copy under this tag is ours.
    pub(crate) async fn made(&self, to: &ImageRef, digest: &Digest, now: Timestamp) {
        let data = json!({ "digest": digest, "at": now });
        self.write(&self.copy(to), &data, KEEP_COPY).await;
    }

    /// What we put under this tag, if we did.
    pub(crate) async fn ours(&self, to: &ImageRef) -> Result<Option<Digest>, Failure> {
        let known = self.state.get(&self.copy(to)).await?;
        Ok(known.and_then(|known| known.get("digest")?.as_str()?.parse().ok()))
    }

    pub(crate) async fn forget_copy(&self, to: &ImageRef) {
        if let Err(error) = self.state.delete(&self.copy(to)).await {
            tracing::warn!(error = %error, "the state table still knows of a copy that is gone");
        }
    }

    /// Notes when the source's tag was deleted.
    pub(crate) async fn mark_gone(&self, since: Timestamp) -> Result<(), Failure> {
        let data = json!({ "since": since });
        self.state
            .put(&self.gone(), &data, KEEP_OUTCOME.saturating_mul(2))
            .await?;
        Ok(())
    }

    /// Since when the source's tag is known to be gone.
    pub(crate) async fn gone_since(&self) -> Result<Option<Timestamp>, Failure> {
        let known = self.state.get(&self.gone()).await?;
        Ok(known.and_then(|known| known.get("since")?.as_str()?.parse().ok()))
    }

    /// Forgets that the source's tag was deleted: it is there again.
    pub(crate) async fn clear_gone(&self) -> Result<(), Failure> {
        Ok(self.state.delete(&self.gone()).await?)
    }

    /// Uploads to a target that earlier runs left; nothing where there was no earlier run.
    pub(crate) async fn uploads(
        &self,
        to: &ImageRef,
        blob: Option<&Digest>,
    ) -> Option<Vec<UploadState>> {
        let known = self.state.get(&uploads_key(to, blob)).await.ok()??;
        Some(serde_json::from_value(known).unwrap_or_default())
    }

    /// Forgets the runs of an image that is whole.
    pub(crate) async fn forget_uploads(&self, to: &ImageRef) {
        self.remove(&uploads_key(to, None)).await;
    }

    /// Keeps uploads for the next run.
    pub(crate) async fn keep_uploads(
        &self,
        to: &ImageRef,
        blob: Option<&Digest>,
        uploads: &[UploadState],
    ) {
        if let Ok(uploads) = serde_json::to_value(uploads) {
            self.write(&uploads_key(to, blob), &uploads, KEEP_UPLOADS)
                .await;
        }
    }

    /// The key of the look that is to come.
    pub(crate) fn look_key(&self) -> String {
        format!("look#{}:{}", self.home, self.tag)
    }

    fn turn_key(&self) -> String {
        format!("turn#{}:{}", self.home, self.tag)
    }

    /// The target that took up the time of the last run.
    pub(crate) async fn turn(&self) -> Option<ImageRef> {
        let known = self.state.get(&self.turn_key()).await.ok()??;
        known.as_str()?.parse().ok()
    }

    pub(crate) async fn keep_turn(&self, slow: &ImageRef) {
        let slow = slow.to_string().into();
        self.write(&self.turn_key(), &slow, KEEP_UPLOADS).await;
    }

    /// How far an image is that many runs copy, where it is one.
    pub(crate) async fn split(&self, to: &ImageRef) -> Result<Option<Split>, Failure> {
        let known = self.state.get(&format!("split#{to}")).await?;
        Ok(known.and_then(|known| serde_json::from_value(known).ok()))
    }

    pub(crate) async fn keep_split(&self, to: &ImageRef, split: &Split) -> Result<(), Failure> {
        let data = serde_json::to_value(split).unwrap_or_default();
        let key = format!("split#{to}");
        Ok(self.state.put(&key, &data, KEEP_UPLOADS).await?)
    }

    /// Changes what is known of an image that many runs copy. What is late, and speaks of an image
    /// that is none any more, changes nothing.
    pub(crate) async fn change_split(
        &self,
        to: &ImageRef,
        change: impl FnOnce(&mut Split),
    ) -> Result<(), Failure> {
        let Some(mut split) = self.split(to).await? else {
            return Ok(());
        };
        change(&mut split);
        self.keep_split(to, &split).await
    }

    pub(crate) async fn end_split(&self, to: &ImageRef) {
        self.remove(&format!("split#{to}")).await;
    }

    /// Counts a removal of a rule in the hour of `now`; how many it are with this one.
    pub(crate) async fn count_removal(&self, rule: &str, now: Timestamp) -> Result<u64, Failure> {
        let hour = now.as_second().div_euclid(3600);
        let key = format!("removals#{}/{rule}#{hour}", self.home_registry());
        Ok(self.state.count(&key, KEEP_COUNT).await?)
    }

    /// The chain of names that an image was copied under before.
    pub(crate) async fn chain(&self, rule: &str, digest: &Digest) -> Option<Value> {
        let key = self.chain_key(rule, digest);
        self.state.get(&key).await.ok().flatten()
    }

    pub(crate) async fn remember_chain(&self, rule: &str, digest: &Digest, chain: &Value) {
        self.write(&self.chain_key(rule, digest), chain, KEEP_CHAIN)
            .await;
    }

    fn chain_key(&self, rule: &str, digest: &Digest) -> String {
        format!("hops#{}/{rule}@{digest}", self.home_registry())
    }

    fn home_registry(&self) -> &str {
        let mut slashes = self.home.match_indices('/').map(|(at, _)| at);
        let end = slashes.nth(1).unwrap_or(self.home.len());
        self.home.get(..end).unwrap_or_default()
    }

    async fn remove(&self, key: &str) {
        if let Err(error) = self.state.delete(key).await {
            tracing::warn!(error = %error, "the state table still knows of a copy that has ended");
        }
    }

    async fn write(&self, key: &str, data: &Value, keep: Duration) {
        if let Err(error) = self.state.put(key, data, keep).await {
            tracing::warn!(error = %error, "the state table did not take what is to be remembered");
        }
    }
}
