//! What the program behind a generic webhook reads.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cause;
use super::message::Kind;
use super::store::Draft;
use super::view::{CloudEvent, View, WebhookView};

/// How many of a body's scalars are listed.
const FIELDS: usize = 40;
/// How much of one scalar is shown.
const FIELD_CHARACTERS: usize = 400;
/// How much of a scalar's path is shown.
const PATH_CHARACTERS: usize = 120;
/// How deep the list of scalars looks.
const DEPTH: u8 = 6;

pub(crate) fn draft(
    channel: String,
    path: String,
    headers: &BTreeMap<String, String>,
    payload: Value,
) -> Draft {
    let cloud_event = cloud_event(headers, &payload);
    let body_id = payload.get("id").and_then(Value::as_str);
    let cause = headers
        .get("ce-id")
        .map(String::as_str)
        .or(body_id)
        .map(str::trim)
        .filter(|id| cause::is_id(id))
        .map(str::to_owned);
    let mut fields = Vec::new();
    // The attributes of a structured CloudEvent stand beside its data and are shown by themselves.
    let structured = cloud_event
        .as_ref()
        .is_some_and(|event| event.mode == "structured");
    let read = if structured {
        payload.get("data")
    } else {
        Some(&payload)
    };
    collect(
        read.unwrap_or(&Value::Null),
        String::new(),
        DEPTH,
        &mut fields,
    );
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
    let title = cloud_event
        .as_ref()
        .map(|event| event.kind.as_str())
        .or_else(|| {
            ["/title", "/detail-type", "/type", "/summary", "/text"]
                .into_iter()
                .find_map(text)
        })
        .unwrap_or("webhook")
        .chars()
        .take(150)
        .collect();
    let attributes = cloud_event.iter().flat_map(|event| {
        [
            Some(("type", &event.kind)),
            event.subject.as_ref().map(|subject| ("subject", subject)),
        ]
    });
    let mut lines: Vec<String> = attributes
        .flatten()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    lines.extend(
        fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}")),
    );
    let view = WebhookView {
        path,
        cloud_event,
        fields,
        headers: headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    };
    Draft {
        channel,
        kind: Kind::Webhook,
        title,
        text: lines.join("\n"),
        cause,
        payload,
        view: View::Webhook(view),
    }
}

/// Recognises both content modes of CloudEvents 1.0 over HTTP.
fn cloud_event(headers: &BTreeMap<String, String>, payload: &Value) -> Option<CloudEvent> {
    if headers.contains_key("ce-specversion") {
        let attribute = |name: &str| headers.get(name).cloned();
        return Some(CloudEvent {
            mode: "binary",
            id: attribute("ce-id").unwrap_or_default(),
            kind: attribute("ce-type").unwrap_or_default(),
            source: attribute("ce-source").unwrap_or_default(),
            subject: attribute("ce-subject"),
            time: attribute("ce-time"),
        });
    }
    let declared = headers.get("content-type").is_some_and(|kind| {
        kind.to_ascii_lowercase()
            .starts_with("application/cloudevents")
    });
    if !declared && payload.get("specversion").is_none() {
        return None;
    }
    let attribute = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(CloudEvent {
        mode: "structured",
        id: attribute("id").unwrap_or_default(),
        kind: attribute("type").unwrap_or_default(),
        source: attribute("source").unwrap_or_default(),
        subject: attribute("subject"),
        time: attribute("time"),
    })
}

fn collect(value: &Value, path: String, depth: u8, fields: &mut Vec<(String, String)>) {
    if fields.len() >= FIELDS || depth == 0 {
        return;
    }
    let under = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (name, member) in members {
                collect(member, under(name), depth - 1, fields);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate().take(FIELDS) {
                collect(item, under(&number.to_string()), depth - 1, fields);
            }
        }
        Value::String(text) => {
            fields.push((cut(&path, PATH_CHARACTERS), cut(text, FIELD_CHARACTERS)));
        }
        Value::Bool(_) | Value::Number(_) => {
            fields.push((cut(&path, PATH_CHARACTERS), value.to_string()));
        }
    }
}

fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn headers(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn of(pairs: &[(&str, &str)], payload: Value) -> Draft {
        draft(
            "ops".to_owned(),
            "/webhook/ops".to_owned(),
            &headers(pairs),
            payload,
        )
    }

    #[test]
    fn a_binary_cloud_event_is_read_from_the_headers() {
        let draft = of(
            &[
                ("ce-specversion", "1.0"),
                ("ce-id", "evt-0001"),
                ("ce-type", "ecr-steward.image.replicated"),
            ],
            json!({"id": "evt-9999", "repository": "prod/app", "actions": [{"outcome": "done"}]}),
        );
        assert_eq!(draft.cause.as_deref(), Some("evt-0001"));
        assert_eq!(draft.title, "ecr-steward.image.replicated");
        assert!(
            draft.text.contains("actions.0.outcome: done"),
            "{}",
            draft.text
        );
    }

    #[test]
    fn a_structured_cloud_event_and_plain_json_are_read_from_the_body() {
        let draft = of(
            &[],
            json!({"specversion": "1.0", "id": "evt-0002", "type": "t", "source": "s"}),
        );
        assert_eq!(draft.cause.as_deref(), Some("evt-0002"));
        let View::Webhook(view) = draft.view else {
            panic!("no webhook")
        };
        assert_eq!(view.cloud_event.map(|event| event.mode), Some("structured"));
        let draft = of(
            &[],
            json!({"id": "evt-0003", "detail-type": "Image Replicated"}),
        );
        assert_eq!(
            (draft.cause.as_deref(), draft.title.as_str()),
            (Some("evt-0003"), "Image Replicated")
        );
    }

    #[test]
    fn bodies_of_any_shape_are_bounded() {
        let wide: Vec<u32> = (0..10_000).collect();
        let draft = of(&[], json!({ "wide": wide, "more": "x".repeat(10_000) }));
        let View::Webhook(view) = draft.view else {
            panic!("no webhook")
        };
        assert_eq!(view.fields.len(), FIELDS);
        assert_eq!(of(&[], json!("text")).title, "webhook");
    }
}
