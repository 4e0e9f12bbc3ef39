//! The adapter over the AWS SDK.

mod answer;
mod create;
mod listing;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use async_trait::async_trait;
use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::{
    DescribeImagesFilter, ImageIdentifier, ImageStatusFilter, ImageTagMutability,
    LayerAvailability, ListImagesFilter, TagStatus, TargetStorageClass,
};
use steward_core::{AccountId, Digest, Reference, RepositoryName, Tag};

use super::{
    Archive, CreateRepository, DeleteImage, Ecr, EcrError, EcrToken, ImageDetail, MANIFEST_TYPES,
    MAX_TAGS, Manifest, NewRepository, PutTag, RemoveTag, RepositoryInfo, TagMutability,
};

use answer::{
    NO_REPOSITORY, call, decode_token, digest_of, identifier, image_detail, is_missing, lacks,
    unless, write_error,
};

pub use listing::{ListedRepository, Page};

/// Images per page of a listing (API model of `ListImages`).
const IMAGES_PER_PAGE: i32 = 1000;
/// Digests per call (service quota).
const LAYERS_PER_CALL: usize = 100;

/// One ECR registry through the AWS SDK.
#[derive(Clone, Debug)]
pub struct SdkEcr {
    client: Client,
    registry_id: Option<String>,
}

impl SdkEcr {
    /// The caller's own registry in the configuration's Region.
    #[must_use]
    pub fn new(config: &aws_types::SdkConfig) -> Self {
        Self {
            client: Client::new(config),
            registry_id: None,
        }
    }

    /// The registry of `account`, which its repository policies must open to the caller.
    #[must_use]
    pub fn of_account(config: &aws_types::SdkConfig, account: &AccountId) -> Self {
        Self {
            client: Client::new(config),
            registry_id: Some(account.as_str().to_owned()),
        }
    }

    fn registry(&self) -> Option<String> {
        self.registry_id.clone()
    }

