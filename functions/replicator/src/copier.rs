//! One copy, from this account's registry to a target of the policy.

use async_trait::async_trait;
use steward_core::policy::ReplicationTarget;
use steward_core::{Digest, ImageRef};
use steward_registry::CopyReport;
use steward_runtime::Failure;

use crate::plan::Facts;

mod registry;

pub use registry::RegistryCopier;

/// What to copy, and where to.
#[derive(Clone, Copy, Debug)]
pub struct CopyJob<'a> {
    /// Where the image is.
    pub facts: &'a Facts,
    /// The image.
    pub digest: &'a Digest,
    /// Where it goes.
    pub to: &'a ImageRef,
    /// The policy's word on that target: credentials, and how to create a repository there.
    pub target: &'a ReplicationTarget,
    /// Whether signatures, SBOMs and attestations go with it.
    pub referrers: bool,
}

/// How a copy ended, where it did not fail.
#[derive(Clone, Debug)]
pub enum Copied {
    /// The target has the image.
    Done(CopyReport),
    /// The source's tag names another image by now; that one's own event brings it over.
    SourceMoved,
}

/// Copies images.
#[async_trait]
pub trait Copier: Send + Sync {
    /// Makes one copy.
    ///
    /// # Errors
    ///
    /// Transient or not, as the registries say.
    async fn copy(&self, job: &CopyJob<'_>) -> Result<Copied, Failure>;

    /// Makes the first connection ahead of its use.
    async fn warm(&self) {}
}
