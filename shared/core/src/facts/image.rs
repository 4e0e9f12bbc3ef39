use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Digest, Tag};

/// One image, index or artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// Digest of the manifest.
    pub digest: Digest,
    /// All tags of the image.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// When the image was pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_at: Option<Timestamp>,
    /// What the manifest is; `None` where only the digest is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ImageKind>,
    /// Media type of the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Type of the artifact; of an image, the media type of its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The platform, as the index says or else the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Annotations of the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// The configuration; `None` for an index and where it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ImageConfig>,
    /// The layers; `None` for an index and where the manifest was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<LayerFacts>>,
    /// The platform images of an index; attestations and other entries without a platform are left
    /// out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub children: Option<Vec<ImageFacts>>,
    /// What refers to the image; `None` where it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrers: Option<Vec<ReferrerFacts>>,
}

/// What a manifest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageKind {
    /// An image that a container runtime can run.
    Image,
    /// A list of images, one for each platform.
    Index,
    /// Anything else: a chart, a module, a signature.
    Artifact,
}

impl ImageKind {
    /// The word in facts and in conditions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Index => "index",
            Self::Artifact => "artifact",
        }
    }
}

/// What an image's configuration says (OCI image specification, `config.md`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// When the image was built, as it claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// The user that the process runs as; empty means root.
    pub user: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Ports, such as `8080/tcp`.
    pub exposed_ports: Vec<String>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerFacts {
    /// Its digest: a layer that children share is counted once.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its compressed size in bytes.
    pub size: u64,
}

/// Something that refers to an image: a signature, an SBOM, an attestation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferrerFacts {
    /// Its digest.
    pub digest: Digest,
    /// Its artifact type.
    #[serde(default)]
    pub artifact_type: String,
    /// Annotations of its descriptor; attestations say there what they state.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// An operating system, an architecture and its variant, such as `linux/arm64/v8`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Platform {
    /// Such as `linux`.
    pub os: String,
    /// Such as `arm64`.
    pub architecture: String,
    /// Such as `v8`.
    pub variant: Option<String>,
}

/// A text that is not a platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform; expected `os/architecture` or `os/architecture/variant`")]
pub struct PlatformError(String);

impl Platform {
    /// Whether this platform does what `wanted` asks: the same system and architecture, and the same
    /// variant where one is asked for. `arm64` and `arm64/v8` are the same (OCI image index
    /// specification, platform variants).
    #[must_use]
    pub fn satisfies(&self, wanted: &Self) -> bool {
        let variant = |platform: &Self| match (&*platform.architecture, platform.variant.as_deref())
        {
            ("arm64", None) => Some("v8".to_owned()),
            (_, variant) => variant.map(str::to_owned),
        };
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (wanted.variant.is_none() || variant(self) == variant(wanted))
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || PlatformError(text.to_owned());
        let part = |text: Option<&str>| {
            text.filter(|part| {
                !part.is_empty()
                    && part.len() <= 64
                    && part
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
            })
            .map(str::to_owned)
        };
        let mut parts = text.split('/');
        let platform = Self {
            os: part(parts.next()).ok_or_else(fail)?,
            architecture: part(parts.next()).ok_or_else(fail)?,
            variant: match parts.next() {
                None => None,
                given => Some(part(given).ok_or_else(fail)?),
            },
        };
        match parts.next() {
            None => Ok(platform),
            Some(_) => Err(fail()),
        }
    }
}

impl TryFrom<String> for Platform {
    type Error = PlatformError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> Self {
        platform.to_string()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl ImageFacts {
    /// An image of which only the digest and the tags are known.
    #[must_use]
    pub fn new(digest: Digest, tags: Vec<Tag>) -> Self {
        Self {
            digest,
            tags,
            pushed_at: None,
            kind: None,
            media_type: None,
            artifact_type: None,
            platform: None,
            annotations: None,
            config: None,
            layers: None,
            children: None,
            referrers: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_read_and_compared() {
        let p = |text: &str| text.parse::<Platform>().unwrap();
        assert!(p("linux/arm64").satisfies(&p("linux/arm64/v8")));
        assert!(p("linux/arm64/v8").satisfies(&p("linux/arm64")));
        assert!(!p("linux/arm/v6").satisfies(&p("linux/arm/v7")));
        assert!(p("linux/arm/v7").satisfies(&p("linux/arm")));
        for wrong in ["", "linux", "linux/", "linux/a/b/c", "li nux/a"] {
            assert!(wrong.parse::<Platform>().is_err(), "{wrong}");
        }
    }
}
