use std::collections::BTreeMap;

use crate::policy::{Endpoint, HeaderSource};

/// One place that messages go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// An SNS topic: e-mail, Amazon Q in chat applications, anything that subscribes to it.
    Sns {
        /// The topic's ARN.
        topic_arn: String,
    },
    /// An incoming webhook of Slack.
    Slack {
        /// The webhook's address; it is a secret, so keep it as one.
        webhook: Endpoint,
    },
    /// A generic webhook: the event as JSON.
    Webhook {
        /// The address.
        url: Endpoint,
        /// Headers to send, by name in lower case.
        headers: BTreeMap<String, HeaderSource>,
    },
}

impl Channel {
    /// The kind of the channel, as the policy calls it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sns { .. } => "sns",
            Self::Slack { .. } => "slack",
            Self::Webhook { .. } => "webhook",
        }
    }
}
