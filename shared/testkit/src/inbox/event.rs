//! The steward events that the inbox was told of, so that a message can be followed back to what
//! caused it.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// One EventBridge event.
#[derive(Clone, Debug, Serialize)]
pub struct EventRecord {
    /// The id of the envelope.
    pub id: String,
    /// When the inbox saw it first.
    pub received_at: Timestamp,
    /// How often it came.
    pub times: u32,
    /// `Image Replicated`, `ECR Image Action`, …
    pub detail_type: String,
    /// `aws.ecr`, `ecr-steward`.
    pub source: String,
    /// `prod/app:v1.2.3`, `prod/app@sha256:…`, or empty.
    pub subject: String,
    /// The sentence for a person, in a steward event.
    pub explain: Option<String>,
    /// The id of the event before this one, in a steward event.
    pub cause: Option<String>,
    /// The event as it came.
    pub event: Value,
}

impl EventRecord {
    /// Reads what the page shows; `None` without an id.
    pub(crate) fn read(event: Value, received_at: Timestamp) -> Option<Self> {
        let text = |pointer: &str| {
            event
                .pointer(pointer)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let id = text("/id").filter(|id| !id.is_empty())?;
        let repository = text("/detail/repository").or_else(|| text("/detail/repository-name"));
        let tag = text("/detail/tag").or_else(|| text("/detail/image-tag"));
        let digest = text("/detail/digest").or_else(|| text("/detail/image-digest"));
        let subject = match (repository, tag, digest) {
            (Some(repository), Some(tag), _) if !tag.is_empty() => format!("{repository}:{tag}"),
            (Some(repository), _, Some(digest)) => {
                let short: String = digest.chars().take("sha256:".len() + 12).collect();
                format!("{repository}@{short}")
            }
            (Some(repository), _, None) => repository,
            (None, _, _) => String::new(),
        };
        Some(Self {
            received_at,
            times: 1,
            detail_type: text("/detail-type").unwrap_or_default(),
            source: text("/source").unwrap_or_default(),
            subject,
            explain: text("/detail/explain"),
            cause: text("/detail/cause").filter(|cause| *cause != id),
            id,
            event,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(event: Value) -> Option<EventRecord> {
        EventRecord::read(event, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn steward_and_ecr_events_name_their_image() {
        let steward = read(json!({"id": "e2", "detail-type": "Image Replicated", "source": "ecr-steward",
            "detail": {"repository": "prod/app", "tag": "v1", "cause": "e1", "explain": "Copied."}}))
        .expect("has an id");
        assert_eq!(
            (steward.subject.as_str(), steward.cause.as_deref()),
            ("prod/app:v1", Some("e1"))
        );
        let ecr = read(json!({"id": "e1", "detail": {"repository-name": "prod/app",
            "image-digest": "sha256:0123456789abcdef0123", "image-tag": ""}}))
        .expect("has an id");
        assert_eq!(ecr.subject, "prod/app@sha256:0123456789ab");
    }

    #[test]
    fn an_event_without_an_id_is_none() {
        for event in [
            json!({}),
            json!([1]),
            json!("x"),
            json!({"id": 7}),
            json!({"id": ""}),
        ] {
            assert!(read(event.clone()).is_none(), "{event}");
        }
    }
}
