use serde_json::{Value, json};

use super::{list, object, reference, with};

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
                "referrers",
                json!({
                    "description": "Whether signatures, SBOMs and other referrers travel too.",
                    "type": "boolean",
                    "default": true,
                }),
            ),
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

pub(super) fn replication_target() -> Value {
    let flag = |description: &str| json!({ "description": description, "type": "boolean", "default": false });
    let create = object(
        "How to create a missing ECR repository. Without it the repository must exist.",
        &[],
        &[
            ("immutable", flag("Whether its tags cannot be moved.")),
            (
                "scan_on_push",
                flag("Whether an image is scanned when it is pushed."),
            ),
            (
                "tags",
                json!({
                    "description": "Its resource tags.",
                    "type": "object",
                    "maxProperties": 50,
                    "additionalProperties": { "type": "string", "minLength": 1, "maxLength": 256 },
                }),
            ),
        ],
    );
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
            ("create", create),
        ],
    );
    with(
        target,
        "dependentRequired",
        json!({ "external_id": ["assume_role"] }),
    )
}
