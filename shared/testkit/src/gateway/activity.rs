//! What went through the gateway lately: for the demo, for the inbox page, and for tests.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use serde_json::{Value, json};
use steward_core::{Digest, RepositoryName};
use tokio::sync::broadcast;

use super::registry::Registry;

/// How many entries the log keeps; older ones are forgotten.
const KEPT: usize = 2_000;

/// What happened to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// An image was put, or put again.
    Push,
    /// A tag or an image was removed.
    Delete,
}

impl Action {
    /// The event's `action-type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "PUSH",
            Self::Delete => "DELETE",
        }
    }
}

/// A change of a registry, one per tag or untagged manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// RFC 3339, UTC.
    pub time: String,
    /// What happened.
    pub action: Action,
    /// Where.
    #[serde(flatten)]
    pub registry: Registry,
    /// The repository.
    pub repository: RepositoryName,
    /// The tag; none for an untagged manifest.
    pub tag: Option<String>,
    /// The manifest.
    pub digest: Digest,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// It is on the bus.
    Put,
    /// It was left out, because the options say so.
    Dropped,
    /// The bus did not take it.
    Failed,
}

/// An event that was put on the bus, or should have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Emitted {
    /// The event's id on the bus, where it got there.
    pub id: Option<String>,
    /// 0 for the event itself, from 1 for its duplicates.
    pub copy: u32,
    /// Its detail-type.
    pub detail_type: &'static str,
    /// What became of it.
    pub delivery: Delivery,
    /// Why it failed.
    pub error: Option<String>,
    /// The change that it tells of, with the time at which it was put.
    #[serde(flatten)]
    pub change: Change,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Activity {
    /// A change of a registry.
    Change(Change),
    /// An event about one.
    Event(Emitted),
}

/// The log and its feed.
#[derive(Debug)]
pub(crate) struct ActivityLog {
    entries: Mutex<VecDeque<Activity>>,
    feed: broadcast::Sender<Activity>,
}

impl ActivityLog {
    pub(crate) fn new() -> Self {
        Self {
            entries: Mutex::default(),
            feed: broadcast::Sender::new(1_024),
        }
    }

    pub(crate) fn add(&self, entry: Activity) {
        {
            let mut entries = self.entries();
            if entries.len() >= KEPT {
                entries.pop_front();
            }
            entries.push_back(entry.clone());
        }
        // Nobody listening is no error.
        let _ = self.feed.send(entry);
    }

    pub(crate) fn all(&self) -> Vec<Activity> {
        self.entries().iter().cloned().collect()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Activity> {
        self.feed.subscribe()
    }

    /// The log as `GET /_gateway/log` answers it, oldest first.
    pub(crate) fn to_json(&self) -> Value {
        let (mut pushes, mut deletes, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for entry in self.entries().iter() {
            match entry {
                Activity::Change(change) if change.action == Action::Push => {
                    pushes.push(json!(change))
                }
                Activity::Change(change) => deletes.push(json!(change)),
                Activity::Event(event) => events.push(json!(event)),
            }
        }
        json!({ "pushes": pushes, "deletes": deletes, "events": events })
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<Activity>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Now, as the log writes it.
pub(crate) fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}
