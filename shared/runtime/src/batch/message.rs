//! The form in which Lambda hands over an SQS batch.

use serde::Deserialize;

/// A batch as Lambda delivers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its messages.
    pub messages: Vec<Message>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The queue's id of it.
    pub message_id: String,
    /// Names this delivery of it.
    pub receipt_handle: String,
    /// The text: an EventBridge event.
    pub body: String,
    /// How often it was delivered, this time included.
    pub receive_count: u32,
}

/// The system attributes that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct MessageAttributes {
    /// A number as text.
    #[serde(rename = "ApproximateReceiveCount")]
    pub approximate_receive_count: Option<String>,
}

#[derive(Deserialize)]
struct RawBatch {
    #[serde(rename = "Records")]
    records: Vec<RawMessage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMessage {
    message_id: String,
    #[serde(default)]
    receipt_handle: String,
    body: String,
    #[serde(default)]
    attributes: MessageAttributes,
}

/// Whether a payload is a batch at all: an object with a list under `Records`.
#[derive(Deserialize)]
struct Probe {
    #[serde(rename = "Records")]
    records: Option<Vec<serde::de::IgnoredAny>>,
}

impl Batch {
    /// Reads a batch. `None` when the payload is something else, such as an event.
    ///
    /// # Errors
    ///
    /// When it is a batch, and a record lacks what every SQS record has.
    pub fn parse(payload: &str) -> Option<Result<Self, serde_json::Error>> {
        serde_json::from_str::<Probe>(payload).ok()?.records?;
        Some(serde_json::from_str::<RawBatch>(payload).map(|batch| Self {
            messages: batch.records.into_iter().map(Message::from).collect(),
        }))
    }
}

impl From<RawMessage> for Message {
    fn from(raw: RawMessage) -> Self {
        Self {
            message_id: raw.message_id,
            receipt_handle: raw.receipt_handle,
            body: raw.body,
            receive_count: raw
                .attributes
                .approximate_receive_count
                .and_then(|x| x.parse().ok())
                .unwrap_or(1),
        }
    }
}
