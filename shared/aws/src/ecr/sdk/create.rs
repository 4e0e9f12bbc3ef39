//! New repositories.

use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability,
    ImageTagMutabilityExclusionFilter, ImageTagMutabilityExclusionFilterType, Tag as ResourceTag,
};
use steward_core::RepositoryName;

use super::SdkEcr;
use super::answer::{call, invalid, lacks, unless};
use crate::ecr::{CreateRepository, EcrError, NewRepository};
use crate::error::ServiceError;

const OPERATION: &str = "CreateRepository";

impl SdkEcr {
    /// Creates a repository and then gives it its policies, which takes a call each.
    pub(super) async fn create(
        &self,
        repository: &RepositoryName,
        settings: &NewRepository,
    ) -> Result<CreateRepository, EcrError> {
        let encryption = settings
            .kms_key
            .as_ref()
            .map(|key| {
                EncryptionConfiguration::builder()
                    .encryption_type(EncryptionType::Kms)
                    .kms_key(key)
                    .build()
                    .map_err(|error| invalid(OPERATION, &error))
            })
            .transpose()?;
        let answer = self
            .client
            .create_repository()
            .set_registry_id(self.registry())
            .repository_name(repository.as_str())
            .image_tag_mutability(mutability(settings))
            .set_image_tag_mutability_exclusion_filters(exclusions(settings)?)
            .image_scanning_configuration(
                ImageScanningConfiguration::builder()
                    .scan_on_push(settings.scan_on_push)
                    .build(),
            )
            .set_encryption_configuration(encryption)
            .set_tags(resource_tags(settings)?)
            .send()
            .await;
        let there = ["RepositoryAlreadyExistsException"];
        let Some(answer) = unless(&there, OPERATION, answer)? else {
            return Ok(CreateRepository::AlreadyThere);
        };
        let arn = answer
            .repository
            .and_then(|x| x.repository_arn)
            .ok_or_else(|| lacks(OPERATION, "the repository's ARN"))?;
        self.put_policies(repository, settings).await?;
        Ok(CreateRepository::Created { arn })
    }

    async fn put_policies(
        &self,
        repository: &RepositoryName,
        settings: &NewRepository,
    ) -> Result<(), EcrError> {
        let half = |what, source| EcrError::HalfCreated {
            repository: repository.clone(),
            what,
            source,
        };
        if let Some(policy) = &settings.lifecycle_policy {
            self.client
                .put_lifecycle_policy()
                .set_registry_id(self.registry())
                .repository_name(repository.as_str())
                .lifecycle_policy_text(policy)
                .send()
                .await
                .map_err(|x| half("lifecycle policy", call("PutLifecyclePolicy", x)))?;
        }
        if let Some(policy) = &settings.repository_policy {
            self.client
                .set_repository_policy()
                .set_registry_id(self.registry())
                .repository_name(repository.as_str())
                .policy_text(policy)
                .send()
                .await
                .map_err(|x| half("repository policy", call("SetRepositoryPolicy", x)))?;
        }
        Ok(())
    }
}

fn mutability(settings: &NewRepository) -> ImageTagMutability {
    match (
        settings.immutable,
        settings.mutability_exclusions.as_slice(),
    ) {
        (false, _) => ImageTagMutability::Mutable,
        (true, []) => ImageTagMutability::Immutable,
        (true, _) => ImageTagMutability::ImmutableWithExclusion,
    }
}

type Exclusions = Option<Vec<ImageTagMutabilityExclusionFilter>>;

fn exclusions(settings: &NewRepository) -> Result<Exclusions, ServiceError> {
    if !settings.immutable || settings.mutability_exclusions.is_empty() {
        return Ok(None);
    }
    settings
        .mutability_exclusions
        .iter()
        .map(|filter| {
            ImageTagMutabilityExclusionFilter::builder()
                .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
                .filter(filter)
                .build()
                .map_err(|error| invalid(OPERATION, &error))
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

fn resource_tags(settings: &NewRepository) -> Result<Option<Vec<ResourceTag>>, ServiceError> {
    if settings.tags.is_empty() {
        return Ok(None);
    }
    settings
        .tags
        .iter()
        .map(|(key, value)| {
            ResourceTag::builder()
                .key(key)
                .value(value)
                .build()
                .map_err(|error| invalid(OPERATION, &error))
        })
        .collect::<Result<_, _>>()
        .map(Some)
}
