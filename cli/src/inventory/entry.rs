//! One image of an inventory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use steward_core::facts::{
    Home, ImageConfig, ImageFacts, ImageKind, LayerFacts, Platform, ReferrerFacts,
};
use steward_core::{Digest, RepositoryName, Tag};

/// One line: an image and all its tags. The names are those of the facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Where the registry is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<Home>,
    /// The repository.
    pub repository: RepositoryName,
    /// Digest of the manifest.
    pub digest: Digest,
    /// All tags of the image.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// When the image was pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_at: Option<Timestamp>,
    /// The repository's resource tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_tags: Option<BTreeMap<String, String>>,
    /// What the manifest is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ImageKind>,
    /// Media type of the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Type of the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Annotations of the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// The configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ImageConfig>,
    /// The layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<LayerFacts>>,
    /// The platform images of an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub children: Option<Vec<ImageFacts>>,
    /// What refers to the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrers: Option<Vec<ReferrerFacts>>,
}

/// What is known of a repository beside its images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where the registry is.
    pub registry: Option<Home>,
    /// The repository.
    pub repository: RepositoryName,
    /// Its resource tags.
    pub resource_tags: Option<BTreeMap<String, String>>,
}

impl Entry {
    /// The line about an image.
    #[must_use]
    pub fn new(place: Place, image: ImageFacts) -> Self {
        Self {
            registry: place.registry,
            repository: place.repository,
            digest: image.digest,
            tags: image.tags,
            pushed_at: image.pushed_at,
            resource_tags: place.resource_tags,
            kind: image.kind,
            media_type: image.media_type,
            artifact_type: image.artifact_type,
            platform: image.platform,
            annotations: image.annotations,
            config: image.config,
            layers: image.layers,
            children: image.children,
            referrers: image.referrers,
        }
    }

    /// The repository and the image.
    #[must_use]
    pub fn into_parts(self) -> (Place, ImageFacts) {
        let place = Place {
            registry: self.registry,
            repository: self.repository,
            resource_tags: self.resource_tags,
        };
        let image = ImageFacts {
            pushed_at: self.pushed_at,
            kind: self.kind,
            media_type: self.media_type,
            artifact_type: self.artifact_type,
            platform: self.platform,
            annotations: self.annotations,
            config: self.config,
            layers: self.layers,
            children: self.children,
            referrers: self.referrers,
            ..ImageFacts::new(self.digest, self.tags)
        };
        (place, image)
    }
}

/// The JSON Schema (2020-12) of one line.
#[must_use]
pub fn schema() -> Value {
    let texts = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let image = |required: &[&str], more: Value| {
        let mut properties = json!({
            "digest": { "$ref": "#/$defs/digest" },
            "tags": {
                "description": "All tags of the image.",
                "type": "array", "items": { "type": "string" },
            },
            "pushed_at": { "description": "When the image was pushed.", "$ref": "#/$defs/time" },
            "kind": { "enum": ["image", "index", "artifact"] },
            "media_type": { "description": "Media type of the manifest.", "type": "string" },
            "artifact_type": { "type": "string" },
            "platform": { "description": "Such as linux/arm64/v8.", "type": "string" },
            "annotations": { "description": "Annotations of the manifest.", "$ref": "#/$defs/texts" },
            "config": { "$ref": "#/$defs/config" },
            "layers": { "type": "array", "items": { "$ref": "#/$defs/layer" } },
            "children": {
                "description": "The platform images of an index.",
                "type": "array", "items": { "$ref": "#/$defs/child" },
            },
            "referrers": {
                "description": "What refers to the image; absent where it was not asked.",
                "type": "array", "items": { "$ref": "#/$defs/referrer" },
            },
        });
        if let (Some(properties), Value::Object(more)) = (properties.as_object_mut(), more) {
            properties.extend(more);
        }
        json!({ "type": "object", "required": required, "properties": properties })
    };
    let mut schema = image(
        &["repository", "digest"],
        json!({
            "registry": {
                "type": "object",
                "additionalProperties": false,
                "required": ["account", "region"],
                "properties": {
                    "account": { "type": "string", "pattern": "^[0-9]{12}$" },
                    "region": { "type": "string" },
                },
            },
            "repository": { "type": "string" },
            "resource_tags": {
                "description": "The repository's resource tags.", "$ref": "#/$defs/texts",
            },
        }),
    );
    let child = image(&["digest"], json!({}));
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("additionalProperties".to_owned(), Value::Bool(false));
        schema.insert(
            "$schema".to_owned(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        schema.insert("$id".to_owned(), "urn:ecr-steward:inventory:1".into());
        schema.insert(
            "title".to_owned(),
            "A line of an inventory of ecr-steward".into(),
        );
        schema.insert(
            "description".to_owned(),
            "One image of a registry; an inventory has one such document a line. What was not \
             read is absent."
                .into(),
        );
        schema.insert(
            "$defs".to_owned(),
            json!({
                "digest": { "type": "string", "pattern": "^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$" },
                "time": { "type": "string", "format": "date-time" },
                "texts": texts,
                "child": child,
                "config": {
                    "type": "object",
                    "properties": {
                        "created": { "$ref": "#/$defs/time" },
                        "user": { "type": "string" },
                        "labels": { "$ref": "#/$defs/texts" },
                        "exposed_ports": { "type": "array", "items": { "type": "string" } },
                    },
                },
                "layer": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["digest", "media_type", "size"],
                    "properties": {
                        "digest": { "$ref": "#/$defs/digest" },
                        "media_type": { "type": "string" },
                        "size": { "type": "integer", "minimum": 0 },
                    },
                },
                "referrer": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["digest"],
                    "properties": {
                        "digest": { "$ref": "#/$defs/digest" },
                        "artifact_type": { "type": "string" },
                        "annotations": { "$ref": "#/$defs/texts" },
                    },
                },
            }),
        );
    }
    schema
}
