//! `ECR Replication Action`: native replication, told in the destination.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ActionResult, ActionType};
use crate::event::error::EventError;
use crate::event::reader::{Kind, Node, Read};
use crate::{AccountId, Digest, Region, RepositoryName, Tag};

/// Native replication brought an image, or failed to. The envelope's account and Region are the
/// destination's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replication {
    /// `REPLICATE`.
    pub action: ActionType,
    /// Whether the image arrived.
    pub result: ActionResult,
    /// The repository, of the same name on both sides.
    pub repository: RepositoryName,
    /// The image.
    pub digest: Option<Digest>,
    /// The tag.
    pub tag: Option<Tag>,
    /// Where it came from.
    pub source_account: AccountId,
    /// Where it came from.
    pub source_region: Region,
    /// Every other field: a failure may say more about itself, in fields that AWS does not name.
    pub more: BTreeMap<String, Value>,
}

const NAMED: [&str; 7] = [
    "action-type",
    "result",
    "repository-name",
    "image-digest",
    "image-tag",
    "source-account",
    "source-region",
];

impl Replication {
    /// Whether the image arrived.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.result == ActionResult::Success
    }
}

impl Read for Replication {
    const KIND: Kind = Kind {
        what: "a replication",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            action: node.get("action-type")?,
            result: node.get("result")?,
            repository: node.get("repository-name")?,
            digest: node.find("image-digest")?,
            tag: node.find("image-tag")?,
            source_account: node.get("source-account")?,
            source_region: node.get("source-region")?,
            more: node
                .object()?
                .iter()
                .filter(|(key, _)| !NAMED.contains(&key.as_str()))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        })
    }
}
