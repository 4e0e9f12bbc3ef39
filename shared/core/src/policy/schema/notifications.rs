use serde_json::{Value, json};

use super::{list, object, reference, with};
use crate::event::DetailType;

pub(super) fn notifications() -> Value {
    let channels = json!({
        "description": "The places that messages go to, by name.",
        "type": "object",
        "maxProperties": 100,
        "propertyNames": { "$ref": "#/$defs/name" },
        "additionalProperties": { "$ref": "#/$defs/channel" },
    });
    object(
        "Who is told what.",
        &[],
        &[
            ("channels", channels),
            (
                "routes",
                list(
                    "route",
                    0,
                    "Which events go to which channels. Every route that matches counts; where \
                     none does, every channel gets the event.",
                ),
            ),
            (
                "repeat_after",
                json!({
                    "description": "How long the same story is not told again.",
                    "type": "string",
                    "pattern": "^[0-9]+[smhd]$",
                    "default": "24h",
                }),
            ),
        ],
    )
}

pub(super) fn channel() -> Value {
    let arn = |description: &str| {
        json!({
            "description": description,
            "type": "string",
            "pattern": "^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$",
        })
    };
    let topic = object(
        "The topic with options.",
        &["topic"],
        &[("topic", arn("The ARN of the topic."))],
    );
    let sns = json!({
        "description": "An SNS topic: e-mail, Amazon Q in chat applications, and whatever else \
                        subscribes to it.",
        "anyOf": [arn("The ARN of the topic."), topic],
    });
    let slack = object(
        "An incoming webhook of Slack.",
        &["webhook"],
        &[(
            "webhook",
            reference("endpoint", "The webhook's address; keep it as a secret."),
        )],
    );
    let headers = json!({
        "description": "Headers to send: a text, or where a secret is kept.",
        "type": "object",
        "maxProperties": 20,
        "additionalProperties": { "type": "string", "minLength": 1, "maxLength": 4096 },
    });
    let webhook = object(
        "A generic webhook: the event as JSON.",
        &["url"],
        &[
            ("url", reference("endpoint", "The address.")),
            ("headers", headers),
        ],
    );
    let channel = object(
        "One place that messages go to.",
        &[],
        &[("sns", sns), ("slack", slack), ("webhook", webhook)],
    );
    with(
        with(channel, "minProperties", json!(1)),
        "maxProperties",
        json!(1),
    )
}

pub(super) fn route() -> Value {
    let items = |description: &str, items: Value| json!({ "description": description, "type": "array", "minItems": 1, "items": items });
    let matches = object(
        "What an event must be; a field that is left out does not matter.",
        &[],
        &[
            ("severity", list("severity", 1, "One of these severities.")),
            (
                "detail_type",
                items(
                    "One of these detail types.",
                    json!({ "enum": DetailType::ALL.map(DetailType::as_str) }),
                ),
            ),
            (
                "repositories",
                list(
                    "repository_glob",
                    1,
                    "A repository that one of these matches.",
                ),
            ),
            (
                "rules",
                items(
                    "An event of one of these rules.",
                    json!({ "$ref": "#/$defs/name" }),
                ),
            ),
            ("owner", owner()),
        ],
    );
    object(
        "Sends the events that match to some channels.",
        &["to"],
        &[
            ("match", matches),
            ("to", list("name", 1, "The names of the channels.")),
        ],
    )
}

fn owner() -> Value {
    let name = json!({ "type": "string", "minLength": 1, "maxLength": 257 });
    json!({
        "description": "A repository whose resource tag `owner` (or `team`) says this, or one of these.",
        "anyOf": [name, { "type": "array", "minItems": 1, "maxItems": 100, "items": name }],
    })
}
