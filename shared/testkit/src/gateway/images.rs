//! Images of registries, with ECR's rules laid over the emulator's: the part that both doors (the
//! registry protocol and the API) share.
//!
//! The emulator keeps the truth: which repositories, images and tags there are. The gateway keeps
//! only what it read of manifests, by digest, which cannot change.

mod age;
mod put;
mod remove;
mod settings;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Value, json};
use steward_core::{Digest, RepositoryName};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::{
    activity::{self, Action, Activity, ActivityLog, Change},
    events::Emitter,
    manifest::Manifest,
    outage::Door,
    refusal::Refusal,
    registry::Registry,
    reply,
    upstream::{Upstream, UpstreamError, collect},
};

use age::Ages;
pub(crate) use put::Put;
pub(crate) use remove::{ImageId, RemoveFailure, find};
pub(crate) use settings::{Exclusions, Settings};

/// How many manifests are remembered before all are forgotten and read again.
const REMEMBERED: usize = 50_000;

/// A repository that exists.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    pub(crate) registry: Registry,
    pub(crate) name: RepositoryName,
    pub(crate) settings: Settings,
}

/// An image as the emulator lists it.
#[derive(Clone, Debug)]
pub(crate) struct StoredImage {
    pub(crate) digest: Digest,
    pub(crate) tags: Vec<String>,
    /// Seconds since 1970.
    pub(crate) pushed_at: Value,
}

/// A manifest's bytes.
#[derive(Clone, Debug)]
pub(crate) struct StoredManifest {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

#[derive(Debug)]
pub(crate) struct Images {
    pub(crate) upstream: Upstream,
    pub(crate) emitter: Emitter,
    pub(crate) log: Arc<ActivityLog>,
    pub(crate) exclusions: Exclusions,
    locks: Mutex<HashMap<Registry, Arc<RwLock<()>>>>,
    manifests: Mutex<HashMap<Digest, Arc<Manifest>>>,
    /// Images in the archive storage class, which the emulator does not have.
    archived: Mutex<HashSet<(Registry, String, Digest)>>,
    ages: Ages,
}

impl Images {
    pub(crate) fn new(upstream: Upstream, emitter: Emitter, log: Arc<ActivityLog>) -> Self {
        Self {
            upstream,
            emitter,
            log,
            exclusions: Exclusions::default(),
            locks: Mutex::default(),
            manifests: Mutex::default(),
            archived: Mutex::default(),
            ages: Ages::default(),
        }
    }

