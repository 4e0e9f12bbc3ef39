//! Generic webhooks: CloudEvents 1.0 in structured mode, so that a receiver needs no code of ours.

use serde_json::{Value, json};

use crate::story::Story;

/// The media type of the body.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// The body of one message (<https://github.com/cloudevents/spec>, JSON format).
#[must_use]
pub fn render(story: &Story<'_>) -> Value {
    let event = story.event;
    let kind = event.detail_type.as_str().to_lowercase().replace(' ', "-");
    let account = event
        .account
        .as_ref()
        .map_or("", |account| account.as_str());
    let region = event.region.as_ref().map_or("", |region| region.as_str());
    let mut body = json!({
        "specversion": "1.0",
        "id": story.id,
        "source": format!("urn:ecr-steward:{region}:{account}"),
        "type": format!("ecr-steward.{kind}"),
        "time": story.time,
        "datacontenttype": "application/json",
        "data": event,
    });
    if let (Some(subject), Some(object)) = (story.image(), body.as_object_mut()) {
        object.insert("subject".to_owned(), Value::String(subject));
    }
    body
}
