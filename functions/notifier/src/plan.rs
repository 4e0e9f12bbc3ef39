//! Who is told about an event: a pure decision.

use serde::{Deserialize, Serialize};
use steward_core::event::outgoing::{DetailType, StewardEvent};
use steward_core::policy::Policy;

/// The deliveries that one event calls for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Why nobody is told, where that is so.
    pub silent: Option<Silence>,
    /// One entry a channel, in alphabetical order.
    pub deliveries: Vec<Delivery>,
}

/// One message to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The channel's name in the policy.
    pub channel: String,
    /// Equal for messages that tell the same story to the same channel; sent once in
    /// `repeat_after`.
    pub key: String,
}

/// Why an event is not told to anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Silence {
    /// The violated rules do not ask for `notify`.
    NotAskedFor,
    /// The policy has no channels.
    NoChannels,
}

impl std::fmt::Display for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotAskedFor => "no violated rule asks for notify",
            Self::NoChannels => "the policy has no channels",
        })
    }
}

/// Decides who is told.
///
/// A decision about tags is told only where a violated rule asks for `notify`, so the tags that follow
/// a release move without a message; a failure, and
/// everything else that happened, is always told, to the channels that the policy's routes name.
#[must_use]
pub fn plan(event: &StewardEvent, policy: &Policy) -> Plan {
    let silent = |reason| Plan {
        silent: Some(reason),
        deliveries: Vec::new(),
    };
    // A failure is always told.
    let about_tags =
        !event.violations.is_empty() || event.detail_type == DetailType::TagRuleEnforced;
    if !event.has_failed_actions()
        && about_tags
        && !event.actions.iter().any(|report| report.action == "notify")
    {
        return silent(Silence::NotAskedFor);
    }
    let mut channels = policy.notifications.route(event);
    if channels.is_empty() {
        return silent(Silence::NoChannels);
    }
    channels.sort_unstable();
    channels.dedup();
    let deliveries = channels
        .into_iter()
        .map(|channel| Delivery {
            channel: channel.to_owned(),
            key: format!("notify#{channel}#{}", event.dedupe_key),
        })
        .collect();
    Plan {
        silent: None,
        deliveries,
    }
}
