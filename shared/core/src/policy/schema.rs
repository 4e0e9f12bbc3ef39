//! The JSON Schema of the policy file, for editors.
//!
//! Written by hand beside the decoder, because the two say different things: the schema helps while
//! typing and sees one value at a time; the decoder knows how the parts belong together. Tests hold
//! them together: every field that one knows the other knows, and what the schema refuses the
//! decoder refuses too.

mod image;
mod notifications;
mod replication;
mod tag_rule;
mod tags;

use serde_json::{Map, Value, json};

use crate::mode::{Mode, Severity};

use super::{Policy, RepositoryGlob};

use notifications::{channel, notifications, route};
use replication::{replication_rule, replication_target};
use tag_rule::{exemption, tag_rule};
use tags::{repository_set, tag_pattern};

const HEADLINE: &str = "What ecr-steward should do with the images of a registry.";

/// A mapping with known fields, some of which must be there.
fn object(description: &str, required: &[&str], fields: &[(&str, Value)]) -> Value {
    let mut properties = Map::new();
    for (name, schema) in fields {
        properties.insert((*name).to_owned(), schema.clone());
    }
    let mut schema = json!({
        "description": description,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty()
        && let Some(schema) = schema.as_object_mut()
    {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

/// A reference to a definition with a description of its own.
fn reference(name: &str, description: &str) -> Value {
    json!({ "description": description, "$ref": format!("#/$defs/{name}") })
}

/// A list of something defined.
fn list(of: &str, min: usize, description: &str) -> Value {
    let items = json!({ "$ref": format!("#/$defs/{of}") });
    json!({ "description": description, "type": "array", "minItems": min, "items": items })
}

fn with(mut schema: Value, key: &str, value: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(key.to_owned(), value);
    }
    schema
}

/// The whole schema.
pub(super) fn schema() -> Value {
    let root = object(
        HEADLINE,
        &["version"],
        &[
            (
                "version",
                json!({ "description": "The version of the policy language.", "const": 1 }),
            ),
            (
                "mode",
                with(
                    reference(
                        "mode",
                        "Whether decisions are carried out (`enforce`) or only reported \
                         (`observe`). A rule may have a mode of its own.",
                    ),
                    "default",
                    json!(Mode::default().as_str()),
                ),
            ),
            (
                "repositories",
                reference(
                    "repository_set",
                    "The repositories that the steward looks after. The quarantine is always \
                     outside. Default: all.",
                ),
            ),
            (
                "ignore_tags",
                with(
                    list(
                        "tag_pattern",
                        0,
                        "Tags that no rule looks at. The default leaves out the tags that \
                         signatures and attestations are stored under.",
                    ),
                    "default",
                    json!(["sha256-*"]),
                ),
            ),
            ("quarantine", quarantine()),
            (
                "tag_rules",
                list(
                    "tag_rule",
                    0,
                    "Which tags images may have, and what images must be like.",
                ),
            ),
            (
                "replication",
                list(
                    "replication_rule",
                    0,
                    "Which images are copied, and where to.",
                ),
            ),
            ("notifications", notifications()),
        ],
    );
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ecr-steward policy",
        "$comment": format!("A policy has at most {} bytes.", Policy::MAX_BYTES),
    });
    if let (Some(schema), Value::Object(root)) = (schema.as_object_mut(), root) {
        schema.extend(root);
        schema.insert("$defs".to_owned(), definitions());
    }
    schema
}

fn quarantine() -> Value {
    let template = reference(
        "repository_template",
        "The name of the quarantine repository, in the same registry, made from the name of the \
         image's repository.",
    );
    let template = with(
        template,
        "default",
        json!(super::QuarantineSettings::DEFAULT),
    );
    object(
        "Where quarantined images go.",
        &[],
        &[("repository", template)],
    )
}

fn definitions() -> Value {
    json!({
        "mode": {
            "description": "`observe`: decide and report. `enforce`: also act.",
            "enum": [Mode::Observe.as_str(), Mode::Enforce.as_str()],
        },
        "severity": {
            "description": "How much something matters, from least to most.",
            "enum": Severity::ALL.map(Severity::as_str),
        },
        "name": {
            "description": "Letters, digits, `.`, `_` and `-`, beginning with a letter or digit.",
            "type": "string",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        },
        "repository_glob": {
            "description": "A glob over repository names: `*` stays within one path component, \
                            `**` crosses slashes.",
            "type": "string",
            "maxLength": RepositoryGlob::MAX_LEN,
            "pattern": "^[a-z0-9._*?\\[\\]{},!^-]+(/[a-z0-9._*?\\[\\]{},!^-]+)*$",
            "examples": ["prod/**", "*/api", "team/web"],
        },
        "repository_set": repository_set(),
        "tag_pattern": tag_pattern(),
        "repository_template": {
            "description": "A repository name in which `{repository}`, `{basename}` and `{prefix}` \
                            stand for the source's name and its parts.",
            "type": "string",
            "maxLength": 512,
            "pattern": "^(?:[a-z0-9._/-]|\\{(?:repository|basename|prefix)\\})+$",
            "examples": ["dr/{repository}", "mirror/{basename}"],
        },
        "secret": {
            "description": "Where a secret is kept; never the secret itself.",
            "type": "string",
            "pattern": "^(?:secretsmanager:[A-Za-z0-9/_+=.@:-]+(?:#.+)?|ssm:[A-Za-z0-9/_.:-]+)$",
            "examples": ["secretsmanager:steward/slack", "ssm:/steward/token"],
        },
        "endpoint": {
            "description": "The address of a webhook (`https`; `http` only to a loopback address), \
                            or where it is kept as a secret.",
            "type": "string",
            "pattern": "^(?:https?://.+|secretsmanager:[A-Za-z0-9/_+=.@:-]+(?:#.+)?|ssm:[A-Za-z0-9/_.:-]+)$",
        },
        "duration": {
            "description": "A whole number with `s`, `m`, `h` or `d`.",
            "type": "string",
            "pattern": "^[0-9]+[smhd]$",
            "examples": ["15m", "24h", "90d"],
        },
        "exemption": exemption(),
        "image_rule": image::image_rule(),
        "required_referrer": image::required_referrer(),
        "tag_rule": tag_rule(),
        "replication_rule": replication_rule(),
        "replication_target": replication_target(),
        "channel": channel(),
        "route": route(),
    })
}

#[cfg(test)]
mod tests;
