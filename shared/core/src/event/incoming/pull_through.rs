//! `ECR Pull Through Cache Action`.

use crate::event::error::EventError;
use crate::event::open_enum::open_enum;
use crate::event::reader::{Kind, Node, Read};
use crate::{Digest, RepositoryName, Tag};

/// The cache fetched an image from an upstream registry, or failed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullThroughCache {
    /// How it ended.
    pub status: SyncStatus,
    /// The prefix of the cache rule, such as `docker-hub`.
    pub prefix: String,
    /// The repository in ECR, prefix included.
    pub repository: RepositoryName,
    /// Host of the upstream registry.
    pub upstream: String,
    /// The tag that was asked for.
    pub tag: Option<Tag>,
    /// The image that came.
    pub digest: Option<Digest>,
    /// Why it failed, as a code.
    pub failure_code: Option<String>,
    /// Why it failed, in words.
    pub failure_reason: Option<String>,
    /// Version of the cache rule.
    pub rule_version: Option<String>,
}

open_enum! {
    /// How a synchronisation ended. Only success is documented.
    SyncStatus: "a sync status" {
        /// The image is here.
        Success = "SUCCESS",
        /// It is not.
        Failed = "FAILED",
    }
}

impl Read for PullThroughCache {
    const KIND: Kind = Kind {
        what: "a pull-through cache action",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            status: node.get("sync-status")?,
            prefix: node.get("ecr-repository-prefix")?,
            repository: node.get("repository-name")?,
            upstream: node.get("upstream-registry-url")?,
            tag: node.find("image-tag")?,
            digest: node.find("image-digest")?,
            failure_code: node.note("failure-code")?,
            failure_reason: node.note("failure-reason")?,
            rule_version: node.note("rule-version")?,
        })
    }
}
