//! What the gateway has to know of a manifest. The bytes themselves are passed on as they came.

use serde_json::{Map, Value};
use steward_core::Digest;

/// Media types of image manifests and of indexes that ECR takes.
const IMAGES: &[&str] = &[
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
const INDEXES: &[&str] = &[
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// The largest manifest (ECR API model, PutImage).
pub(crate) const MANIFEST_LIMIT: usize = 4 << 20;

/// A reference from a manifest to a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlobRef {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Layers that are fetched from elsewhere and need not be in the registry.
    pub(crate) foreign: bool,
}

/// What a manifest says. Found by digest, it can never change.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) media_type: String,
    pub(crate) size: u64,
    /// Config and layers, in this order.
    pub(crate) blobs: Vec<BlobRef>,
    /// The manifests that an index names.
    pub(crate) children: Vec<Digest>,
    pub(crate) subject: Option<Digest>,
    /// `artifactType`, or the media type of the config where it has none (OCI distribution
    /// specification, "Listing Referrers").
    pub(crate) artifact_type: Option<String>,
    pub(crate) annotations: Map<String, Value>,
}

impl Manifest {
    /// Reads a manifest; the error is a fragment that says what is wrong with it.
    pub(crate) fn parse(bytes: &[u8], declared: Option<&str>) -> Result<Self, String> {
        let value: Map<String, Value> = serde_json::from_slice(bytes)
            .map_err(|error| format!("Invalid JSON syntax: {error}"))?;
        let stated = value.get("mediaType").and_then(Value::as_str);
        let declared = declared.and_then(|d| d.split(';').next()).map(str::trim);
        let media_type = match (declared, stated) {
            (Some(declared), Some(stated)) if declared != stated => {
                return Err(format!(
                    "the content type is '{declared}' and the manifest's mediaType '{stated}'"
                ));
            }
            (Some(media_type), _) | (None, Some(media_type)) => media_type,
            (None, None) => return Err("Invalid JSON syntax".to_owned()),
        };
        if value.get("schemaVersion").and_then(Value::as_u64) != Some(2) {
            return Err("schemaVersion is not 2".to_owned());
        }
        let is_index = INDEXES.contains(&media_type);
        if !is_index && !IMAGES.contains(&media_type) {
            return Err(format!("media type '{media_type}' is not supported"));
        }
        let mut blobs = Vec::new();
        let mut children = Vec::new();
        if is_index {
            for child in list(&value, "manifests")? {
                children.push(digest(child)?);
            }
        } else {
            let config = value.get("config").ok_or("the manifest has no config")?;
            blobs.push(blob(config)?);
            for layer in list(&value, "layers")? {
                blobs.push(blob(layer)?);
            }
        }
        let config_type = value
            .get("config")
            .and_then(|config| config.get("mediaType"))
            .and_then(Value::as_str);
        let artifact_type = value
            .get("artifactType")
            .and_then(Value::as_str)
            .or(config_type);
        Ok(Self {
            media_type: media_type.to_owned(),
            size: bytes.len() as u64,
            blobs,
            children,
            subject: value.get("subject").map(digest).transpose()?,
            artifact_type: artifact_type.map(str::to_owned),
            annotations: value
                .get("annotations")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
        })
    }

    pub(crate) fn is_index(&self) -> bool {
        INDEXES.contains(&self.media_type.as_str())
    }

    /// Bytes of config and layers; of an index, nothing: its size is that of its largest child.
    pub(crate) fn payload(&self) -> u64 {
        self.blobs
            .iter()
            .fold(0, |sum, blob| sum.saturating_add(blob.size))
    }

    /// The descriptor under which a referrers list shows this manifest.
    pub(crate) fn referrer_descriptor(&self, digest: &Digest) -> Value {
        let mut descriptor = serde_json::json!({
            "mediaType": self.media_type,
            "digest": digest,
            "size": self.size,
        });
        if let Some(object) = descriptor.as_object_mut() {
            if let Some(artifact_type) = &self.artifact_type {
                object.insert("artifactType".into(), artifact_type.clone().into());
            }
            if !self.annotations.is_empty() {
                object.insert("annotations".into(), self.annotations.clone().into());
            }
        }
        descriptor
    }
}

