//! Events out: what ecr-steward tells the world, with source `ecr-steward`.
//!
//! Every event carries the same fields; [`crate::event::schema`] says per detail-type which of them
//! are always there. Users build EventBridge rules of their own on these, so a field keeps its name
//! and its meaning.

mod builder;
mod reading;
mod size;
mod writing;

use std::collections::BTreeMap;
use std::fmt;

pub use builder::StewardEventBuilder;
pub use size::MAX_DETAIL_BYTES;

use serde::Deserialize;

use super::incoming::Incoming;
use crate::facts::Pusher;
use crate::{AccountId, Digest, Mode, Region, Severity, Tag};

/// The `source` of every event that ecr-steward puts on a bus: its own, and replays of ECR's
/// (`PutEvents` refuses sources that start with `aws.`).
pub const SOURCE: &str = "ecr-steward";

/// What an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DetailType {
    /// A tag breaks a rule; says what is, or would be, done about it.
    TagRuleViolated,
    /// An action that a tag rule asks for was carried out.
    TagRuleEnforced,
    /// An image is now where a replication rule wants it.
    ImageReplicated,
    /// An image could not be copied to a target.
    ImageReplicationFailed,
    /// An image was moved to the quarantine repository.
    ImageQuarantined,
    /// A scan found more than a rule allows.
    ScanThresholdExceeded,
    /// A repository's settings were brought to the baseline.
    RepositoryBaselined,
    /// Images that nothing uses were removed or archived.
    ImageCleanedUp,
    /// A deployment of an image began.
    DeploymentStarted,
    /// ecr-steward itself needs attention.
    StewardUnhealthy,
}

impl DetailType {
    /// Every detail-type.
    pub const ALL: [Self; 10] = [
        Self::TagRuleViolated,
        Self::TagRuleEnforced,
        Self::ImageReplicated,
        Self::ImageReplicationFailed,
        Self::ImageQuarantined,
        Self::ScanThresholdExceeded,
        Self::RepositoryBaselined,
        Self::ImageCleanedUp,
        Self::DeploymentStarted,
        Self::StewardUnhealthy,
    ];

    /// The `detail-type` on the bus, such as `Tag Rule Violated`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TagRuleViolated => "Tag Rule Violated",
            Self::TagRuleEnforced => "Tag Rule Enforced",
            Self::ImageReplicated => "Image Replicated",
            Self::ImageReplicationFailed => "Image Replication Failed",
            Self::ImageQuarantined => "Image Quarantined",
            Self::ScanThresholdExceeded => "Scan Threshold Exceeded",
            Self::RepositoryBaselined => "Repository Baselined",
            Self::ImageCleanedUp => "Image Cleaned Up",
            Self::DeploymentStarted => "Deployment Started",
            Self::StewardUnhealthy => "Steward Unhealthy",
        }
    }

    /// The same for file names, URNs and keys, such as `tag-rule-violated`.
    #[must_use]
    pub const fn kebab(self) -> &'static str {
        match self {
            Self::TagRuleViolated => "tag-rule-violated",
            Self::TagRuleEnforced => "tag-rule-enforced",
            Self::ImageReplicated => "image-replicated",
            Self::ImageReplicationFailed => "image-replication-failed",
            Self::ImageQuarantined => "image-quarantined",
            Self::ScanThresholdExceeded => "scan-threshold-exceeded",
            Self::RepositoryBaselined => "repository-baselined",
            Self::ImageCleanedUp => "image-cleaned-up",
            Self::DeploymentStarted => "deployment-started",
            Self::StewardUnhealthy => "steward-unhealthy",
        }
    }

    /// The detail-type of that name, written either way: `Tag Rule Violated`, `tag-rule-violated`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|x| x.as_str() == name || x.kebab() == name)
    }
}

impl fmt::Display for DetailType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One event of ecr-steward's. It serialises to the `detail` of an EventBridge event, with keys in
/// snake case; absent fields are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StewardEvent {
    /// What it tells; travels as the event's `detail-type`, not inside the detail.
    pub detail_type: DetailType,
    /// The account of the registry that holds the image.
    pub account: Option<AccountId>,
    /// The Region of the registry that holds the image.
    pub region: Option<Region>,
    /// The repository; empty (and then left out) only when the event is about none.
    pub repository: String,
    /// The tag.
    pub tag: Option<Tag>,
    /// The image.
    pub digest: Option<Digest>,
    /// Who owns the repository, by its resource tags.
    pub owner: Option<String>,
    /// Who pushed the image, where CloudTrail has said so.
    pub pusher: Option<Pusher>,
    /// Name of the rule that asked for it; names joined with `, ` when several did; never empty.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// Whether the actions were carried out, or only would be.
    pub mode: Mode,
    /// What is wrong, rule by rule.
    pub violations: Vec<Violation>,
    /// How many more violations there are than the event had room for.
    pub violations_omitted: u64,
    /// What was done about it, or would be.
    pub actions: Vec<ActionReport>,
    /// How many more actions there are than the event had room for.
    pub actions_omitted: u64,
    /// Id of the event that led here.
    pub cause: String,
    /// One sentence for a person.
    pub explain: String,
    /// Equal for two events that tell the same story; the notifier sends only the first of them.
    pub dedupe_key: String,
    /// A stable word for what failed, when something did.
    pub error_type: Option<String>,
    /// Where to look further: a label and an address.
    pub links: BTreeMap<String, String>,
}

