//! `ECR Image Scan`: the end of a basic scan.

use std::collections::BTreeMap;

use crate::event::error::EventError;
use crate::event::open_enum::open_enum;
use crate::event::reader::{Kind, Node, Read};
use crate::{Digest, RepositoryName, Tag};

/// A basic scan ended. The findings themselves are behind `DescribeImageScanFindings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageScan {
    /// How the scan ended.
    pub status: ScanStatus,
    /// The repository; its account and Region are the envelope's.
    pub repository: RepositoryName,
    /// The image.
    pub digest: Digest,
    /// Its tags at that moment; may be empty even for a tagged image.
    pub tags: Vec<Tag>,
    /// Findings per severity.
    pub counts: SeverityCounts,
}

open_enum! {
    /// State of a scan, basic (`COMPLETE` …) or Inspector's (`INITIAL_SCAN_COMPLETE`).
    ScanStatus: "a scan status" {
        /// A basic scan ended.
        Complete = "COMPLETE",
        /// It failed.
        Failed = "FAILED",
        /// Inspector's first scan of the resource ended.
        InitialScanComplete = "INITIAL_SCAN_COMPLETE",
    }
}

open_enum! {
    /// Severity of findings, from worst to least. Inspector knows `UNTRIAGED`, basic scanning
    /// `UNDEFINED`.
    FindingSeverity: "a severity" {
        /// Worst.
        Critical = "CRITICAL",
        /// High.
        High = "HIGH",
        /// Medium.
        Medium = "MEDIUM",
        /// Low.
        Low = "LOW",
        /// For information.
        Informational = "INFORMATIONAL",
        /// Not rated (basic scanning).
        Undefined = "UNDEFINED",
        /// Not rated yet (Inspector).
        Untriaged = "UNTRIAGED",
    }
}

/// How many findings of each severity. A severity without findings is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeverityCounts {
    counts: BTreeMap<FindingSeverity, u64>,
    stated_total: Option<u64>,
}

impl SeverityCounts {
    /// Findings of one severity.
    #[must_use]
    pub fn get(&self, severity: &FindingSeverity) -> u64 {
        self.counts.get(severity).copied().unwrap_or(0)
    }

    /// All findings: the total that Inspector states, else the sum.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.stated_total.unwrap_or_else(|| {
            self.counts
                .values()
                .fold(0, |sum, count| sum.saturating_add(*count))
        })
    }

    /// The worst severity with at least one finding.
    #[must_use]
    pub fn worst(&self) -> Option<&FindingSeverity> {
        self.iter().find(|(_, count)| *count > 0).map(|(x, _)| x)
    }

    /// Severities and their findings, the worst first.
    pub fn iter(&self) -> impl Iterator<Item = (&FindingSeverity, u64)> {
        self.counts
            .iter()
            .map(|(severity, count)| (severity, *count))
    }
}

impl Read for SeverityCounts {
    const KIND: Kind = Kind {
        what: "counts per severity",
        expected: "{\"CRITICAL\":1,…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        let mut read = Self::default();
        for (word, count) in node.entries::<u64>()? {
            if word == "TOTAL" {
                read.stated_total = Some(count);
            } else {
                read.counts.insert(FindingSeverity::from(word), count);
            }
        }
        Ok(read)
    }
}

impl Read for ImageScan {
    const KIND: Kind = Kind {
        what: "an image scan",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            status: node.get("scan-status")?,
            repository: node.get("repository-name")?,
            digest: node.get("image-digest")?,
            tags: node.list("image-tags")?,
            counts: node.find("finding-severity-counts")?.unwrap_or_default(),
        })
    }
}
