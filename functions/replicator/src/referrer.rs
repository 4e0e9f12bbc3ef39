//! What refers to another image: by its manifest's `subject`, or, as cosign does it, by its tag.
//!
//! A push without a tag is such a referrer or the child of an index.

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
        if let Some(subject) = push.tag.as_ref().and_then(named_subject) {
            let tags = self.ecr.tags_of(repository, &subject).await?;
            return Ok(if tags.is_empty() {
                Err(Skip::Untagged)
            } else {
                Ok(tags
                    .into_iter()
                    .filter(|tag| named_subject(tag).is_none())
                    .collect())
            });
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

/// The image that a tag such as `sha256-<hex>.sig` speaks of (cosign's tag scheme, and the referrers
/// tag schema of OCI without an ending).
pub(crate) fn named_subject(tag: &Tag) -> Option<Digest> {
    let rest = tag.as_str().strip_prefix("sha256-")?;
    let (hex, ending) = rest.split_once('.').unwrap_or((rest, ""));
    matches!(ending, "" | "sig" | "att" | "sbom")
        .then(|| format!("sha256:{hex}").parse().ok())
        .flatten()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosigns_tags_name_their_image() {
        let hex = "ab".repeat(32);
        for ending in ["", ".sig", ".att", ".sbom"] {
            let tag: Tag = format!("sha256-{hex}{ending}").parse().unwrap();
            assert_eq!(named_subject(&tag).unwrap().hex(), hex, "{tag}");
        }
        for other in ["v1.2.3", "sha256-ab", "latest.sig"] {
            assert_eq!(named_subject(&other.parse().unwrap()), None, "{other}");
        }
        let other: Tag = format!("sha256-{hex}.soci").parse().unwrap();
        assert_eq!(named_subject(&other), None);
    }
}
