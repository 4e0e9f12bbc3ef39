//! `Inspector2 Finding`: one vulnerability of one resource.

mod package;
mod resource;

pub use package::{Cvss, PackageVulnerability, VulnerablePackage};
pub use resource::{EcrImage, FindingResource, OtherImage, ResourceKind, ResourceSubject};

use super::FindingSeverity;
use crate::AccountId;
use crate::event::error::EventError;
use crate::event::open_enum::open_enum;
use crate::event::reader::{Kind, Node, NonEmpty, Read};

/// A finding was made, updated or closed. One image can cause hundreds of these.
///
/// Inspector writes its times for people, in at least two forms (`Dec 3, 2021, 6:02:30 PM` and
/// `Wed Sep 04 16:55:38.411 UTC 2024`), so they are kept as text.
#[derive(Clone, Debug, PartialEq)]
pub struct InspectorFinding {
    /// Names the finding; the same for every update of it.
    pub arn: String,
    /// The account whose resource it is.
    pub account: Option<AccountId>,
    /// How bad.
    pub severity: FindingSeverity,
    /// Whether it still holds.
    pub status: FindingStatus,
    /// What kind of finding.
    pub kind: FindingType,
    /// One line.
    pub title: Option<String>,
    /// Many lines.
    pub description: Option<String>,
    /// Whether a fixed version exists.
    pub fix_available: Option<Availability>,
    /// Whether an exploit is known.
    pub exploit_available: Option<Availability>,
    /// When an exploit was last seen.
    pub last_known_exploit_at: Option<String>,
    /// Probability of exploitation in the next 30 days, 0 to 1 (FIRST's EPSS).
    pub epss: Option<f64>,
    /// Inspector's own score, 0 to 10.
    pub inspector_score: Option<f64>,
    /// First seen.
    pub first_observed_at: Option<String>,
    /// Last seen.
    pub last_observed_at: Option<String>,
    /// Last changed; with [`InspectorFinding::arn`] it tells a duplicate.
    pub updated_at: Option<String>,
    /// The vulnerability and the packages that have it.
    pub package: Option<PackageVulnerability>,
    /// What Inspector recommends.
    pub remediation: Option<String>,
    /// What has the finding.
    pub resources: Vec<FindingResource>,
}

open_enum! {
    /// Whether a finding holds.
    FindingStatus: "a finding's status" {
        /// It does.
        Active = "ACTIVE",
        /// A suppression rule hides it.
        Suppressed = "SUPPRESSED",
        /// It is gone.
        Closed = "CLOSED",
    }
}

open_enum! {
    /// What a finding is about.
    FindingType: "a finding's type" {
        /// A package with a known vulnerability.
        PackageVulnerability = "PACKAGE_VULNERABILITY",
        /// An open way through the network.
        NetworkReachability = "NETWORK_REACHABILITY",
        /// A weakness in code.
        CodeVulnerability = "CODE_VULNERABILITY",
    }
}

open_enum! {
    /// Whether something exists.
    Availability: "an availability" {
        /// It does.
        Yes = "YES",
        /// It does not.
        No = "NO",
        /// For some of the packages.
        Partial = "PARTIAL",
    }
}

impl InspectorFinding {
    /// The ECR image that has the finding, if it is one. The same EventBridge rule also delivers
    /// findings about virtual machines, functions and images in Azure.
    #[must_use]
    pub fn ecr_image(&self) -> Option<&EcrImage> {
        self.resources.iter().find_map(FindingResource::ecr_image)
    }
}

impl Read for InspectorFinding {
    const KIND: Kind = Kind {
        what: "a finding",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            arn: node.get::<NonEmpty>("findingArn")?.0,
            account: node.find("awsAccountId")?,
            severity: node.get("severity")?,
            status: node.get("status")?,
            kind: node.get("type")?,
            title: node.note("title")?,
            description: node.note("description")?,
            fix_available: node.find("fixAvailable")?,
            exploit_available: node.find("exploitAvailable")?,
            last_known_exploit_at: match node.child("exploitabilityDetails")? {
                Some(details) => details.note("lastKnownExploitAt")?,
                None => None,
            },
            epss: match node.child("epss")? {
                Some(epss) => epss.find("score")?,
                None => None,
            },
            inspector_score: node.find("inspectorScore")?,
            first_observed_at: node.note("firstObservedAt")?,
            last_observed_at: node.note("lastObservedAt")?,
            updated_at: node.note("updatedAt")?,
            package: node.find("packageVulnerabilityDetails")?,
            remediation: read_remediation(node)?,
            resources: node.need_list("resources")?,
        })
    }
}

fn read_remediation(node: &Node<'_>) -> Result<Option<String>, EventError> {
    let Some(remediation) = node.child("remediation")? else {
        return Ok(None);
    };
    match remediation.child("recommendation")? {
        Some(recommendation) => recommendation.note("text"),
        None => Ok(None),
    }
}
