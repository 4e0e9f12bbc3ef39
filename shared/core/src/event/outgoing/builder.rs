//! Making events.

use std::collections::BTreeMap;

use super::{ActionReport, DetailType, Outcome, StewardEvent, Violation};
use crate::event::incoming::{Detail, Incoming};
use crate::facts::Pusher;
use crate::{AccountId, Digest, Mode, Region, Severity, Tag};

/// The longest key; it becomes part of a DynamoDB key, which has 2048 bytes.
const MAX_KEY_BYTES: usize = 1024;

/// Makes a [`StewardEvent`]; see [`StewardEvent::builder`] and [`StewardEvent::caused_by`].
#[derive(Clone, Debug)]
#[must_use = "nothing is made before `build`"]
pub struct StewardEventBuilder {
    event: StewardEvent,
}

impl StewardEventBuilder {
    pub(super) fn new(detail_type: DetailType, repository: String, cause: String) -> Self {
        Self {
            event: StewardEvent {
                detail_type,
                account: None,
                region: None,
                repository,
                tag: None,
                digest: None,
                owner: None,
                pusher: None,
                rule: String::new(),
                severity: Severity::default(),
                mode: Mode::default(),
                violations: Vec::new(),
                violations_omitted: 0,
                actions: Vec::new(),
                actions_omitted: 0,
                cause,
                explain: String::new(),
                dedupe_key: String::new(),
                error_type: None,
                links: BTreeMap::new(),
            },
        }
    }

    pub(super) fn caused_by(detail_type: DetailType, incoming: &Incoming) -> Self {
        let cause = incoming.id().to_owned();
        if let Detail::Steward(before) = &incoming.detail {
            return Self::new(detail_type, before.repository.clone(), cause)
                .account(before.account.clone())
                .region(before.region.clone())
                .tag(before.tag.clone())
                .digest(before.digest.clone());
        }
        let repository = incoming
            .repository()
            .map(|name| name.as_str().to_owned())
            .unwrap_or_default();
        Self::new(detail_type, repository, cause)
            .account(incoming.envelope.account.clone())
            .region(incoming.envelope.region.clone())
            .tag(incoming.tag().cloned())
            .digest(incoming.digest().cloned())
    }

    /// The account of the registry that holds the image.
    pub fn account(mut self, account: impl Into<Option<AccountId>>) -> Self {
        self.event.account = account.into();
        self
    }

    /// The Region of the registry that holds the image.
    pub fn region(mut self, region: impl Into<Option<Region>>) -> Self {
        self.event.region = region.into();
        self
    }

    /// The tag.
    pub fn tag(mut self, tag: impl Into<Option<Tag>>) -> Self {
        self.event.tag = tag.into();
        self
    }

    /// The image.
    pub fn digest(mut self, digest: impl Into<Option<Digest>>) -> Self {
        self.event.digest = digest.into();
        self
    }

    /// Who owns the repository.
    pub fn owner(mut self, owner: impl Into<Option<String>>) -> Self {
        self.event.owner = owner.into();
        self
    }

    /// Who pushed the image.
    pub fn pusher(mut self, pusher: impl Into<Option<Pusher>>) -> Self {
        self.event.pusher = pusher.into();
        self
    }

    /// Name of the rule. Without it, the names of the rules in the violations are taken.
    pub fn rule(mut self, rule: impl Into<String>) -> Self {
        self.event.rule = rule.into();
        self
    }

