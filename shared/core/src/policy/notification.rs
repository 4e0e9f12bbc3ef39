use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::event::{DetailType, StewardEvent};
use crate::mode::Severity;

use super::{Endpoint, HeaderSource, Location, RepositoryGlob};

/// Who is told what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notifications {
    /// The channels, by name.
    pub channels: BTreeMap<String, Channel>,
    /// Which events go to which channels.
    pub routes: Vec<Route>,
    /// How long the same story is not told again. Default: 24 hours.
    pub repeat_after: Duration,
}

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

/// Sends the events that match to some channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which events.
    pub matches: RouteMatch,
    /// The names of the channels; never empty, each one exists.
    pub to: Vec<String>,
    /// Where the route stands in the policy file.
    pub location: Location,
}

/// What an event must be for a route; every list that is not empty must hold a match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteMatch {
    /// Severities.
    pub severity: BTreeSet<Severity>,
    /// Detail types.
    pub detail_type: BTreeSet<DetailType>,
    /// Repositories.
    pub repositories: Vec<RepositoryGlob>,
    /// Rule names.
    pub rules: BTreeSet<String>,
    /// Owners of repositories.
    pub owner: BTreeSet<String>,
}

/// What a route asks of an event.
#[derive(Clone, Copy, Debug)]
pub struct RouteFacts<'e> {
    /// How much the event matters.
    pub severity: Severity,
    /// The event's detail type.
    pub detail_type: DetailType,
    /// The repository.
    pub repository: &'e str,
    /// The rules; several are joined by `, `.
    pub rule: &'e str,
    /// Who owns the repository, by its resource tags.
    pub owner: Option<&'e str>,
}

impl RouteMatch {
    /// Whether an event is one that the route sends.
    #[must_use]
    pub fn matches(&self, event: RouteFacts<'_>) -> bool {
        (self.severity.is_empty() || self.severity.contains(&event.severity))
            && (self.detail_type.is_empty() || self.detail_type.contains(&event.detail_type))
            && (self.repositories.is_empty()
                || self
                    .repositories
                    .iter()
                    .any(|glob| glob.matches(event.repository)))
            && (self.rules.is_empty()
                || event
                    .rule
                    .split([',', ' '])
                    .any(|rule| self.rules.contains(rule)))
            && (self.owner.is_empty()
                || event.owner.is_some_and(|owner| self.owner.contains(owner)))
    }
}

impl Notifications {
    /// How long the same story is not told again where the policy does not say.
    pub const REPEAT_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

    /// The names of the channels that an event goes to; see [`route_facts`](Self::route_facts).
    #[must_use]
    pub fn route(&self, event: &StewardEvent) -> Vec<&str> {
        self.route_facts(RouteFacts {
            severity: event.severity,
            detail_type: event.detail_type,
            repository: &event.repository,
            rule: &event.rule,
            owner: event.owner.as_deref(),
        })
    }

    /// The names of the channels that an event goes to, each once, in the order of the routes.
    ///
    /// Every route that matches counts. Where none does, every channel gets the event: a mistake
    /// in a route must not make the steward silent.
    #[must_use]
    pub fn route_facts(&self, event: RouteFacts<'_>) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for route in self
            .routes
            .iter()
            .filter(|route| route.matches.matches(event))
        {
            for name in &route.to {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
        }
        if names.is_empty() {
            names.extend(self.channels.keys().map(String::as_str));
        }
        names
    }
}

impl Default for Notifications {
    fn default() -> Self {
        Self {
            channels: BTreeMap::new(),
            routes: Vec::new(),
            repeat_after: Self::REPEAT_AFTER,
        }
    }
}
