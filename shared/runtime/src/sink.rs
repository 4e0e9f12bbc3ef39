//! Events out.

use std::sync::Arc;

use async_trait::async_trait;
use steward_aws::events::{BusEvent, EventBus, EventsError};
use steward_core::event::outgoing::{SOURCE, StewardEvent};

/// Where a function puts what it decided and did.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Puts all events. They may arrive twice; `dedupe_key` tells.
    async fn put(&self, events: &[StewardEvent]) -> Result<(), EventsError>;
}

/// Puts events on an EventBridge bus.
pub struct BusSink {
    bus: Arc<dyn EventBus>,
}

impl BusSink {
    /// A sink for this bus.
    #[must_use]
    pub fn new(bus: Arc<dyn EventBus>) -> Self {
        Self { bus }
    }
}

#[async_trait]
impl EventSink for BusSink {
    async fn put(&self, events: &[StewardEvent]) -> Result<(), EventsError> {
        let events: Vec<BusEvent> = events.iter().map(envelope).collect();
        self.bus.put(&events).await
    }
}

fn envelope(event: &StewardEvent) -> BusEvent {
    BusEvent {
        source: SOURCE.to_owned(),
        detail_type: event.detail_type.as_str().to_owned(),
        detail: event.to_put_events_detail(),
        resources: repository_arn(event).into_iter().collect(),
    }
}

/// The repository's ARN, so that rules can match `resources` as they do for AWS's own events.
fn repository_arn(event: &StewardEvent) -> Option<String> {
    let (account, region) = (event.account.as_ref()?, event.region.as_ref()?);
    if event.repository.is_empty() {
        return None;
    }
    Some(format!(
        "arn:{}:ecr:{region}:{account}:repository/{}",
        region.partition(),
        event.repository
    ))
}

/// Keeps what was put, for tests.
#[cfg(feature = "fake")]
#[derive(Default)]
pub struct MemorySink {
    events: std::sync::Mutex<Vec<StewardEvent>>,
    failing: std::sync::atomic::AtomicBool,
}

#[cfg(feature = "fake")]
impl MemorySink {
    /// What was put so far.
    #[must_use]
    pub fn events(&self) -> Vec<StewardEvent> {
        self.events
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
impl EventSink for MemorySink {
    async fn put(&self, events: &[StewardEvent]) -> Result<(), EventsError> {
        if self.failing.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(steward_aws::ServiceError::new(
                "events",
                "PutEvents",
                steward_aws::Kind::Unavailable,
                "failing on request",
            )
            .into());
        }
        self.events
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .extend_from_slice(events);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
