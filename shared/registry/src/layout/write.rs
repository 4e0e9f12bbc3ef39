use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use steward_core::{Reference, Tag};
use tokio::io::AsyncWriteExt;

use super::{Index, Layout, REF_NAME, file_error, tag_of};
use crate::blob::Download;
use crate::error::RegistryError;
use crate::manifest::{Descriptor, Manifest};

/// Distinguishes the unfinished files of one process.
static UNFINISHED: AtomicU64 = AtomicU64::new(0);

impl Layout {
    /// Opens a layout folder, or makes one where there is none. An existing folder has to be empty
    /// or a layout.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Layout`] where the folder holds something else.
    pub async fn create(path: &Path) -> Result<Self, RegistryError> {
        if let Ok(layout) = Self::open(path).await {
            return Ok(layout);
        }
        let fail = |source| file_error(path, source);
        tokio::fs::create_dir_all(path).await.map_err(fail)?;
        let mut entries = tokio::fs::read_dir(path).await.map_err(fail)?;
        if entries.next_entry().await.map_err(fail)?.is_some() {
            return Err(RegistryError::Layout {
                path: path.to_owned(),
                reason: "is neither empty nor an OCI layout folder".to_owned(),
                missing: false,
            });
        }
        let layout = Self {
            path: path.into(),
            index: std::sync::Arc::default(),
        };
        layout.write_index(&Index::empty()).await?;
        // The marker comes last: with it, the folder is a layout.
        layout
            .replace(
                &path.join("oci-layout"),
                br#"{"imageLayoutVersion":"1.0.0"}"#,
            )
            .await?;
        Ok(layout)
    }

    /// Writes a manifest; with a tag, the index points to it, and an image without a tag is listed
    /// where nothing else leads to it (`listed`).
    pub(crate) async fn put_manifest(
        &self,
        reference: &Reference,
        manifest: &Manifest,
        listed: bool,
    ) -> Result<(), RegistryError> {
        self.replace(&self.blob_path(manifest.digest()), manifest.bytes())
            .await?;
        match reference {
            Reference::Tag(tag) => self.list(manifest.descriptor(), Some(tag)).await,
            Reference::Digest(_) if listed => self.list(manifest.descriptor(), None).await,
            Reference::Digest(_) => Ok(()),
        }
    }

    /// Writes a blob as it arrives; the file appears under its name only once it is verified.
    pub(crate) async fn put_blob(
        &self,
        source: &mut Download,
        mut told: impl FnMut(u64),
    ) -> Result<(), PutBlobError> {
        let target = self.blob_path(&source.descriptor().digest);
        let unfinished = self
            .unfinished(&target)
            .await
            .map_err(PutBlobError::Write)?;
        let fail = |source| PutBlobError::Write(file_error(&unfinished.0, source));
        let mut file = tokio::fs::File::create(&unfinished.0).await.map_err(fail)?;
        let mut sent = 0;
        while let Some(chunk) = source.next().await.map_err(PutBlobError::Read)? {
            file.write_all(&chunk).await.map_err(fail)?;
            sent += chunk.len() as u64;
            told(sent);
        }
        file.flush().await.map_err(fail)?;
        drop(file);
        unfinished
            .finish(&target)
            .await
            .map_err(PutBlobError::Write)
    }

    async fn list(&self, image: Descriptor, tag: Option<&Tag>) -> Result<(), RegistryError> {
        let _held = self.index.lock().await;
        let mut index = self.read_index().await?;
        let mut entry = image;
        match tag {
            Some(tag) => {
                entry
                    .annotations
                    .insert(REF_NAME.to_owned(), tag.to_string());
                index
                    .manifests
                    .retain(|known| tag_of(known) != Some(tag.as_str()));
            }
            None if index
                .manifests
                .iter()
                .any(|known| known.digest == entry.digest) =>
            {
                return Ok(());
            }
            None => {}
        }
        index.manifests.push(entry);
        self.write_index(&index).await
    }

    async fn write_index(&self, index: &Index) -> Result<(), RegistryError> {
        let bytes = serde_json::to_vec(index).map_err(|e| RegistryError::Setup(e.into()))?;
        self.replace(&self.path.join("index.json"), &bytes).await
    }

    /// Writes a file so that a reader sees the old one or the new one, whole.
    async fn replace(&self, target: &Path, bytes: &[u8]) -> Result<(), RegistryError> {
        let unfinished = self.unfinished(target).await?;
        tokio::fs::write(&unfinished.0, bytes)
            .await
            .map_err(|source| file_error(&unfinished.0, source))?;
        unfinished.finish(target).await
    }

    async fn unfinished(&self, target: &Path) -> Result<Unfinished, RegistryError> {
        let folder = target.parent().unwrap_or(&self.path);
        tokio::fs::create_dir_all(folder)
            .await
            .map_err(|source| file_error(folder, source))?;
        let number = UNFINISHED.fetch_add(1, Ordering::Relaxed);
        let name = format!(".unfinished-{}-{number}", std::process::id());
        Ok(Unfinished(folder.join(name)))
    }
}

/// On which side writing a blob failed.
pub(crate) enum PutBlobError {
    Read(RegistryError),
    Write(RegistryError),
}

/// A file that is not complete yet; gone with the value, unless finished.
struct Unfinished(std::path::PathBuf);

impl Unfinished {
    async fn finish(self, target: &Path) -> Result<(), RegistryError> {
        tokio::fs::rename(&self.0, target)
            .await
            .map_err(|source| file_error(target, source))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After a rename there is nothing under this name.
        let _ = std::fs::remove_file(&self.0);
    }
}
