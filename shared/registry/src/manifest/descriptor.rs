use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use steward_core::Digest;

/// A reference to a manifest or blob (OCI image specification, `descriptor.md`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The type of what is referred to.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Addresses outside the registry where the content may be had. Never followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Free annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The platform, for children of an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The kind of artifact, for referrers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

/// What an image runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Such as `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// Such as `linux`.
    #[serde(default)]
    pub os: String,
    /// Such as `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The version of the operating system, for Windows.
    #[serde(
        default,
        rename = "os.version",
        skip_serializing_if = "Option::is_none"
    )]
    pub os_version: Option<String>,
}

impl Platform {
    /// The platform in the policy's terms; nothing where the descriptor does not say it. `unknown` is
    /// what builders write for attestations, which run nowhere.
    #[must_use]
    pub fn known(&self) -> Option<steward_core::facts::Platform> {
        let named = |text: &str| !text.is_empty() && text != "unknown";
        (named(&self.os) && named(&self.architecture)).then(|| steward_core::facts::Platform {
            os: self.os.clone(),
            architecture: self.architecture.clone(),
            variant: self.variant.clone().filter(|variant| named(variant)),
        })
    }
}

impl Descriptor {
    /// A descriptor with the three required fields.
    #[must_use]
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            platform: None,
            artifact_type: None,
        }
    }

    /// The bytes of several, as a manifest says them; no more than a number can hold, because anybody
    /// can write any sizes into a manifest.
    #[must_use]
    pub fn total(descriptors: &[Self]) -> u64 {
        let sizes = descriptors.iter().map(|descriptor| descriptor.size);
        sizes.fold(0, u64::saturating_add)
    }

    /// Whether the content is, by its type, not meant to be in the registry: layers of Windows base
    /// images, which are only referred to.
    #[must_use]
    pub fn is_nondistributable(&self) -> bool {
        self.media_type
            .starts_with("application/vnd.oci.image.layer.nondistributable.")
            || self
                .media_type
                .starts_with("application/vnd.docker.image.rootfs.foreign.")
    }
}
