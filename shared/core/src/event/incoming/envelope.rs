//! What every EventBridge event says about itself.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::event::arn::RepositoryArn;
use crate::event::error::EventError;
use crate::event::outgoing::SOURCE;
use crate::event::reader::{Node, NonEmpty};
use crate::{AccountId, Region};

/// The envelope of an EventBridge event
/// (EventBridge user guide, "Events in Amazon EventBridge": event structure).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Unique per event; a redelivered event keeps its id.
    pub id: String,
    /// What kind of event, such as `ECR Image Action`.
    pub detail_type: String,
    /// Who says so: `aws.ecr`, `aws.inspector2`, `ecr-steward`.
    pub source: String,
    /// The account where it happened.
    pub account: AccountId,
    /// When it happened; whole seconds in events of AWS.
    pub time: Timestamp,
    /// The Region where it happened.
    pub region: Region,
    /// ARNs or other names of what it is about; often empty.
    pub resources: Vec<String>,
}

impl Envelope {
    /// A whole event of ecr-steward's own that follows from this one, with its id and time: what comes
    /// of it names the same cause.
    #[must_use]
    pub(super) fn leads_to(&self, detail_type: &str, detail: Value) -> Value {
        json!({
            "version": "0",
            "id": self.id,
            "detail-type": detail_type,
            "source": SOURCE,
            "account": self.account,
            "time": self.time,
            "region": self.region,
            "resources": [],
            "detail": detail,
        })
    }

    /// The first resource that is a repository, if there is one.
    #[must_use]
    pub fn repository_arn(&self) -> Option<RepositoryArn> {
        self.resources.iter().find_map(|name| name.parse().ok())
    }
}

pub(super) fn read(event: &Node<'_>) -> Result<Envelope, EventError> {
    Ok(Envelope {
        id: event.get::<NonEmpty>("id")?.0,
        detail_type: event.get("detail-type")?,
        source: event.get("source")?,
        account: event.get("account")?,
        time: event.get("time")?,
        region: event.get("region")?,
        resources: event.list("resources")?,
    })
}
