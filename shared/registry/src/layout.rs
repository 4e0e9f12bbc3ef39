//! OCI layout folders (`oci:dir[:tag]`).

mod reference;
mod write;

use std::fmt;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use steward_core::{Digest, Reference, Tag};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::Mutex;
use tokio_util::io::ReaderStream;

use crate::blob::{ByteStream, verify};
use crate::error::RegistryError;
use crate::manifest::{Descriptor, MAX_MANIFEST_BYTES, Manifest, MediaType};

pub(crate) use write::PutBlobError;

pub use reference::{LayoutRef, LayoutRefError};

/// The annotation that holds an image's tag in the folder's index (OCI image specification,
/// `annotations.md`).
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// An index of a folder larger than this is not read.
const MAX_INDEX_BYTES: u64 = 32 * 1024 * 1024;
/// Bytes read from a file at once.
const BUFFER: usize = 256 * 1024;

/// An OCI layout folder that is read or written. Cheap to clone; writers of the same folder must
/// share the clones, so that its index is not written twice at once.
#[derive(Clone, Debug)]
pub struct Layout {
    path: Arc<Path>,
    /// Held while the index is read, changed and written.
    index: Arc<Mutex<()>>,
}

/// `index.json`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    annotations: Option<Value>,
}

impl Index {
    fn empty() -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MediaType::OciIndex.as_str().to_owned()),
            manifests: Vec::new(),
            annotations: None,
        }
    }

    fn tagged(&self, tag: &Tag) -> Option<&Descriptor> {
        self.manifests
            .iter()
            .find(|image| tag_of(image) == Some(tag.as_str()))
    }
}

/// The tag of an entry. Some tools write the whole image name into the annotation.
fn tag_of(image: &Descriptor) -> Option<&str> {
    let name = image.annotations.get(REF_NAME)?;
    match name.rsplit_once(':') {
        Some((_, tag)) if !tag.contains('/') => Some(tag),
        _ => Some(name),
    }
}

impl Layout {
    /// Opens an existing layout folder for reading and writing.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Layout`] where the folder has no `oci-layout` file.
    pub async fn open(path: &Path) -> Result<Self, RegistryError> {
        let layout = Self {
            path: path.into(),
            index: Arc::default(),
        };
        let marker = path.join("oci-layout");
        match tokio::fs::metadata(&marker).await {
            Ok(_) => Ok(layout),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(RegistryError::Layout {
                    path: path.to_owned(),
                    reason: "is not an OCI layout folder: it has no file oci-layout".to_owned(),
                    missing: true,
                })
            }
            Err(source) => Err(file_error(&marker, source)),
        }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The images of the folder's index, with their tags in the annotation
    /// `org.opencontainers.image.ref.name`.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Layout`] where the index cannot be read as one.
    pub async fn images(&self) -> Result<Vec<Descriptor>, RegistryError> {
        Ok(self.read_index().await?.manifests)
    }

    /// What a layout reference without tag and digest means: the folder's only image.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Layout`] where there is no image or more than one; the tags are named.
    pub async fn only_image(&self) -> Result<Reference, RegistryError> {
        let images = self.images().await?;
        // What refers to another image is no image that somebody means by naming the folder.
        let mut candidates = Vec::new();
        for image in &images {
            if self.subject_of(image).await?.is_none() {
                candidates.push(image);
            }
        }
        match candidates.as_slice() {
            [one] => Ok(Reference::Digest(one.digest.clone())),
            [] => Err(self.lacks("holds no image".to_owned())),
            several => {
                let tags: Vec<_> = several.iter().take(20).filter_map(|i| tag_of(i)).collect();
                Err(self.lacks(format!(
                    "holds {} images: name one of the tags {}",
                    several.len(),
                    tags.join(", ")
                )))
            }
        }
    }

    pub(crate) async fn find(
        &self,
        reference: &Reference,
    ) -> Result<Option<Descriptor>, RegistryError> {
        match reference {
            Reference::Tag(tag) => Ok(self.read_index().await?.tagged(tag).cloned()),
            Reference::Digest(digest) => {
                match self.manifest_by_digest(digest, None).await {
                    Ok(manifest) => Ok(Some(manifest.descriptor())),
                    // A file that is not what its name says is as good as none: a copy replaces it.
                    Err(error) if error.is_not_found() || error.is_wrong_bytes() => Ok(None),
                    Err(error) => Err(error),
                }
            }
        }
    }

