//! A registry that fails on request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use steward_core::{Digest, Reference, RepositoryName, Tag};

use super::{
    Archive, CreateRepository, DeleteImage, Ecr, EcrError, EcrToken, ImageDetail, Manifest,
    NewRepository, PutTag, RemoveTag, RepositoryInfo,
};

/// The operations of [`Ecr`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "named like the methods")]
pub enum EcrOperation {
    DescribeImage,
    GetManifest,
    PutTag,
    RemoveTag,
    Tags,
    TagTimes,
    Archive,
    DeleteImage,
    Repository,
    ResourceTags,
    CreateRepository,
    AuthorizationToken,
    CheckLayers,
}

type Hook = dyn Fn(EcrOperation, Option<&RepositoryName>) -> Option<EcrError> + Send + Sync;

/// Passes every call on, unless the hook has an error for it.
pub struct FailingEcr {
    inner: Arc<dyn Ecr>,
    hook: Box<Hook>,
}

impl FailingEcr {
    /// Asks `hook` before each call.
    pub fn new(
        inner: Arc<dyn Ecr>,
        hook: impl Fn(EcrOperation, Option<&RepositoryName>) -> Option<EcrError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            inner,
            hook: Box::new(hook),
        }
    }

    fn ask(
        &self,
        operation: EcrOperation,
        repository: Option<&RepositoryName>,
    ) -> Result<(), EcrError> {
        (self.hook)(operation, repository).map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Ecr for FailingEcr {
    async fn describe_image(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ImageDetail>, EcrError> {
        self.ask(EcrOperation::DescribeImage, Some(repository))?;
        self.inner.describe_image(repository, reference).await
    }

    async fn get_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<Manifest>, EcrError> {
        self.ask(EcrOperation::GetManifest, Some(repository))?;
        self.inner.get_manifest(repository, reference).await
    }

    async fn put_tag(
        &self,
        repository: &RepositoryName,
        manifest: &Manifest,
        tag: &Tag,
    ) -> Result<PutTag, EcrError> {
        self.ask(EcrOperation::PutTag, Some(repository))?;
        self.inner.put_tag(repository, manifest, tag).await
    }

    async fn remove_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<RemoveTag, EcrError> {
        self.ask(EcrOperation::RemoveTag, Some(repository))?;
        self.inner.remove_tag(repository, tag).await
    }

    async fn tags(&self, repository: &RepositoryName) -> Result<BTreeMap<Tag, Digest>, EcrError> {
        self.ask(EcrOperation::Tags, Some(repository))?;
        self.inner.tags(repository).await
    }

    async fn tag_times(
        &self,
        repository: &RepositoryName,
    ) -> Result<BTreeMap<Tag, Option<SystemTime>>, EcrError> {
        self.ask(EcrOperation::TagTimes, Some(repository))?;
        self.inner.tag_times(repository).await
    }

    async fn archive(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Archive, EcrError> {
        self.ask(EcrOperation::Archive, Some(repository))?;
        self.inner.archive(repository, digest).await
    }

    async fn archived(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<BTreeSet<Tag>>, EcrError> {
        self.ask(EcrOperation::DescribeImage, Some(repository))?;
        self.inner.archived(repository, reference).await
    }

    async fn delete_image(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<DeleteImage, EcrError> {
        self.ask(EcrOperation::DeleteImage, Some(repository))?;
        self.inner.delete_image(repository, digest).await
    }

    async fn repository(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<RepositoryInfo>, EcrError> {
        self.ask(EcrOperation::Repository, Some(repository))?;
        self.inner.repository(repository).await
    }

    async fn resource_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, EcrError> {
        self.ask(EcrOperation::ResourceTags, None)?;
        self.inner.resource_tags(arn).await
    }

    async fn create_repository(
        &self,
        repository: &RepositoryName,
        settings: &NewRepository,
    ) -> Result<CreateRepository, EcrError> {
        self.ask(EcrOperation::CreateRepository, Some(repository))?;
        self.inner.create_repository(repository, settings).await
    }

    async fn authorization_token(&self) -> Result<EcrToken, EcrError> {
        self.ask(EcrOperation::AuthorizationToken, None)?;
        self.inner.authorization_token().await
    }

    async fn check_layers(
        &self,
        repository: &RepositoryName,
        layers: &[Digest],
    ) -> Result<BTreeSet<Digest>, EcrError> {
        self.ask(EcrOperation::CheckLayers, Some(repository))?;
        self.inner.check_layers(repository, layers).await
    }
}
