use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Blob, Format, Image, Layer, Parts, Platform, annotations_json, content::Content, insert,
};

/// The config of artifacts that have none (OCI image specification, "Guidance for an Empty
/// Descriptor").
const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";

/// Builds a single image, or an artifact.
#[derive(Clone, Debug, Default)]
pub struct ImageBuilder {
    format: Format,
    layers: Vec<Layer>,
    platform: Option<Platform>,
    config: Map<String, Value>,
    labels: BTreeMap<String, String>,
    env: Vec<String>,
    ports: BTreeMap<String, Value>,
    created: Option<String>,
    annotations: BTreeMap<String, String>,
    artifact_type: Option<String>,
    subject: Option<Value>,
    subject_digest: Option<steward_core::Digest>,
}

impl ImageBuilder {
    /// The family of media types; OCI unless told.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Adds a layer on top.
    #[must_use]
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Adds layers on top.
    #[must_use]
    pub fn layers(mut self, layers: impl IntoIterator<Item = Layer>) -> Self {
        self.layers.extend(layers);
        self
    }

    /// The platform; linux/amd64 in the config unless told, and none in an index.
    #[must_use]
    pub fn platform(mut self, os: &str, architecture: &str) -> Self {
        self.platform = Some(Platform {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
        });
        self
    }

    /// A label of the config.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The user that the image runs as.
    #[must_use]
    pub fn user(self, user: &str) -> Self {
        self.set("User", json!(user))
    }

    /// The entrypoint.
    #[must_use]
    pub fn entrypoint<'a>(self, words: impl IntoIterator<Item = &'a str>) -> Self {
        let words: Vec<&str> = words.into_iter().collect();
        self.set("Entrypoint", json!(words))
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push(format!("{name}={value}"));
        self
    }

    /// An exposed port, such as `8080/tcp`.
    #[must_use]
    pub fn expose(mut self, port: &str) -> Self {
        self.ports.insert(port.to_owned(), json!({}));
        self
    }

    /// When the image was made, in RFC 3339; 1970 unless told.
    #[must_use]
    pub fn created(mut self, time: &str) -> Self {
        self.created = Some(time.to_owned());
        self
    }

    /// An annotation of the manifest.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Makes it an artifact of this type, with the empty config.
    #[must_use]
    pub fn artifact(mut self, artifact_type: &str) -> Self {
        self.artifact_type = Some(artifact_type.to_owned());
        self
    }

    /// Makes it a referrer of `image`.
    #[must_use]
    pub fn subject(mut self, image: &Image) -> Self {
        self.subject = Some(json!({
            "mediaType": image.media_type(),
            "digest": image.digest(),
            "size": image.manifest().len(),
        }));
        self.subject_digest = Some(image.digest().clone());
        self
    }

    fn set(mut self, key: &str, value: Value) -> Self {
        self.config.insert(key.to_owned(), value);
        self
    }

    /// The image.
    #[must_use]
    pub fn build(self) -> Image {
        let config = if self.artifact_type.is_some() {
            Blob::new(EMPTY_CONFIG, Content::Bytes("{}".into()))
        } else {
            let text = self.config_json().to_string();
            Blob::new(self.format.config(), Content::Bytes(text.into()))
        };
        let mut blobs = vec![config];
        for layer in self.layers {
            let media_type = layer
                .media_type
                .unwrap_or_else(|| self.format.layer().to_owned());
            blobs.push(Blob::new(media_type, layer.content));
        }
        let mut descriptors = blobs.iter().map(Blob::descriptor);
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": self.format.manifest(),
            "config": descriptors.next(),
            "layers": descriptors.collect::<Vec<_>>(),
        });
        let artifact_type = self.artifact_type.as_ref().map(|t| json!(t));
        insert(&mut manifest, "artifactType", artifact_type);
        insert(&mut manifest, "subject", self.subject);
        let annotations = annotations_json(&self.annotations);
        insert(&mut manifest, "annotations", annotations);
        Image::of(
            manifest,
            self.format.manifest(),
            Parts {
                artifact_type: self.artifact_type,
                annotations: self.annotations,
                platform: self.platform,
                subject: self.subject_digest,
                blobs,
                children: Vec::new(),
            },
        )
    }

    fn config_json(&self) -> Value {
        let mut config = self.config.clone();
        let parts = [
            ("Labels", json!(self.labels), self.labels.is_empty()),
            ("Env", json!(self.env), self.env.is_empty()),
            ("ExposedPorts", json!(self.ports), self.ports.is_empty()),
        ];
        for (key, value, _) in parts.into_iter().filter(|(_, _, empty)| !empty) {
            config.insert(key.to_owned(), value);
        }
        let diff_ids: Vec<_> = self.layers.iter().map(|layer| &layer.diff_id).collect();
        let created = self.created.as_deref().unwrap_or("1970-01-01T00:00:00Z");
        let history: Vec<Value> = self
            .layers
            .iter()
            .map(|_| json!({ "created": created, "created_by": "steward-testkit" }))
            .collect();
        let platform = self.platform.as_ref();
        json!({
            "created": created,
            "os": platform.map_or("linux", |p| p.os.as_str()),
            "architecture": platform.map_or("amd64", |p| p.architecture.as_str()),
            "config": config,
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
            "history": history,
        })
    }
}
