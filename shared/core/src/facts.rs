//! What is known about one image when a decision is made.
//!
//! Facts are plain data: functions read them from ECR, `steward simulate` from an inventory, and
//! `steward test` from a file that a person wrote. What was not read is `None`, and a rule that
//! needs it says so instead of guessing.

mod image;
mod parse;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, Digest, Region, RepositoryName, Tag};

pub use image::{
    ImageConfig, ImageFacts, ImageKind, LayerFacts, Platform, PlatformError, ReferrerFacts,
};
pub use parse::{ChildRef, ManifestError, ManifestFacts};

/// Everything that the rules may ask about one tag of one repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Where the repository is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<Home>,
    /// The repository.
    pub repository: RepositoryName,
    /// The tag in question.
    pub tag: Tag,
    /// What led here.
    pub event: EventFacts,
    /// The image that the tag points to now; `None` when the tag is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageFacts>,
    /// What the tag pointed to when it was last looked at, from the state table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// Every tag of the repository, where a rule derives tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub siblings: Option<BTreeMap<Tag, Digest>>,
    /// The repository's resource tags, where a rule or the owner needs them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_tags: Option<BTreeMap<String, String>>,
    /// Who pushed, where CloudTrail has said so already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pusher: Option<Pusher>,
}

/// An account and a Region: where a registry is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Home {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
}

/// What led to a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFacts {
    /// What happened.
    pub kind: EventKind,
    /// When it happened.
    pub time: Timestamp,
    /// The time of the decision: grace periods, ages and exemptions are measured against it.
    pub now: Timestamp,
}

/// What happened to a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// It was pushed.
    #[default]
    Pushed,
    /// It was deleted.
    Deleted,
    /// Nothing: a grace period ended, or somebody asked.
    Review,
}

impl EventKind {
    /// The word in facts and in conditions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::Deleted => "deleted",
            Self::Review => "review",
        }
    }
}

/// Who pushed an image, as CloudTrail tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pusher {
    /// The ARN of the user or of the assumed role's session.
    pub arn: String,
    /// The address that the call came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// The program that made the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

impl Facts {
    /// Facts about a tag that is not there.
    #[must_use]
    pub fn absent(repository: RepositoryName, tag: Tag, event: EventFacts) -> Self {
        Self {
            registry: None,
            repository,
            tag,
            event,
            image: None,
            previous: None,
            siblings: None,
            resource_tags: None,
            pusher: None,
        }
    }

    /// What the tag points to now.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.image.as_ref().map(|image| &image.digest)
    }

    /// Who owns the repository: its resource tag `owner`, else `team`.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        let tags = self.resource_tags.as_ref()?;
        let value = tags.get("owner").or_else(|| tags.get("team"))?;
        (!value.is_empty()).then_some(value)
    }
}
