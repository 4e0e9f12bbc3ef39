use futures_util::{StreamExt as _, stream};
use steward_core::facts::{ImageFacts, ManifestFacts, ReferrerFacts};
use steward_core::{Digest, Reference, Tag};
use steward_registry::{Descriptor, RegistryError, Repository};

use super::{JOBS, Wanted};

/// What was found out about an image.
pub(super) struct Found {
    /// The facts; only those that were asked for.
    pub(super) facts: ImageFacts,
    /// What could not be understood: facts are missing that were asked for.
    pub(super) unreadable: Option<String>,
}

/// Reads an image; `None` where it is gone.
pub(super) async fn read(
    repository: &Repository,
    digest: Digest,
    tags: Vec<Tag>,
    wanted: Wanted,
) -> Result<Option<Found>, RegistryError> {
    let mut found = if wanted.image {
        match manifest(repository, digest, tags).await? {
            Some(found) => found,
            None => return Ok(None),
        }
    } else {
        Found {
            facts: ImageFacts::new(digest, tags),
            unreadable: None,
        }
    };
    if wanted.referrers {
        let referrers = repository.referrers(&found.facts.digest, None).await?;
        let referrers = referrers.into_iter().map(|referrer| ReferrerFacts {
            digest: referrer.digest,
            artifact_type: referrer.artifact_type.unwrap_or_default(),
            annotations: referrer.annotations,
        });
        found.facts.referrers = Some(referrers.collect());
    }
    Ok(Some(found))
}

/// The manifest and what belongs to it: the configuration, or the images of an index.
async fn manifest(
    repository: &Repository,
    digest: Digest,
    tags: Vec<Tag>,
) -> Result<Option<Found>, RegistryError> {
    let Some((own, index)) = single(repository, digest, tags).await? else {
        return Ok(None);
    };
    let mut found = own;
    let children = stream::iter(index)
        .map(|child| single(repository, child, Vec::new()))
        .buffered(JOBS)
        .collect::<Vec<_>>()
        .await;
    for child in children {
        // An index may name images that were never pushed; what it says about them is known.
        if let Some((child, _)) = child? {
            found.facts = found.facts.with_child(child.facts);
            found.unreadable = found.unreadable.or(child.unreadable);
        }
    }
    Ok(Some(found))
}

/// One manifest with its configuration, and the digests of an index's images.
async fn single(
    repository: &Repository,
    digest: Digest,
    tags: Vec<Tag>,
) -> Result<Option<(Found, Vec<Digest>)>, RegistryError> {
    let blank = |unreadable: String| {
        let found = Found {
            facts: ImageFacts::new(digest.clone(), tags.clone()),
            unreadable: Some(unreadable),
        };
        Ok(Some((found, Vec::new())))
    };
    let manifest = match repository
        .manifest(&Reference::Digest(digest.clone()))
        .await
    {
        Ok(manifest) => manifest,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(RegistryError::Manifest { source, .. }) => return blank(source.to_string()),
        Err(error) => return Err(error),
    };
    let media_type = manifest.media_type().as_str();
    let facts = match ManifestFacts::new(Some(media_type), manifest.bytes()) {
        Ok(facts) => facts,
        Err(error) => return blank(error.to_string()),
    };
    let children: Vec<Digest> = facts.child_digests().cloned().collect();
    let config = facts.config_digest().cloned().zip(facts.config_size());
    let mut found = Found {
        facts: facts.into_facts(digest.clone(), tags.clone()),
        unreadable: None,
    };
    if let Some((config, size)) = config {
        let descriptor = Descriptor::new("application/octet-stream", config, size);
        match repository
            .blob(&descriptor, ManifestFacts::MAX_CONFIG_BYTES as u64)
            .await
        {
            Ok(bytes) => match found.facts.clone().with_config(&bytes) {
                Ok(facts) => found.facts = facts,
                Err(error) => found.unreadable = Some(format!("the configuration: {error}")),
            },
            Err(
                error @ (RegistryError::TooLarge { .. } | RegistryError::DigestMismatch { .. }),
            ) => {
                found.unreadable = Some(format!("the configuration: {error}"));
            }
            Err(error) if error.is_not_found() => {
                found.unreadable = Some("the configuration is not there".to_owned());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Some((found, children)))
}
