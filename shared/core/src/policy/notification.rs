mod channel;
mod route;

use std::collections::BTreeMap;
use std::time::Duration;

pub use channel::Channel;
pub use route::{Route, RouteFacts, RouteMatch};

use crate::event::StewardEvent;

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
