//! Hands a rendered message to its receiver.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use steward_aws::ServiceError;
use steward_aws::sns::{Sns, SnsMessage};
use steward_core::policy::{Endpoint, EndpointError, HeaderSource, parse_webhook_url};
use steward_runtime::Classified;
use steward_runtime::secrets::SecretError;
use url::Url;

use crate::Notifier;
use crate::http::NoAnswer;
use crate::render::{email, slack, webhook};
use crate::story::Story;

/// The longest pause that is waited out here; a longer one is the queue's business.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Why a message was not delivered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// The receiver said no, and will say so again.
    #[error("{host} refused the message with status {status}: {words:?}")]
    Refused {
        /// The receiver.
        host: String,
        /// Its answer.
        status: u16,
        /// The beginning of its words.
        words: String,
    },
    /// The receiver is overloaded or broken.
    #[error("{host} cannot take the message now: status {status}")]
    Busy {
        /// The receiver.
        host: String,
        /// Its answer.
        status: u16,
    },
    /// There was no answer at all.
    #[error("the webhook did not answer")]
    NoAnswer(#[from] NoAnswer),
    /// What stands in the secret is no address to send to.
    #[error("the address of the webhook, kept as a secret, {0}")]
    Address(EndpointError),
    /// The secret could not be read.
    #[error("the webhook's secret cannot be used")]
    Secret(#[from] SecretError),
    /// SNS did not take the message.
    #[error("the topic did not take the message")]
    Sns(#[from] ServiceError),
    /// The message could not be written as JSON.
    #[error("the message is not JSON")]
    Json(#[from] serde_json::Error),
}

impl Classified for SendError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Address(_) | Self::Json(_) => false,
            Self::NoAnswer(error) => matches!(error, NoAnswer::Unreachable { .. }),
            Self::Busy { .. } => true,
            Self::Secret(error) => error.is_transient(),
            Self::Sns(error) => error.is_transient(),
        }
    }

    fn error_type(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "channel_refused",
            Self::Busy { .. } => "channel_busy",
            Self::NoAnswer(_) => "channel_unreachable",
            Self::Address(_) => "channel_address",
            Self::Secret(error) => error.error_type(),
            Self::Sns(error) => error.error_type(),
            Self::Json(_) => "message_not_json",
        }
    }
}

/// Publishes to a topic, with attributes that subscribers can filter by.
pub(crate) async fn sns(sns: &dyn Sns, topic: &str, story: &Story<'_>) -> Result<(), SendError> {
    let email = email::render(story);
    let event = story.event;
    let attributes = [
        ("event_id", story.id),
        ("cause", &event.cause),
        ("detail_type", event.detail_type.as_str()),
        ("severity", event.severity.as_str()),
        ("repository", &event.repository),
        ("rule", &event.rule),
        ("mode", event.mode.as_str()),
    ];
    let message = SnsMessage {
        topic_arn: topic.to_owned(),
        subject: Some(email.subject),
        body: email.body,
        attributes: attributes
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    };
    sns.publish(&message).await?;
    Ok(())
}

impl Notifier {
    pub(crate) async fn slack(
        &self,
        address: &Endpoint,
        story: &Story<'_>,
    ) -> Result<(), SendError> {
        let body = serde_json::to_vec(&slack::render(story))?;
        self.post(address, &BTreeMap::new(), "application/json", body)
            .await
    }

    pub(crate) async fn webhook(
        &self,
        address: &Endpoint,
        headers: &BTreeMap<String, HeaderSource>,
        story: &Story<'_>,
    ) -> Result<(), SendError> {
        let body = serde_json::to_vec(&webhook::render(story))?;
        self.post(address, headers, webhook::CONTENT_TYPE, body)
            .await
    }

    /// Posts; where the receiver refuses what was kept as a secret, once more with the secret read
    /// again, because it may have been replaced.
    async fn post(
        &self,
        address: &Endpoint,
        headers: &BTreeMap<String, HeaderSource>,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<(), SendError> {
        let uses_secret = matches!(address, Endpoint::Secret(_))
            || headers
                .values()
                .any(|value| matches!(value, HeaderSource::Secret(_)));
        match self
            .post_once(address, headers, content_type, body.clone(), false)
            .await
        {
            Err(SendError::Refused {
                status: 401 | 403 | 404 | 410,
                ..
            }) if uses_secret => {
                self.post_once(address, headers, content_type, body, true)
                    .await
            }
            result => result,
        }
    }

    async fn post_once(
        &self,
        address: &Endpoint,
        headers: &BTreeMap<String, HeaderSource>,
        content_type: &str,
        body: Vec<u8>,
        refresh: bool,
    ) -> Result<(), SendError> {
        let url = self.address(address, refresh).await?;
        let mut values = vec![(
            "content-type".to_owned(),
            SecretString::from(content_type.to_owned()),
        )];
        for (name, source) in headers {
            let value = match source {
                HeaderSource::Text(text) => SecretString::from(text.clone()),
                HeaderSource::Secret(secret) => self.secrets.value(secret, refresh).await?,
            };
            values.push((name.clone(), value));
        }
        let mut answer = self.webhooks.post(&url, &values, body.clone()).await?;
        if let (429, Some(wait)) = (answer.status, answer.retry_after)
            && wait <= MAX_WAIT.as_secs()
        {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            answer = self.webhooks.post(&url, &values, body).await?;
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        match answer.status {
            200..=299 => Ok(()),
            status @ (408 | 425 | 429 | 500..) => Err(SendError::Busy { host, status }),
            status => {
                let words = crate::story::cut(answer.body.trim(), 200);
                Err(SendError::Refused {
                    host,
                    status,
                    words,
                })
            }
        }
    }

    async fn address(&self, address: &Endpoint, refresh: bool) -> Result<Url, SendError> {
        match address {
            Endpoint::Url(url) => Ok(url.clone()),
            Endpoint::Secret(secret) => {
                let text = self.secrets.value(secret, refresh).await?;
                parse_webhook_url(text.expose_secret().trim()).map_err(SendError::Address)
            }
        }
    }
}
