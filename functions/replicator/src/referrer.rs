//! An image without a tag: a child of an index, or something that refers to another image.

use steward_core::decision::Skip;
use steward_core::event::incoming::{ImageAction, Incoming};
use steward_core::policy::Policy;
use steward_core::{Digest, Reference, Tag};
use steward_runtime::Failure;

use crate::Replicator;

/// How many steps from a referrer to its subject are taken: the signature of an SBOM of an image is
/// two. A chain without an end is an attack or a mistake.
const MAX_DEPTH: usize = 4;

impl Replicator {
    /// The tags of the image that an untagged push refers to, directly or through others.
    ///
    /// Children of an index refer to nothing and are copied with their index.
    pub(crate) async fn tags_of_subject(
        &self,
        incoming: &Incoming,
        push: &ImageAction,
        policy: &Policy,
    ) -> Result<Result<Vec<Tag>, Skip>, Failure> {
        let repository = &push.repository;
        if !policy.in_scope(repository) {
            return Ok(Err(Skip::OutOfScope {
                repository: repository.clone(),
            }));
        }
        if !policy
            .replication
            .iter()
            .any(|rule| rule.referrers && rule.applies_to(repository))
        {
            return Ok(Err(Skip::Untagged));
        }
        let Some(mut digest) = push.digest.clone() else {
            return Ok(Err(Skip::Untagged));
        };
        for _ in 0..MAX_DEPTH {
            let reference = Reference::Digest(digest.clone());
            let Some(manifest) = self.ecr.get_manifest(repository, &reference).await? else {
                return Ok(Err(Skip::Gone));
            };
            let Some(subject) = subject(&manifest.body) else {
                return Ok(Err(Skip::Untagged));
            };
            let tags = self.ecr.tags_of(repository, &subject).await?;
            if !tags.is_empty() {
                tracing::debug!(event_id = incoming.id(), "{digest} refers to {subject}");
                return Ok(Ok(tags.into_iter().collect()));
            }
            digest = subject;
        }
        Ok(Err(Skip::Untagged))
    }
}

/// The digest that a manifest refers to.
fn subject(manifest: &str) -> Option<Digest> {
    let manifest: serde_json::Value = serde_json::from_str(manifest).ok()?;
    manifest
        .get("subject")?
        .get("digest")?
        .as_str()?
        .parse()
        .ok()
}
