use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

use super::clock::Clock;
use super::event::EventRecord;
use super::fault::Faults;
use super::message::{Kind, Message, Rejection};
use super::view::View;

/// How many messages are kept.
const MESSAGES: usize = 2_000;
/// How many bytes of bodies are kept; parsed JSON takes a small multiple.
const MESSAGE_BYTES: usize = 64 << 20;
/// How many events are kept.
const EVENTS: usize = 1_000;
/// How many refused requests are kept.
const REJECTIONS: usize = 100;

/// A message before it has an id and a time.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) channel: String,
    pub(crate) kind: Kind,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) cause: Option<String>,
    pub(crate) payload: Value,
    pub(crate) view: View,
}

/// Everything the inbox holds, oldest first, within bounds.
#[derive(Debug)]
pub(crate) struct Store {
    held: Mutex<Held>,
    faults: Faults,
    clock: Clock,
    version: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Held {
    messages: VecDeque<Arc<Message>>,
    bytes: usize,
    last_id: u64,
    events: VecDeque<Arc<EventRecord>>,
    event_times: HashMap<String, u32>,
    rejections: VecDeque<Rejection>,
}

impl Store {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            held: Mutex::default(),
            faults: Faults::default(),
            clock,
            version: watch::Sender::new(0),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Grows with every change.
    pub(crate) fn version(&self) -> u64 {
        *self.version.borrow()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(crate) fn add(&self, draft: Draft, headers: BTreeMap<String, String>, body: &[u8]) {
        let received_at = self.now();
        {
            let mut held = self.held();
            held.last_id += 1;
            let message = Message {
                id: held.last_id.to_string(),
                received_at,
                channel: draft.channel,
                kind: draft.kind,
                title: draft.title,
                text: draft.text,
                cause: draft.cause,
                payload: draft.payload,
                headers,
                view: draft.view,
                body: String::from_utf8_lossy(body).into_owned(),
            };
            held.bytes += message.body.len();
            held.messages.push_back(Arc::new(message));
            while held.messages.len() > MESSAGES || held.bytes > MESSAGE_BYTES {
                let Some(oldest) = held.messages.pop_front() else {
                    break;
                };
                held.bytes -= oldest.body.len();
            }
        }
        self.changed();
    }

    pub(crate) fn reject(&self, kind: Kind, channel: String, status: u16, reason: String) {
        let received_at = self.now();
        {
            let mut held = self.held();
            held.rejections.push_back(Rejection {
                received_at,
                kind,
                channel,
                status,
                reason,
            });
            if held.rejections.len() > REJECTIONS {
                held.rejections.pop_front();
            }
        }
        self.changed();
    }

    pub(crate) fn record_event(&self, event: Value) -> bool {
        let Some(mut record) = EventRecord::read(event, self.now()) else {
            return false;
        };
        {
            let mut held = self.held();
            let times = held.event_times.entry(record.id.clone()).or_insert(0);
            *times = times.saturating_add(1);
            record.times = *times;
            // A repeated event takes the place of its first copy, which keeps its time.
            let position = if record.times > 1 {
                held.events.iter().position(|known| known.id == record.id)
            } else {
                None
            };
            if let Some(known) = position.and_then(|position| held.events.get_mut(position)) {
                record.received_at = known.received_at;
                *known = Arc::new(record);
            } else {
                held.events.push_back(Arc::new(record));
            }
            while held.events.len() > EVENTS {
                let Some(oldest) = held.events.pop_front() else {
                    break;
                };
                held.event_times.remove(&oldest.id);
            }
        }
        self.changed();
        true
    }

    pub(crate) fn clear(&self) {
        {
            let mut held = self.held();
            held.messages.clear();
            held.bytes = 0;
            held.rejections.clear();
        }
        self.changed();
    }

    pub(crate) fn messages(&self) -> Vec<Arc<Message>> {
        self.held().messages.iter().rev().cloned().collect()
    }

    pub(crate) fn message(&self, id: &str) -> Option<Arc<Message>> {
        self.held()
            .messages
            .iter()
            .find(|message| message.id == id)
            .cloned()
    }

    pub(crate) fn events(&self) -> Vec<Arc<EventRecord>> {
        self.held().events.iter().rev().cloned().collect()
    }

    pub(crate) fn event(&self, id: &str) -> Option<Arc<EventRecord>> {
        self.held()
            .events
            .iter()
            .find(|event| event.id == id)
            .cloned()
    }

    pub(crate) fn rejections(&self) -> Vec<Rejection> {
        self.held().rejections.iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::view::SlackView;
    use serde_json::json;

    fn store() -> Store {
        Store::new(Clock::from_fn(|| Timestamp::UNIX_EPOCH))
    }

    fn add(store: &Store, size: usize) {
        let draft = Draft {
            channel: "c".to_owned(),
            kind: Kind::Slack,
            title: String::new(),
            text: String::new(),
            cause: None,
            payload: Value::Null,
            view: View::Slack(SlackView::default()),
        };
        store.add(draft, BTreeMap::new(), &vec![b'x'; size]);
    }

    #[test]
    fn the_oldest_messages_go_first_when_there_are_too_many() {
        let store = store();
        for _ in 0..MESSAGES + 5 {
            add(&store, 1);
        }
        let messages = store.messages();
        assert_eq!(messages.len(), MESSAGES);
        assert_eq!(
            messages.first().map(|newest| newest.id.as_str()),
            Some("2005")
        );
        assert_eq!(messages.last().map(|oldest| oldest.id.as_str()), Some("6"));
    }

    #[test]
    fn the_oldest_messages_go_first_when_they_are_too_large() {
        let store = store();
        for _ in 0..70 {
            add(&store, 1 << 20);
        }
        assert_eq!(store.messages().len(), 64);
    }

    #[test]
    fn events_are_bounded_and_counted() {
        let store = store();
        for number in 0..EVENTS + 1 {
            assert!(store.record_event(json!({"id": number.to_string()})));
        }
        assert!(store.record_event(json!({"id": "7"})));
        assert_eq!(store.events().len(), EVENTS);
        assert!(store.event("0").is_none());
        assert_eq!(store.event("7").map(|event| event.times), Some(2));
        assert!(!store.record_event(json!({"no": "id"})));
    }
}
