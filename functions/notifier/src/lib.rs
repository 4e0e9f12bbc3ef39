#![doc = include_str!("../README.md")]

mod deliver;
pub mod http;
pub mod plan;
pub mod render;
pub mod story;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use steward_aws::sns::Sns;
use steward_aws::state::{Begin, StateStore};
use steward_core::event::incoming::{Detail, Incoming};
use steward_core::policy::{Channel, Policy};
use steward_runtime::secrets::SecretValues;
use steward_runtime::{Failure, Handler, Outcome, PolicyStore, RecordContext};

use crate::http::Post;
use crate::plan::{Delivery, plan};
use crate::story::Story;

/// The function: everything it works with, built once.
pub struct Notifier {
    /// The policy in force.
    pub policy: Arc<PolicyStore>,
    /// What was told already.
    pub state: Arc<dyn StateStore>,
    /// Topics.
    pub sns: Arc<dyn Sns>,
    /// Webhooks.
    pub webhooks: Arc<dyn Post>,
    /// Addresses and headers that the policy only refers to.
    pub secrets: Arc<dyn SecretValues>,
}

#[async_trait]
impl Handler for Notifier {
    async fn handle(
        &self,
        incoming: &Incoming,
        context: &RecordContext,
    ) -> Result<Outcome, Failure> {
        let Detail::Steward(event) = &incoming.detail else {
            return Ok(Outcome::new("not_a_steward_event"));
        };
        let policy = self.policy.current().await?;
        let plan = plan(event, &policy);
        if let Some(silence) = plan.silent {
            return Ok(Outcome::new("silent").detail(silence.to_string()));
        }
        let story = Story {
            event,
            id: incoming.id(),
            time: &incoming.envelope.time.to_string(),
        };
        // All at once: a slow channel does not hold up the others.
        let told = plan
            .deliveries
            .iter()
            .map(|delivery| self.tell(delivery, &policy, &story, context));
        summarise(&plan.deliveries, join_all(told).await)
    }
}

/// How one delivery ended, where it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Now,
    Before,
}

/// One outcome for all channels. Those that got their message are not tried again.
fn summarise(
    deliveries: &[Delivery],
    results: Vec<Result<Told, Failure>>,
) -> Result<Outcome, Failure> {
    let mut sent: u32 = 0;
    let mut worst: Option<Failure> = None;
    for (delivery, result) in deliveries.iter().zip(results) {
        match result {
            Ok(Told::Now) => sent += 1,
            Ok(Told::Before) => {}
            Err(failure) => {
                let failure = failure.context(format!("cannot tell {}", delivery.channel));
                tracing::warn!(
                    channel = delivery.channel,
                    error = failure.chain(),
                    "not told"
                );
                // A failure that may pass keeps the event in the queue, so it wins.
                if worst.as_ref().is_none_or(|worst| !worst.is_transient()) {
                    worst = Some(failure);
                }
            }
        }
    }
    match worst {
        Some(failure) => Err(failure),
        None if sent == 0 => Ok(Outcome::new("told_before")),
        None => Ok(Outcome::new("told").count("MessagesSent", f64::from(sent))),
    }
}

impl Notifier {
    /// Sends one message unless it was sent before.
    async fn tell(
        &self,
        delivery: &Delivery,
        policy: &Policy,
        story: &Story<'_>,
        context: &RecordContext,
    ) -> Result<Told, Failure> {
        let Some(channel) = policy.notifications.channels.get(&delivery.channel) else {
            return Ok(Told::Before);
        };
        let keep = policy.notifications.repeat_after;
        let hold = context.deadline.remaining().max(Duration::from_secs(1));
        let claim = match self.state.begin(&delivery.key, hold, keep).await {
            Ok(Begin::Claimed(claim)) => Some(claim),
            Ok(Begin::Completed(_)) => return Ok(Told::Before),
            Ok(Begin::InProgress) => {
                return Err(Failure::transient(
                    "already_sending",
                    "another delivery is at it",
                ));
            }
            Err(error) => {
                // A message twice is better than none.
                tracing::warn!(error = %error, "the state table does not answer; sending anyway");
                None
            }
        };
        let result = self.send(channel, story).await;
        if let Some(claim) = claim {
            let noted = match &result {
                Ok(()) => {
                    let data = serde_json::json!({ "event": story.id });
                    self.state.complete(&claim, &data, keep).await
                }
                Err(_) => self.state.release(&claim).await,
            };
            if let Err(error) = noted {
                tracing::warn!(error = %error, "the state table did not take the outcome");
            }
        }
        result.map(|()| Told::Now).map_err(Failure::from)
    }

    async fn send(&self, channel: &Channel, story: &Story<'_>) -> Result<(), deliver::SendError> {
        match channel {
            Channel::Sns { topic_arn } => deliver::sns(self.sns.as_ref(), topic_arn, story).await,
            Channel::Slack { webhook } => self.slack(webhook, story).await,
            Channel::Webhook { url, headers } => self.webhook(url, headers, story).await,
        }
    }
}

#[cfg(test)]
mod tests;