fn list<'a>(manifest: &'a Map<String, Value>, key: &str) -> Result<&'a [Value], String> {
    manifest
        .get(key)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .ok_or_else(|| format!("the manifest has no list of {key}"))
}

fn digest(descriptor: &Value) -> Result<Digest, String> {
    descriptor
        .get("digest")
        .and_then(Value::as_str)
        .ok_or("a descriptor has no digest")?
        .parse()
        .map_err(|error: steward_core::NameError| error.to_string())
}

fn blob(descriptor: &Value) -> Result<BlobRef, String> {
    let media_type = descriptor
        .get("mediaType")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok(BlobRef {
        digest: digest(descriptor)?,
        size: descriptor
            .get("size")
            .and_then(Value::as_u64)
            .ok_or("a descriptor has no size")?,
        foreign: media_type.contains("nondistributable") || media_type.contains(".foreign."),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

    fn hash(n: u8) -> String {
        format!("sha256:{:064x}", n)
    }

    fn parse(value: &Value, declared: Option<&str>) -> Result<Manifest, String> {
        Manifest::parse(value.to_string().as_bytes(), declared)
    }

    #[test]
    fn an_image_names_its_blobs_and_subject() {
        let manifest = parse(
            &json!({"schemaVersion": 2, "mediaType": OCI,
                "artifactType": "application/spdx+json",
                "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": hash(1), "size": 2},
                "layers": [
                    {"mediaType": "application/spdx+json", "digest": hash(2), "size": 40},
                    {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "digest": hash(3), "size": 7}
                ],
                "subject": {"mediaType": OCI, "digest": hash(4), "size": 1},
                "annotations": {"a": "b"}}),
            Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8"),
        )
        .unwrap();
        assert_eq!(manifest.payload(), 49);
        assert_eq!(
            manifest.blobs.iter().map(|b| b.foreign).collect::<Vec<_>>(),
            [false, false, true]
        );
        assert_eq!(manifest.subject.as_ref().unwrap().as_str(), hash(4));
        assert!(!manifest.is_index());
        let descriptor = manifest.referrer_descriptor(&hash(9).parse().unwrap());
        assert_eq!(descriptor["artifactType"], "application/spdx+json");
        assert_eq!(descriptor["annotations"]["a"], "b");
    }

    #[test]
    fn an_index_names_its_children() {
        let index = parse(
            &json!({"schemaVersion": 2, "manifests": [{"digest": hash(1), "size": 1}]}),
            Some("application/vnd.oci.image.index.v1+json"),
        )
        .unwrap();
        assert!(index.is_index());
        assert_eq!(index.children.len(), 1);
        assert_eq!(index.payload(), 0);
    }

    #[test]
    fn mistakes_are_named() {
        let config = json!({"digest": hash(1), "size": 2});
        let cases = [
            (json!([]), None, "Invalid JSON"),
            (json!({"schemaVersion": 2}), None, "Invalid JSON syntax"),
            (json!({"schemaVersion": 1}), Some(OCI), "schemaVersion"),
            (
                json!({"schemaVersion": 2}),
                Some("text/plain"),
                "text/plain",
            ),
            (
                json!({"schemaVersion": 2, "mediaType": "x"}),
                Some(OCI),
                "'x'",
            ),
            (json!({"schemaVersion": 2}), Some(OCI), "config"),
            (
                json!({"schemaVersion": 2, "config": config}),
                Some(OCI),
                "layers",
            ),
            (
                json!({"schemaVersion": 2, "config": {"digest": "sha256:zz", "size": 1}, "layers": []}),
                Some(OCI),
                "sha256:zz",
            ),
        ];
        for (value, declared, part) in cases {
            let error = parse(&value, declared).unwrap_err();
            assert!(error.contains(part), "{value}: {error}");
        }
    }
}
