//! `ECR Artifact Action`: a detail-type that AWS names and does not describe.

use super::{ActionResult, ActionType};
use crate::event::error::EventError;
use crate::event::reader::{Kind, Node, Read};
use crate::{Digest, RepositoryName, Tag};

/// Read like an image action, with nothing required and nothing refused: no sample of this event
/// is known, so a surprise in it must not send it to a dead-letter queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArtifactAction {
    /// What was done.
    pub action: Option<ActionType>,
    /// Whether it was done.
    pub result: Option<ActionResult>,
    /// The repository.
    pub repository: Option<RepositoryName>,
    /// The artifact's manifest.
    pub digest: Option<Digest>,
    /// The tag.
    pub tag: Option<Tag>,
    /// Media type of the manifest.
    pub manifest_media_type: Option<String>,
    /// What kind of artifact it is.
    pub artifact_media_type: Option<String>,
    /// Names of the fields that are not among these, or hold something else than expected; worth a
    /// line in the log.
    pub not_understood: Vec<String>,
}

impl Read for ArtifactAction {
    const KIND: Kind = Kind {
        what: "an artifact action",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        let mut action = Self::default();
        for key in node.object()?.keys() {
            if !action.take(node, key) {
                action.not_understood.push(key.clone());
            }
        }
        action.not_understood.sort();
        Ok(action)
    }
}

impl ArtifactAction {
    /// Takes over one field; false when it was not understood.
    fn take(&mut self, node: &Node<'_>, key: &str) -> bool {
        match key {
            "action-type" => set(&mut self.action, node, key),
            "result" => set(&mut self.result, node, key),
            "repository-name" => set(&mut self.repository, node, key),
            "image-digest" => set(&mut self.digest, node, key),
            "image-tag" => set(&mut self.tag, node, key),
            "manifest-media-type" => set(&mut self.manifest_media_type, node, key),
            "artifact-media-type" => set(&mut self.artifact_media_type, node, key),
            _ => false,
        }
    }
}

fn set<T: Read>(field: &mut Option<T>, node: &Node<'_>, key: &str) -> bool {
    match node.find(key) {
        Ok(value) => {
            *field = value;
            true
        }
        Err(_) => false,
    }
}
