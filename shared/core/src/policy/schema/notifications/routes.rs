use serde_json::{Value, json};

use super::super::{list, object};
use crate::event::DetailType;

/// One route.
pub(in super::super) fn route() -> Value {
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
