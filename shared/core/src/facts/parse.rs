//! Facts about an image from the bytes of its manifest and of its configuration.
//!
//! The bytes are whatever somebody pushed. What a decision rests on (digests, sizes, media types)
//! must be right, or there are no facts; what merely describes the image (labels, annotations, dates)
//! may be odd, and is then left out.

mod config;
mod document;
mod lenient;

use crate::{Digest, Tag};

use super::{ImageFacts, ImageKind, LayerFacts, Platform};
use config::ConfigDocument;
use document::{Descriptor, Document, MediaType};

/// Why bytes give no facts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// More bytes than are read.
    #[error("it has {found} bytes, expected at most {limit}")]
    TooLarge {
        /// How many bytes there are.
        found: usize,
        /// How many are read.
        limit: usize,
    },
    /// Not JSON, a field of a wrong type, or a malformed digest.
    #[error("it is not a valid document: {0}")]
    Json(String),
    /// A document of a type that is not known here.
    #[error(
        "its media type is {found:?}, expected a Docker schema 2 manifest or list, or an OCI manifest or index"
    )]
    MediaType {
        /// The media type as it came, cut to 128 characters.
        found: String,
    },
    /// The document says another type than the registry.
    #[error("it says media type {inside:?} but the registry says {outside:?}")]
    MediaTypeDiffers {
        /// What the document says, cut to 128 characters.
        inside: String,
        /// What the registry says, cut to 128 characters.
        outside: String,
    },
    /// The document can be read as an image and as an index (CVE-2021-41190).
    #[error("it has the fields of an image and of an index at once")]
    Ambiguous,
    /// A field that the type of document requires is missing.
    #[error("it lacks {0:?}")]
    Missing(&'static str),
    /// More entries than are read.
    #[error("it has {found} {what}, expected at most {limit}")]
    TooMany {
        /// Of what there are too many.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are read.
        limit: usize,
    },
}

/// A manifest that was understood: what it refers to, and what it says about its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFacts {
    kind: ImageKind,
    media_type: String,
    artifact_type: Option<String>,
    annotations: std::collections::BTreeMap<String, String>,
    config: Option<Descriptor>,
    layers: Option<Vec<LayerFacts>>,
    children: Option<Vec<ChildRef>>,
    subject: Option<Digest>,
}

/// An image of an index, as the index describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildRef {
    /// The digest of the image's manifest.
    pub digest: Digest,
    /// The media type of the image's manifest.
    pub media_type: String,
    /// The size of the image's manifest in bytes.
    pub size: u64,
    /// What the image runs on.
    pub platform: Platform,
}

impl ManifestFacts {
    /// The longest manifest, in bytes: the limit of ECR (`PutImage` model) and of the distribution
    /// specification.
    pub const MAX_BYTES: usize = 4 << 20;
    /// The longest configuration, in bytes. Those of real images have a few KiB; the longest are
    /// below 1 MiB.
    pub const MAX_CONFIG_BYTES: usize = 4 << 20;
    /// The largest number of layers.
    pub const MAX_LAYERS: usize = 4096;
    /// The largest number of images in an index.
    pub const MAX_CHILDREN: usize = 1024;
    /// The largest number of annotations, of labels, and of exposed ports.
    pub const MAX_ENTRIES: usize = 1024;

    /// Reads a manifest. `media_type` is the type that the registry names, where it names one; the
    /// document must agree with it.
    ///
    /// # Errors
    ///
    /// When the bytes are no manifest, or one that can be understood in two ways.
    pub fn new(media_type: Option<&str>, bytes: &[u8]) -> Result<Self, ManifestError> {
        check_size(bytes, Self::MAX_BYTES)?;
        let document: Document<'_> = json(bytes)?;
        let media_type = document.media_type(media_type)?;
        let annotations = lenient::texts(document.annotations, "annotations")?;
        let mut facts = Self {
            kind: ImageKind::Artifact,
            media_type: media_type.as_str().to_owned(),
            artifact_type: lenient::text(document.artifact_type),
            annotations,
            config: None,
            layers: None,
            children: None,
            subject: document.subject.map(|subject| subject.digest),
        };
        match media_type {
            MediaType::Index(_) => {
                let manifests = document
                    .manifests
                    .ok_or(ManifestError::Missing("manifests"))?;
                at_most("manifests", manifests.len(), Self::MAX_CHILDREN)?;
                facts.kind = ImageKind::Index;
                facts.children = Some(manifests.into_iter().filter_map(child).collect());
            }
            MediaType::Manifest(_) => {
                let config = document.config.ok_or(ManifestError::Missing("config"))?;
                let layers = document.layers.ok_or(ManifestError::Missing("layers"))?;
                // What the configuration says it is, and not `artifactType`: a container runtime
                // does not look at the latter, and an image must not pass for something else.
                if config.is_image_config() {
                    facts.kind = ImageKind::Image;
                }
                facts
                    .artifact_type
                    .get_or_insert_with(|| config.media_type.clone());
                facts.config = Some(config);
                facts.layers = Some(layer_facts(layers)?);
            }
            MediaType::Artifact(_) => {
                facts.layers = Some(layer_facts(document.blobs.unwrap_or_default())?);
            }
        }
        Ok(facts)
    }

    /// What the manifest is.
    #[must_use]
    pub fn kind(&self) -> ImageKind {
        self.kind
    }

