//! Which kind of event it is: `source` and `detail-type` together.

use super::{
    ApiCall, ArtifactAction, Detail, Envelope, ImageAction, ImageScan, InspectorCoverage,
    InspectorFinding, InspectorScan, LifecycleRun, Part, PullThroughCache, Replication, Review,
    ScanResourceChange,
};
use crate::event::error::EventError;
use crate::event::outgoing::{DetailType, SOURCE, StewardEvent};
use crate::event::reader::{Node, Read};

/// Reads a detail, given the envelope it came in.
type Reader = fn(&Node<'_>, &Envelope) -> Result<Detail, EventError>;

/// A source, what it sends, and how that is read. ecr-steward may repeat all of it.
struct Known {
    source: &'static str,
    detail_type: &'static str,
    read: Reader,
}

const ECR: &str = "aws.ecr";
const INSPECTOR: &str = "aws.inspector2";
/// Repositories that native replication makes are reported under `replication.ecr.amazonaws.com`.
/// Which EventBridge source that becomes is not documented; EventBridge derives it from the name.
const ECR_REPLICATION: &str = "aws.replication.ecr";

const KNOWN: &[Known] = &[
    known(ECR, "ECR Image Action", |node, _| {
        ImageAction::read(node).map(Detail::ImageAction)
    }),
    known(ECR, "ECR Referrer Action", |node, _| {
        ImageAction::read(node).map(Detail::ReferrerAction)
    }),
    known(ECR, "ECR Artifact Action", |node, _| {
        ArtifactAction::read(node).map(Detail::ArtifactAction)
    }),
    known(ECR, "ECR Image Scan", |node, _| {
        ImageScan::read(node).map(Detail::ImageScan)
    }),
    known(ECR, "ECR Replication Action", |node, _| {
        Replication::read(node).map(Detail::Replication)
    }),
    known(ECR, "ECR Pull Through Cache Action", |node, _| {
        PullThroughCache::read(node).map(Detail::PullThroughCache)
    }),
    known(ECR, "ECR Scan Resource Change", |node, _| {
        ScanResourceChange::read(node).map(Detail::ScanResourceChange)
    }),
    known(ECR, "AWS API Call via CloudTrail", read_trail),
    known(ECR, "AWS Service Event via CloudTrail", read_trail),
    known(ECR_REPLICATION, "AWS API Call via CloudTrail", read_trail),
    known(
        ECR_REPLICATION,
        "AWS Service Event via CloudTrail",
        read_trail,
    ),
    known(SOURCE, Review::DETAIL_TYPE, |node, _| {
        Review::read(node).map(Detail::Review)
    }),
    known(SOURCE, Part::DETAIL_TYPE, |node, _| {
        Part::read(node).map(|x| Detail::Part(Box::new(x)))
    }),
    known(INSPECTOR, "Inspector2 Scan", |node, _| {
        InspectorScan::read(node).map(Detail::InspectorScan)
    }),
    known(INSPECTOR, "Inspector2 Finding", |node, _| {
        InspectorFinding::read(node).map(|x| Detail::InspectorFinding(Box::new(x)))
    }),
    known(INSPECTOR, "Inspector2 Coverage", |node, envelope| {
        InspectorCoverage::read(node, envelope).map(Detail::InspectorCoverage)
    }),
];

const fn known(source: &'static str, detail_type: &'static str, read: Reader) -> Known {
    Known {
        source,
        detail_type,
        read,
    }
}

/// A lifecycle run and an API call share their detail-types; the event's name tells them apart.
fn read_trail(detail: &Node<'_>, _: &Envelope) -> Result<Detail, EventError> {
    let name: String = detail.get("eventName")?;
    if LifecycleRun::NAMES.contains(&name.as_str()) {
        LifecycleRun::read(detail).map(Detail::LifecycleRun)
    } else {
        ApiCall::read(detail).map(|call| Detail::ApiCall(Box::new(call)))
    }
}

/// How the detail of an event is to be read.
pub(super) enum Kind {
    Foreign(Reader),
    Own(DetailType),
}

/// Looks the kind up, before anything else of the event: an event of an unknown kind is reported as
/// that, whatever else is odd about it.
pub(super) fn read(event: &Node<'_>) -> Result<Kind, EventError> {
    let source: String = event.get("source")?;
    let detail_type: String = event.get("detail-type")?;
    if source == SOURCE
        && let Some(own) = DetailType::from_name(&detail_type)
    {
        return Ok(Kind::Own(own));
    }
    KNOWN
        .iter()
        .find(|x| x.detail_type == detail_type && (x.source == source || source == SOURCE))
        .map(|x| Kind::Foreign(x.read))
        .ok_or_else(|| EventError::UnknownDetailType {
            source_name: cut(&source),
            detail_type: cut(&detail_type),
        })
}

fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}

impl Kind {
    pub(super) fn read_detail(
        &self,
        event: &Node<'_>,
        envelope: &Envelope,
    ) -> Result<Detail, EventError> {
        let detail = event.need("detail", "an object")?;
        detail.object()?;
        match self {
            Self::Foreign(read) => read(&detail, envelope),
            Self::Own(detail_type) => {
                StewardEvent::read(*detail_type, &detail).map(|x| Detail::Steward(Box::new(x)))
            }
        }
    }
}

/// The detail-types that are understood from `source`; none when the source is not known.
pub(in crate::event) fn known_detail_types(source: &str) -> Vec<&'static str> {
    let own = DetailType::ALL
        .into_iter()
        .filter(|_| source == SOURCE)
        .map(DetailType::as_str);
    let mut names: Vec<_> = KNOWN
        .iter()
        .filter(|x| x.source == source || (source == SOURCE && x.source != ECR_REPLICATION))
        .map(|x| x.detail_type)
        .collect();
    names.extend(own);
    names
}
