//! One copy, from this account's registry to a target of the policy, and its end.

use async_trait::async_trait;
use steward_core::facts::Platform;
use steward_core::policy::ReplicationTarget;
use steward_core::{Digest, ImageRef};
use steward_registry::{CopyReport, Descriptor, Paused, UploadState, Verify};
use steward_runtime::{Deadline, Failure};

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
    /// The platforms that an index is reduced to; empty: it travels as it is.
    pub platforms: &'a [Platform],
    /// When the copy has to be over, done or not.
    pub deadline: Deadline,
    /// Uploads that earlier runs left.
    pub resume: &'a [UploadState],
    /// Whether the target is looked at afterwards.
    pub verify: Verify,
}

/// A copy that is to go.
#[derive(Clone, Copy, Debug)]
pub struct RemoveJob<'a> {
    /// The copy, by its tag.
    pub from: &'a ImageRef,
    /// What the tag points to, if the copy is still the one that was made.
    pub digest: &'a Digest,
    /// The policy's word on that target.
    pub target: &'a ReplicationTarget,
}

/// How a removal ended, where it did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// The tag is gone.
    Done,
    /// It was gone before.
    NotThere,
    /// It points to another image, which is left alone.
    Moved(Digest),
}

/// How a copy ended, where it did not fail.
#[derive(Clone, Debug)]
pub enum Copied {
    /// The target has the image.
    Done(CopyReport),
    /// The source's tag names another image by now; that one's own event brings it over.
    SourceMoved,
    /// The image is a single one of a platform that the rule does not copy.
    OtherPlatform(Platform),
    /// Other runs copy its blobs.
    Waiting,
    /// Time was up. What was moved counts; the same copy later goes on from there.
    Paused(Paused),
}

/// How the copy of one blob ended, where it did not fail.
#[derive(Clone, Debug)]
pub enum CopiedBlob {
    /// The target has it; so many bytes were moved by this run.
    Done(u64),
    /// The source does not have it any more.
    SourceGone,
    /// Time was up after so many bytes that count; without an upload the next run begins afresh.
    Paused(u64, Option<UploadState>),
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

    /// The blobs of an image that the target lacks.
    ///
    /// # Errors
    ///
    /// As [`copy`](Self::copy).
    async fn missing(&self, job: &CopyJob<'_>) -> Result<Vec<Descriptor>, Failure>;

    /// Copies one blob of an image.
    ///
    /// # Errors
    ///
    /// As [`copy`](Self::copy).
    async fn copy_blob(&self, job: &CopyJob<'_>, blob: &Descriptor) -> Result<CopiedBlob, Failure>;

    /// Removes the tag of a copy.
    ///
    /// # Errors
    ///
    /// Transient or not, as the registry says; `tag_deletion_unsupported` where it removes no tags.
    async fn remove(&self, job: &RemoveJob<'_>) -> Result<Removed, Failure>;

    /// Makes the first connection ahead of its use.
    async fn warm(&self) {}
}
