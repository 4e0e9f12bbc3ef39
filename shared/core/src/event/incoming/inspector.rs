//! `Inspector2 Scan` and `Inspector2 Coverage`.

use super::{Envelope, ScanStatus, SeverityCounts};
use crate::event::arn::{ImageArn, RepositoryArn};
use crate::event::error::EventError;
use crate::event::open_enum::open_enum;
use crate::event::reader::{Kind, Node, Read};
use crate::{Digest, Tag};

/// Inspector's first scan of a resource ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectorScan {
    /// `INITIAL_SCAN_COMPLETE`.
    pub status: ScanStatus,
    /// What was scanned.
    pub subject: ScanSubject,
    /// Findings per severity.
    pub counts: SeverityCounts,
}

/// What Inspector scanned. Virtual machines and Lambda functions come under the same detail-type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanSubject {
    /// An image in ECR.
    Image {
        /// The repository: Inspector writes its ARN into the field `repository-name`.
        repository: RepositoryArn,
        /// The image.
        digest: Digest,
        /// Its tags.
        tags: Vec<Tag>,
    },
    /// Something that is not an image.
    Other,
}

impl InspectorScan {
    /// The repository, when an image was scanned.
    #[must_use]
    pub const fn repository(&self) -> Option<&RepositoryArn> {
        match &self.subject {
            ScanSubject::Image { repository, .. } => Some(repository),
            ScanSubject::Other => None,
        }
    }

    /// The image, when one was scanned.
    #[must_use]
    pub const fn digest(&self) -> Option<&Digest> {
        match &self.subject {
            ScanSubject::Image { digest, .. } => Some(digest),
            ScanSubject::Other => None,
        }
    }
}

impl Read for InspectorScan {
    const KIND: Kind = Kind {
        what: "an Inspector scan",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        let subject = match node.find("repository-name")? {
            Some(repository) => ScanSubject::Image {
                repository,
                digest: node.get("image-digest")?,
                tags: node.list("image-tags")?,
            },
            None if node.child("image-digest")?.is_some() => {
                return Err(EventError::Missing {
                    path: "detail.repository-name".to_owned(),
                    what: RepositoryArn::KIND.what,
                });
            }
            None => ScanSubject::Other,
        };
        Ok(Self {
            status: node.get("scan-status")?,
            subject,
            counts: node.find("finding-severity-counts")?.unwrap_or_default(),
        })
    }
}

/// Inspector began or ceased to scan a resource, or changed how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectorCoverage {
    /// Whether it is scanned now.
    pub status: CoverageStatus,
    /// Why, as a word: `SUCCESSFUL`, `SCAN_ELIGIBILITY_EXPIRED`, `UNSUPPORTED_OS` …
    pub reason: String,
    /// `PACKAGE`, `NETWORK` or `CODE`.
    pub scan_type: Option<String>,
    /// When, as Inspector writes it.
    pub at: Option<String>,
    /// The repository, where the envelope's resources name one.
    pub repository: Option<RepositoryArn>,
    /// The image, where the envelope's resources name one.
    pub digest: Option<Digest>,
}

open_enum! {
    /// Whether Inspector scans a resource.
    CoverageStatus: "a coverage status" {
        /// It does.
        Active = "ACTIVE",
        /// It does not.
        Inactive = "INACTIVE",
    }
}

impl InspectorCoverage {
    pub(super) fn read(node: &Node<'_>, envelope: &Envelope) -> Result<Self, EventError> {
        let status = node.need("scanStatus", "an object")?;
        let image = envelope
            .resources
            .iter()
            .find_map(|name| name.parse::<ImageArn>().ok());
        let (repository, digest) = match image {
            Some(image) => (Some(image.repository), Some(image.digest)),
            None => (envelope.repository_arn(), None),
        };
        Ok(Self {
            status: status.get("statusCodeValue")?,
            reason: status.get("reason")?,
            scan_type: node.note("scanType")?,
            at: node.note("eventTimestamp")?,
            repository,
            digest,
        })
    }
}
