//! The JSON Schema of a file of cases, for editors.

use serde_json::{Value, json};
use steward_core::policy::ActionKind;

use super::DERIVE;

/// The schema (2020-12). It is a little stricter than the reader where YAML is lax about texts and
/// numbers.
#[must_use]
pub fn schema() -> Value {
    let texts = json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:ecr-steward:cases:1",
        "title": "Cases for a policy of ecr-steward",
        "description": "What a policy must say to images; checked with `steward test <policy> <cases>`.",
        "type": "object",
        "additionalProperties": false,
        "required": ["cases"],
        "properties": {
            "facts": facts(),
            "cases": { "type": "array", "items": { "$ref": "#/$defs/case" } },
        },
        "$defs": {
            "case": {
                "type": "object",
                "additionalProperties": false,
                "required": ["name", "expect"],
                "properties": {
                    "name": { "description": "What the case shows; unique in the file.", "type": "string" },
                    "facts": { "$ref": "#/$defs/facts" },
                    "expect": { "$ref": "#/$defs/expect" },
                },
            },
            "facts": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "registry": {
                        "description": "Where the repository is.",
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["account", "region"],
                        "properties": {
                            "account": { "type": "string", "pattern": "^[0-9]{12}$" },
                            "region": { "type": "string" },
                        },
                    },
                    "repository": { "type": "string" },
                    "tag": { "type": "string" },
                    "tags": {
                        "description": "The other tags of the image.",
                        "type": "array", "items": { "type": "string" },
                    },
                    "digest": {
                        "description": "The image: a digest, or any name for one; the case's name where nothing is said.",
                        "type": "string",
                    },
                    "event": {
                        "description": "What happened; `pushed` where nothing is said.",
                        "enum": ["pushed", "deleted", "review"],
                    },
                    "now": { "description": "The moment of the decision; that of the run where nothing is said.", "$ref": "#/$defs/time" },
                    "pushed": { "description": "When the image was pushed; `now` where nothing is said.", "$ref": "#/$defs/time" },
                    "previous": {
                        "description": "What the tag pointed to before: a digest, or any name for one.",
                        "type": "string",
                    },
                    "siblings": {
                        "description": "Every tag of the repository and the image that it points to.",
                        "type": "object", "additionalProperties": { "type": "string" },
                    },
                    "resource_tags": { "description": "The repository's resource tags.", "$ref": "#/$defs/texts" },
                    "pusher": {
                        "description": "Who pushed: an ARN, or more.",
                        "oneOf": [
                            { "type": "string" },
                            {
                                "type": "object",
                                "additionalProperties": false,
                                "properties": {
                                    "arn": { "type": "string" },
                                    "source_ip": { "type": "string" },
                                    "user_agent": { "type": "string" },
                                },
                            },
                        ],
                    },
                    "image": { "$ref": "#/$defs/image" },
                },
            },
            "image": image(),
            "expect": expect(),
            "texts": texts,
            "time": {
                "description": "A timestamp, or such as `30d ago` (s, m, h, d, w).",
                "type": "string",
            },
            "size": { "description": "Bytes, or a number with kB, MB, GB, KiB, MiB or GiB.", "type": ["integer", "string"] },
        },
    })
}

fn facts() -> Value {
    json!({
        "description": "What every case is about unless it says otherwise.",
        "$ref": "#/$defs/facts",
    })
}

fn image() -> Value {
    json!({
        "description": "What the image is like; without it nothing but its digest is known.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "kind": { "enum": ["image", "index", "artifact"] },
            "media_type": { "type": "string" },
            "artifact_type": { "type": "string" },
            "platforms": {
                "description": "One makes an image, several make an index.",
                "type": "array", "items": { "type": "string", "pattern": "^[^/]+/[^/]+(/[^/]+)?$" },
            },
            "annotations": { "$ref": "#/$defs/texts" },
            "labels": { "$ref": "#/$defs/texts" },
            "user": { "type": ["string", "integer"] },
            "created": { "$ref": "#/$defs/time" },
            "exposed_ports": { "type": "array", "items": { "type": ["string", "integer"] } },
            "base_image": { "description": "Written to the annotation of base images.", "type": "string" },
            "size": { "description": "Compressed size of each image.", "$ref": "#/$defs/size" },
            "layers": {
                "oneOf": [
                    { "description": "So many layers, which share the size.", "type": "integer", "minimum": 0, "maximum": u16::MAX },
                    {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": false,
                            "properties": {
                                "media_type": { "type": "string" },
                                "size": { "$ref": "#/$defs/size" },
                            },
                        },
                    },
                ],
            },
            "referrers": {
                "description": "What refers to the image; `[]` says that nothing does.",
                "type": "array",
                "items": {
                    "oneOf": [
                        { "description": "signature, sbom, provenance, or an artifact type.", "type": "string", "pattern": "^(signature|sbom|provenance|.*/.*)$" },
                        {
                            "type": "object",
                            "additionalProperties": false,
                            "required": ["artifact_type"],
                            "properties": {
                                "artifact_type": { "type": "string" },
                                "annotations": { "$ref": "#/$defs/texts" },
                            },
                        },
                    ],
                },
            },
            "images": {
                "description": "The images of an index, where they differ in more than their platform.",
                "type": "array", "items": { "$ref": "#/$defs/image" },
            },
        },
    })
}

fn expect() -> Value {
    let actions: Vec<&str> = ActionKind::ALL
        .iter()
        .map(|kind| kind.as_str())
        .chain([DERIVE])
        .collect();
    json!({
        "description": "What must be decided. Rules that are not named must not be violated; what else is left out is not looked at.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "violations": { "description": "The violated rules, and no others.", "type": "array", "items": { "type": "string" } },
            "actions": { "description": "The planned actions, and no others.", "type": "array", "items": { "enum": actions } },
            "message": { "description": "A glob that the message of some violation matches.", "type": "string" },
            "derived": {
                "description": "The derived tags that are put or moved, and the tag that each follows.",
                "type": "object", "additionalProperties": { "type": "string" },
            },
            "recheck": {
                "description": "Whether the image is looked at again, or when: true, false, `in 15m`, or a timestamp.",
                "type": ["boolean", "string"],
            },
            "mode": { "description": "`enforce` where some violated rule may act.", "enum": ["observe", "enforce"] },
            "severity": { "enum": ["info", "low", "medium", "high", "critical"] },
            "skipped": { "description": "Whether no rule is looked at.", "type": "boolean" },
            "undecided": { "description": "The rules that have no answer for want of facts.", "type": "array", "items": { "type": "string" } },
        },
    })
}
