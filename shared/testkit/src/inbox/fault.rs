//! Failures on request, for tests of what a sender does when its receiver is unwell.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::message::Kind;

/// What the next requests of one kind meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The status of the answer, 200 to 599.
    pub status: u16,
    /// How many requests meet it; 0 ends it.
    #[serde(default = "once")]
    pub times: u32,
    /// The value of `Retry-After` in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// Milliseconds until the answer, at most 60,000.
    #[serde(default)]
    pub delay_ms: u32,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// A status, so many times.
    #[must_use]
    pub fn status(status: u16, times: u32) -> Self {
        Self {
            status,
            times,
            retry_after: None,
            delay_ms: 0,
        }
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<BTreeMap<Kind, Fault>>);

impl Faults {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Kind, Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, kind: Kind, fault: Fault) {
        self.lock().insert(kind, fault);
    }

    pub(crate) fn current(&self) -> BTreeMap<Kind, Fault> {
        self.lock().clone()
    }

    /// The fault that this request meets, if any; uses it up by one.
    pub(crate) fn take(&self, kind: Kind) -> Option<Fault> {
        let mut faults = self.lock();
        let fault = faults.get_mut(&kind)?;
        if fault.times == 0 {
            faults.remove(&kind);
            return None;
        }
        fault.times -= 1;
        let met = *fault;
        if met.times == 0 {
            faults.remove(&kind);
        }
        Some(met)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_met_as_often_as_asked_and_by_its_kind_only() {
        let faults = Faults::default();
        faults.set(Kind::Slack, Fault::status(500, 2));
        assert_eq!(faults.take(Kind::Webhook), None);
        assert_eq!(faults.take(Kind::Slack).map(|met| met.status), Some(500));
        assert_eq!(faults.take(Kind::Slack).map(|met| met.status), Some(500));
        assert_eq!(faults.take(Kind::Slack), None);
        assert!(faults.current().is_empty());
    }
}