/// One rule that an image breaks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Violation {
    /// Name of the rule.
    pub rule: String,
    /// What is wrong.
    pub message: String,
    /// What would have been right, for a person.
    pub accepted: Option<String>,
    /// How much this one matters, where the event says so rule by rule.
    pub severity: Option<Severity>,
    /// Whether this rule may act, where the event says so rule by rule.
    pub mode: Option<Mode>,
}

/// One thing that was done, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ActionReport {
    /// `notify`, `quarantine`, `untag`, `copy` …
    pub action: String,
    /// How it ended.
    pub outcome: Outcome,
    /// On what: an image reference, a channel …
    pub target: Option<String>,
    /// More about it, for a person; for a failure, what failed.
    pub detail: Option<String>,
    /// What a person can do about a failure.
    pub remedy: Option<String>,
    /// A stable word for what failed.
    pub error_type: Option<String>,
    /// Bytes that were moved over the network.
    pub bytes: Option<u64>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was carried out.
    Done,
    /// Everything was already as it should be.
    Unchanged,
    /// It would be carried out if the mode were `enforce`.
    WouldDo,
    /// It was tried and failed.
    Failed,
    /// It was not tried, because something before it failed or forbids it.
    Skipped,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [
        Self::Done,
        Self::Unchanged,
        Self::WouldDo,
        Self::Failed,
        Self::Skipped,
    ];

    /// The word in the event, in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::WouldDo => "would_do",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Violation {
    /// A rule and what breaks it.
    #[must_use]
    pub fn new(rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            message: message.into(),
            accepted: None,
            severity: None,
            mode: None,
        }
    }

    /// Adds how much this one matters, and whether its rule may act.
    #[must_use]
    pub const fn weighed(mut self, severity: Severity, mode: Mode) -> Self {
        self.severity = Some(severity);
        self.mode = Some(mode);
        self
    }

    /// Adds what would have been right.
    #[must_use]
    pub fn accepted(mut self, accepted: impl Into<String>) -> Self {
        self.accepted = Some(accepted.into());
        self
    }
}

impl ActionReport {
    /// An action and how it ended.
    #[must_use]
    pub fn new(action: impl Into<String>, outcome: Outcome) -> Self {
        Self {
            action: action.into(),
            outcome,
            target: None,
            detail: None,
            remedy: None,
            error_type: None,
            bytes: None,
            duration_ms: None,
        }
    }

    /// Adds what it was done to.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Adds more about it.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what a person can do about a failure.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Adds the stable word for what failed.
    #[must_use]
    pub fn error_type(mut self, error_type: impl Into<String>) -> Self {
        self.error_type = Some(error_type.into());
        self
    }

    /// Adds how many bytes were moved over the network.
    #[must_use]
    pub const fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// Adds how long it took; cut to whole milliseconds.
    #[must_use]
    pub fn duration(mut self, duration: std::time::Duration) -> Self {
        self.duration_ms = Some(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        self
    }
}

impl StewardEvent {
    /// Begins an event about a repository, caused by the event with the id `cause`.
    pub fn builder(
        detail_type: DetailType,
        repository: impl AsRef<str>,
        cause: impl Into<String>,
    ) -> StewardEventBuilder {
        StewardEventBuilder::new(detail_type, repository.as_ref().to_owned(), cause.into())
    }

    /// Begins an event about the image that `incoming` is about: account, Region, repository, tag,
    /// digest and cause are taken from it.
    pub fn caused_by(detail_type: DetailType, incoming: &Incoming) -> StewardEventBuilder {
        StewardEventBuilder::caused_by(detail_type, incoming)
    }

    /// Whether any of its actions failed.
    #[must_use]
    pub fn has_failed_actions(&self) -> bool {
        self.actions.iter().any(|x| x.outcome == Outcome::Failed)
    }

    /// The text for `Detail` of a `PutEvents` entry. Longer than [`MAX_DETAIL_BYTES`] it cannot
    /// be: long texts are cut (they end in `…` then), and lists lose their last items, which
    /// `violations_omitted` and `actions_omitted` count.
    #[must_use]
    pub fn to_put_events_detail(&self) -> String {
        size::fitting(self)
    }
}
