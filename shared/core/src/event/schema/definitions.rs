//! The parts that every event schema has.

use serde_json::{Value, json};

use super::Members;
use crate::event::outgoing::Outcome;
use crate::{Mode, Severity};

/// The members of the detail.
pub(super) fn properties() -> Members {
    members([
        (
            "account",
            described("account", "Account of the registry that holds the image."),
        ),
        (
            "region",
            described("region", "Region of the registry that holds the image."),
        ),
        (
            "repository",
            json!({
                "description": "Name of the repository, without the registry.",
                "type": "string",
                "minLength": 1
            }),
        ),
        ("tag", described("tag", "The tag.")),
        ("digest", described("digest", "The image.")),
        (
            "owner",
            json!({
                "description": "Who owns the repository: its resource tag owner, else team.",
                "type": "string",
                "minLength": 1
            }),
        ),
        (
            "pusher",
            described(
                "pusher",
                "Who pushed the image, where CloudTrail has said so by then.",
            ),
        ),
        (
            "rule",
            json!({
                "description": "Name of the rule that asked for it; several names are joined with \", \".",
                "type": "string",
                "minLength": 1
            }),
        ),
        ("severity", described("severity", "How much it matters.")),
        (
            "mode",
            described(
                "mode",
                "Whether the actions were carried out, or only would be.",
            ),
        ),
        (
            "violations",
            json!({
                "description": "What is wrong, rule by rule.",
                "type": "array",
                "items": { "$ref": "#/$defs/violation" }
            }),
        ),
        (
            "violations_omitted",
            described(
                "omitted",
                "How many more violations there are than the event had room for; absent when it holds all.",
            ),
        ),
        (
            "actions",
            json!({
                "description": "What was done about it, or would be, each with its outcome.",
                "type": "array",
                "items": { "$ref": "#/$defs/action" }
            }),
        ),
        (
            "actions_omitted",
            described(
                "omitted",
                "How many more actions there are than the event had room for; absent when it holds all.",
            ),
        ),
        ("cause", text("Id of the EventBridge event that led here.")),
        ("explain", text("One sentence for a person.")),
        (
            "dedupe_key",
            json!({
                "description": "Equal for two events that tell the same story. Opaque: compare it, do not parse it.",
                "type": "string",
                "minLength": 1
            }),
        ),
        (
            "error_type",
            described("error_type", "What failed, when something did."),
        ),
        (
            "links",
            json!({
                "description": "Where to look further: labels and addresses.",
                "type": "object",
                "additionalProperties": { "type": "string" }
            }),
        ),
    ])
}

/// What the members refer to.
pub(super) fn shared() -> Value {
    Value::Object(members([
        (
            "account",
            json!({ "type": "string", "pattern": "^[0-9]{12}$" }),
        ),
        (
            "region",
            json!({ "type": "string", "pattern": "^[a-z0-9-]+$" }),
        ),
        (
            "tag",
            json!({ "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$" }),
        ),
        (
            "digest",
            json!({
                "description": "Digest of a manifest, as in the OCI image specification.",
                "type": "string",
                "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"
            }),
        ),
        (
            "severity",
            json!({
                "description": "From least to most.",
                "enum": Severity::ALL.map(Severity::as_str)
            }),
        ),
        (
            "mode",
            json!({
                "description": "observe: decide and report, change nothing. enforce: act.",
                "enum": [Mode::Observe.as_str(), Mode::Enforce.as_str()]
            }),
        ),
        (
            "outcome",
            json!({
                "description": "done: carried out. unchanged: everything was already as it should be. would_do: would be carried out in mode enforce. failed: tried without success. skipped: not tried, because something before it failed or forbids it.",
                "enum": Outcome::ALL.map(Outcome::as_str)
            }),
        ),
        ("omitted", json!({ "type": "integer", "minimum": 1 })),
        (
            "error_type",
            json!({
                "description": "A stable word; it does not change between releases.",
                "type": "string",
                "minLength": 1
            }),
        ),
        (
            "violation",
            json!({
                "description": "One rule that is broken.",
                "type": "object",
                "required": ["rule", "message"],
                "properties": {
                    "rule": text("Name of the rule."),
                    "message": text("What is wrong."),
                    "accepted": text("What would have been right, for a person."),
                    "severity": described("severity", "How much this rule matters."),
                    "mode": described("mode", "Whether this rule may act.")
                }
            }),
        ),
        (
            "pusher",
            json!({
                "description": "Who called, as CloudTrail records it.",
                "type": "object",
                "required": ["arn"],
                "properties": {
                    "arn": text("ARN of the user, or of the assumed role's session."),
                    "source_ip": text("The address that the call came from."),
                    "user_agent": text("The program that made the call.")
                }
            }),
        ),
        (
            "action",
            json!({
                "description": "One thing that was done, or would be.",
                "type": "object",
                "required": ["action", "outcome"],
                "properties": {
                    "action": {
                        "description": "What: notify, quarantine, untag, copy and so on.",
                        "type": "string",
                        "minLength": 1
                    },
                    "outcome": { "$ref": "#/$defs/outcome" },
                    "target": text("On what: an image reference, a channel and so on."),
                    "detail": text("More about it, for a person; for a failure, what failed."),
                    "remedy": text("What a person can do about a failure."),
                    "error_type": { "$ref": "#/$defs/error_type" },
                    "bytes": whole("Bytes that were moved over the network."),
                    "duration_ms": whole("How long it took, in milliseconds.")
                }
            }),
        ),
    ]))
}

fn members<const N: usize>(pairs: [(&str, Value); N]) -> Members {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn described(definition: &str, description: &str) -> Value {
    json!({ "description": description, "$ref": format!("#/$defs/{definition}") })
}

fn text(description: &str) -> Value {
    json!({ "description": description, "type": "string" })
}

fn whole(description: &str) -> Value {
    json!({ "description": description, "type": "integer", "minimum": 0 })
}
