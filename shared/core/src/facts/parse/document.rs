use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Digest;
use crate::facts::Platform;

use super::{ManifestError, cut, lenient};

/// A manifest or index as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    #[serde(default)]
    schema_version: Option<u64>,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(borrow, default)]
    pub(super) artifact_type: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) config: Option<Descriptor>,
    #[serde(default)]
    pub(super) layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    pub(super) manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    pub(super) blobs: Option<Vec<Descriptor>>,
    #[serde(default)]
    pub(super) subject: Option<Descriptor>,
    #[serde(borrow, default)]
    pub(super) annotations: Option<&'a RawValue>,
}

/// A reference to a manifest or blob (OCI image specification, `descriptor.md`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    #[serde(default, deserialize_with = "platform")]
    pub(super) platform: Option<Platform>,
}

/// The types of document, each with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    Manifest(&'static str),
    Index(&'static str),
    /// The artifact manifests of OCI 1.1's release candidates and of ORAS, which ECR accepts.
    Artifact(&'static str),
}

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";

impl MediaType {
    const ALL: [Self; 6] = [
        Self::Manifest(OCI_MANIFEST),
        Self::Manifest("application/vnd.docker.distribution.manifest.v2+json"),
        Self::Index(OCI_INDEX),
        Self::Index("application/vnd.docker.distribution.manifest.list.v2+json"),
        Self::Artifact(OCI_ARTIFACT),
        Self::Artifact("application/vnd.cncf.oras.artifact.manifest.v1+json"),
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Manifest(text) | Self::Index(text) | Self::Artifact(text) => text,
        }
    }

    pub(super) fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

impl Document<'_> {
    /// What the document is, by its own word and that of the registry.
    pub(super) fn media_type(&self, outside: Option<&str>) -> Result<MediaType, ManifestError> {
        let is_index = self.manifests.is_some();
        if is_index && (self.layers.is_some() || self.config.is_some() || self.blobs.is_some()) {
            return Err(ManifestError::Ambiguous);
        }
        let outside = outside
            .map(|text| text.split(';').next().unwrap_or_default().trim())
            .filter(|text| !is_generic(text));
        let inside = self.media_type.as_deref();
        if let (Some(inside), Some(outside)) = (inside, outside)
            && inside != outside
        {
            return Err(ManifestError::MediaTypeDiffers {
                inside: cut(inside),
                outside: cut(outside),
            });
        }
        match inside.or(outside) {
            Some(text) => {
                MediaType::named(text).ok_or_else(|| ManifestError::MediaType { found: cut(text) })
            }
            // The specification does not require `mediaType` in OCI documents; the shape decides.
            None if self.schema_version != Some(2) => Err(ManifestError::Missing("mediaType")),
            None if is_index => Ok(MediaType::Index(OCI_INDEX)),
            None => Ok(MediaType::Manifest(OCI_MANIFEST)),
        }
    }
}

impl Descriptor {
    /// Whether it is the configuration of an image that a container runtime runs.
    pub(super) fn is_image_config(&self) -> bool {
        matches!(
            self.media_type.as_str(),
            "application/vnd.oci.image.config.v1+json"
                | "application/vnd.docker.container.image.v1+json"
        )
    }
}

fn is_generic(media_type: &str) -> bool {
    matches!(
        media_type,
        "" | "application/json" | "text/plain" | "application/octet-stream"
    )
}

/// A platform object of a descriptor; one that cannot be read counts as none.
fn platform<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Option<Platform>, D::Error> {
    #[derive(Deserialize)]
    struct Fields<'a> {
        #[serde(borrow, default)]
        os: Option<&'a RawValue>,
        #[serde(borrow, default)]
        architecture: Option<&'a RawValue>,
        #[serde(borrow, default)]
        variant: Option<&'a RawValue>,
    }
    let raw = Option::<&RawValue>::deserialize(source)?;
    let fields = raw.and_then(|raw| serde_json::from_str::<Fields<'_>>(raw.get()).ok());
    Ok(fields.and_then(|fields| lenient::platform(fields.os, fields.architecture, fields.variant)))
}
