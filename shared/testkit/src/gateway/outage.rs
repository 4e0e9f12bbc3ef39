//! Registries that are told to fail for a while.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use steward_core::{AccountId, Region};

use super::registry::Registry;

/// How a registry fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutageKind {
    /// Every request is answered with status 503.
    Unavailable,
    /// Every connection is closed without an answer.
    Refuse,
}

/// An outage of one account's registries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// Whose registries fail.
    pub account: AccountId,
    /// Only the one in this Region; all where it is absent.
    #[serde(default)]
    pub region: Option<Region>,
    /// How they fail.
    pub kind: OutageKind,
    /// For how long, in seconds; until further notice where it is absent.
    #[serde(default)]
    pub seconds: Option<u64>,
    /// For how many requests; without end where it is absent.
    #[serde(default)]
    pub requests: Option<u64>,
    /// Whether ECR's API fails for this account too, and not only the registry protocol.
    #[serde(default)]
    pub api: bool,
}

/// Which door a request came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Registry,
    Api,
}

#[derive(Debug, Default)]
pub(crate) struct Outages(Mutex<Vec<(Outage, Instant)>>);

impl Outages {
    pub(crate) fn add(&self, outage: Outage) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((outage, Instant::now()));
    }

    pub(crate) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(crate) fn current(&self) -> Vec<Outage> {
        let mut outages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        forget_the_past(&mut outages, Instant::now());
        outages.iter().map(|(outage, _)| outage.clone()).collect()
    }

    /// How a request to `registry` is to fail, if it is; counts it.
    pub(crate) fn hit(&self, registry: &Registry, door: Door) -> Option<OutageKind> {
        let mut outages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        forget_the_past(&mut outages, Instant::now());
        let (outage, _) = outages.iter_mut().find(|(outage, _)| {
            outage.account == registry.account
                && outage.region.as_ref().is_none_or(|r| *r == registry.region)
                && (door == Door::Registry || outage.api)
        })?;
        if let Some(left) = &mut outage.requests {
            *left = left.saturating_sub(1);
        }
        Some(outage.kind)
    }
}

fn forget_the_past(outages: &mut Vec<(Outage, Instant)>, now: Instant) {
    outages.retain(|(outage, since)| {
        outage.requests != Some(0)
            && outage
                .seconds
                .is_none_or(|s| now.duration_since(*since) < Duration::from_secs(s))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(account: &str, region: &str) -> Registry {
        Registry::new(account.parse().unwrap(), region.parse().unwrap())
    }

    fn outage(json: &str) -> Outage {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_outage_hits_its_account_for_as_many_requests_as_it_says() {
        let outages = Outages::default();
        outages.add(outage(
            r#"{"account": "444455556666", "kind": "unavailable", "requests": 2}"#,
        ));
        let target = registry("444455556666", "eu-central-1");
        assert_eq!(
            outages.hit(&registry("111122223333", "eu-west-1"), Door::Registry),
            None
        );
        assert_eq!(outages.hit(&target, Door::Api), None);
        assert_eq!(
            outages.hit(&target, Door::Registry),
            Some(OutageKind::Unavailable)
        );
        assert_eq!(
            outages.hit(&target, Door::Registry),
            Some(OutageKind::Unavailable)
        );
        assert_eq!(outages.hit(&target, Door::Registry), None);
        assert!(outages.current().is_empty());
    }

    #[test]
    fn an_outage_ends_and_may_be_of_one_region_and_of_the_api() {
        let outages = Outages::default();
        outages.add(outage(
            r#"{"account": "444455556666", "region": "eu-central-1", "kind": "refuse", "api": true}"#,
        ));
        outages.add(outage(
            r#"{"account": "111122223333", "kind": "refuse", "seconds": 0}"#,
        ));
        let there = registry("444455556666", "eu-central-1");
        assert_eq!(outages.hit(&there, Door::Api), Some(OutageKind::Refuse));
        assert_eq!(
            outages.hit(&registry("444455556666", "eu-west-1"), Door::Registry),
            None
        );
        assert_eq!(
            outages.hit(&registry("111122223333", "eu-west-1"), Door::Registry),
            None
        );
        outages.clear();
        assert_eq!(outages.hit(&there, Door::Api), None);
    }
}
