use http::{HeaderMap, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use steward_core::{Digest, Tag};

use super::{Action, Images, Refusal, Repository, StoredImage, UpstreamError, reply};
use crate::gateway::activity;

/// An image as callers of the API name it. Values are as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageId {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_tag: Option<String>,
}

/// Why one image of a batch is not served (ECR API model, `ImageFailureCode`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RemoveFailure {
    #[error("Invalid request parameters: both tag and digest cannot be null")]
    MissingDigestAndTag,
    #[error("Invalid image digest: {0}")]
    InvalidImageDigest(String),
    #[error("Invalid image tag: {0}")]
    InvalidImageTag(String),
    #[error("Requested image not found")]
    ImageNotFound,
    #[error("Tag does not match digest")]
    ImageTagDoesNotMatchDigest,
    #[error("Requested image referenced by manifest list: [{0}]")]
    ImageReferencedByManifestList(String),
}

impl RemoveFailure {
    /// The `failureCode`.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::MissingDigestAndTag => "MissingDigestAndTag",
            Self::InvalidImageDigest(_) => "InvalidImageDigest",
            Self::InvalidImageTag(_) => "InvalidImageTag",
            Self::ImageNotFound => "ImageNotFound",
            Self::ImageTagDoesNotMatchDigest => "ImageTagDoesNotMatchDigest",
            Self::ImageReferencedByManifestList(_) => "ImageReferencedByManifestList",
        }
    }
}

/// Finds the image that an id names.
pub(crate) fn find<'a>(
    images: &'a [StoredImage],
    id: &ImageId,
) -> Result<&'a StoredImage, RemoveFailure> {
    let digest: Option<Digest> = id
        .image_digest
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error: steward_core::NameError| {
            RemoveFailure::InvalidImageDigest(error.to_string())
        })?;
    let tag: Option<Tag> = id
        .image_tag
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error: steward_core::NameError| {
            RemoveFailure::InvalidImageTag(error.to_string())
        })?;
    let tagged = |tag: &Tag| {
        images
            .iter()
            .find(|image| image.tags.iter().any(|t| t == tag.as_str()))
            .ok_or(RemoveFailure::ImageNotFound)
    };
    match (digest, tag) {
        (None, None) => Err(RemoveFailure::MissingDigestAndTag),
        (Some(digest), None) => images
            .iter()
            .find(|image| image.digest == digest)
            .ok_or(RemoveFailure::ImageNotFound),
        (None, Some(tag)) => tagged(&tag),
        (Some(digest), Some(tag)) => {
            let image = tagged(&tag)?;
            if image.digest == digest {
                Ok(image)
            } else {
                Err(RemoveFailure::ImageTagDoesNotMatchDigest)
            }
        }
    }
}

impl Images {
    /// Removes what an id names: a tag, and the image with its last tag; or by digest the image and
    /// all of its tags. The caller holds the registry's lock for writing.
    pub(crate) async fn remove(
        &self,
        at: &Repository,
        id: &ImageId,
    ) -> Result<Result<Vec<ImageId>, RemoveFailure>, Refusal> {
        let images = self.all_images(at).await?;
        let image = match find(&images, id) {
            Ok(image) => image,
            Err(failure) => return Ok(Err(failure)),
        };
        // A failure to read it does not keep it from being deleted.
        let manifest = self.read(at, &image.digest).await.ok();
        let referrer = manifest.is_some_and(|manifest| manifest.subject.is_some());
        if let Some(tag) = &id.image_tag
            && image.tags.len() > 1
        {
            self.untag(at, tag).await?;
            self.changed(
                at,
                Action::Delete,
                &image.digest,
                Some(tag.clone()),
                referrer,
            );
            return Ok(Ok(vec![image_id(image, Some(tag))]));
        }
        let parents = self.parents(at, &images, &image.digest).await?;
        if !parents.is_empty() {
            let parents: Vec<&str> = parents.iter().map(Digest::as_str).collect();
            return Ok(Err(RemoveFailure::ImageReferencedByManifestList(
                parents.join(", "),
            )));
        }
        self.delete(at, &image.digest).await?;
        if image.tags.is_empty() {
            self.changed(at, Action::Delete, &image.digest, None, referrer);
            return Ok(Ok(vec![image_id(image, None)]));
        }
        let mut removed = Vec::new();
        for tag in &image.tags {
            self.changed(
                at,
                Action::Delete,
                &image.digest,
                Some(tag.clone()),
                referrer,
            );
            removed.push(image_id(image, Some(tag)));
        }
        Ok(Ok(removed))
    }

