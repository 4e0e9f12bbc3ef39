use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// An image with its blobs and children.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) digest: String,
    pub(crate) media_type: String,
    pub(crate) manifest: Vec<u8>,
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    pub(crate) children: Vec<Image>,
}

pub(crate) struct ImageSpec {
    pub(crate) layers: Vec<Vec<u8>>,
    pub(crate) subject: Option<Value>,
    pub(crate) extra_layers: Vec<Value>,
    pub(crate) docker: bool,
}

impl Default for ImageSpec {
    fn default() -> Self {
        Self {
            layers: vec![bytes_of_size(3000, 1)],
            subject: None,
            extra_layers: Vec::new(),
            docker: false,
        }
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Bytes that do not repeat, different for every seed.
pub(crate) fn bytes_of_size(size: usize, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes = vec![0; size];
    random.fill(&mut bytes);
    bytes
}

impl Image {
    fn of(media_type: &str, manifest: &Value, blobs: Vec<Vec<u8>>, children: Vec<Self>) -> Self {
        let manifest = serde_json::to_vec_pretty(manifest).unwrap();
        Self {
            digest: digest(&manifest),
            media_type: media_type.to_owned(),
            manifest,
            blobs: blobs
                .into_iter()
                .map(|blob| (digest(&blob), blob))
                .collect(),
            children,
        }
    }

    pub(crate) fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest, "size": self.manifest.len() })
    }
}

/// An image with a small configuration and these layers.
pub(crate) fn image(spec: ImageSpec) -> Image {
    let kinds = if spec.docker {
        [
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ]
    } else {
        [
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.oci.image.layer.v1.tar+gzip",
        ]
    };
    let config = format!(r#"{{"layers":{}}}"#, spec.layers.len()).into_bytes();
    let describe = |media_type: &str, bytes: &[u8]| json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() });
    let mut layers: Vec<Value> = spec.layers.iter().map(|l| describe(kinds[2], l)).collect();
    layers.extend(spec.extra_layers);
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": kinds[0],
        "config": describe(kinds[1], &config),
        "layers": layers,
    });
    if let Some(subject) = spec.subject {
        manifest["subject"] = subject;
        manifest["artifactType"] = json!("application/vnd.example.signature");
    }
    let mut blobs = spec.layers;
    blobs.push(config);
    Image::of(kinds[0], &manifest, blobs, Vec::new())
}

/// An index of images.
pub(crate) fn index(children: Vec<Image>) -> Image {
    let media_type = "application/vnd.oci.image.index.v1+json";
    let manifests: Vec<Value> = children.iter().map(Image::descriptor).collect();
    let manifest = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": manifests });
    Image::of(media_type, &manifest, Vec::new(), children)
}

/// Something that refers to an image, such as a signature.
pub(crate) fn referrer(of: &Image, seed: u64) -> Image {
    image(ImageSpec {
        layers: vec![bytes_of_size(200, seed)],
        subject: Some(of.descriptor()),
        ..ImageSpec::default()
    })
}
