//! Operations on images.

use serde::Deserialize;
use serde_json::{Value, json};
use steward_core::{Digest, NameError, Tag};

use super::pages::PageRequest;
use crate::gateway::{
    images::{ImageId, Images, Put, RemoveFailure, Repository, StoredImage, find},
    outage::Door,
    refusal::Refusal,
    registry::Registry,
};

/// The most ids in one batch (ECR API model).
const BATCH: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutInput {
    repository_name: String,
    image_manifest: String,
    image_manifest_media_type: Option<String>,
    image_tag: Option<String>,
    image_digest: Option<String>,
}

pub(crate) async fn put(
    images: &Images,
    registry: &Registry,
    input: PutInput,
) -> Result<Value, Refusal> {
    let tag: Option<Tag> = input
        .image_tag
        .map(Tag::try_from)
        .transpose()
        .map_err(|error| Refusal::TagInvalid(error.to_string()))?;
    let digest: Option<Digest> = input
        .image_digest
        .map(Digest::try_from)
        .transpose()
        .map_err(|error| Refusal::DigestInvalid(error.to_string()))?;
    let at = images.repository(registry, &input.repository_name).await?;
    let put = Put {
        tag: tag.clone(),
        digest,
        media_type: input.image_manifest_media_type,
        bytes: input.image_manifest.clone().into(),
        door: Door::Api,
    };
    let stored = images.put(&at, put).await?;
    let id = ImageId {
        image_digest: Some(stored.digest.into()),
        image_tag: tag.map(Into::into),
    };
    Ok(json!({ "image": {
        "registryId": registry.account,
        "repositoryName": at.name,
        "imageId": id,
        "imageManifest": input.image_manifest,
        "imageManifestMediaType": stored.media_type,
    }}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchInput {
    repository_name: String,
    image_ids: Vec<ImageId>,
}

impl BatchInput {
    async fn open(&self, images: &Images, registry: &Registry) -> Result<Repository, Refusal> {
        if self.image_ids.is_empty() || self.image_ids.len() > BATCH {
            return Err(Refusal::Parameter {
                at: "imageIds",
                reason: format!("'Member must have a length from 1 to {BATCH}'"),
            });
        }
        images.repository(registry, &self.repository_name).await
    }
}

fn failure(id: &ImageId, failure: &RemoveFailure) -> Value {
    json!({ "imageId": id, "failureCode": failure.code(), "failureReason": failure.to_string() })
}

pub(crate) async fn batch_get(
    images: &Images,
    registry: &Registry,
    input: BatchInput,
) -> Result<Value, Refusal> {
    let at = input.open(images, registry).await?;
    let _guard = images.reading(registry).await;
    let all = images.images(&at).await?;
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for id in &input.image_ids {
        let image = match find(&all, id) {
            Ok(image) => image,
            Err(error) => {
                failures.push(failure(id, &error));
                continue;
            }
        };
        let manifest = images.bytes_of(&at, &image.digest).await?;
        let id = ImageId {
            image_digest: Some(image.digest.to_string()),
            image_tag: id.image_tag.clone(),
        };
        found.push(json!({
            "registryId": registry.account,
            "repositoryName": at.name,
            "imageId": id,
            "imageManifest": String::from_utf8_lossy(&manifest.bytes),
            "imageManifestMediaType": manifest.media_type,
        }));
    }
    Ok(json!({ "images": found, "failures": failures }))
}

pub(crate) async fn batch_delete(
    images: &Images,
    registry: &Registry,
    input: BatchInput,
) -> Result<Value, Refusal> {
    let at = input.open(images, registry).await?;
    let _guard = images.writing(registry).await;
    let (mut removed, mut failures) = (Vec::new(), Vec::new());
    for id in &input.image_ids {
        match images.remove(&at, id).await? {
            Ok(ids) => removed.extend(ids),
            Err(error) => failures.push(failure(id, &error)),
        }
    }
    Ok(json!({ "imageIds": removed, "failures": failures }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StorageClassInput {
    repository_name: String,
    image_id: ImageId,
    target_storage_class: String,
}

/// Moves an image to the archive, or back.
pub(crate) async fn update_storage_class(
    images: &Images,
    registry: &Registry,
    input: StorageClassInput,
) -> Result<Value, Refusal> {
    let archive = match input.target_storage_class.as_str() {
        "ARCHIVE" => true,
        "STANDARD" => false,
        other => {
            return Err(Refusal::Parameter {
                at: "targetStorageClass",
                reason: format!("{other} is neither ARCHIVE nor STANDARD"),
            });
        }
    };
    let at = images.repository(registry, &input.repository_name).await?;
    let _guard = images.writing(registry).await;
    let all = images.all_images(&at).await?;
    let image = find(&all, &input.image_id).map_err(|_| Refusal::ImageNotFound {
        registry: registry.clone(),
        name: at.name.clone(),
        digest: input.image_id.image_digest.clone(),
        tag: input.image_id.image_tag.clone(),
    })?;
    images.set_archived(&at, &image.digest, archive);
    Ok(json!({
        "registryId": registry.account,
        "repositoryName": at.name,
        "imageId": { "imageDigest": image.digest },
        "imageStatus": if archive { "ARCHIVED" } else { "ACTIVATING" },
    }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    tag_status: Option<String>,
}

impl Filter {
    fn takes(&self, image: &StoredImage) -> bool {
        match self.tag_status.as_deref() {
            Some("TAGGED") => !image.tags.is_empty(),
            Some("UNTAGGED") => image.tags.is_empty(),
            _ => true,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListInput {
    repository_name: String,
    image_ids: Option<Vec<ImageId>>,
    #[serde(default)]
    filter: Filter,
    #[serde(flatten)]
    page: PageRequest,
}

/// One entry per tag, and one per untagged image.
pub(crate) async fn list(
    images: &Images,
    registry: &Registry,
    input: ListInput,
) -> Result<Value, Refusal> {
    let at = images.repository(registry, &input.repository_name).await?;
    let _guard = images.reading(registry).await;
    let mut ids = Vec::new();
    for image in images.images(&at).await? {
        if !input.filter.takes(&image) {
            continue;
        }
        if image.tags.is_empty() {
            ids.push(json!({ "imageDigest": image.digest }));
        }
        for tag in &image.tags {
            ids.push(json!({ "imageDigest": image.digest, "imageTag": tag }));
        }
    }
    input.page.page("imageIds", ids)
}

pub(crate) async fn describe(
    images: &Images,
    registry: &Registry,
    input: ListInput,
) -> Result<Value, Refusal> {
    let at = images.repository(registry, &input.repository_name).await?;
    let _guard = images.reading(registry).await;
    let all = images.images(&at).await?;
    let chosen: Vec<&StoredImage> = match &input.image_ids {
        None => all
            .iter()
            .filter(|image| input.filter.takes(image))
            .collect(),
        Some(ids) => ids
            .iter()
            .map(|id| {
                find(&all, id).map_err(|_| Refusal::ImageNotFound {
                    registry: registry.clone(),
                    name: at.name.clone(),
                    digest: id.image_digest.clone(),
                    tag: id.image_tag.clone(),
                })
            })
            .collect::<Result<_, _>>()?,
    };
    let mut details = Vec::new();
    for image in chosen {
        details.push(detail(images, &at, image).await?);
    }
    input.page.page("imageDetails", details)
}

async fn detail(images: &Images, at: &Repository, image: &StoredImage) -> Result<Value, Refusal> {
    let manifest = images.read(at, &image.digest).await?;
    // Of an index: that of its largest child, not the sum (ECR API model).
    let mut size = manifest.payload();
    for child in &manifest.children {
        if let Ok(child) = images.read(at, child).await {
            size = size.max(child.payload());
        }
    }
    let mut detail = json!({
        "registryId": at.registry.account,
        "repositoryName": at.name,
        "imageDigest": image.digest,
        "imageSizeInBytes": size,
        "imagePushedAt": image.pushed_at,
        "imageManifestMediaType": manifest.media_type,
        "imageStatus": "ACTIVE",
    });
    if let Some(object) = detail.as_object_mut() {
        if !image.tags.is_empty() {
            object.insert("imageTags".into(), json!(image.tags));
        }
        if let Some(artifact_type) = &manifest.artifact_type {
            object.insert("artifactMediaType".into(), json!(artifact_type));
        }
        if let Some(subject) = &manifest.subject {
            object.insert("subjectManifestDigest".into(), json!(subject));
        }
    }
    Ok(detail)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReferrersInput {
    repository_name: String,
    subject_id: SubjectId,
    #[serde(default)]
    filter: ReferrersFilter,
    #[serde(flatten)]
    page: PageRequest,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubjectId {
    image_digest: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReferrersFilter {
    #[serde(default)]
    artifact_types: Vec<String>,
}

pub(crate) async fn referrers(
    images: &Images,
    registry: &Registry,
    input: ReferrersInput,
) -> Result<Value, Refusal> {
    let subject: Digest = input
        .subject_id
        .image_digest
        .parse()
        .map_err(|error: NameError| Refusal::DigestInvalid(error.to_string()))?;
    let at = images.repository(registry, &input.repository_name).await?;
    let _guard = images.reading(registry).await;
    let wanted = &input.filter.artifact_types;
    let referrers = images
        .referrers(&at, &subject)
        .await?
        .iter()
        .filter(|(_, manifest)| {
            let artifact_type = manifest.artifact_type.as_ref();
            wanted.is_empty() || artifact_type.is_some_and(|t| wanted.contains(t))
        })
        .map(|(digest, manifest)| {
            let mut referrer = manifest.referrer_descriptor(digest);
            if let Some(object) = referrer.as_object_mut() {
                object.insert("artifactStatus".into(), "ACTIVE".into());
            }
            referrer
        })
        .collect();
    input.page.page("referrers", referrers)
}
