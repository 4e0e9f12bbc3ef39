use serde_json::{Value, json};

use super::super::{object, reference, with};

/// One channel.
pub(in super::super) fn channel() -> Value {
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