    /// The indexes that name `digest`.
    pub(crate) async fn parents(
        &self,
        at: &Repository,
        images: &[StoredImage],
        digest: &Digest,
    ) -> Result<Vec<Digest>, Refusal> {
        let mut parents = Vec::new();
        for image in images {
            if let Ok(manifest) = self.read(at, &image.digest).await
                && manifest.is_index()
                && manifest.children.contains(digest)
            {
                parents.push(image.digest.clone());
            }
        }
        Ok(parents)
    }

    /// Takes a tag from an image that keeps others. The emulator cannot: so the tag moves to a
    /// manifest of its own, and that is deleted.
    async fn untag(&self, at: &Repository, tag: &str) -> Result<(), Refusal> {
        use sha2::{Digest as _, Sha256};

        let locked = at.settings.mutability == "IMMUTABLE";
        if locked {
            self.set_mutability(at, "MUTABLE").await?;
        }
        let media_type = "application/vnd.oci.image.index.v1+json";
        let unique = format!("{} {tag} {}", activity::now(), fastrand::u64(..));
        let decoy = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "manifests": [],
            "annotations": { "com.example.gateway.untagging": unique },
        })
        .to_string();
        let sum: [u8; 32] = Sha256::digest(decoy.as_bytes()).into();
        let moved = self.put_bytes(at, tag, media_type, decoy.into()).await;
        let deleted = match moved {
            Ok(()) => self.delete(at, &Digest::from_sha256(&sum)).await,
            Err(error) => Err(error),
        };
        if locked {
            self.set_mutability(at, "IMMUTABLE").await?;
        }
        deleted
    }

    async fn set_mutability(&self, at: &Repository, mutability: &str) -> Result<(), Refusal> {
        let input = json!({ "repositoryName": at.name, "imageTagMutability": mutability });
        self.upstream
            .ecr(&at.registry, "PutImageTagMutability", &input)
            .await?
            .success("PutImageTagMutability")?;
        Ok(())
    }

    /// Deletes an image with its tags from the emulator, from both of its stores.
    pub(crate) async fn delete(&self, at: &Repository, digest: &Digest) -> Result<(), Refusal> {
        self.forget(at, digest);
        let path = format!("/v2/{}/manifests/{digest}", at.name);
        let response = self
            .upstream
            .registry(
                &at.registry,
                Method::DELETE,
                &path,
                HeaderMap::new(),
                reply::empty(),
            )
            .await?;
        match response.status() {
            status if status.is_success() => Ok(()),
            // Put past the gateway: only the API knows it.
            StatusCode::NOT_FOUND => {
                let input =
                    json!({ "repositoryName": at.name, "imageIds": [{ "imageDigest": digest }] });
                self.upstream
                    .ecr(&at.registry, "BatchDeleteImage", &input)
                    .await?
                    .success("BatchDeleteImage")?;
                Ok(())
            }
            status => Err(Refusal::Upstream(UpstreamError::Status {
                what: format!("DELETE {path}"),
                status,
                body: String::new(),
            })),
        }
    }
}

fn image_id(image: &StoredImage, tag: Option<&String>) -> ImageId {
    ImageId {
        image_digest: Some(image.digest.to_string()),
        image_tag: tag.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(n: u8, tags: &[&str]) -> StoredImage {
        StoredImage {
            digest: format!("sha256:{n:064x}").parse().unwrap(),
            tags: tags.iter().map(|&t| t.to_owned()).collect(),
            pushed_at: json!(0),
        }
    }

    fn id(digest: Option<u8>, tag: Option<&str>) -> ImageId {
        ImageId {
            image_digest: digest.map(|n| format!("sha256:{n:064x}")),
            image_tag: tag.map(str::to_owned),
        }
    }

    #[test]
    fn ids_name_images_by_tag_by_digest_or_by_both() {
        let images = [image(1, &["a", "b"]), image(2, &[])];
        for id in [
            id(Some(1), None),
            id(None, Some("b")),
            id(Some(1), Some("a")),
        ] {
            assert_eq!(
                find(&images, &id).unwrap().digest,
                images[0].digest,
                "{id:?}"
            );
        }
        for (id, code) in [
            (id(None, None), "MissingDigestAndTag"),
            (id(Some(3), None), "ImageNotFound"),
            (id(None, Some("c")), "ImageNotFound"),
            (id(Some(2), Some("a")), "ImageTagDoesNotMatchDigest"),
            (id(None, Some("-")), "InvalidImageTag"),
            (
                ImageId {
                    image_digest: Some("sha256:1".into()),
                    image_tag: None,
                },
                "InvalidImageDigest",
            ),
        ] {
            assert_eq!(find(&images, &id).unwrap_err().code(), code, "{id:?}");
        }
    }
}