    fn lock_of(&self, registry: &Registry) -> Arc<RwLock<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(registry.clone()).or_default())
    }

    /// Held while a registry's images are read: changes take several steps in the emulator, and no
    /// reader must see the state between them.
    pub(crate) async fn reading(&self, registry: &Registry) -> OwnedRwLockReadGuard<()> {
        self.lock_of(registry).read_owned().await
    }

    /// Held while a registry's images are changed.
    pub(crate) async fn writing(&self, registry: &Registry) -> OwnedRwLockWriteGuard<()> {
        self.lock_of(registry).write_owned().await
    }

    /// A repository, where it exists.
    pub(crate) async fn repository(
        &self,
        registry: &Registry,
        name: &str,
    ) -> Result<Repository, Refusal> {
        let unknown = || Refusal::RepositoryUnknown {
            registry: registry.clone(),
            name: name.to_owned(),
        };
        let name: RepositoryName = name.parse().map_err(|_| unknown())?;
        let answer = self
            .upstream
            .ecr(
                registry,
                "DescribeRepositories",
                &json!({ "repositoryNames": [name] }),
            )
            .await?;
        if answer.error() == Some("RepositoryNotFoundException") {
            return Err(unknown());
        }
        let body = answer.success("DescribeRepositories")?;
        let mutability = body
            .pointer("/repositories/0/imageTagMutability")
            .and_then(Value::as_str)
            .unwrap_or("MUTABLE");
        Ok(Repository {
            settings: Settings {
                mutability: mutability.to_owned(),
                exclusions: self.exclusions.of(registry, name.as_str()),
            },
            registry: registry.clone(),
            name,
        })
    }

    /// The images of a repository that can be pulled, oldest first: an archived one is found by none
    /// of ECR's calls that do not ask for it.
    pub(crate) async fn images(&self, at: &Repository) -> Result<Vec<StoredImage>, Refusal> {
        let mut images = self.all_images(at).await?;
        images.retain(|image| !self.is_archived(at, &image.digest));
        Ok(images)
    }

    fn is_archived(&self, at: &Repository, digest: &Digest) -> bool {
        let archived = self.archived.lock().unwrap_or_else(PoisonError::into_inner);
        !archived.is_empty()
            && archived.contains(&(at.registry.clone(), at.name.to_string(), digest.clone()))
    }

    /// Moves an image to the archive, or back from there.
    pub(crate) fn set_archived(&self, at: &Repository, digest: &Digest, archive: bool) {
        let key = (at.registry.clone(), at.name.to_string(), digest.clone());
        let mut archived = self.archived.lock().unwrap_or_else(PoisonError::into_inner);
        if archive {
            archived.insert(key);
        } else {
            archived.remove(&key);
        }
    }

    /// All images of a repository, archived ones too, oldest first.
    pub(crate) async fn all_images(&self, at: &Repository) -> Result<Vec<StoredImage>, Refusal> {
        let body = self
            .upstream
            .ecr(
                &at.registry,
                "DescribeImages",
                &json!({ "repositoryName": at.name }),
            )
            .await?
            .success("DescribeImages")?;
        let details = body.get("imageDetails").and_then(Value::as_array);
        let images = details.into_iter().flatten().filter_map(|detail| {
            let tags = detail.get("imageTags").and_then(Value::as_array);
            let digest: Digest = detail.get("imageDigest")?.as_str()?.parse().ok()?;
            Some(StoredImage {
                pushed_at: self.pushed_at(at, &digest, detail.get("imagePushedAt")),
                digest,
                tags: tags
                    .into_iter()
                    .flatten()
                    .filter_map(|tag| tag.as_str().map(str::to_owned))
                    .collect(),
            })
        });
        Ok(images.collect())
    }

    /// A manifest by tag or digest, where the repository has it.
    pub(crate) async fn manifest(
        &self,
        at: &Repository,
        reference: &str,
    ) -> Result<Option<StoredManifest>, Refusal> {
        let images = self.images(at).await?;
        match holder(&images, reference) {
            // An image is what the API knows: the emulator would serve deleted ones by digest.
            Some(digest) => Ok(Some(self.bytes_of(at, digest).await?)),
            None => Ok(None),
        }
    }

    /// The bytes of an image that is in the repository.
    pub(crate) async fn bytes_of(
        &self,
        at: &Repository,
        digest: &Digest,
    ) -> Result<StoredManifest, Refusal> {
        let path = format!("/v2/{}/manifests/{digest}", at.name);
        let response = self
            .upstream
            .registry(
                &at.registry,
                Method::GET,
                &path,
                HeaderMap::new(),
                reply::empty(),
            )
            .await?;
        if response.status().is_success() {
            let media_type = response
                .headers()
                .get(header::CONTENT_TYPE)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned();
            return Ok(StoredManifest {
                digest: digest.clone(),
                media_type,
                bytes: collect(&path, response.into_body()).await?,
            });
        }
        // Put by the emulator's own PutImage, past the gateway: only its API knows it.
        let body = self
            .upstream
            .ecr(
                &at.registry,
                "BatchGetImage",
                &json!({ "repositoryName": at.name, "imageIds": [{ "imageDigest": digest }] }),
            )
            .await?
            .success("BatchGetImage")?;
        let text = |key: &str| {
            body.pointer(&format!("/images/0/{key}"))
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let (Some(manifest), Some(media_type)) =
            (text("imageManifest"), text("imageManifestMediaType"))
        else {
            return Err(Refusal::ManifestUnknown);
        };
        Ok(StoredManifest {
            digest: digest.clone(),
            media_type,
            bytes: manifest.into(),
        })
    }

    /// What the manifest of an image in the repository says.
    pub(crate) async fn read(
        &self,
        at: &Repository,
        digest: &Digest,
    ) -> Result<Arc<Manifest>, Refusal> {
        let remembered = self
            .manifests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(digest)
            .cloned();
        if let Some(manifest) = remembered {
            return Ok(manifest);
        }
        let stored = self.bytes_of(at, digest).await?;
        let manifest = Manifest::parse(&stored.bytes, Some(&stored.media_type))
            .map_err(Refusal::ManifestInvalid)?;
        Ok(self.remember(digest, manifest))
    }

    fn remember(&self, digest: &Digest, manifest: Manifest) -> Arc<Manifest> {
        let manifest = Arc::new(manifest);
        let mut manifests = self
            .manifests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if manifests.len() >= REMEMBERED {
            manifests.clear();
        }
        manifests.insert(digest.clone(), Arc::clone(&manifest));
        manifest
    }

    /// Size of a blob, where the repository has it.
    pub(crate) async fn blob_size(
        &self,
        at: &Repository,
        digest: &Digest,
    ) -> Result<Option<u64>, Refusal> {
        let path = format!("/v2/{}/blobs/{digest}", at.name);
        let response = self
            .upstream
            .registry(
                &at.registry,
                Method::HEAD,
                &path,
                HeaderMap::new(),
                reply::empty(),
            )
            .await?;
        match response.status() {
            StatusCode::OK => Ok(response
                .headers()
                .get(header::CONTENT_LENGTH)
                .and_then(|value| value.to_str().ok()?.parse().ok())),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(Refusal::Upstream(UpstreamError::Status {
                what: format!("HEAD {path}"),
                status,
                body: String::new(),
            })),
        }
    }

    /// The manifests of a repository whose subject is `subject`, oldest first.
    pub(crate) async fn referrers(
        &self,
        at: &Repository,
        subject: &Digest,
    ) -> Result<Vec<(Digest, Arc<Manifest>)>, Refusal> {
        let mut referrers = Vec::new();
        for image in self.images(at).await? {
            // An unreadable manifest, put past the gateway, is nobody's referrer.
            if let Ok(manifest) = self.read(at, &image.digest).await
                && manifest.subject.as_ref() == Some(subject)
            {
                referrers.push((image.digest, manifest));
            }
        }
        Ok(referrers)
    }

    /// Logs a change and emits its event.
    fn changed(
        &self,
        at: &Repository,
        action: Action,
        digest: &Digest,
        tag: Option<String>,
        referrer: bool,
    ) {
        let change = Change {
            time: activity::now(),
            action,
            registry: at.registry.clone(),
            repository: at.name.clone(),
            tag,
            digest: digest.clone(),
        };
        self.log.add(Activity::Change(change.clone()));
        self.emitter.emit(change, referrer);
    }
}

/// The image that a tag or digest names.
fn holder<'i>(images: &'i [StoredImage], reference: &str) -> Option<&'i Digest> {
    let names = |image: &&StoredImage| {
        image.digest.as_str() == reference || image.tags.iter().any(|tag| tag == reference)
    };
    images.iter().find(names).map(|image| &image.digest)
}
