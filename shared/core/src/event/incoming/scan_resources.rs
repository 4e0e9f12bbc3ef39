//! `ECR Scan Resource Change`: enhanced scanning covers repositories differently.

use super::ActionType;
use crate::RepositoryName;
use crate::event::arn::RepositoryArn;
use crate::event::error::EventError;
use crate::event::open_enum::open_enum;
use crate::event::reader::{Kind, Node, Read};

/// The scan frequency of repositories changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanResourceChange {
    /// `SCAN_FREQUENCY_CHANGE` in the only sample there is.
    pub action: ActionType,
    /// `REPOSITORY`.
    pub resource_type: Option<String>,
    /// `ENHANCED`.
    pub scan_type: Option<String>,
    /// The repositories. AWS says that new repositories and images cause this event too and does
    /// not say how it looks then, so this may be empty.
    pub repositories: Vec<ScanFrequencyChange>,
}

/// How one repository is scanned now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanFrequencyChange {
    /// The repository.
    pub repository: RepositoryName,
    /// Its ARN.
    pub arn: Option<RepositoryArn>,
    /// How it is scanned from now on.
    pub frequency: Option<ScanFrequency>,
    /// How it was scanned before.
    pub previous: Option<ScanFrequency>,
}

open_enum! {
    /// When images of a repository are scanned.
    ScanFrequency: "a scan frequency" {
        /// Only when asked for.
        Manual = "MANUAL",
        /// When pushed.
        ScanOnPush = "SCAN_ON_PUSH",
        /// When pushed, and whenever a new vulnerability is known.
        Continuous = "CONTINUOUS_SCAN",
    }
}

impl Read for ScanResourceChange {
    const KIND: Kind = Kind {
        what: "a scan resource change",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            action: node.get("action-type")?,
            resource_type: node.note("resource-type")?,
            scan_type: node.note("scan-type")?,
            repositories: node.list("repositories")?,
        })
    }
}

impl Read for ScanFrequencyChange {
    const KIND: Kind = Kind {
        what: "a repository's scan frequency",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            repository: node.get("repository-name")?,
            arn: node.find("repository-arn")?,
            frequency: node.find("scan-frequency")?,
            previous: node.find("previous-scan-frequency")?,
        })
    }
}