    /// What the tag points at, where a write was refused because it exists.
    async fn current_digest(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<Digest>, EcrError> {
        Ok(self
            .describe_image(repository, &Reference::Tag(tag.clone()))
            .await?
            .map(|x| x.digest))
    }

    /// Deletes what a tag or digest names, and gives back what ECR says it deleted; nothing where
    /// it was not there.
    async fn batch_delete(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<Vec<ImageIdentifier>>, EcrError> {
        const OPERATION: &str = "BatchDeleteImage";
        let answer = self
            .client
            .batch_delete_image()
            .set_registry_id(self.registry())
            .repository_name(repository.as_str())
            .image_ids(identifier(reference))
            .send()
            .await;
        let Some(answer) = unless(&[NO_REPOSITORY], OPERATION, answer)? else {
            return Ok(None);
        };
        let missing = is_missing(OPERATION, repository, reference, answer.failures)?;
        Ok((!missing).then(|| answer.image_ids.unwrap_or_default()))
    }
}

#[async_trait]
impl Ecr for SdkEcr {
    async fn describe_image(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ImageDetail>, EcrError> {
        const OPERATION: &str = "DescribeImages";
        let answer = self
            .client
            .describe_images()
            .set_registry_id(self.registry())
            .repository_name(repository.as_str())
            .image_ids(identifier(reference))
            .send()
            .await;
        let gone = ["ImageNotFoundException", NO_REPOSITORY];
        let found = unless(&gone, OPERATION, answer)?.and_then(|answer| answer.image_details);
        found
            .unwrap_or_default()
            .into_iter()
            .next()
            .map(|image| image_detail(OPERATION, image))
            .transpose()
    }

    async fn get_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<Manifest>, EcrError> {
        const OPERATION: &str = "BatchGetImage";
        let answer = self
            .client
            .batch_get_image()
            .set_registry_id(self.registry())
            .repository_name(repository.as_str())
            .image_ids(identifier(reference))
            .set_accepted_media_types(Some(MANIFEST_TYPES.map(str::to_owned).to_vec()))
            .send()
            .await;
        let Some(answer) = unless(&[NO_REPOSITORY], OPERATION, answer)? else {
            return Ok(None);
        };
        if let Some(image) = answer.images.unwrap_or_default().into_iter().next() {
            let digest = image.image_id.and_then(|x| x.image_digest);
            return Ok(Some(Manifest {
                body: image
                    .image_manifest
                    .ok_or_else(|| lacks(OPERATION, "a manifest"))?,
                media_type: image
                    .image_manifest_media_type
                    .ok_or_else(|| lacks(OPERATION, "the manifest's media type"))?,
                digest: digest_of(OPERATION, digest)?,
            }));
        }
        is_missing(OPERATION, repository, reference, answer.failures).map(|_| None)
    }

    async fn put_tag(
        &self,
        repository: &RepositoryName,
        manifest: &Manifest,
        tag: &Tag,
    ) -> Result<PutTag, EcrError> {
        const OPERATION: &str = "PutImage";
        let answer = self
            .client
            .put_image()
            .set_registry_id(self.registry())
            .repository_name(repository.as_str())
            .image_manifest(&manifest.body)
            .image_manifest_media_type(&manifest.media_type)
            .image_digest(manifest.digest.as_str())
            .image_tag(tag.as_str())
            .send()
            .await;
        let Err(error) = answer else {
            return Ok(PutTag::Done);
        };
        let error = call(OPERATION, error);
        match error.code() {
            Some("ImageAlreadyExistsException") => Ok(PutTag::AlreadyThere),
            Some("ImageTagAlreadyExistsException") => {
                // Immutable repositories refuse even an identical push with this code.
                let current = self.current_digest(repository, tag).await?;
                if current.as_ref() == Some(&manifest.digest) {
                    Ok(PutTag::AlreadyThere)
                } else {
                    Ok(PutTag::Immutable { current })
                }
            }
            Some("LayersNotFoundException" | "ReferencedImagesNotFoundException") => {
                Err(EcrError::Incomplete {
                    repository: repository.clone(),
                    reason: error.message().unwrap_or_default().to_owned(),
                })
            }
            _ => Err(write_error(repository, error)),
        }
    }

    async fn remove_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<RemoveTag, EcrError> {
        let deleted = self
            .batch_delete(repository, &Reference::Tag(tag.clone()))
            .await?;
        Ok(match deleted {
            None => RemoveTag::NotThere,
            Some(ids) => RemoveTag::Removed {
                digest: ids
                    .into_iter()
                    .find_map(|x| x.image_digest)
                    .and_then(|x| x.parse().ok()),
            },
        })
    }

    async fn tags(&self, repository: &RepositoryName) -> Result<BTreeMap<Tag, Digest>, EcrError> {
        const OPERATION: &str = "ListImages";
        let filter = ListImagesFilter::builder()
            .tag_status(TagStatus::Tagged)
            .build();
        let mut tags = BTreeMap::new();
        let mut next = None;
        loop {
            let answer = self
                .client
                .list_images()
                .set_registry_id(self.registry())
                .repository_name(repository.as_str())
                .filter(filter.clone())
                .max_results(IMAGES_PER_PAGE)
                .set_next_token(next)
                .send()
                .await;
            let Some(answer) = unless(&[NO_REPOSITORY], OPERATION, answer)? else {
                return Ok(BTreeMap::new());
            };
            for id in answer.image_ids.unwrap_or_default() {
                // The API allows tags that the registry protocol does not; no rule can name those.
                if let Some(tag) = id.image_tag.and_then(|tag| tag.parse().ok()) {
                    tags.insert(tag, digest_of(OPERATION, id.image_digest)?);
                }
            }
            if tags.len() > MAX_TAGS {
                return Err(EcrError::TooManyTags {
                    repository: repository.clone(),
                    limit: MAX_TAGS,
                });
            }
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(tags);
            }
        }
    }

    async fn tag_times(
        &self,
        repository: &RepositoryName,
    ) -> Result<BTreeMap<Tag, Option<SystemTime>>, EcrError> {
        let mut times = BTreeMap::new();
        let mut next = None;
        loop {
            let page = self.images(repository, next).await?;
            for image in page.entries {
                times.extend(image.tags.into_iter().map(|tag| (tag, image.pushed_at)));
            }
            if times.len() > MAX_TAGS {
                return Err(EcrError::TooManyTags {
                    repository: repository.clone(),
                    limit: MAX_TAGS,
                });
            }
            next = page.next.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(times);
            }
        }
    }

    async fn archive(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Archive, EcrError> {
        let answer = self
            .client
            .update_image_storage_class()
            .set_registry_id(self.registry())
            .repository_name(repository.as_str())
            .image_id(identifier(&Reference::Digest(digest.clone())))
            .target_storage_class(TargetStorageClass::Archive)
            .send()
            .await;
        let gone = [
            "ImageNotFoundException",
            NO_REPOSITORY,
            "ImageArchivedException",
        ];
        Ok(match unless(&gone, "UpdateImageStorageClass", answer)? {
            Some(_) => Archive::Done,
            None => Archive::NotThere,
        })
    }

    async fn archived(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<BTreeSet<Tag>>, EcrError> {
        const OPERATION: &str = "DescribeImages";
        let answer = self
            .client
            .describe_images()
            .set_registry_id(self.registry())
            .repository_name(repository.as_str())
            .image_ids(identifier(reference))
            .filter(
                DescribeImagesFilter::builder()
                    .image_status(ImageStatusFilter::Archived)
                    .build(),
            )
            .send()
            .await;
        let gone = ["ImageNotFoundException", NO_REPOSITORY];
        let found = unless(&gone, OPERATION, answer)?.and_then(|answer| answer.image_details);
        let found = found.unwrap_or_default().into_iter().next();
        let found = found.map(|image| image_detail(OPERATION, image));
        Ok(found.transpose()?.map(|image| image.tags))
    }

    async fn delete_image(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<DeleteImage, EcrError> {
        let deleted = self
            .batch_delete(repository, &Reference::Digest(digest.clone()))
            .await?;
        Ok(match deleted {
            None => DeleteImage::NotThere,
            Some(_) => DeleteImage::Done,
        })
    }

    async fn repository(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<RepositoryInfo>, EcrError> {
        const OPERATION: &str = "DescribeRepositories";
        let answer = self
            .client
            .describe_repositories()
            .set_registry_id(self.registry())
            .repository_names(repository.as_str())
            .send()
            .await;
        let Some(answer) = unless(&[NO_REPOSITORY], OPERATION, answer)? else {
            return Ok(None);
        };
        let Some(found) = answer.repositories.unwrap_or_default().into_iter().next() else {
            return Ok(None);
        };
        Ok(Some(RepositoryInfo {
            arn: found
                .repository_arn
                .ok_or_else(|| lacks(OPERATION, "the repository's ARN"))?,
            uri: found.repository_uri.unwrap_or_default(),
            mutability: match found.image_tag_mutability {
                Some(ImageTagMutability::Immutable) => TagMutability::Immutable,
                Some(ImageTagMutability::ImmutableWithExclusion) => {
                    TagMutability::ImmutableWithExclusion
                }
                Some(ImageTagMutability::MutableWithExclusion) => {
                    TagMutability::MutableWithExclusion
                }
                _ => TagMutability::Mutable,
            },
            mutability_exclusions: found
                .image_tag_mutability_exclusion_filters
                .unwrap_or_default()
                .into_iter()
                .map(|x| x.filter)
                .collect(),
        }))
    }

    async fn resource_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, EcrError> {
        let answer = self
            .client
            .list_tags_for_resource()
            .resource_arn(arn)
            .send()
            .await
            .map_err(|x| call("ListTagsForResource", x))?;
        Ok(answer
            .tags
            .unwrap_or_default()
            .into_iter()
            .map(|x| (x.key, x.value))
            .collect())
    }

    async fn create_repository(
        &self,
        repository: &RepositoryName,
        settings: &NewRepository,
    ) -> Result<CreateRepository, EcrError> {
        self.create(repository, settings).await
    }

    async fn authorization_token(&self) -> Result<EcrToken, EcrError> {
        const OPERATION: &str = "GetAuthorizationToken";
        let answer = self
            .client
            .get_authorization_token()
            .send()
            .await
            .map_err(|x| call(OPERATION, x))?;
        let data = answer
            .authorization_data
            .unwrap_or_default()
            .into_iter()
            .next()
            .ok_or_else(|| lacks(OPERATION, "a token"))?;
        let (username, password) = data
            .authorization_token
            .as_deref()
            .and_then(decode_token)
            .ok_or_else(|| lacks(OPERATION, "a token of the form base64(user:password)"))?;
        Ok(EcrToken {
            username,
            password,
            expires_at: data
                .expires_at
                .and_then(|x| SystemTime::try_from(x).ok())
                .ok_or_else(|| lacks(OPERATION, "the token's end"))?,
        })
    }

    async fn check_layers(
        &self,
        repository: &RepositoryName,
        layers: &[Digest],
    ) -> Result<BTreeSet<Digest>, EcrError> {
        const OPERATION: &str = "BatchCheckLayerAvailability";
        let mut available = BTreeSet::new();
        for chunk in layers.chunks(LAYERS_PER_CALL) {
            let answer = self
                .client
                .batch_check_layer_availability()
                .set_registry_id(self.registry())
                .repository_name(repository.as_str())
                .set_layer_digests(Some(chunk.iter().map(|x| x.as_str().to_owned()).collect()))
                .send()
                .await
                .map_err(|x| write_error(repository, call(OPERATION, x)))?;
            for layer in answer.layers.unwrap_or_default() {
                if layer.layer_availability == Some(LayerAvailability::Available) {
                    available.insert(digest_of(OPERATION, layer.layer_digest)?);
                }
            }
        }
        Ok(available)
    }
}

#[cfg(test)]
mod tests;
