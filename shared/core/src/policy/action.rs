use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::mode::UnknownWord;

/// What a tag rule does to an image whose tag violates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionKind {
    /// Put the rule's mark on the image.
    Tag,
    /// Put a moved or deleted tag back on the image that it had.
    Restore,
    /// Copy the image to the quarantine repository, verify the copy, then remove the tag.
    Quarantine,
    /// Move the image to ECR's archive storage class.
    Archive,
    /// Remove the tag and never the image: a guard tag keeps it when the tag was its last.
    Untag,
    /// Delete the image, from a minimum age on.
    Delete,
    /// Tell the channels of the matching routes.
    Notify,
}

impl ActionKind {
    /// Every action, in the order in which they are carried out.
    pub const ALL: [Self; 7] = [
        Self::Tag,
        Self::Restore,
        Self::Quarantine,
        Self::Archive,
        Self::Untag,
        Self::Delete,
        Self::Notify,
    ];

    /// The word used in the policy file and in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Restore => "restore",
            Self::Quarantine => "quarantine",
            Self::Archive => "archive",
            Self::Untag => "untag",
            Self::Delete => "delete",
            Self::Notify => "notify",
        }
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ActionKind {
    type Err = UnknownWord;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|action| action.as_str() == s)
            .ok_or_else(|| UnknownWord(s.to_owned()))
    }
}
