//! Images, indexes, referrers and artifacts for tests and the demo: built in memory, with the same
//! digests every time, written as an OCI layout or pushed by plain HTTP.
//!
//! ```
//! use steward_testkit::image::{Image, Layer};
//!
//! let amd64 = Image::builder()
//!     .platform("linux", "amd64")
//!     .layer(Layer::file("etc/motd", "hello\n"))
//!     .layer(Layer::random(1, 10 << 20))
//!     .label("org.opencontainers.image.source", "https://example.com/app")
//!     .build();
//! let arm64 = Image::builder()
//!     .platform("linux", "arm64")
//!     .layer(Layer::file("etc/motd", "hello\n"))
//!     .build();
//! let index = Image::index([amd64, arm64]);
//! let sbom = Image::referrer(&index, "application/spdx+json", r#"{"spdxVersion":"SPDX-2.3"}"#);
//! assert_eq!(sbom.subject(), Some(index.digest()));
//! ```

mod builder;
mod content;
mod layer;
mod layout;
mod push;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use steward_core::Digest;

pub use builder::ImageBuilder;
pub use layer::{Blob, Layer};
pub use layout::{LayoutEntry, write_layout};
pub use push::{PushError, Target, push};

/// Which family of media types an image uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// OCI image specification 1.1.
    #[default]
    Oci,
    /// Docker image manifest version 2, schema 2.
    Docker,
}

impl Format {
    fn manifest(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.manifest.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
        }
    }

    fn index(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.index.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
        }
    }

    fn config(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.config.v1+json",
            Self::Docker => "application/vnd.docker.container.image.v1+json",
        }
    }

    fn layer(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        }
    }
}

/// The platform of an image, as an index names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Such as `linux`.
    pub os: String,
    /// Such as `amd64`.
    pub architecture: String,
}

/// An image, an index with its children, or an artifact: a manifest and everything below it.
#[derive(Clone, Debug)]
pub struct Image {
    manifest: Bytes,
    media_type: &'static str,
    digest: Digest,
    artifact_type: Option<String>,
    annotations: BTreeMap<String, String>,
    platform: Option<Platform>,
    subject: Option<Digest>,
    blobs: Vec<Blob>,
    children: Vec<Image>,
}

impl Image {
    /// Begins a single image or an artifact.
    #[must_use]
    pub fn builder() -> ImageBuilder {
        ImageBuilder::default()
    }

    /// An OCI index of `children`.
    #[must_use]
    pub fn index(children: impl IntoIterator<Item = Self>) -> Self {
        Self::index_of(Format::Oci, children, BTreeMap::new())
    }

    /// An index (OCI) or manifest list (Docker) of `children`.
    #[must_use]
    pub fn index_of(
        format: Format,
        children: impl IntoIterator<Item = Self>,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        let children: Vec<Self> = children.into_iter().collect();
        let manifests: Vec<Value> = children.iter().map(Self::descriptor).collect();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": format.index(),
            "manifests": manifests,
        });
        insert(&mut manifest, "annotations", annotations_json(&annotations));
        Self::of(
            manifest,
            format.index(),
            Parts {
                annotations,
                children,
                ..Parts::default()
            },
        )
    }

    /// An artifact that refers to `subject`: a signature, an SBOM, an attestation.
    #[must_use]
    pub fn referrer(subject: &Self, artifact_type: &str, content: impl Into<Bytes>) -> Self {
        Self::builder()
            .artifact(artifact_type)
            .subject(subject)
            .layer(Layer::raw(artifact_type, content))
            .build()
    }

    fn of(manifest: Value, media_type: &'static str, parts: Parts) -> Self {
        let manifest = Bytes::from(manifest.to_string());
        Self {
            digest: content::digest(&manifest),
            manifest,
            media_type,
            artifact_type: parts.artifact_type,
            annotations: parts.annotations,
            platform: parts.platform,
            subject: parts.subject,
            blobs: parts.blobs,
            children: parts.children,
        }
    }

    /// The manifest's bytes.
    #[must_use]
    pub fn manifest(&self) -> &Bytes {
        &self.manifest
    }

    /// The manifest's media type.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        self.media_type
    }

    /// The manifest's digest.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The manifest's `artifactType`.
    #[must_use]
    pub fn artifact_type(&self) -> Option<&str> {
        self.artifact_type.as_deref()
    }

    /// The manifest's annotations.
    #[must_use]
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// The digest that the manifest refers to.
    #[must_use]
    pub fn subject(&self) -> Option<&Digest> {
        self.subject.as_ref()
    }

    /// Config and layers, in the manifest's order. A blob that the manifest names twice is here
    /// twice.
    #[must_use]
    pub fn blobs(&self) -> &[Blob] {
        &self.blobs
    }

    /// The manifests that an index names.
    #[must_use]
    pub fn children(&self) -> &[Self] {
        &self.children
    }

    /// Bytes of all blobs of the image and of its children, each counted once.
    #[must_use]
    pub fn payload(&self) -> u64 {
        let sizes: BTreeMap<&Digest, u64> = self
            .all()
            .into_iter()
            .flat_map(|image| &image.blobs)
            .map(|blob| (blob.digest(), blob.size()))
            .collect();
        sizes.values().sum()
    }

    /// The image and everything below it, children before their index.
    fn all(&self) -> Vec<&Self> {
        let mut images: Vec<&Self> = self.children.iter().flat_map(Self::all).collect();
        images.push(self);
        images
    }

    /// The descriptor under which an index, a subject or a layout names it.
    #[must_use]
    pub fn descriptor(&self) -> Value {
        let mut descriptor = json!({
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.manifest.len(),
        });
        if let Some(platform) = &self.platform {
            let platform = json!({ "os": platform.os, "architecture": platform.architecture });
            insert(&mut descriptor, "platform", Some(platform));
        }
        let artifact_type = self.artifact_type.as_ref().map(|t| json!(t));
        insert(&mut descriptor, "artifactType", artifact_type);
        descriptor
    }
}

/// What an [`Image`] is made of besides its manifest.
#[derive(Debug, Default)]
struct Parts {
    artifact_type: Option<String>,
    annotations: BTreeMap<String, String>,
    platform: Option<Platform>,
    subject: Option<Digest>,
    blobs: Vec<Blob>,
    children: Vec<Image>,
}

/// Sets a key of a JSON object, where there is a value.
fn insert(object: &mut Value, key: &str, value: Option<Value>) {
    if let (Some(object), Some(value)) = (object.as_object_mut(), value) {
        object.insert(key.to_owned(), value);
    }
}

fn annotations_json(annotations: &BTreeMap<String, String>) -> Option<Value> {
    (!annotations.is_empty()).then(|| json!(annotations))
}

#[cfg(test)]
mod tests;