    pub(crate) async fn manifest(&self, reference: &Reference) -> Result<Manifest, RegistryError> {
        match reference {
            Reference::Tag(tag) => match self.read_index().await?.tagged(tag) {
                Some(found) => {
                    self.manifest_by_digest(&found.digest, Some(&found.media_type))
                        .await
                }
                None => Err(self.lacks(format!("has no image with tag {tag}"))),
            },
            Reference::Digest(digest) => self.manifest_by_digest(digest, None).await,
        }
    }

    async fn manifest_by_digest(
        &self,
        digest: &Digest,
        media_type: Option<&str>,
    ) -> Result<Manifest, RegistryError> {
        let path = self.blob_path(digest);
        let bytes = self.read_small(&path, MAX_MANIFEST_BYTES).await?;
        verify(&bytes, digest).map_err(|found| RegistryError::DigestMismatch {
            subject: path.display().to_string(),
            expected: digest.clone(),
            found,
        })?;
        Manifest::parse(bytes, media_type)
            .map(|manifest| manifest.with_digest(digest.clone()))
            .map_err(|source| RegistryError::Manifest {
                subject: path.display().to_string(),
                source,
            })
    }

    /// The images of the index that refer to `digest`.
    pub(crate) async fn referrers(
        &self,
        digest: &Digest,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let mut referrers = Vec::new();
        for image in self.read_index().await?.manifests {
            if self.subject_of(&image).await?.as_ref() == Some(digest) {
                referrers.push(image);
            }
        }
        Ok(referrers)
    }

    async fn subject_of(&self, image: &Descriptor) -> Result<Option<Digest>, RegistryError> {
        if MediaType::parse(&image.media_type).is_none() {
            return Ok(None);
        }
        let manifest = self.manifest_by_digest(&image.digest, None).await?;
        Ok(manifest.subject().map(|subject| subject.digest.clone()))
    }

    /// Whether a blob's file is there with its length. Its bytes are not read: that would cost as
    /// much as copying the blob.
    pub(crate) async fn has_blob(&self, blob: &Descriptor) -> Result<bool, RegistryError> {
        let path = self.blob_path(&blob.digest);
        match tokio::fs::metadata(&path).await {
            Ok(file) => Ok(file.is_file() && file.len() == blob.size),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(file_error(&path, source)),
        }
    }

    /// The bytes of a blob from `offset` on.
    pub(crate) async fn open_blob(
        &self,
        digest: &Digest,
        offset: u64,
    ) -> Result<ByteStream, RegistryError> {
        let path = self.blob_path(digest);
        let mut file = self.open_file(&path).await?;
        file.seek(SeekFrom::Start(offset))
            .await
            .map_err(|source| file_error(&path, source))?;
        let chunks = ReaderStream::with_capacity(file, BUFFER);
        Ok(Box::pin(chunks.map(move |chunk| {
            chunk.map_err(|source| file_error(&path, source))
        })))
    }

    async fn open_file(&self, path: &Path) -> Result<tokio::fs::File, RegistryError> {
        match tokio::fs::File::open(path).await {
            Ok(file) => Ok(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let name = path.strip_prefix(&*self.path).unwrap_or(path);
                Err(self.lacks(format!("lacks {}", name.display())))
            }
            Err(source) => Err(file_error(path, source)),
        }
    }

    async fn read_small(&self, path: &Path, limit: u64) -> Result<Bytes, RegistryError> {
        let file = self.open_file(path).await?;
        let mut bytes = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .await
            .map_err(|source| file_error(path, source))?;
        if bytes.len() as u64 > limit {
            return Err(RegistryError::TooLarge {
                subject: path.display().to_string(),
                limit,
            });
        }
        Ok(bytes.into())
    }

    async fn read_index(&self) -> Result<Index, RegistryError> {
        let path = self.path.join("index.json");
        let bytes = self.read_small(&path, MAX_INDEX_BYTES).await?;
        serde_json::from_slice(&bytes).map_err(|error| RegistryError::Layout {
            path,
            reason: format!("is not a valid index of an OCI layout: {error}"),
            missing: false,
        })
    }

    /// Digests are strictly parsed, so the path cannot leave the folder.
    fn blob_path(&self, digest: &Digest) -> PathBuf {
        let algorithm = digest.as_str().split(':').next().unwrap_or_default();
        self.path.join("blobs").join(algorithm).join(digest.hex())
    }

    fn lacks(&self, reason: String) -> RegistryError {
        RegistryError::Layout {
            path: self.path.to_path_buf(),
            reason,
            missing: true,
        }
    }
}

fn file_error(path: &Path, source: std::io::Error) -> RegistryError {
    RegistryError::File {
        path: path.to_owned(),
        source,
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci:{}", self.path.display())
    }
}

#[cfg(test)]
mod tests;
