use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use sha2::{Digest as _, Sha256};
use steward_core::{Digest, Tag};

use super::{
    Action, Door, Images, Refusal, Repository, StoredImage, UpstreamError, collect, reply,
};
use crate::gateway::manifest::{MANIFEST_LIMIT, Manifest};

/// A manifest to be put.
#[derive(Clone, Debug)]
pub(crate) struct Put {
    pub(crate) tag: Option<Tag>,
    /// The digest that the caller says the bytes have.
    pub(crate) digest: Option<Digest>,
    pub(crate) media_type: Option<String>,
    pub(crate) bytes: Bytes,
    pub(crate) door: Door,
}

/// A manifest that was put.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) subject: Option<Digest>,
}

impl Images {
    /// Puts a manifest as ECR does, and emits its event.
    pub(crate) async fn put(&self, at: &Repository, put: Put) -> Result<Stored, Refusal> {
        if put.bytes.len() > MANIFEST_LIMIT {
            return Err(Refusal::TooLarge(MANIFEST_LIMIT));
        }
        let sum: [u8; 32] = Sha256::digest(&put.bytes).into();
        let digest = Digest::from_sha256(&sum);
        if let Some(given) = put.digest.filter(|given| *given != digest) {
            return Err(Refusal::DigestMismatch {
                given,
                actual: digest,
            });
        }
        let manifest = Manifest::parse(&put.bytes, put.media_type.as_deref())
            .map_err(Refusal::ManifestInvalid)?;

        let _guard = self.writing(&at.registry).await;
        let images = self.images(at).await?;
        refuse_existing(at, &images, &digest, put.tag.as_ref(), put.door)?;
        self.refuse_incomplete(at, &images, &manifest).await?;

        let reference = put.tag.as_ref().map_or(digest.as_str(), Tag::as_str);
        self.put_bytes(at, reference, &manifest.media_type, put.bytes)
            .await?;
        let manifest = self.remember(&digest, manifest);
        // Putting an image again brings it back from the archive.
        self.set_archived(at, &digest, false);
        self.changed(
            at,
            Action::Push,
            &digest,
            put.tag.map(String::from),
            manifest.subject.is_some(),
        );
        Ok(Stored {
            digest,
            media_type: manifest.media_type.clone(),
            subject: manifest.subject.clone(),
        })
    }

    /// Refuses a manifest that names what the repository does not have.
    async fn refuse_incomplete(
        &self,
        at: &Repository,
        images: &[StoredImage],
        manifest: &Manifest,
    ) -> Result<(), Refusal> {
        let missing: Vec<Digest> = manifest
            .children
            .iter()
            .filter(|child| !images.iter().any(|image| image.digest == **child))
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Err(Refusal::ImagesMissing {
                registry: at.registry.clone(),
                name: at.name.clone(),
                digests: missing,
            });
        }
        let mut missing = Vec::new();
        for blob in manifest.blobs.iter().filter(|blob| !blob.foreign) {
            if self.blob_size(at, &blob.digest).await?.is_none() {
                missing.push(blob.digest.clone());
            }
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Refusal::LayersMissing {
                registry: at.registry.clone(),
                name: at.name.clone(),
                digests: missing,
            })
        }
    }

    /// Puts bytes into the emulator, unchecked.
    pub(super) async fn put_bytes(
        &self,
        at: &Repository,
        reference: &str,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<(), Refusal> {
        let path = format!("/v2/{}/manifests/{reference}", at.name);
        let mut headers = HeaderMap::new();
        let media_type = HeaderValue::from_str(media_type)
            .map_err(|error| Refusal::ManifestInvalid(error.to_string()))?;
        headers.insert(header::CONTENT_TYPE, media_type);
        let response = self
            .upstream
            .registry(
                &at.registry,
                Method::PUT,
                &path,
                headers,
                reply::full(bytes),
            )
            .await?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let body = collect(&path, response.into_body()).await?;
        Err(Refusal::Upstream(UpstreamError::Status {
            what: format!("PUT {path}"),
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
        }))
    }
}

/// Refuses what is there already: on an immutable repository every put of a tag that exists, with
/// the same image as well; at the API's door also the same image under the same tag.
fn refuse_existing(
    at: &Repository,
    images: &[StoredImage],
    digest: &Digest,
    tag: Option<&Tag>,
    door: Door,
) -> Result<(), Refusal> {
    let exists = match tag {
        None => images.iter().any(|image| image.digest == *digest),
        Some(tag) => {
            let holder = images
                .iter()
                .find(|image| image.tags.iter().any(|t| t == tag.as_str()));
            if holder.is_some() && at.settings.immutable(tag.as_str()) {
                return Err(Refusal::TagImmutable {
                    name: at.name.clone(),
                    tag: tag.clone(),
                });
            }
            holder.is_some_and(|image| image.digest == *digest)
        }
    };
    if exists && door == Door::Api {
        return Err(Refusal::ImageExists {
            registry: at.registry.clone(),
            name: at.name.clone(),
            digest: digest.clone(),
            tag: tag.cloned(),
        });
    }
    Ok(())
}
