use serde_json::{Value, json};

use super::super::object;

pub(super) fn create() -> Value {
    object(
        "How to create a missing ECR repository. Without it the repository must exist.",
        &[],
        &[
            ("immutable", flag("Whether its tags cannot be moved.")),
            (
                "immutable_except",
                json!({
                    "description": "Tags that may be moved all the same; `*` is any text.",
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 5,
                    "items": { "type": "string", "pattern": "^[A-Za-z0-9._*-]{1,128}$" },
                }),
            ),
            (
                "scan_on_push",
                flag("Whether an image is scanned when it is pushed."),
            ),
            (
                "encryption",
                object(
                    "How its images are encrypted. Default: with a key of ECR's own.",
                    &["kms_key"],
                    &[(
                        "kms_key",
                        json!({
                            "description": "The KMS key: its ARN, its id, or `alias/NAME`.",
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 2048,
                            "pattern": "^(arn:aws[a-z-]*:kms:[^:]+:[0-9]{12}:)?(alias/|key/)?[A-Za-z0-9/_-]+$",
                        }),
                    )],
                ),
            ),
            (
                "lifecycle_policy",
                document("Its lifecycle policy, as JSON text or as it is.", "rules"),
            ),
            (
                "repository_policy",
                document(
                    "Who else may use it: its repository policy, as JSON text or as it is.",
                    "Statement",
                ),
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
    )
}

fn flag(description: &str) -> Value {
    json!({ "description": description, "type": "boolean", "default": false })
}

fn document(description: &str, member: &str) -> Value {
    json!({
        "description": description,
        "anyOf": [
            { "type": "string", "minLength": 1 },
            { "type": "object", "required": [member] },
        ],
    })
}
