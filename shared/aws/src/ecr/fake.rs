//! An in-memory registry with ECR's semantics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use secrecy::SecretString;
use steward_core::{Digest, Reference, RepositoryName, Tag};

use super::{
    Archive, CreateRepository, DeleteImage, Ecr, EcrError, EcrToken, ImageDetail, Manifest,
    NewRepository, PutTag, RemoveTag, RepositoryInfo, TagMutability,
};

/// One account's registry in one Region, in memory.
///
/// As ECR does: removing the last tag of an image deletes the image; a tag moves unless the
/// repository is immutable; an index keeps its children from being deleted.
#[derive(Debug)]
pub struct FakeEcr {
    account: String,
    region: String,
    repositories: Mutex<BTreeMap<RepositoryName, Repository>>,
    calls: Mutex<Vec<String>>,
}

#[derive(Debug, Default)]
struct Repository {
    mutability: TagMutability,
    exclusions: Vec<String>,
    resource_tags: BTreeMap<String, String>,
    images: BTreeMap<Digest, Image>,
    tags: BTreeMap<Tag, Digest>,
    layers: BTreeSet<Digest>,
    created_with: Option<NewRepository>,
}

#[derive(Debug)]
struct Image {
    body: String,
    media_type: String,
    children: BTreeSet<Digest>,
    subject: Option<Digest>,
    pushed_at: SystemTime,
    archived: bool,
}

impl Default for FakeEcr {
    fn default() -> Self {
        Self::new("111122223333", "eu-west-1")
    }
}

impl FakeEcr {
    /// An empty registry.
    #[must_use]
    pub fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            repositories: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    /// Puts an image with or without a tag, as a push would; creates the repository.
    pub fn push(&self, repository: &RepositoryName, manifest: &Manifest, tag: Option<&Tag>) {
        let mut repositories = self.lock();
        let repository = repositories.entry(repository.clone()).or_default();
        repository
            .images
            .insert(manifest.digest.clone(), image(manifest));
        if let Some(tag) = tag {
            repository.tags.insert(tag.clone(), manifest.digest.clone());
        }
    }

    /// Sets when an image was pushed; [`SystemTime::UNIX_EPOCH`] unless told.
    pub fn set_pushed_at(&self, repository: &RepositoryName, digest: &Digest, at: SystemTime) {
        if let Some(image) = self
            .lock()
            .get_mut(repository)
            .and_then(|found| found.images.get_mut(digest))
        {
            image.pushed_at = at;
        }
    }

    /// Sets the resource tags of a repository; creates the repository.
    pub fn set_resource_tags(&self, repository: &RepositoryName, tags: BTreeMap<String, String>) {
        self.lock()
            .entry(repository.clone())
            .or_default()
            .resource_tags = tags;
    }

    /// Whether an image is in the archive.
    #[must_use]
    pub fn is_archived(&self, repository: &RepositoryName, digest: &Digest) -> bool {
        self.lock()
            .get(repository)
            .and_then(|found| found.images.get(digest))
            .is_some_and(|image| image.archived)
    }

    /// Sets a repository's mutability; creates the repository. `exclusions` are filters such as
    /// `latest*`.
    pub fn set_mutability(
        &self,
        repository: &RepositoryName,
        mutability: TagMutability,
        exclusions: &[&str],
    ) {
        let mut repositories = self.lock();
        let repository = repositories.entry(repository.clone()).or_default();
        repository.mutability = mutability;
        repository.exclusions = exclusions.iter().map(|&x| x.to_owned()).collect();
    }

    /// The settings with which a repository was created by a call.
    #[must_use]
    pub fn created_with(&self, repository: &RepositoryName) -> Option<NewRepository> {
        self.lock().get(repository)?.created_with.clone()
    }

    /// Makes a layer available.
    pub fn add_layer(&self, repository: &RepositoryName, layer: Digest) {
        let mut repositories = self.lock();
        let repository = repositories.entry(repository.clone()).or_default();
        repository.layers.insert(layer);
    }

    /// The whole registry, one line per image: `repository@digest12 tag tag`.
    #[must_use]
    pub fn render(&self) -> String {
        let mut lines = Vec::new();
        for (name, repository) in self.lock().iter() {
            for digest in repository.images.keys() {
                let mut line = format!("{name}@{}", digest.short());
                for tag in repository.tags_of(digest) {
                    line.push(' ');
                    line.push_str(tag.as_str());
                }
                lines.push(line);
            }
        }
        lines.join("\n")
    }

    /// The writing calls so far, one line each.
    #[must_use]
    pub fn writes(&self) -> Vec<String> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RepositoryName, Repository>> {
        self.repositories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, call: String) {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(call);
    }

    fn arn(&self, repository: &RepositoryName) -> String {
        format!(
            "arn:aws:ecr:{}:{}:repository/{repository}",
            self.region, self.account
        )
    }
}

impl Repository {
    fn resolve(&self, reference: &Reference) -> Option<Digest> {
        match reference {
            Reference::Tag(tag) => self.tags.get(tag).cloned(),
            Reference::Digest(digest) => self.images.contains_key(digest).then(|| digest.clone()),
        }
    }