    /// How much it matters; [`Severity::Medium`] unless told.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.event.severity = severity;
        self
    }

    /// The mode it was decided under; [`Mode::Observe`] unless told.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.event.mode = mode;
        self
    }

    /// Adds one violation.
    pub fn violation(mut self, violation: Violation) -> Self {
        self.event.violations.push(violation);
        self
    }

    /// Adds violations.
    pub fn violations(mut self, violations: impl IntoIterator<Item = Violation>) -> Self {
        self.event.violations.extend(violations);
        self
    }

    /// Adds the report of one action.
    pub fn action(mut self, action: ActionReport) -> Self {
        self.event.actions.push(action);
        self
    }

    /// Adds reports of actions.
    pub fn actions(mut self, actions: impl IntoIterator<Item = ActionReport>) -> Self {
        self.event.actions.extend(actions);
        self
    }

    /// One sentence for a person.
    pub fn explain(mut self, explain: impl Into<String>) -> Self {
        self.event.explain = explain.into();
        self
    }

    /// What makes two events the same story. Without it, everything counts that a reader would
    /// want to hear of anew: type, place, image, rules, mode, error, and what was done to what.
    /// Actions that changed nothing do not count.
    pub fn dedupe_key(mut self, key: impl Into<String>) -> Self {
        self.event.dedupe_key = key.into();
        self
    }

    /// A stable word for what failed. Without it, that of the first failed action is taken.
    pub fn error_type(mut self, error_type: impl Into<Option<String>>) -> Self {
        self.event.error_type = error_type.into();
        self
    }

    /// Adds an address to look further, under a label.
    pub fn link(mut self, label: impl Into<String>, address: impl Into<String>) -> Self {
        self.event.links.insert(label.into(), address.into());
        self
    }

    /// The event. What must not be empty and was not told is filled in.
    #[must_use]
    pub fn build(self) -> StewardEvent {
        let mut event = self.event;
        if event.error_type.is_none() {
            event.error_type = error_of(&event);
        }
        if event.rule.is_empty() {
            event.rule = rules_of(&event);
        }
        if event.explain.is_empty() {
            event.explain = sentence(&event);
        }
        if event.dedupe_key.is_empty() {
            event.dedupe_key = story(&event);
        }
        event
    }
}

fn rules_of(event: &StewardEvent) -> String {
    let mut names: Vec<&str> = Vec::new();
    for violation in &event.violations {
        if !violation.rule.is_empty() && !names.contains(&violation.rule.as_str()) {
            names.push(&violation.rule);
        }
    }
    if names.is_empty() {
        event.detail_type.kebab().to_owned()
    } else {
        names.join(", ")
    }
}

/// What failed, from the actions; a word that says so little is better than none where a consumer
/// may rely on one.
fn error_of(event: &StewardEvent) -> Option<String> {
    let failed = event
        .actions
        .iter()
        .filter(|x| x.outcome == Outcome::Failed)
        .find_map(|x| x.error_type.clone());
    match event.detail_type {
        DetailType::ImageReplicationFailed | DetailType::StewardUnhealthy => {
            Some(failed.unwrap_or_else(|| "unspecified".to_owned()))
        }
        _ => failed,
    }
}

fn sentence(event: &StewardEvent) -> String {
    let what = match event.violations.as_slice() {
        [] => event.detail_type.as_str().to_owned(),
        [only] => only.message.clone(),
        [first, rest @ ..] => format!("{} (and {} more)", first.message, rest.len()),
    };
    let image = image(event);
    if image.is_empty() {
        what
    } else {
        format!("{image}: {what}")
    }
}

fn image(event: &StewardEvent) -> String {
    let mut text = event.repository.clone();
    if let Some(tag) = &event.tag {
        text.push(':');
        text.push_str(tag.as_str());
    } else if let Some(digest) = &event.digest {
        text.push('@');
        text.push_str(digest.as_str());
    }
    text
}

fn story(event: &StewardEvent) -> String {
    let text = |part: Option<&str>| part.unwrap_or("-").to_owned();
    let mut parts = vec![
        event.detail_type.kebab().to_owned(),
        text(event.account.as_ref().map(AsRef::as_ref)),
        text(event.region.as_ref().map(AsRef::as_ref)),
        event.repository.clone(),
        text(event.tag.as_ref().map(AsRef::as_ref)),
        text(event.digest.as_ref().map(AsRef::as_ref)),
        event.rule.clone(),
        event.mode.as_str().to_owned(),
        text(event.error_type.as_deref()),
    ];
    let mut deeds: Vec<String> = event
        .actions
        .iter()
        .filter(|x| !matches!(x.outcome, Outcome::Unchanged | Outcome::Skipped))
        .map(|x| {
            let target = x.target.as_deref().unwrap_or("-");
            format!("{}>{target}={}", x.action, x.outcome)
        })
        .collect();
    deeds.sort_unstable();
    parts.append(&mut deeds);
    bounded(parts.join("|"))
}

/// Cuts a long key; a checksum of the whole keeps two long keys apart.
fn bounded(key: String) -> String {
    if key.len() <= MAX_KEY_BYTES {
        return key;
    }
    let mut end = MAX_KEY_BYTES - 17;
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    let head = key.get(..end).unwrap_or_default();
    format!("{head}#{:016x}", fnv1a(key.as_bytes()))
}

/// FNV-1a, 64 bits: unlike the standard library's hasher it is the same in every release.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
