//! Events in: what ECR, Inspector, CloudTrail and ecr-steward itself put on the bus.
//!
//! [`parse`] takes an EventBridge event as text, which is also the body of an SQS message that a
//! rule sent. What every event of a kind has is required; unknown fields are ignored; words that
//! AWS may add to (`action-type`, `scan-status` …) are kept as [`ActionType::Other`] and the like.
//!
//! Sources: the ECR and Inspector user guides ("Amazon ECR events and EventBridge", "EventBridge
//! event schema for Amazon Inspector events") and the EventBridge schema registry.

mod api_call;
mod artifact;
mod envelope;
mod finding;
mod image_action;
mod inspector;
mod kind;
mod lifecycle;
mod part;
mod pull_through;
mod replication;
mod review;
mod scan;
mod scan_resources;

use serde_json::Value;

pub use api_call::{ApiCall, ApiSource, UserIdentity};
pub use artifact::ArtifactAction;
pub use envelope::Envelope;
pub use finding::{
    Availability, Cvss, EcrImage, FindingResource, FindingStatus, FindingType, InspectorFinding,
    OtherImage, PackageVulnerability, ResourceKind, ResourceSubject, VulnerablePackage,
};
pub use image_action::{ActionResult, ActionType, ImageAction, StorageClass};
pub use inspector::{CoverageStatus, InspectorCoverage, InspectorScan, ScanSubject};
pub use lifecycle::{
    LifecycleAction, LifecycleFailure, LifecycleImage, LifecyclePolicyRun, LifecycleRule,
    LifecycleRun,
};
pub use part::Part;
pub use pull_through::{PullThroughCache, SyncStatus};
pub use replication::Replication;
pub use review::Review;
pub use scan::{FindingSeverity, ImageScan, ScanStatus, SeverityCounts};
pub use scan_resources::{ScanFrequency, ScanFrequencyChange, ScanResourceChange};

pub(super) use kind::known_detail_types;

use super::error::EventError;
use super::outgoing::{SOURCE, StewardEvent};
use super::reader::Node;
use crate::{Digest, RepositoryName, Tag};

/// The longest event that [`parse`] reads, in bytes. EventBridge's own limit was 256 KiB for years
/// and is 1 MB now; SQS's went the same way.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// An event that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    /// What every EventBridge event says about itself.
    pub envelope: Envelope,
    /// What happened.
    pub detail: Detail,
}

/// What happened, by `detail-type`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Detail {
    /// `ECR Image Action`: an image was pushed, deleted, archived or restored.
    ImageAction(ImageAction),
    /// `ECR Referrer Action`: the same for a signature, an SBOM or an attestation.
    ReferrerAction(ImageAction),
    /// `ECR Artifact Action`: named in AWS's service reference, never described.
    ArtifactAction(ArtifactAction),
    /// `ECR Image Scan`: a basic scan ended.
    ImageScan(ImageScan),
    /// `ECR Replication Action`: native replication brought an image here.
    Replication(Replication),
    /// `ECR Pull Through Cache Action`: the cache fetched, or failed to fetch, an image.
    PullThroughCache(PullThroughCache),
    /// `ECR Scan Resource Change`: the scan frequency of repositories changed.
    ScanResourceChange(ScanResourceChange),
    /// `Inspector2 Scan`: the first scan of an image (or of something else) ended.
    InspectorScan(InspectorScan),
    /// `Inspector2 Finding`: one finding was made, updated or closed.
    InspectorFinding(Box<InspectorFinding>),
    /// `Inspector2 Coverage`: Inspector began or ceased to scan something.
    InspectorCoverage(InspectorCoverage),
    /// `AWS API Call via CloudTrail` of ECR.
    ApiCall(Box<ApiCall>),
    /// `AWS Service Event via CloudTrail` of ECR: a lifecycle policy ran, really or as a preview.
    LifecycleRun(LifecycleRun),
    /// `Image Review`: ecr-steward, or somebody, asks to look at a tag again.
    Review(Review),
    /// `Image Part`: the replicator copies one blob of a large image.
    Part(Box<Part>),
    /// One of ecr-steward's own events.
    Steward(Box<StewardEvent>),
}

/// Understands one event.
///
/// `input` is an EventBridge event as JSON text. A JSON string that holds such text is accepted as
/// well, as is an SQS message (an object with the event as text under `body`), so that what an
/// operator copied from a dead-letter queue works as it is.
///
/// # Errors
/// [`EventError::TooLarge`] above [`MAX_EVENT_BYTES`], [`EventError::NotJson`],
/// [`EventError::UnknownDetailType`], and for everything else the path, what was found, and what
/// was expected.
pub fn parse(input: impl AsRef<[u8]>) -> Result<Incoming, EventError> {
    let value = json(input.as_ref())?;
    match inner_text(&value) {
        Some(text) => parse_value(&json(text.as_bytes())?),
        None => parse_value(&value),
    }
}

