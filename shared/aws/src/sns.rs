//! Simple Notification Service: publishing to a topic.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::{Builder as ConfigBuilder, Region};
use aws_sdk_sns::types::MessageAttributeValue;

use crate::error::{Kind, ServiceError};

/// Longest subject (API reference of Publish: "fewer than 100 characters").
const SUBJECT_LEN: usize = 99;

/// Publishes messages.
#[async_trait]
pub trait Sns: Send + Sync {
    /// Publishes one message and returns its id.
    async fn publish(&self, message: &SnsMessage) -> Result<String, ServiceError>;
}

/// One message for a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnsMessage {
    /// The topic.
    pub topic_arn: String,
    /// Subject of the e-mail; brought into the form that SNS accepts by [`subject`].
    pub subject: Option<String>,
    /// The text.
    pub body: String,
    /// String attributes, for filter policies of subscribers.
    pub attributes: BTreeMap<String, String>,
}

/// Brings a text into the form of an SNS subject: ASCII without line breaks or control characters,
/// under 100 characters, beginning with a letter, digit or punctuation mark.
#[must_use]
pub fn subject(text: &str) -> String {
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|x| !x.is_empty());
    let mut subject = String::with_capacity(SUBJECT_LEN);
    for word in words {
        if !subject.is_empty() {
            subject.push(' ');
        }
        subject.extend(word.chars().map(|c| if c.is_ascii() { c } else { '?' }));
    }
    if subject.len() > SUBJECT_LEN {
        subject.truncate(SUBJECT_LEN - 3);
        subject.push_str("...");
    }
    subject
}

/// SNS through the AWS SDK.
#[derive(Clone, Debug)]
pub struct SdkSns {
    client: Client,
}

impl SdkSns {
    /// A client for any topic; each call goes to the Region of its topic.
    #[must_use]
    pub fn new(config: &aws_types::SdkConfig) -> Self {
        Self {
            client: Client::new(config),
        }
    }
}

#[async_trait]
impl Sns for SdkSns {
    async fn publish(&self, message: &SnsMessage) -> Result<String, ServiceError> {
        const OPERATION: &str = "Publish";
        let region = region_of(&message.topic_arn).ok_or_else(|| {
            ServiceError::new(
                "sns",
                OPERATION,
                Kind::Invalid,
                format!(
                    "{:?} is not a topic ARN (arn:aws:sns:<region>:<account>:<name>)",
                    message.topic_arn
                ),
            )
        })?;
        let mut attributes = std::collections::HashMap::new();
        // SNS refuses empty attribute values.
        for (name, value) in message.attributes.iter().filter(|(_, x)| !x.is_empty()) {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .map_err(|x| ServiceError::new("sns", OPERATION, Kind::Invalid, x.to_string()))?;
            attributes.insert(name.clone(), value);
        }
        let answer = self
            .client
            .publish()
            .topic_arn(&message.topic_arn)
            .set_subject(
                message
                    .subject
                    .as_deref()
                    .map(subject)
                    .filter(|x| !x.is_empty()),
            )
            .message(&message.body)
            .set_message_attributes((!attributes.is_empty()).then_some(attributes))
            .customize()
            .config_override(ConfigBuilder::new().region(Region::new(region.to_owned())))
            .send()
            .await
            .map_err(|x| ServiceError::from_sdk("sns", OPERATION, x))?;
        Ok(answer.message_id.unwrap_or_default())
    }
}

/// The Region in `arn:aws:sns:<region>:<account>:<name>`.
fn region_of(topic_arn: &str) -> Option<&str> {
    let mut parts = topic_arn.split(':');
    let (arn, _, service) = (parts.next()?, parts.next()?, parts.next()?);
    let region = parts.next()?;
    (arn == "arn" && service == "sns" && !region.is_empty()).then_some(region)
}

/// Keeps what was published.
#[cfg(feature = "fake")]
#[derive(Debug, Default)]
pub struct FakeSns {
    published: std::sync::Mutex<Vec<SnsMessage>>,
    failing: std::sync::atomic::AtomicBool,
}

#[cfg(feature = "fake")]
impl FakeSns {
    /// What was published so far.
    #[must_use]
    pub fn published(&self) -> Vec<SnsMessage> {
        self.published
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// Whether every call fails from now on.
    pub fn fail(&self, failing: bool) {
        self.failing
            .store(failing, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(feature = "fake")]
#[async_trait]
impl Sns for FakeSns {
    async fn publish(&self, message: &SnsMessage) -> Result<String, ServiceError> {
        if self.failing.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(ServiceError::new(
                "sns",
                "Publish",
                Kind::Unavailable,
                "failing on request",
            ));
        }
        let mut published = self
            .published
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        published.push(message.clone());
        Ok(format!("message-{}", published.len()))
    }
}

#[cfg(test)]
mod tests;
