use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::view::View;

/// How a message reached its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A Slack incoming webhook.
    Slack,
    /// An SNS notification, as its e-mail subscriber sees it.
    #[serde(alias = "sns")]
    Email,
    /// A generic webhook.
    Webhook,
}

impl Kind {
    /// `slack`, `email` or `webhook`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Email => "email",
            Self::Webhook => "webhook",
        }
    }
}

/// One message that was accepted.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// Counts up from 1; unique while the inbox runs.
    pub id: String,
    /// When the request was complete.
    pub received_at: Timestamp,
    /// Slack and webhook: the name in the path. E-mail: the name of the topic.
    pub channel: String,
    /// How it came.
    pub kind: Kind,
    /// What a receiver sees first: the subject, the notification text, the CloudEvents type.
    pub title: String,
    /// Everything a receiver reads, as plain text.
    pub text: String,
    /// The id of the EventBridge event that the message tells of, see [`super::cause`].
    pub cause: Option<String>,
    /// The body as it came: JSON, or a string when it is none.
    pub payload: Value,
    /// The request's headers, with lower-case names. The receiver sees credentials in them too.
    pub headers: BTreeMap<String, String>,
    /// The message as its receiver sees it.
    #[serde(skip)]
    pub view: View,
    /// The body as it came, with the order of its members; bytes that are no UTF-8 are replaced.
    #[serde(skip)]
    pub body: String,
}

/// A request that was answered with an error, as its receiver would have done.
#[derive(Clone, Debug, Serialize)]
pub struct Rejection {
    /// When it came.
    pub received_at: Timestamp,
    /// How it came.
    pub kind: Kind,
    /// The name in the path.
    pub channel: String,
    /// The status it was answered with.
    pub status: u16,
    /// What was wrong with it, and where.
    pub reason: String,
}
