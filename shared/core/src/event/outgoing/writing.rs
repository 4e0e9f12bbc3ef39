//! Events to JSON.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::{ActionReport, DetailType, Outcome, StewardEvent, Violation};
use crate::facts::Pusher;
use crate::{Mode, Severity};

/// A JSON object whose absent members are left out.
#[derive(Default)]
struct Members(Map<String, Value>);

impl Members {
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    fn put_some<T: Into<Value>>(&mut self, key: &str, value: Option<T>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }
}

impl StewardEvent {
    /// The `detail` as JSON, whole, however long it is.
    #[must_use]
    pub fn to_detail(&self) -> Value {
        let mut members = Members::default();
        members.put_some("account", self.account.as_ref().map(AsRef::as_ref));
        members.put_some("region", self.region.as_ref().map(AsRef::as_ref));
        if !self.repository.is_empty() {
            members.put("repository", self.repository.as_str());
        }
        members.put_some("tag", self.tag.as_ref().map(AsRef::as_ref));
        members.put_some("digest", self.digest.as_ref().map(AsRef::as_ref));
        members.put_some("owner", self.owner.as_deref());
        members.put_some("pusher", self.pusher.as_ref().map(pusher));
        members.put("rule", self.rule.as_str());
        members.put("severity", self.severity.as_str());
        members.put("mode", self.mode.as_str());
        members.put("violations", list(&self.violations, Violation::to_value));
        if self.violations_omitted > 0 {
            members.put("violations_omitted", self.violations_omitted);
        }
        members.put("actions", list(&self.actions, ActionReport::to_value));
        if self.actions_omitted > 0 {
            members.put("actions_omitted", self.actions_omitted);
        }
        members.put("cause", self.cause.as_str());
        members.put("explain", self.explain.as_str());
        members.put("dedupe_key", self.dedupe_key.as_str());
        members.put_some("error_type", self.error_type.as_deref());
        if !self.links.is_empty() {
            let links: Map<String, Value> = self
                .links
                .iter()
                .map(|(label, address)| (label.clone(), address.as_str().into()))
                .collect();
            members.put("links", links);
        }
        Value::Object(members.0)
    }
}

fn list<T>(items: &[T], write: impl Fn(&T) -> Value) -> Value {
    items.iter().map(write).collect::<Vec<_>>().into()
}

fn pusher(pusher: &Pusher) -> Value {
    let mut members = Members::default();
    members.put("arn", pusher.arn.as_str());
    members.put_some("source_ip", pusher.source_ip.as_deref());
    members.put_some("user_agent", pusher.user_agent.as_deref());
    Value::Object(members.0)
}

impl Violation {
    pub(super) fn to_value(&self) -> Value {
        let mut members = Members::default();
        members.put("rule", self.rule.as_str());
        members.put("message", self.message.as_str());
        members.put_some("accepted", self.accepted.as_deref());
        members.put_some("severity", self.severity.map(Severity::as_str));
        members.put_some("mode", self.mode.map(Mode::as_str));
        Value::Object(members.0)
    }
}

impl ActionReport {
    pub(super) fn to_value(&self) -> Value {
        let mut members = Members::default();
        members.put("action", self.action.as_str());
        members.put("outcome", self.outcome.as_str());
        members.put_some("target", self.target.as_deref());
        members.put_some("detail", self.detail.as_deref());
        members.put_some("remedy", self.remedy.as_deref());
        members.put_some("error_type", self.error_type.as_deref());
        members.put_some("bytes", self.bytes);
        members.put_some("duration_ms", self.duration_ms);
        Value::Object(members.0)
    }
}

impl Serialize for StewardEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_detail().serialize(serializer)
    }
}

impl Serialize for Violation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl Serialize for ActionReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for DetailType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