/// Understands one event that is JSON already.
///
/// # Errors
/// As [`parse`].
pub fn parse_value(event: &Value) -> Result<Incoming, EventError> {
    let root = Node::root(event);
    let kind = kind::read(&root)?;
    let envelope = envelope::read(&root)?;
    let detail = kind.read_detail(&root, &envelope)?;
    Ok(Incoming { envelope, detail })
}

fn json(bytes: &[u8]) -> Result<Value, EventError> {
    if bytes.len() > MAX_EVENT_BYTES {
        return Err(EventError::TooLarge {
            bytes: bytes.len(),
            limit: MAX_EVENT_BYTES,
        });
    }
    serde_json::from_slice(bytes).map_err(|error| EventError::NotJson {
        reason: error.to_string(),
    })
}

fn inner_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Object(members) if !members.contains_key("detail-type") => {
            members.get("body")?.as_str()
        }
        _ => None,
    }
}

impl Incoming {
    /// The event's id, which becomes the `cause` of what follows from it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.envelope.id
    }

    /// Whether ecr-steward put this event itself: a replay, the reconciler, or the local gateway.
    #[must_use]
    pub fn is_from_steward(&self) -> bool {
        self.envelope.source == SOURCE
    }

    /// The repository that the event is about. `None` for events about several repositories, about
    /// no repository (an API call such as `GetAuthorizationToken`, a scan of a virtual machine),
    /// and for ecr-steward's own events, whose repository may lie in another kind of registry.
    #[must_use]
    pub fn repository(&self) -> Option<&RepositoryName> {
        match &self.detail {
            Detail::ImageAction(x) | Detail::ReferrerAction(x) => Some(&x.repository),
            Detail::ArtifactAction(x) => x.repository.as_ref(),
            Detail::ImageScan(x) => Some(&x.repository),
            Detail::Replication(x) => Some(&x.repository),
            Detail::PullThroughCache(x) => Some(&x.repository),
            Detail::ScanResourceChange(x) => match x.repositories.as_slice() {
                [only] => Some(&only.repository),
                _ => None,
            },
            Detail::InspectorScan(x) => x.repository().map(|arn| &arn.repository),
            Detail::InspectorFinding(x) => x.ecr_image().map(|image| &image.repository),
            Detail::InspectorCoverage(x) => x.repository.as_ref().map(|arn| &arn.repository),
            Detail::ApiCall(x) => x.repository.as_ref(),
            Detail::LifecycleRun(x) => Some(&x.repository),
            Detail::Review(x) => Some(&x.repository),
            Detail::Part(x) => Some(&x.repository),
            Detail::Steward(_) => None,
        }
    }

    /// The one tag that the event is about, where it is about one.
    #[must_use]
    pub fn tag(&self) -> Option<&Tag> {
        match &self.detail {
            Detail::ImageAction(x) | Detail::ReferrerAction(x) => x.tag.as_ref(),
            Detail::ArtifactAction(x) => x.tag.as_ref(),
            Detail::Replication(x) => x.tag.as_ref(),
            Detail::PullThroughCache(x) => x.tag.as_ref(),
            Detail::ApiCall(x) => x.tag.as_ref(),
            Detail::Review(x) => Some(&x.tag),
            Detail::Part(x) => Some(&x.tag),
            Detail::Steward(x) => x.tag.as_ref(),
            _ => None,
        }
    }

    /// The one image that the event is about, where it is about one.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        match &self.detail {
            Detail::ImageAction(x) | Detail::ReferrerAction(x) => x.digest.as_ref(),
            Detail::ArtifactAction(x) => x.digest.as_ref(),
            Detail::ImageScan(x) => Some(&x.digest),
            Detail::Replication(x) => x.digest.as_ref(),
            Detail::PullThroughCache(x) => x.digest.as_ref(),
            Detail::InspectorScan(x) => x.digest(),
            Detail::InspectorCoverage(x) => x.digest.as_ref(),
            Detail::InspectorFinding(x) => x.ecr_image().map(|image| &image.digest),
            Detail::ApiCall(x) => x.digest.as_ref(),
            Detail::Review(x) => x.digest.as_ref(),
            Detail::Part(x) => Some(&x.digest),
            Detail::Steward(x) => x.digest.as_ref(),
            _ => None,
        }
    }

    /// The image or referrer action that this event is, if it is one.
    #[must_use]
    pub fn image_action(&self) -> Option<&ImageAction> {
        match &self.detail {
            Detail::ImageAction(action) | Detail::ReferrerAction(action) => Some(action),
            _ => None,
        }
    }

    /// Whether an image was pushed, with success: `ECR Image Action` only, tagged or not.
    #[must_use]
    pub fn is_push(&self) -> bool {
        matches!(&self.detail, Detail::ImageAction(action) if action.is_push())
    }

    /// Whether a referrer (a signature, an SBOM …) was pushed, with success.
    #[must_use]
    pub fn is_referrer_push(&self) -> bool {
        matches!(&self.detail, Detail::ReferrerAction(action) if action.is_push())
    }

    /// Whether an image or a tag was deleted, with success.
    #[must_use]
    pub fn is_delete(&self) -> bool {
        matches!(&self.detail, Detail::ImageAction(action) if action.is_delete())
    }
}
