//! What SNS posts to an HTTP subscriber.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::message::Kind;
use super::store::Draft;
use super::view::View;
use super::{cause, email};

/// One delivery.
#[derive(Debug, PartialEq)]
pub(crate) enum Delivery {
    /// The subscription waits for a visit to this address.
    Confirmation {
        subscribe_url: String,
        topic_arn: String,
    },
    /// The subscription ended.
    Unsubscribed,
    /// A message.
    Notification(Box<Notification>),
}

/// A message, in its envelope or raw.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Notification {
    pub(crate) topic_arn: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) message: String,
    pub(crate) unsubscribe_url: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) raw: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    r#type: String,
    topic_arn: String,
    subject: Option<String>,
    message: String,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
    #[serde(rename = "UnsubscribeURL")]
    unsubscribe_url: Option<String>,
    #[serde(default)]
    message_attributes: BTreeMap<String, Attribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    value: String,
}

impl Notification {
    /// The name of the topic.
    pub(crate) fn topic(&self) -> &str {
        let arn = self.topic_arn.as_deref().unwrap_or("sns");
        arn.rsplit(':').next().unwrap_or(arn)
    }

    pub(crate) fn into_draft(self, to: Option<&str>, payload: Value) -> Draft {
        let view = email::view(&self, to);
        let cause = self
            .attributes
            .get("event_id")
            .cloned()
            .filter(|id| !id.is_empty())
            .or_else(|| cause::in_text(&self.message));
        Draft {
            channel: self.topic().to_owned(),
            kind: Kind::Email,
            title: view.subject.clone(),
            text: format!("{}\n{}", view.subject, self.message),
            cause,
            payload,
            view: View::Email(view),
        }
    }
}

/// Reads a delivery. The header `x-amz-sns-message-type` tells a delivery from any other request; a
/// notification whose body is no envelope was delivered raw.
///
/// # Errors
/// What is wrong, for a person.
pub(crate) fn read(
    message_type: Option<&str>,
    topic_arn: Option<&str>,
    body: &str,
) -> Result<Delivery, String> {
    let envelope: Option<Envelope> = serde_json::from_str(body).ok();
    match (message_type, envelope) {
        (Some("Notification"), None) => Ok(Delivery::Notification(Box::new(Notification {
            topic_arn: topic_arn.map(str::to_owned),
            message: body.to_owned(),
            raw: true,
            ..Notification::default()
        }))),
        (_, Some(envelope)) => read_envelope(envelope),
        (Some(other), None) => Err(format!(
            "x-amz-sns-message-type is {other}, but the body is no SNS envelope"
        )),
        (None, None) => {
            Err("neither the header x-amz-sns-message-type nor an SNS envelope".to_owned())
        }
    }
}

fn read_envelope(envelope: Envelope) -> Result<Delivery, String> {
    match envelope.r#type.as_str() {
        "Notification" => Ok(Delivery::Notification(Box::new(Notification {
            topic_arn: Some(envelope.topic_arn),
            subject: envelope.subject,
            message: envelope.message,
            unsubscribe_url: envelope.unsubscribe_url,
            attributes: envelope
                .message_attributes
                .into_iter()
                .map(|(name, attribute)| (name, attribute.value))
                .collect(),
            raw: false,
        }))),
        "SubscriptionConfirmation" => match envelope.subscribe_url {
            Some(subscribe_url) => Ok(Delivery::Confirmation {
                subscribe_url,
                topic_arn: envelope.topic_arn,
            }),
            None => Err("a SubscriptionConfirmation without SubscribeURL".to_owned()),
        },
        "UnsubscribeConfirmation" => Ok(Delivery::Unsubscribed),
        other => Err(format!(
            "Type is {other:?}, expected Notification, SubscriptionConfirmation or UnsubscribeConfirmation"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_attribute_names_the_cause_before_the_text_does() {
        let body = json!({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:111122223333:alerts",
            "Message": "Copied.\n\nevent 00000000-text", "Subject": "Copied",
            "MessageAttributes": {"event_id": {"Type": "String", "Value": "11111111-attr"}}});
        let delivery = read(Some("Notification"), None, &body.to_string()).expect("valid");
        let Delivery::Notification(notification) = delivery else {
            panic!("{delivery:?}")
        };
        let draft = notification.into_draft(Some("ops@example.com"), body);
        assert_eq!(draft.cause.as_deref(), Some("11111111-attr"));
        assert_eq!(
            (draft.channel.as_str(), draft.title.as_str()),
            ("alerts", "Copied")
        );
        let View::Email(view) = draft.view else {
            panic!("{:?}", draft.view)
        };
        assert_eq!(view.to, "ops@example.com");
        assert!(
            view.body
                .starts_with("Copied.\n\nevent 00000000-text\n\n--\n"),
            "{}",
            view.body
        );
    }

    #[test]
    fn a_raw_delivery_is_read_from_its_text() {
        let delivery =
            read(Some("Notification"), None, "Copied.\nevent 00000000-text").expect("valid");
        let Delivery::Notification(notification) = delivery else {
            panic!("{delivery:?}")
        };
        assert!(notification.raw);
        let draft = notification.into_draft(None, Value::Null);
        assert_eq!(draft.cause.as_deref(), Some("00000000-text"));
        assert_eq!(draft.title, "AWS Notification Message");
    }

    #[test]
    fn what_sns_would_not_send_is_refused_with_a_reason() {
        for (header, body, reason) in [
            (None, "hello", "neither the header"),
            (Some("SubscriptionConfirmation"), "{}", "no SNS envelope"),
            (
                None,
                r#"{"Type":"Other","TopicArn":"t","Message":"m"}"#,
                "Type is \"Other\"",
            ),
            (
                None,
                r#"{"Type":"SubscriptionConfirmation","TopicArn":"t","Message":"m"}"#,
                "without SubscribeURL",
            ),
        ] {
            let refused = read(header, None, body).expect_err("refused");
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
