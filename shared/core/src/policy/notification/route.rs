use std::collections::BTreeSet;

use crate::event::DetailType;
use crate::mode::Severity;
use crate::policy::{Location, RepositoryGlob};

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
