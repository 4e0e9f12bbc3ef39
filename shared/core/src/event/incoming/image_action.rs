//! `ECR Image Action` and `ECR Referrer Action`.

use jiff::Timestamp;
use serde::Serialize;

use crate::event::error::EventError;
use crate::event::open_enum::open_enum;
use crate::event::reader::{Kind, Node, Read};
use crate::{Digest, RepositoryName, Tag};

/// What happened to one image under at most one tag. Serialises to the `detail` that ECR writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageAction {
    /// What was done.
    #[serde(rename = "action-type")]
    pub action: ActionType,
    /// Whether it was done.
    pub result: ActionResult,
    /// The repository; its account and Region are the envelope's.
    #[serde(rename = "repository-name")]
    pub repository: RepositoryName,
    /// The image; in every sample of AWS's, but optional in its schema.
    #[serde(rename = "image-digest", skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The tag. Absent when a manifest was pushed by digest, as the children of an index are.
    #[serde(rename = "image-tag", skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// Media type of the manifest; only in events about the storage class so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest_media_type: Option<String>,
    /// What kind of artifact the manifest describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_media_type: Option<String>,
    /// Where the image moved; only in events about the storage class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_storage_class: Option<StorageClass>,
    /// When the image came back from the archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activated_at: Option<Timestamp>,
}

open_enum! {
    /// What was done to an image.
    ActionType: "an action" {
        /// A manifest was put under a tag, or by digest.
        Push = "PUSH",
        /// A tag or an image was deleted.
        Delete = "DELETE",
        /// The image went to the archive or came back.
        UpdateStorageClass = "UPDATE_STORAGE_CLASS",
        /// Native replication brought it.
        Replicate = "REPLICATE",
    }
}

open_enum! {
    /// How it ended.
    ActionResult: "a result" {
        /// Done.
        Success = "SUCCESS",
        /// Not done.
        Failed = "FAILED",
    }
}

open_enum! {
    /// Where ECR keeps an image.
    StorageClass: "a storage class" {
        /// Ready to be pulled.
        Standard = "STANDARD",
        /// Cheap, and not to be pulled until it is restored.
        Archive = "ARCHIVE",
    }
}

impl ImageAction {
    /// The detail of the event that ECR puts after a successful push.
    #[must_use]
    pub fn pushed(repository: RepositoryName, digest: Digest, tag: Option<Tag>) -> Self {
        Self::done(ActionType::Push, repository, digest, tag)
    }

    /// The detail of the event that ECR puts after a successful deletion.
    #[must_use]
    pub fn deleted(repository: RepositoryName, digest: Digest, tag: Option<Tag>) -> Self {
        Self::done(ActionType::Delete, repository, digest, tag)
    }

    fn done(
        action: ActionType,
        repository: RepositoryName,
        digest: Digest,
        tag: Option<Tag>,
    ) -> Self {
        Self {
            action,
            result: ActionResult::Success,
            repository,
            digest: Some(digest),
            tag,
            manifest_media_type: None,
            artifact_media_type: None,
            target_storage_class: None,
            last_activated_at: None,
        }
    }

    /// Whether ECR did what the event speaks of.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.result == ActionResult::Success
    }

    /// Whether this is a successful push.
    #[must_use]
    pub fn is_push(&self) -> bool {
        self.succeeded() && self.action == ActionType::Push
    }

    /// Whether this is a successful deletion.
    #[must_use]
    pub fn is_delete(&self) -> bool {
        self.succeeded() && self.action == ActionType::Delete
    }
}

impl Read for ImageAction {
    const KIND: Kind = Kind {
        what: "an image action",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            action: node.get("action-type")?,
            result: node.get("result")?,
            repository: node.get("repository-name")?,
            digest: node.find("image-digest")?,
            tag: node.find("image-tag")?,
            manifest_media_type: node.note("manifest-media-type")?,
            artifact_media_type: node.note("artifact-media-type")?,
            target_storage_class: node.find("target-storage-class")?,
            last_activated_at: node.find("last-activated-at")?,
        })
    }
}
