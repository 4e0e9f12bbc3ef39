use std::collections::BTreeMap;

use steward_aws::ecr::ImageDetail;
use steward_core::event::incoming::Incoming;
use steward_core::facts::{ImageFacts, ManifestFacts, ReferrerFacts};
use steward_core::{Digest, Reference, RegistryHost, RepositoryName, Tag};
use steward_runtime::Failure;

use super::{Needs, Registry, described, registry_of};
use crate::TagGuard;
use crate::subject::Subject;

/// The most images of one index, those of indexes within it included, that are looked at.
const MAX_IMAGES: usize = 64;
/// How deep indexes within indexes are looked into.
const MAX_DEPTH: usize = 3;

/// What cosign keeps under tags of its own, by what follows the digest, with the artifact type that
/// it has as a referrer.
const COSIGN: [(&str, &str); 3] = [
    (".sig", "application/vnd.dev.cosign.artifact.sig.v1+json"),
    (".att", "application/vnd.in-toto+json"),
    (".sbom", "application/vnd.dev.cosign.artifact.sbom.v1+json"),
];

impl TagGuard {
    /// The facts about one image.
    pub(super) async fn image(
        &self,
        incoming: &Incoming,
        subject: &Subject,
        needs: &Needs,
        detail: ImageDetail,
    ) -> Result<ImageFacts, Failure> {
        let registry = registry_of(incoming)?;
        let repository = &subject.repository;
        let plain = described(detail);
        let mut facts = plain.clone();
        if needs.read.image {
            let mut reader = Manifests {
                guard: self,
                registry: &registry,
                repository,
                left: MAX_IMAGES,
            };
            if let Some(read) = reader.read(&plain.digest, MAX_DEPTH).await? {
                facts = ImageFacts {
                    tags: plain.tags,
                    pushed_at: plain.pushed_at,
                    ..read
                };
            }
        }
        if needs.read.referrers {
            let digest = &facts.digest;
            let mut referrers = self
                .content
                .referrers(&registry, repository, digest)
                .await?;
            referrers.extend(cosign(&*self.ecr, repository, digest).await?);
            facts.referrers = Some(referrers);
        }
        Ok(facts)
    }
}

struct Manifests<'a> {
    guard: &'a TagGuard,
    registry: &'a RegistryHost,
    repository: &'a RepositoryName,
    left: usize,
}

impl Manifests<'_> {
    /// What a manifest says, and those of its index's images; `None` where it is not there or cannot
    /// be understood: rules that ask about it are then not decided.
    async fn read(&mut self, digest: &Digest, depth: usize) -> Result<Option<ImageFacts>, Failure> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let reference = Reference::Digest(digest.clone());
        let manifest = self
            .guard
            .ecr
            .get_manifest(self.repository, &reference)
            .await?;
        let Some(manifest) = manifest else {
            return Ok(None);
        };
        let media_type = Some(manifest.media_type.as_str());
        let read = match ManifestFacts::new(media_type, manifest.body.as_bytes()) {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%error, "the manifest {}@{digest} is not understood", self.repository);
                return Ok(None);
            }
        };
        let config = read.config_digest().cloned().zip(read.config_size());
        let children: Vec<Digest> = read.child_digests().cloned().collect();
        let mut facts = read.into_facts(digest.clone(), Vec::new());
        if let Some((config, size)) = config {
            let content = &self.guard.content;
            let bytes = content
                .config(self.registry, self.repository, &config, size)
                .await?;
            if let Some(bytes) = bytes {
                facts = match facts.clone().with_config(&bytes) {
                    Ok(facts) => facts,
                    Err(error) => {
                        tracing::warn!(%error, "the configuration {config} of {}@{digest} is not understood", self.repository);
                        facts
                    }
                };
            }
        }
        if depth > 0 {
            for child in children {
                if let Some(child) = Box::pin(self.read(&child, depth - 1)).await? {
                    facts = facts.with_child(child);
                }
            }
        }
        Ok(Some(facts))
    }
}

/// What cosign says about an image under tags of its own.
async fn cosign(
    ecr: Registry<'_>,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Vec<ReferrerFacts>, Failure> {
    let mut found = Vec::new();
    for (suffix, artifact_type) in COSIGN {
        let name = format!("{}{suffix}", digest.referrers_tag());
        let Ok(tag) = name.parse::<Tag>() else {
            continue;
        };
        if let Some(image) = ecr.describe_image(repository, &Reference::Tag(tag)).await? {
            found.push(ReferrerFacts {
                digest: image.digest,
                artifact_type: artifact_type.to_owned(),
                annotations: BTreeMap::new(),
            });
        }
    }
    Ok(found)
}
