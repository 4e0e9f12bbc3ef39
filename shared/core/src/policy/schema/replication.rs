use serde_json::{Value, json};

mod create;

use super::image::platforms;
use super::{list, object, reference, with};

use create::create;

pub(super) fn replication_rule() -> Value {
    let tags = object(
        "The tags to copy. Default: every tag that `ignore_tags` does not match.",
        &[],
        &[
            (
                "allow",
                list("tag_pattern", 1, "A tag must match one of these."),
            ),
            (
                "deny",
                list("tag_pattern", 1, "A tag may match none of these."),
            ),
            (
                "newest",
                json!({
                    "description": "Only so many of these tags: the newest by version, or by their \
                                    push where they have no order. Default: all.",
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 100_000,
                }),
            ),
        ],
    );
    object(
        "Which images are copied, and where to.",
        &["name", "repositories", "to"],
        &[
            (
                "name",
                reference(
                    "name",
                    "The rule's name; unique among the replication rules.",
                ),
            ),
            (
                "repositories",
                reference("repository_set", "The repositories to copy from."),
            ),
            ("tags", with(tags, "minProperties", json!(1))),
            (
                "platforms",
                platforms(
                    "The platforms that an index is reduced to. Default: the index travels as it is.",
                ),
            ),
            (
                "referrers",
                json!({
                    "description": "Whether signatures, SBOMs and other referrers travel too.",
                    "type": "boolean",
                    "default": true,
                }),
            ),
            ("deletes", deletes()),
            (
                "to",
                list(
                    "replication_target",
                    1,
                    "Where to; every target gets every image.",
                ),
            ),
            (
                "mode",
                reference("mode", "The rule's own mode. Default: the policy's."),
            ),
        ],
    )
}

fn deletes() -> Value {
    let propagate = object(
        "How deletions propagate.",
        &[],
        &[
            (
                "after",
                reference(
                    "duration",
                    "How long after the deletion the copy's tag is removed; up to `30d`. Default: \
                     `24h`.",
                ),
            ),
            (
                "max_per_hour",
                json!({
                    "description": "The most tags that the rule removes in one hour of the clock.",
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 10_000,
                    "default": 20,
                }),
            ),
        ],
    );
    let settings = object(
        "Deletions propagate in this way.",
        &["propagate"],
        &[("propagate", propagate)],
    );
    json!({
        "description": "What becomes of a copy when the source's tag is deleted.",
        "anyOf": [
            { "enum": ["ignore", "propagate"] },
            settings,
        ],
        "default": "ignore",
    })
}

pub(super) fn replication_target() -> Value {
    let target = object(
        "One place that images are copied to.",
        &["registry", "repository"],
        &[
            (
                "registry",
                json!({
                    "description": "The registry's address, without a scheme.",
                    "type": "string",
                    "pattern": "^[a-z0-9.:\\[\\]-]+$",
                    "examples": ["444455556666.dkr.ecr.eu-central-1.amazonaws.com", "ghcr.io"],
                }),
            ),
            (
                "repository",
                reference("repository_template", "The repository's name there."),
            ),
            (
                "tag",
                json!({
                    "description": "The tag's name there, with `{tag}` for the tag here. Default: \
                                    the same.",
                    "type": "string",
                    "pattern": "^[A-Za-z0-9._-]*\\{tag\\}(?:[A-Za-z0-9._-]|\\{tag\\})*$",
                }),
            ),
            (
                "assume_role",
                json!({
                    "description": "The IAM role to assume for an ECR registry of another account.",
                    "type": "string",
                    "pattern": "^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$",
                }),
            ),
            (
                "external_id",
                json!({
                    "description": "The external id that the role's trust policy asks for.",
                    "type": "string",
                    "minLength": 2,
                    "maxLength": 1224,
                    "pattern": "^[A-Za-z0-9_+=,.@:/-]+$",
                }),
            ),
            (
                "credentials",
                reference(
                    "secret",
                    "User name and password for a registry that is not ECR.",
                ),
            ),
            ("create", create()),
        ],
    );
    with(
        target,
        "dependentRequired",
        json!({ "external_id": ["assume_role"] }),
    )
}
