//! What the vulnerability scanner knows about an image.

use async_trait::async_trait;
use steward_core::scan::ScanReport;
use steward_core::{Digest, RepositoryName};

use crate::error::ServiceError;

/// Reads what the scanner of the registry knows about an image: ECR's basic scanning or Amazon
/// Inspector, whichever the registry uses for that repository.
#[async_trait]
pub trait Scans: Send + Sync {
    /// Everything the scanner knows about one image, in as few calls as its pages allow. An image that
    /// was never scanned, or is not there, is [`ScanState::Missing`](steward_core::scan::ScanState).
    async fn report(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<ScanReport, ServiceError>;
}