    fn tags_of(&self, digest: &Digest) -> BTreeSet<Tag> {
        self.tags
            .iter()
            .filter(|(_, x)| *x == digest)
            .map(|(tag, _)| tag.clone())
            .collect()
    }

    /// An index keeps its children from being deleted.
    fn refuse_child(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        reference: Reference,
    ) -> Result<(), EcrError> {
        if self.images.values().any(|x| x.children.contains(digest)) {
            return Err(EcrError::ImageRefused {
                operation: "BatchDeleteImage",
                repository: repository.clone(),
                reference,
                code: "ImageReferencedByManifestList".to_owned(),
                reason: "Requested image referenced by manifest list".to_owned(),
            });
        }
        Ok(())
    }

    fn may_move(&self, tag: &Tag) -> bool {
        let excluded = self.exclusions.iter().any(|x| wildcard(x, tag.as_str()));
        match self.mutability {
            TagMutability::Mutable => true,
            TagMutability::Immutable => false,
            TagMutability::MutableWithExclusion => !excluded,
            TagMutability::ImmutableWithExclusion => excluded,
        }
    }
}

#[async_trait]
impl Ecr for FakeEcr {
    async fn describe_image(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ImageDetail>, EcrError> {
        let repositories = self.lock();
        let Some(repository) = repositories.get(repository) else {
            return Ok(None);
        };
        let Some(digest) = repository.resolve(reference) else {
            return Ok(None);
        };
        let found = repository.images.get(&digest);
        Ok(found
            .filter(|image| !image.archived)
            .map(|image| ImageDetail {
                tags: repository.tags_of(&digest),
                digest,
                media_type: Some(image.media_type.clone()),
                artifact_type: None,
                size: u64::try_from(image.body.len()).ok(),
                pushed_at: Some(image.pushed_at),
                subject: image.subject.clone(),
            }))
    }

    async fn get_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<Manifest>, EcrError> {
        let repositories = self.lock();
        let Some(repository) = repositories.get(repository) else {
            return Ok(None);
        };
        let Some(digest) = repository.resolve(reference) else {
            return Ok(None);
        };
        let found = repository.images.get(&digest);
        Ok(found.filter(|image| !image.archived).map(|image| Manifest {
            body: image.body.clone(),
            media_type: image.media_type.clone(),
            digest,
        }))
    }

    async fn put_tag(
        &self,
        repository: &RepositoryName,
        manifest: &Manifest,
        tag: &Tag,
    ) -> Result<PutTag, EcrError> {
        self.record(format!(
            "put_tag {repository}:{tag} {}",
            manifest.digest.short()
        ));
        let mut repositories = self.lock();
        let Some(found) = repositories.get_mut(repository) else {
            return Err(EcrError::RepositoryNotFound {
                repository: repository.clone(),
            });
        };
        match found.tags.get(tag) {
            Some(current)
                if *current == manifest.digest
                    && found
                        .images
                        .get(current)
                        .is_some_and(|image| !image.archived) =>
            {
                return Ok(PutTag::AlreadyThere);
            }
            Some(current) if !found.may_move(tag) => {
                return Ok(PutTag::Immutable {
                    current: Some(current.clone()),
                });
            }
            _ => {}
        }
        // Putting an image again brings it back from the archive.
        found
            .images
            .entry(manifest.digest.clone())
            .or_insert_with(|| image(manifest))
            .archived = false;
        found.tags.insert(tag.clone(), manifest.digest.clone());
        Ok(PutTag::Done)
    }

    async fn remove_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<RemoveTag, EcrError> {
        self.record(format!("remove_tag {repository}:{tag}"));
        let mut repositories = self.lock();
        let Some(found) = repositories.get_mut(repository) else {
            return Ok(RemoveTag::NotThere);
        };
        let Some(digest) = found.tags.get(tag).cloned() else {
            return Ok(RemoveTag::NotThere);
        };
        if found.tags_of(&digest).len() == 1 {
            found.refuse_child(repository, &digest, Reference::Tag(tag.clone()))?;
            found.images.remove(&digest);
        }
        found.tags.remove(tag);
        Ok(RemoveTag::Removed {
            digest: Some(digest),
        })
    }

    async fn tags(&self, repository: &RepositoryName) -> Result<BTreeMap<Tag, Digest>, EcrError> {
        let repositories = self.lock();
        let Some(found) = repositories.get(repository) else {
            return Ok(BTreeMap::new());
        };
        Ok(found
            .tags
            .iter()
            .filter(|(_, digest)| found.images.get(digest).is_some_and(|x| !x.archived))
            .map(|(tag, digest)| (tag.clone(), digest.clone()))
            .collect())
    }

    async fn tag_times(
        &self,
        repository: &RepositoryName,
    ) -> Result<BTreeMap<Tag, Option<SystemTime>>, EcrError> {
        let repositories = self.lock();
        let Some(found) = repositories.get(repository) else {
            return Ok(BTreeMap::new());
        };
        let live = |digest: &Digest| found.images.get(digest).filter(|image| !image.archived);
        Ok(found
            .tags
            .iter()
            .filter_map(|(tag, digest)| Some((tag.clone(), Some(live(digest)?.pushed_at))))
            .collect())
    }

    async fn archive(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Archive, EcrError> {
        self.record(format!("archive {repository}@{}", digest.short()));
        let mut repositories = self.lock();
        let image = repositories
            .get_mut(repository)
            .and_then(|found| found.images.get_mut(digest))
            .filter(|image| !image.archived);
        Ok(match image {
            None => Archive::NotThere,
            Some(image) => {
                image.archived = true;
                Archive::Done
            }
        })
    }

    async fn archived(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<BTreeSet<Tag>>, EcrError> {
        let repositories = self.lock();
        let Some(found) = repositories.get(repository) else {
            return Ok(None);
        };
        let digest = found.resolve(reference);
        let archived = digest.filter(|digest| found.images.get(digest).is_some_and(|x| x.archived));
        Ok(archived.map(|digest| found.tags_of(&digest)))
    }

    async fn delete_image(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<DeleteImage, EcrError> {
        self.record(format!("delete_image {repository}@{}", digest.short()));
        let mut repositories = self.lock();
        let Some(found) = repositories.get_mut(repository) else {
            return Ok(DeleteImage::NotThere);
        };
        if !found.images.contains_key(digest) {
            return Ok(DeleteImage::NotThere);
        }
        found.refuse_child(repository, digest, Reference::Digest(digest.clone()))?;
        found.images.remove(digest);
        found.tags.retain(|_, other| other != digest);
        Ok(DeleteImage::Done)
    }

    async fn repository(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<RepositoryInfo>, EcrError> {
        Ok(self.lock().get(repository).map(|found| RepositoryInfo {
            arn: self.arn(repository),
            uri: format!(
                "{}.dkr.ecr.{}.amazonaws.com/{repository}",
                self.account, self.region
            ),
            mutability: found.mutability,
            mutability_exclusions: found.exclusions.clone(),
        }))
    }

    async fn resource_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, EcrError> {
        let repositories = self.lock();
        Ok(repositories
            .iter()
            .find(|(name, _)| self.arn(name) == arn)
            .map(|(_, x)| x.resource_tags.clone())
            .unwrap_or_default())
    }

    async fn create_repository(
        &self,
        repository: &RepositoryName,
        settings: &NewRepository,
    ) -> Result<CreateRepository, EcrError> {
        self.record(format!("create_repository {repository}"));
        let mut repositories = self.lock();
        if repositories.contains_key(repository) {
            return Ok(CreateRepository::AlreadyThere);
        }
        repositories.insert(
            repository.clone(),
            Repository {
                mutability: match (
                    settings.immutable,
                    settings.mutability_exclusions.as_slice(),
                ) {
                    (false, _) => TagMutability::Mutable,
                    (true, []) => TagMutability::Immutable,
                    (true, _) => TagMutability::ImmutableWithExclusion,
                },
                exclusions: settings.mutability_exclusions.clone(),
                resource_tags: settings.tags.clone(),
                created_with: Some(settings.clone()),
                ..Repository::default()
            },
        );
        Ok(CreateRepository::Created {
            arn: self.arn(repository),
        })
    }

    async fn authorization_token(&self) -> Result<EcrToken, EcrError> {
        Ok(EcrToken {
            username: "AWS".to_owned(),
            password: SecretString::from(format!("token-of-{}", self.account)),
            expires_at: SystemTime::now() + Duration::from_secs(12 * 3600),
        })
    }

    async fn check_layers(
        &self,
        repository: &RepositoryName,
        layers: &[Digest],
    ) -> Result<BTreeSet<Digest>, EcrError> {
        let repositories = self.lock();
        let Some(found) = repositories.get(repository) else {
            return Err(EcrError::RepositoryNotFound {
                repository: repository.clone(),
            });
        };
        Ok(layers
            .iter()
            .filter(|x| found.layers.contains(x))
            .cloned()
            .collect())
    }
}

/// Reads out of the manifest text what ECR's semantics need: digests under `manifests` are children,
/// the one under `subject` is the subject.
fn image(manifest: &Manifest) -> Image {
    let body = &manifest.body;
    let children = match (body.find("\"manifests\""), body.find("\"subject\"")) {
        (Some(start), Some(end)) if start < end => digests(&body[start..end]),
        (Some(start), _) => digests(&body[start..]),
        (None, _) => BTreeSet::new(),
    };
    let subject = body
        .find("\"subject\"")
        .and_then(|start| body[start..].split('"').find_map(|x| x.parse().ok()));
    Image {
        body: body.clone(),
        media_type: manifest.media_type.clone(),
        children,
        subject,
        pushed_at: SystemTime::UNIX_EPOCH,
        archived: false,
    }
}

fn digests(text: &str) -> BTreeSet<Digest> {
    text.split('"').filter_map(|x| x.parse().ok()).collect()
}

fn wildcard(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len())
                .filter_map(|i| rest.get(i..))
                .any(|rest| wildcard(tail, rest))
        }),
    }
}

#[cfg(test)]
mod tests;
