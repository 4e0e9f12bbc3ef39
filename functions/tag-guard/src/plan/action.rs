//! What the tag guard can do.

use serde::Serialize;
use steward_core::policy::{ActionKind, ReplicationTarget};
use steward_core::{Digest, ImageRef, Mode, RepositoryName, Tag};

/// One action of a [`Plan`](super::Plan).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedAction {
    /// What to do.
    #[serde(flatten)]
    pub action: Action,
    /// Whether to do it or only to say so.
    pub mode: Mode,
}

/// What the tag guard can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// Put the rule's mark on the image.
    Tag {
        /// The mark.
        mark: Tag,
    },
    /// Put the tag back on the image that it had.
    Restore {
        /// What the tag meant before.
        to: Digest,
        /// The tag that keeps the new image, where it has no other.
        guard: Option<Tag>,
    },
    /// Bring a deleted tag back.
    RestoreDeleted {
        /// The image that the tag had.
        to: Digest,
        /// Where the image may still be, the nearest place first.
        from: Vec<Source>,
    },
    /// Copy the image to the quarantine repository, verify it there, and only then take the tag
    /// away.
    Quarantine {
        /// Where the image goes.
        to: RepositoryName,
        /// The tags it has there: the pushed one, and one of its own that never moves on.
        tags: Vec<Tag>,
        /// Whether the tag stays, because it is put back on another image.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        keeps_tag: bool,
    },
    /// Move the image to ECR's archive storage class.
    Archive {
        /// The tag that keeps the image once its last one is taken away; put first, because putting
        /// a tag brings an image back from the archive.
        guard: Option<Tag>,
    },
    /// Take the tag away, and keep the image.
    Untag {
        /// The tag that keeps the image, where the tag to remove is its last.
        guard: Option<Tag>,
    },
    /// Delete the image with all its tags.
    Delete {
        /// The tags that go with it: nobody pushed another one since, or it stays.
        tags: Vec<Tag>,
    },
    /// Point a derived tag to the image of the release that it follows.
    Derive {
        /// The derived tag.
        tag: Tag,
        /// The image of the release.
        digest: Digest,
        /// The release.
        from: Tag,
    },
    /// Something that a rule asks for and that cannot be done.
    Blocked {
        /// What the rule asks for.
        wanted: ActionKind,
        /// Why it cannot be done.
        reason: String,
        /// What a person can do about it.
        remedy: String,
    },
    /// Tell people.
    Notify,
}

/// Where the image of a deleted tag may still be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "place")]
pub enum Source {
    /// In its own repository, under another tag or none.
    Repository,
    /// In quarantine.
    Quarantine {
        /// The quarantine repository.
        repository: RepositoryName,
    },
    /// Where a replication rule copied it.
    Replica {
        /// The rule.
        rule: String,
        /// The copy, by its digest.
        image: ImageRef,
        /// How to reach it.
        #[serde(skip)]
        target: Box<ReplicationTarget>,
    },
}

impl Action {
    /// The word used in the policy file, in events and in metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Tag { .. } => "tag",
            Self::Restore { .. } | Self::RestoreDeleted { .. } => "restore",
            Self::Quarantine { .. } => "quarantine",
            Self::Archive { .. } => "archive",
            Self::Untag { .. } => "untag",
            Self::Delete { .. } => "delete",
            Self::Derive { .. } => "derive",
            Self::Blocked { wanted, .. } => wanted.as_str(),
            Self::Notify => "notify",
        }
    }

    /// Whether it changes anything in the registry.
    #[must_use]
    pub const fn changes_registry(&self) -> bool {
        !matches!(self, Self::Notify | Self::Blocked { .. })
    }

    /// Whether it takes something away, and therefore must not be done after a failure.
    #[must_use]
    pub const fn is_destructive(&self) -> bool {
        match self {
            Self::Quarantine { .. }
            | Self::Archive { .. }
            | Self::Untag { .. }
            | Self::Delete { .. } => true,
            Self::Blocked { wanted, .. } => matches!(
                wanted,
                ActionKind::Quarantine
                    | ActionKind::Archive
                    | ActionKind::Untag
                    | ActionKind::Delete
            ),
            Self::Tag { .. }
            | Self::Restore { .. }
            | Self::RestoreDeleted { .. }
            | Self::Derive { .. }
            | Self::Notify => false,
        }
    }

    /// Whether the tag no longer means the image afterwards.
    #[must_use]
    pub const fn takes_tag(&self) -> bool {
        matches!(
            self,
            Self::Quarantine {
                keeps_tag: false,
                ..
            } | Self::Untag { .. }
                | Self::Delete { .. }
                | Self::Restore { .. }
        )
    }
}
