//! Manifests: the raw bytes that travel, and the view of them that the copy needs.

mod descriptor;
mod media_type;
mod prune;

use bytes::Bytes;
use serde::Deserialize;
use steward_core::Digest;

pub use descriptor::{Descriptor, Platform};
pub use media_type::MediaType;
pub(crate) use prune::Fate;

use crate::blob::digest_of;

/// The largest manifest that is read or written: 4 MiB, the limit of ECR (`PutImage` model) and of
/// the distribution specification.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 4 * 1024 * 1024;

/// A manifest or index exactly as it was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    bytes: Bytes,
    media_type: MediaType,
    digest: Digest,
    contents: Contents,
    subject: Option<Descriptor>,
    artifact_type: Option<String>,
}

/// What a manifest refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one per manifest, never in large numbers"
)]
pub enum Contents {
    /// An image or artifact.
    Image {
        /// The configuration blob.
        config: Descriptor,
        /// The layers in their order; the same layer may occur more than once.
        layers: Vec<Descriptor>,
    },
    /// An index (or Docker manifest list).
    Index {
        /// The children in their order.
        manifests: Vec<Descriptor>,
    },
}

/// Why bytes are not a manifest that can be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestFault {
    /// Not JSON, or a field of a wrong type, or a malformed digest.
    #[error("it is not a valid manifest document")]
    Json(#[source] serde_json::Error),
    /// A type of document this client does not copy.
    #[error(
        "its media type is {found:?}, expected a Docker schema 2 manifest or list, or an OCI manifest or index; an older image must be pushed again with a current client"
    )]
    MediaType {
        /// The media type as it came.
        found: String,
    },
    /// The document says another type than the reply that carried it.
    #[error("it says media type {inside:?} but was served as {outside:?}")]
    MediaTypeDiffers {
        /// What the document says.
        inside: String,
        /// What the `Content-Type` says.
        outside: String,
    },
    /// The document can be read as an image and as an index (CVE-2021-41190).
    #[error("it has the fields of an image and of an index at once")]
    Ambiguous,
    /// A field that the type of document requires is missing.
    #[error("it lacks {0:?}")]
    Missing(&'static str),
    /// More than this client copies in one piece.
    #[error("it refers to {found} {what}, expected at most {limit}")]
    TooMany {
        /// Of what there are too many.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are copied.
        limit: usize,
    },
    /// Indexes within indexes, deeper than anybody means.
    #[error("its indexes are nested more than {0} deep")]
    TooDeep(usize),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    schema_version: Option<u64>,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    artifact_type: Option<String>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    subject: Option<Descriptor>,
}

/// No image has more layers than this; the limit bounds the work for a hostile manifest.
const MAX_LAYERS: usize = 4096;
/// No index has more children than this.
const MAX_CHILDREN: usize = 1024;

impl Manifest {
    /// Reads a manifest. `content_type` is the type that the reply or the descriptor named, where
    /// it named one; the document has to agree with it.
    ///
    /// # Errors
    ///
    /// [`ManifestFault`] where the bytes are not one of the four types of manifest, or ambiguous.
    pub fn parse(bytes: Bytes, content_type: Option<&str>) -> Result<Self, ManifestFault> {
        let document: Document = serde_json::from_slice(&bytes).map_err(ManifestFault::Json)?;
        let outside = content_type
            .map(|text| text.split(';').next().unwrap_or_default().trim())
            .filter(|text| !is_generic(text));
        if let (Some(inside), Some(outside)) = (document.media_type.as_deref(), outside)
            && inside != outside
        {
            return Err(ManifestFault::MediaTypeDiffers {
                inside: inside.to_owned(),
                outside: outside.to_owned(),
            });
        }
        let is_index = document.manifests.is_some();
        if is_index && (document.layers.is_some() || document.config.is_some()) {
            return Err(ManifestFault::Ambiguous);
        }
        let named = document.media_type.as_deref().or(outside);
        let media_type = match named {
            Some(text) => MediaType::parse(text).ok_or_else(|| ManifestFault::MediaType {
                found: text.to_owned(),
            })?,
            // The specification does not require `mediaType` in OCI documents; the shape decides.
            None if document.schema_version != Some(2) => {
                return Err(ManifestFault::Missing("mediaType"));
            }
            None if is_index => MediaType::OciIndex,
            None => MediaType::OciManifest,
        };
        let contents = if media_type.is_index() {
            Contents::Index {
                manifests: at_most(
                    document
                        .manifests
                        .ok_or(ManifestFault::Missing("manifests"))?,
                    "manifests",
                    MAX_CHILDREN,
                )?,
            }
        } else {
            Contents::Image {
                config: document.config.ok_or(ManifestFault::Missing("config"))?,
                layers: at_most(
                    document.layers.ok_or(ManifestFault::Missing("layers"))?,
                    "layers",
                    MAX_LAYERS,
                )?,
            }
        };
        Ok(Self {
            digest: digest_of(&bytes),
            bytes,
            media_type,
            contents,
            subject: document.subject,
            artifact_type: document.artifact_type,
        })
    }

    /// The same manifest, known by a digest of another algorithm than SHA-256.
    pub(crate) fn with_digest(self, digest: Digest) -> Self {
        Self { digest, ..self }
    }

    /// The bytes as they were pushed.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The type of document.
    #[must_use]
    pub fn media_type(&self) -> MediaType {
        self.media_type
    }

    /// The digest, computed from the bytes.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What the manifest refers to.
    #[must_use]
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The children of an index; none for an image.
    #[must_use]
    pub fn children(&self) -> &[Descriptor] {
        match &self.contents {
            Contents::Index { manifests } => manifests,
            Contents::Image { .. } => &[],
        }
    }

    /// The blobs of an image, configuration first; none for an index.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, layers) = match &self.contents {
            Contents::Image { config, layers } => (Some(config), layers.as_slice()),
            Contents::Index { .. } => (None, [].as_slice()),
        };
        config.into_iter().chain(layers)
    }

    /// The image that this one is about (a signature's image, for example).
    #[must_use]
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// What kind of artifact this is, where the manifest says so.
    #[must_use]
    pub fn artifact_type(&self) -> Option<&str> {
        self.artifact_type.as_deref()
    }

    /// A descriptor that points at this manifest. As the specification wants for referrers, the
    /// artifact type falls back to the media type of the configuration.
    #[must_use]
    pub fn descriptor(&self) -> Descriptor {
        let artifact_type = self.artifact_type.clone().or_else(|| match &self.contents {
            Contents::Image { config, .. } => Some(config.media_type.clone()),
            Contents::Index { .. } => None,
        });
        Descriptor {
            artifact_type,
            ..Descriptor::new(
                self.media_type.as_str(),
                self.digest.clone(),
                self.bytes.len() as u64,
            )
        }
    }
}

fn is_generic(media_type: &str) -> bool {
    matches!(
        media_type,
        "" | "application/json" | "text/plain" | "application/octet-stream"
    )
}

fn at_most(
    list: Vec<Descriptor>,
    what: &'static str,
    limit: usize,
) -> Result<Vec<Descriptor>, ManifestFault> {
    if list.len() > limit {
        return Err(ManifestFault::TooMany {
            what,
            found: list.len(),
            limit,
        });
    }
    Ok(list)
}

#[cfg(test)]
mod tests;
