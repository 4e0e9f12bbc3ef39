//! EventBridge: putting events on a bus.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::api::{Api, Service};
use crate::error::ServiceError;

static SERVICE: Service = Service {
    name: "events",
    host: "events",
    signing: "events",
    id: "EventBridge",
    json: "1.1",
    target: "AWSEvents",
};

/// Entries per call (service quota).
const ENTRIES_PER_CALL: usize = 10;
/// Bytes per call; EventBridge counts source, detail-type, detail and resources.
const BYTES_PER_CALL: usize = 240 * 1024;
/// How often entries that failed one by one are put again.
const ATTEMPTS: u32 = 4;

/// Puts events on a bus.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Puts all events, or says which could not be put. Events may arrive twice.
    async fn put(&self, events: &[BusEvent]) -> Result<(), EventsError>;
}

/// One event for a bus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BusEvent {
    /// Who says it.
    pub source: String,
    /// What happened.
    pub detail_type: String,
    /// A JSON object as text.
    pub detail: String,
    /// ARNs of what it is about.
    pub resources: Vec<String>,
}

impl BusEvent {
    fn size(&self) -> usize {
        self.source.len()
            + self.detail_type.len()
            + self.detail.len()
            + self.resources.iter().map(String::len).sum::<usize>()
    }
}

/// Why events could not be put.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The call failed.
    #[error(transparent)]
    Call(#[from] ServiceError),
    /// The call went through, and the bus refused some entries to the end.
    #[error("the bus refused {failed} of {total} events, the first with {code}: {message}")]
    Refused {
        /// How many.
        failed: usize,
        /// Of how many.
        total: usize,
        /// Code of the first.
        code: String,
        /// Message of the first.
        message: String,
        /// Whether the code is one that passes.
        transient: bool,
    },
}

impl EventsError {
    /// Whether putting the events again may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Call(error) => error.is_transient(),
            Self::Refused { transient, .. } => *transient,
        }
    }

    /// A stable word for logs, metrics and dead-letter queues.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Call(error) => error.error_type(),
            Self::Refused { .. } => "events_refused",
        }
    }
}

/// EventBridge as AWS runs it.
#[derive(Clone, Debug)]
pub struct SdkEventBus {
    api: Api,
    bus: String,
    pause: Duration,
}

impl SdkEventBus {
    /// The bus of this name or ARN.
    #[must_use]
    pub fn new(config: &aws_types::SdkConfig, bus: impl Into<String>) -> Self {
        Self {
            api: Api::new(&SERVICE, config),
            bus: bus.into(),
            pause: Duration::from_millis(100),
        }
    }

    /// Puts one call's worth of entries and returns those that failed, with the first code.
    async fn put_once<'a>(
        &self,
        events: &[&'a BusEvent],
    ) -> Result<(Vec<&'a BusEvent>, Option<(String, String)>), ServiceError> {
        let entries: Vec<Value> = events.iter().map(|x| self.entry(x)).collect();
        let answer = self
            .api
            .json("PutEvents", &json!({"Entries": entries}))
            .await?;
        let results = answer.get("Entries").and_then(Value::as_array);
        let member = |result: &Value, name| result.get(name)?.as_str().map(str::to_owned);
        // Results come in the order of the entries; a failed one has a code and no id.
        let mut failed = Vec::new();
        let mut first = None;
        for (event, result) in events.iter().zip(results.into_iter().flatten()) {
            if let Some(code) = member(result, "ErrorCode") {
                failed.push(*event);
                first.get_or_insert((code, member(result, "ErrorMessage").unwrap_or_default()));
            }
        }
        Ok((failed, first))
    }

    fn entry(&self, event: &BusEvent) -> Value {
        let mut entry = json!({
            "Source": event.source,
            "DetailType": event.detail_type,
            "Detail": event.detail,
            "EventBusName": self.bus,
        });
        if let Some(entry) = entry
            .as_object_mut()
            .filter(|_| !event.resources.is_empty())
        {
            entry.insert("Resources".to_owned(), event.resources.clone().into());
        }
        entry
    }
}

#[async_trait]
impl EventBus for SdkEventBus {
    async fn put(&self, events: &[BusEvent]) -> Result<(), EventsError> {
        for chunk in chunks(events) {
            let mut pending = chunk;
            let mut pause = self.pause;
            for attempt in 1..=ATTEMPTS {
                let (failed, first) = self.put_once(&pending).await?;
                let Some((code, message)) = first else { break };
                let transient = passes(&code);
                if attempt == ATTEMPTS || !transient {
                    return Err(EventsError::Refused {
                        failed: failed.len(),
                        total: events.len(),
                        code,
                        message,
                        transient,
                    });
                }
                pending = failed;
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
        Ok(())
    }
}

/// Codes of single entries that pass by themselves (API reference of PutEvents).
fn passes(code: &str) -> bool {
    matches!(
        code,
        "ThrottlingException" | "InternalFailure" | "InternalException"
    )
}

fn chunks(events: &[BusEvent]) -> Vec<Vec<&BusEvent>> {
    let mut chunks: Vec<Vec<&BusEvent>> = Vec::new();
    let mut bytes = 0;
    for event in events {
        match chunks.last_mut() {
            Some(last)
                if last.len() < ENTRIES_PER_CALL && bytes + event.size() <= BYTES_PER_CALL =>
            {
                last.push(event);
                bytes += event.size();
            }
            _ => {
                chunks.push(vec![event]);
                bytes = event.size();
            }
        }
    }
    chunks
}

/// Keeps what was put.
#[cfg(feature = "fake")]
#[derive(Debug, Default)]
pub struct FakeEventBus {
    put: std::sync::Mutex<Vec<BusEvent>>,
    failing: std::sync::atomic::AtomicBool,
}

#[cfg(feature = "fake")]
impl FakeEventBus {
    /// What was put so far.
    #[must_use]
    pub fn events(&self) -> Vec<BusEvent> {
        self.put
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
impl EventBus for FakeEventBus {
    async fn put(&self, events: &[BusEvent]) -> Result<(), EventsError> {
        if self.failing.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(ServiceError::new(
                "events",
                "PutEvents",
                crate::error::Kind::Unavailable,
                "failing on request",
            )
            .into());
        }
        self.put
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .extend_from_slice(events);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
