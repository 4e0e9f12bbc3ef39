mod channels;
mod routes;

use serde_json::{Value, json};

use super::{list, object};

pub(super) use channels::channel;
pub(super) use routes::route;

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
