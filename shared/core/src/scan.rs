//! What a vulnerability scanner says of an image: one model for ECR's basic scans and for Amazon
//! Inspector's enhanced ones. Reading it is I/O and happens elsewhere; deciding about it is pure.

use jiff::Timestamp;

use crate::event::incoming::FindingSeverity;

/// Everything that the scanner knows about one image at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanReport {
    /// Which scanner.
    pub kind: ScanKind,
    /// How far the scan is.
    pub state: ScanState,
    /// The scanner's own words about a state that is not success.
    pub reason: Option<String>,
    /// When the findings were last brought up to date.
    pub completed_at: Option<Timestamp>,
    /// The findings that hold: those that Inspector closed or a suppression rule hides are left out.
    pub findings: Vec<Finding>,
    /// Whether the image runs somewhere; `None` where the scanner does not say (basic scans).
    pub in_use: Option<InUse>,
    /// How many findings there were beyond those that are read of one image; they are the least
    /// severe, because findings are read the most severe first.
    pub omitted: u64,
}

/// Which scanner found something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScanKind {
    /// ECR's basic scanning: once, packages of the operating system.
    Basic,
    /// Amazon Inspector: continuous, packages of languages as well.
    Enhanced,
}

impl ScanKind {
    /// The word in events and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Enhanced => "enhanced",
        }
    }
}

/// How far the scan of an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanState {
    /// The findings are there (`COMPLETE`; Inspector's `ACTIVE`).
    Complete,
    /// It is not over (`IN_PROGRESS`, `PENDING`).
    Pending,
    /// There was no scan of this image.
    Missing,
    /// It failed (`FAILED`).
    Failed,
    /// The scanner cannot read the image (`UNSUPPORTED_IMAGE`, Inspector's `UNSUPPORTED_OS`).
    Unsupported,
    /// The scanner does not look at the image any more (`SCAN_ELIGIBILITY_EXPIRED`).
    Expired,
    /// A quota of the scanner is used up (`LIMIT_EXCEEDED`).
    LimitExceeded,
    /// The image is archived (`IMAGE_ARCHIVED`).
    Archived,
    /// A state that did not exist when this was written.
    Other(String),
}

impl ScanState {
    /// The word in policies, events and messages.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Complete => "complete",
            Self::Pending => "pending",
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::Unsupported => "unsupported",
            Self::Expired => "expired",
            Self::LimitExceeded => "limit_exceeded",
            Self::Archived => "archived",
            Self::Other(word) => word,
        }
    }
}

/// One vulnerability of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The vulnerability: `CVE-2024-3094`, `GHSA-…`, `ALAS2-2024-2435` …
    pub id: String,
    /// Other names of the same vulnerability.
    pub aliases: Vec<String>,
    /// How bad the scanner says it is.
    pub severity: FindingSeverity,
    /// One line.
    pub title: Option<String>,
    /// The packages that have it; a finding of basic scanning has one.
    pub packages: Vec<FoundPackage>,
    /// Whether a version without it exists; `None` where the scanner does not say.
    pub fixable: Option<bool>,
    /// Whether an exploit is known; `None` where the scanner does not say.
    pub exploit: Option<bool>,
    /// Probability of exploitation in the next 30 days, 0 to 1 (FIRST's EPSS).
    pub epss: Option<f64>,
    /// CVSS base score, 0 to 10; the scanner's own adjustment where it has one.
    pub cvss: Option<f64>,
    /// When the scanner first saw it in this image.
    pub first_seen: Option<Timestamp>,
    /// Where to read about it.
    pub url: Option<String>,
}

/// A package in the image that has a vulnerability.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundPackage {
    /// Its name.
    pub name: String,
    /// The version in the image.
    pub version: Option<String>,
    /// The first version without the vulnerability.
    pub fixed_in: Option<String>,
    /// The file it was found in.
    pub path: Option<String>,
    /// `OS`, `NODEPKG`, `PYTHONPKG` … as Inspector writes it.
    pub manager: Option<String>,
}

/// Whether and where an image runs, as Inspector sees it (ECS tasks and EKS pods).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InUse {
    /// Tasks and pods that run the image.
    pub count: u64,
    /// When it last ran.
    pub last: Option<Timestamp>,
}
