//! What happens in the local cloud, told while it happens.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use steward_testkit::cloud::{ACCOUNT, CloudClient, LocalCloud};
use steward_testkit::gateway::{Action, Activity, Change};
use steward_testkit::inbox::{EventRecord, Message};

use crate::term::{self, Style};

/// How long a push may take to have all its effects.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long nothing must happen until a push has had all its effects.
const QUIET: Duration = Duration::from_millis(1200);

/// Tells what is new.
pub(crate) struct Watch<'a> {
    cloud: &'a LocalCloud,
    client: CloudClient,
    activities: usize,
    events: BTreeSet<String>,
    messages: BTreeSet<String>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(cloud: &'a LocalCloud) -> Self {
        Self {
            cloud,
            client: cloud.client(),
            activities: 0,
            events: BTreeSet::new(),
            messages: BTreeSet::new(),
        }
    }

    /// Tells what happens until nothing more does. `false` when that takes too long.
    pub(crate) async fn until_quiet(&mut self) -> anyhow::Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        let mut quiet_since = Instant::now();
        if let Some(gateway) = self.cloud.gateway() {
            gateway.settled().await;
        }
        loop {
            let news = self.tell();
            if news > 0 || !self.client.is_idle().await? {
                quiet_since = Instant::now();
            }
            if quiet_since.elapsed() >= QUIET {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Tells what is new, and how much that was.
    fn tell(&mut self) -> usize {
        let mut news = 0;
        if let Some(gateway) = self.cloud.gateway() {
            let log = gateway.log();
            for activity in log.iter().skip(self.activities) {
                if let Activity::Change(change) = activity {
                    news += 1;
                    tell_change(change);
                }
            }
            self.activities = log.len();
        }
        if let Some(inbox) = self.cloud.inbox() {
            for event in inbox.events().iter().rev() {
                if self.events.insert(event.id.clone()) {
                    news += 1;
                    tell_event(event);
                }
            }
            for message in inbox.messages().iter().rev() {
                if self.messages.insert(message.id.clone()) {
                    news += 1;
                    tell_message(message);
                }
            }
        }
        news
    }
}

fn line(style: Style, what: &str, text: &str) {
    term::say(format!(
        "  {} {text}",
        term::paint(style, &format!("{what:<9}"))
    ));
}

fn tell_change(change: &Change) {
    let name = match &change.tag {
        Some(tag) => format!("{}:{tag}", change.repository),
        None => format!("{}@sha256:{}", change.repository, change.digest.short()),
    };
    let host = change.registry.host();
    match (change.action, host.starts_with(ACCOUNT)) {
        (Action::Push, true) => line(Style::Plain, "pushed", &name),
        (Action::Push, false) => line(Style::Plain, "arrived", &format!("{host}/{name}")),
        (Action::Delete, _) => line(Style::Plain, "removed", &name),
    }
}

fn tell_event(event: &EventRecord) {
    // ECR's own events are what the lines above tell.
    if event.detail_type.starts_with("ECR ") {
        return;
    }
    let detail = event.event.get("detail").unwrap_or(&Value::Null);
    let explain = event.explain.as_deref().unwrap_or_default();
    let rule = text(detail, "rule");
    line(
        Style::Accent,
        "decided",
        &format!("{} (rule {rule}): {explain}", event.detail_type),
    );
    let actions = detail.get("actions").and_then(Value::as_array);
    for action in actions.into_iter().flatten() {
        tell_action(action);
    }
}

fn tell_action(action: &Value) {
    let (style, word) = match text(action, "outcome") {
        "done" => (Style::Good, "done"),
        "unchanged" => (Style::Good, "unchanged"),
        "would_do" => (Style::Plain, "would do"),
        "skipped" => (Style::Plain, "skipped"),
        _ => (Style::Bad, "failed"),
    };
    let mut shown = text(action, "action").to_owned();
    for (name, before) in [("target", " → "), ("detail", " · "), ("remedy", " · ")] {
        let value = text(action, name);
        if !value.is_empty() {
            shown.push_str(before);
            shown.push_str(value);
        }
    }
    line(style, word, &shown);
}

fn tell_message(message: &Message) {
    line(
        Style::Accent,
        "told",
        &format!(
            "{} {}: {}",
            message.kind.as_str(),
            message.channel,
            message.title
        ),
    );
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