    /// The digest of the configuration of an image; `None` for an index, and for an artifact, whose
    /// configuration says nothing that is asked here.
    #[must_use]
    pub fn config_digest(&self) -> Option<&Digest> {
        self.image_config().map(|config| &config.digest)
    }

    /// The size of that configuration in bytes, as the manifest says.
    #[must_use]
    pub fn config_size(&self) -> Option<u64> {
        self.image_config().map(|config| config.size)
    }

    fn image_config(&self) -> Option<&Descriptor> {
        self.config
            .as_ref()
            .filter(|_| self.kind == ImageKind::Image)
    }

    /// The digests of an index's images; none for anything else.
    pub fn child_digests(&self) -> impl Iterator<Item = &Digest> {
        self.children().iter().map(|child| &child.digest)
    }

    /// The images of an index, in its order; none for anything else. Left out are entries without a
    /// platform and those for `unknown/unknown`: attestations, which no container runtime takes.
    #[must_use]
    pub fn children(&self) -> &[ChildRef] {
        self.children.as_deref().unwrap_or_default()
    }

    /// The digest of what the manifest refers to, where it is a referrer.
    #[must_use]
    pub fn subject(&self) -> Option<&Digest> {
        self.subject.as_ref()
    }

    /// The facts that the manifest holds. The configuration is not among them
    /// ([`ImageFacts::with_config`]), and an index's images have only what the index says about them
    /// ([`ImageFacts::with_child`]).
    #[must_use]
    pub fn into_facts(self, digest: Digest, tags: Vec<Tag>) -> ImageFacts {
        let children = self.children.map(|children| {
            let child = |child: ChildRef| ImageFacts {
                kind: match MediaType::named(&child.media_type) {
                    Some(MediaType::Index(_)) => Some(ImageKind::Index),
                    _ => None,
                },
                media_type: Some(child.media_type),
                platform: Some(child.platform),
                ..ImageFacts::new(child.digest, Vec::new())
            };
            children.into_iter().map(child).collect()
        });
        ImageFacts {
            kind: Some(self.kind),
            media_type: Some(self.media_type),
            artifact_type: self.artifact_type,
            annotations: Some(self.annotations),
            layers: self.layers,
            children,
            ..ImageFacts::new(digest, tags)
        }
    }
}

impl ImageFacts {
    /// The facts that a manifest holds; see [`ManifestFacts`], which also says what to read next.
    ///
    /// # Errors
    ///
    /// As [`ManifestFacts::new`].
    pub fn from_manifest(
        digest: Digest,
        tags: Vec<Tag>,
        media_type: Option<&str>,
        bytes: &[u8],
    ) -> Result<Self, ManifestError> {
        Ok(ManifestFacts::new(media_type, bytes)?.into_facts(digest, tags))
    }

    /// Adds what the configuration of an image says: its platform too, where none is known yet.
    /// Facts about anything but an image stay as they are.
    ///
    /// # Errors
    ///
    /// When the bytes are too many or not a JSON object. Odd values inside are no error.
    pub fn with_config(mut self, bytes: &[u8]) -> Result<Self, ManifestError> {
        if matches!(self.kind, Some(ImageKind::Index | ImageKind::Artifact)) {
            return Ok(self);
        }
        check_size(bytes, ManifestFacts::MAX_CONFIG_BYTES)?;
        let document: ConfigDocument<'_> = json(bytes)?;
        self.platform = self.platform.or_else(|| document.platform());
        self.config = Some(document.into_config()?);
        Ok(self)
    }

    /// Puts the facts about one of an index's images in the place of what the index said about it.
    /// The platform stays the one that the index says, because clients choose by that. An image that
    /// the index does not have is not added.
    #[must_use]
    pub fn with_child(mut self, child: Self) -> Self {
        for known in self.children.iter_mut().flatten() {
            if known.digest == child.digest {
                let platform = known.platform.take();
                *known = Self {
                    platform: platform.or_else(|| child.platform.clone()),
                    ..child.clone()
                };
            }
        }
        self
    }
}

fn json<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, ManifestError> {
    // serde would take an array for the members of an object in their order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(ManifestError::Json("expected an object".to_owned()));
    }
    serde_json::from_slice(bytes).map_err(|e| ManifestError::Json(cut(&e.to_string())))
}

fn check_size(bytes: &[u8], limit: usize) -> Result<(), ManifestError> {
    let found = bytes.len();
    if found > limit {
        return Err(ManifestError::TooLarge { found, limit });
    }
    Ok(())
}

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), ManifestError> {
    if found > limit {
        return Err(ManifestError::TooMany { what, found, limit });
    }
    Ok(())
}

/// A text of somebody else's in a message: not longer than helps.
fn cut(text: &str) -> String {
    text.chars().take(128).collect()
}

fn child(descriptor: Descriptor) -> Option<ChildRef> {
    let platform = descriptor.platform?;
    let is_attestation = platform.os == "unknown" && platform.architecture == "unknown";
    (!is_attestation).then_some(ChildRef {
        digest: descriptor.digest,
        media_type: descriptor.media_type,
        size: descriptor.size,
        platform,
    })
}

fn layer_facts(layers: Vec<Descriptor>) -> Result<Vec<LayerFacts>, ManifestError> {
    at_most("layers", layers.len(), ManifestFacts::MAX_LAYERS)?;
    let layer = |layer: Descriptor| LayerFacts {
        digest: layer.digest,
        media_type: layer.media_type,
        size: layer.size,
    };
    Ok(layers.into_iter().map(layer).collect())
}

#[cfg(test)]
mod tests;
