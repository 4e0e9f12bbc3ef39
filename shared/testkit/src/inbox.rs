//! The inbox of the local cloud: one web server that receives what the notifier sends and shows
//! every message as its receiver would see it, beside the raw payload.
//!
//! | request | meaning |
//! |---|---|
//! | `POST /slack/<name>` | a Slack incoming webhook, with Slack's limits and Slack's answers |
//! | `POST /webhook/<name>` | a generic webhook; CloudEvents in both content modes are recognised |
//! | `POST /sns` | deliveries of an SNS HTTP subscription, shown as the e-mail of a subscriber; `?to=` names the subscriber |
//! | `POST /events` | an EventBridge event (plain or delivered by SNS), so that messages can be linked to it |
//! | `GET /` | the page |
//! | `GET /messages` | JSON, newest first; filters `kind`, `channel`, `contains`, `cause`, `since`, `limit` |
//! | `GET /messages/<id>`, `GET /events`, `GET /events/<id>`, `GET /rejections` | JSON |
//! | `DELETE /messages` | forgets messages and rejections |
//! | `POST /_inbox/faults` | `{"slack": {"status": 500, "times": 2, "retry_after": 1}}` makes the next requests fail |
//! | `GET /healthz` | `ok` |
//!
//! A message is linked to its event by the event's id, see [`cause`].

pub mod cause;
mod clock;
mod email;
pub mod event;
pub mod fault;
mod feed;
mod markdown;
mod message;
pub mod mrkdwn;
mod page;
mod server;
pub mod slack;
mod sns;
mod store;
mod subscription;
mod view;
mod webhook;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use clock::Clock;
pub use event::EventRecord;
pub use fault::Fault;
pub use message::{Kind, Message, Rejection};
pub use view::{Block, CloudEvent, Element, EmailView, Node, SlackView, View, WebhookView};

use store::Store;

/// Where the inbox listens and what time it is there.
#[derive(Clone, Debug)]
pub struct InboxConfig {
    /// A loopback address; port 0 takes a free port.
    pub listen: SocketAddr,
    /// The source of `received_at`.
    pub clock: Clock,
}

impl Default for InboxConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            clock: Clock::system(),
        }
    }
}

/// Why the inbox could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The inbox shows whatever it is sent to whoever asks, so it stays on this machine.
    #[error("the inbox listens on loopback addresses only, not on {address}")]
    NotLoopback {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The address could not be bound.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// No message met the condition in time.
    #[error("no such message within {} ms; the inbox holds {held}: {titles}", waited.as_millis())]
    Timeout {
        /// How long it was waited.
        waited: Duration,
        /// How many messages there are.
        held: usize,
        /// The titles of the newest messages.
        titles: String,
    },
}

/// A running inbox. Dropping it stops the server.
#[derive(Debug)]
pub struct Inbox {
    address: SocketAddr,
    store: Arc<Store>,
    stop: Option<oneshot::Sender<()>>,
}

impl Inbox {
    /// Starts the server on the current Tokio runtime; it accepts connections when this returns.
    ///
    /// # Errors
    /// [`InboxError::NotLoopback`] and [`InboxError::Bind`].
    pub async fn start(config: InboxConfig) -> Result<Self, InboxError> {
        let address = config.listen;
        if !address.ip().is_loopback() {
            return Err(InboxError::NotLoopback { address });
        }
        let bind = |source| InboxError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let store = Arc::new(Store::new(config.clock));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = axum::serve(listener, server::router(Arc::clone(&store)))
            .with_graceful_shutdown(async move {
                // A dropped sender means that the inbox was dropped: stop as well.
                let _ = stopped.await;
            });
        tokio::spawn(async move { server.await });
        Ok(Self {
            address,
            store,
            stop: Some(stop),
        })
    }

    /// The address the server listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every message held, newest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Arc<Message>> {
        self.store.messages()
    }

    /// The newest requests that were refused as their receiver would refuse them, newest first.
    #[must_use]
    pub fn rejections(&self) -> Vec<Rejection> {
        self.store.rejections()
    }

    /// Every event held, newest first.
    #[must_use]
    pub fn events(&self) -> Vec<Arc<EventRecord>> {
        self.store.events()
    }

    /// Records an EventBridge event as `POST /events` does. Returns whether it has an id, without
    /// which it is not kept.
    pub fn record_event(&self, event: Value) -> bool {
        self.store.record_event(event)
    }

    /// Forgets messages and rejections; events stay.
    pub fn clear(&self) {
        self.store.clear();
    }

    /// Makes the next requests of a kind fail.
    pub fn fail(&self, kind: Kind, fault: Fault) {
        self.store.faults().set(kind, fault);
    }

    /// Waits until a message meets the condition (one already held counts) and returns the newest
    /// which does.
    ///
    /// # Errors
    /// [`InboxError::Timeout`].
    pub async fn wait_for(
        &self,
        mut wanted: impl FnMut(&Message) -> bool,
        timeout: Duration,
    ) -> Result<Arc<Message>, InboxError> {
        let mut changes = self.store.subscribe();
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            changes.mark_unchanged();
            if let Some(found) = self.messages().into_iter().find(|message| wanted(message)) {
                return Ok(found);
            }
            match tokio::time::timeout_at(deadline, changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(self.timed_out(timeout)),
            }
        }
    }

    fn timed_out(&self, waited: Duration) -> InboxError {
        let messages = self.messages();
        let titles: Vec<&str> = messages
            .iter()
            .take(5)
            .map(|held| held.title.as_str())
            .collect();
        InboxError::Timeout {
            waited,
            held: messages.len(),
            titles: titles.join(" / "),
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}
