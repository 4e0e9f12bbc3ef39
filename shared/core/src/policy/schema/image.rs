use serde_json::{Value, json};

use super::{object, reference, with};
use crate::policy::TextGlob;

fn texts(description: &str, example: &str) -> Value {
    json!({
        "description": description,
        "type": "array",
        "minItems": 1,
        "maxItems": 100,
        "items": { "type": "string", "minLength": 1, "maxLength": TextGlob::MAX_LEN, "examples": [example] },
    })
}

fn metadata(what: &str) -> Value {
    let pattern = json!({ "type": "string", "minLength": 1, "maxLength": TextGlob::MAX_LEN });
    let matching = json!({
        "description": format!(
            "Patterns for the values of {what}: a glob, or a regular expression between slashes."
        ),
        "type": "object",
        "minProperties": 1,
        "maxProperties": 100,
        "additionalProperties": pattern,
    });
    let required = texts(
        &format!("Names of {what} that must be there with a value."),
        "org.opencontainers.image.source",
    );
    let schema = object(
        &format!("What the {what} must say."),
        &[],
        &[("required", required), ("match", matching)],
    );
    with(schema, "minProperties", json!(1))
}

fn within(description: &str) -> Value {
    let within = reference("duration", "How long after the push it may be missing.");
    object(description, &["within"], &[("within", within)])
}

pub(super) fn required_referrer() -> Value {
    let glob = json!({
        "description": "A glob over artifact types.",
        "type": "string",
        "minLength": 1,
        "maxLength": TextGlob::MAX_LEN,
    });
    let globs = texts("Globs over artifact types.", "application/vnd.example.*");
    object(
        "An artifact that must refer to the image.",
        &["artifact_type", "within"],
        &[
            (
                "artifact_type",
                json!({
                    "description": "Its artifact type: a glob, or a list of which one must match.",
                    "anyOf": [glob, globs],
                }),
            ),
            (
                "within",
                reference("duration", "How long after the push it may be missing."),
            ),
        ],
    )
}

pub(super) fn image_rule() -> Value {
    let size = json!({
        "description": "The largest compressed size: `2GiB`, `500MB`, or a number of bytes.",
        "anyOf": [
            { "type": "string", "pattern": "^[0-9]+(?:\\.[0-9]{1,3})? *(?:B|[kKMGT]B|[KMGT]iB)$" },
            { "type": "integer", "minimum": 1 },
        ],
    });
    let referrers = json!({
        "description": "Artifacts that must refer to the image.",
        "type": "array",
        "minItems": 1,
        "maxItems": 100,
        "items": { "$ref": "#/$defs/required_referrer" },
    });
    let rule = object(
        "What an image must be like.",
        &[],
        &[
            ("labels", metadata("labels")),
            ("annotations", metadata("annotations")),
            ("platforms", platforms("Platforms that must all be there.")),
            ("max_size", size),
            (
                "user",
                json!({
                    "description": "`non-root`: the process must not run as root.",
                    "enum": ["non-root"],
                }),
            ),
            (
                "created_within",
                reference("duration", "The oldest age of the build."),
            ),
            (
                "base_images",
                texts(
                    "Globs over the name of the base image; one must match.",
                    "registry.example.com/base/*",
                ),
            ),
            (
                "media_types",
                texts(
                    "Globs over the media types of manifests and layers; one must match each.",
                    "application/vnd.oci.image.*",
                ),
            ),
            (
                "foreign_layers",
                json!({
                    "description": "`deny`: no layer may be kept outside the registry.",
                    "enum": ["deny"],
                }),
            ),
            (
                "max_layers",
                json!({
                    "description": "The largest number of layers of one image.",
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 1000,
                }),
            ),
            (
                "exposed_ports",
                json!({
                    "description": "The ports that an image may expose. An empty list: none.",
                    "type": "array",
                    "maxItems": 100,
                    "uniqueItems": true,
                    "items": { "type": "integer", "minimum": 1, "maximum": 65535 },
                }),
            ),
            ("signed", within("A signature must refer to the image.")),
            ("sbom", within("An SBOM must refer to the image.")),
            (
                "provenance",
                within("A provenance statement must refer to the image."),
            ),
            ("referrers", referrers),
            (
                "index",
                json!({
                    "description": "Whether what is asked of one image holds for every image of \
                                    an index, or for any.",
                    "enum": ["every", "any"],
                    "default": "every",
                }),
            ),
        ],
    );
    with(rule, "minProperties", json!(1))
}

/// A list of platforms.
pub(super) fn platforms(description: &str) -> Value {
    json!({
        "description": description,
        "type": "array",
        "minItems": 1,
        "maxItems": 100,
        "uniqueItems": true,
        "items": {
            "type": "string",
            "pattern": "^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)?$",
            "examples": ["linux/amd64", "linux/arm64"],
        },
    })
}
