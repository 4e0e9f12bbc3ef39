//! The vulnerability of a finding and the packages that have it.

use crate::event::error::EventError;
use crate::event::reader::{Kind, Node, NonEmpty, Read};

/// A known vulnerability and where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageVulnerability {
    /// `CVE-2024-6119`, `GHSA-…`.
    pub id: String,
    /// Who publishes it: `NVD`, `UBUNTU_CVE` …
    pub source: Option<String>,
    /// Where it is described.
    pub source_url: Option<String>,
    /// How bad its vendor finds it.
    pub vendor_severity: Option<String>,
    /// When its vendor published it.
    pub vendor_created_at: Option<String>,
    /// Other vulnerabilities that go with it.
    pub related: Vec<String>,
    /// Where more is written.
    pub reference_urls: Vec<String>,
    /// Its scores.
    pub cvss: Vec<Cvss>,
    /// Which packages of the resource have it.
    pub packages: Vec<VulnerablePackage>,
}

/// One CVSS score.
#[derive(Clone, Debug, PartialEq)]
pub struct Cvss {
    /// 0 to 10.
    pub base_score: Option<f64>,
    /// The vector it follows from.
    pub vector: Option<String>,
    /// Version of CVSS.
    pub version: Option<String>,
    /// Who scored.
    pub source: Option<String>,
}

/// A package with a vulnerability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VulnerablePackage {
    /// Its name.
    pub name: String,
    /// The version in the image.
    pub version: Option<String>,
    /// The release of that version, in distributions that count so.
    pub release: Option<String>,
    /// The epoch of that version, in distributions that count so.
    pub epoch: Option<String>,
    /// Its processor architecture.
    pub arch: Option<String>,
    /// The first version without the vulnerability.
    pub fixed_in: Option<String>,
    /// Which package manager installed it: `OS`, `NPM`, `GOBINARY` …
    pub package_manager: Option<String>,
    /// Where it was found.
    pub file_path: Option<String>,
    /// What to do.
    pub remediation: Option<String>,
    /// Digest of the layer that brought it, as Inspector writes it.
    pub layer: Option<String>,
}

impl Read for PackageVulnerability {
    const KIND: Kind = Kind {
        what: "a package vulnerability",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            id: node.get::<NonEmpty>("vulnerabilityId")?.0,
            source: node.note("source")?,
            source_url: node.note("sourceUrl")?,
            vendor_severity: node.note("vendorSeverity")?,
            vendor_created_at: node.note("vendorCreatedAt")?,
            related: node.list("relatedVulnerabilities")?,
            reference_urls: node.list("referenceUrls")?,
            cvss: node.list("cvss")?,
            packages: node.list("vulnerablePackages")?,
        })
    }
}

impl Read for Cvss {
    const KIND: Kind = Kind {
        what: "a score",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            base_score: node.find("baseScore")?,
            vector: node.note("scoringVector")?,
            version: node.note("version")?,
            source: node.note("source")?,
        })
    }
}

impl Read for VulnerablePackage {
    const KIND: Kind = Kind {
        what: "a package",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            name: node.get("name")?,
            version: node.note("version")?,
            release: node.note("release")?,
            epoch: node.note("epoch")?,
            arch: node.note("arch")?,
            fixed_in: node.note("fixedInVersion")?,
            package_manager: node.note("packageManager")?,
            file_path: node.note("filePath")?,
            remediation: node.note("remediation")?,
            layer: node.note("sourceLayerHash")?,
        })
    }
}
