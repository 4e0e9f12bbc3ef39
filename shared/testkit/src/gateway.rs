//! The registry address of the local cloud: a server in front of the emulator's ECR that behaves
//! as ECR does.
//!
//! Clients push to it as to any registry, the functions call it as ECR's API. It
//!
//! - sends requests to the registry that their `Host` names, or to the home account's;
//! - carries blobs as streams in both directions;
//! - creates missing repositories on push, answers ranges and referrers;
//! - refuses what ECR refuses: incomplete manifests, moved tags of immutable repositories;
//! - puts the events that ECR would emit on the bus of the registry's account;
//! - fails on request, for tests.
//!
//! | page | |
//! |---|---|
//! | `GET /_gateway/log` | recent pushes, deletions and events |
//! | `POST /_gateway/events` | changes [`EventOptions`]; fields that are not named keep their value |
//! | `POST /_gateway/age` | says that an image of the home registry was pushed earlier: `repository`, `image` (a tag or a digest), `older_by_seconds` |
//! | `POST /_gateway/faults` | adds an [`Outage`]; `DELETE` ends all, `GET` lists them |

mod activity;
mod control;
mod ecr_api;
mod events;
mod images;
mod manifest;
mod outage;
mod refusal;
mod registry;
mod registry_api;
mod reply;
mod route;
mod server;
mod upstream;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use steward_core::{AccountId, Region};
use tokio::{
    net::TcpListener,
    sync::{broadcast, watch},
    task::JoinHandle,
};
use url::Url;

pub use activity::{Action, Activity, Change, Delivery, Emitted};
pub use events::EventOptions;
pub use outage::{Outage, OutageKind};
pub use registry::Registry;

use activity::ActivityLog;
use ecr_api::Callers;
use events::Emitter;
use images::Images;
use outage::Outages;
use server::Shared;
use upstream::Upstream;

/// How long events may still be put when the gateway stops.
const LAST_EVENTS: Duration = Duration::from_secs(5);

/// In which accounts a push creates a missing repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CreateOnPush {
    /// In none.
    Never,
    /// In the home account; others answer `NAME_UNKNOWN`, as without a creation template.
    #[default]
    Home,
    /// In all.
    Everywhere,
}

/// A further address, for clients that cannot set a `Host` header: all its requests are for one
/// registry.
#[derive(Clone, Debug)]
pub struct RegistryListener {
    /// The address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The registry behind it.
    pub registry: Registry,
}

/// How to start a gateway.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The emulator's address.
    pub upstream: Url,
    /// The account of requests whose `Host` is no registry's.
    pub home_account: AccountId,
    /// The Region of requests whose `Host` is no registry's.
    pub home_region: Region,
    /// How events are put.
    pub events: EventOptions,
    /// Where a push creates repositories.
    pub create_on_push: CreateOnPush,
    /// Whether `/v2/` wants the token of `GetAuthorizationToken`. ECR does; without it
    /// `docker push` to the loopback address needs no login.
    pub require_auth: bool,
    /// Further addresses.
    pub also: Vec<RegistryListener>,
}

impl GatewayConfig {
    /// A gateway on a free loopback port, with everything else at its default.
    #[must_use]
    pub fn new(upstream: Url, home_account: AccountId, home_region: Region) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            upstream,
            home_account,
            home_region,
            events: EventOptions::default(),
            create_on_push: CreateOnPush::default(),
            require_auth: false,
            also: Vec::new(),
        }
    }
}

/// The gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// An address cannot be listened on.
    #[error("cannot listen on {at}; choose another port, or 0 for a free one")]
    Listen {
        /// The address.
        at: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A running gateway. Dropping it closes its addresses and forgets events that are still to be put;
/// [`Gateway::stop`] lets requests and events finish.
#[derive(Debug)]
pub struct Gateway {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Where it listens for the registries of [`GatewayConfig::also`], in their order.
    pub also: Vec<SocketAddr>,
    /// For looking into it and steering it while it runs.
    pub handle: GatewayHandle,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Gateway {
    /// Starts a gateway in the runtime of the caller. It answers when this returns.
    ///
    /// # Errors
    ///
    /// [`GatewayError::Listen`] where an address is taken.
    pub async fn start(config: GatewayConfig) -> Result<Self, GatewayError> {
        let home = Registry::new(config.home_account, config.home_region);
        let (listener, addr) = listen(config.listen).await?;
        let mut listeners = vec![(listener, home.clone())];
        let mut also = Vec::new();
        for extra in config.also {
            let (listener, addr) = listen(extra.listen).await?;
            listeners.push((listener, extra.registry));
            also.push(addr);
        }
        let upstream = Upstream::new(config.upstream);
        let log = Arc::new(ActivityLog::new());
        let (emitter, events) = Emitter::start(upstream.clone(), Arc::clone(&log), config.events);
        let shared = Arc::new(Shared {
            images: Images::new(upstream, emitter, log),
            outages: Outages::default(),
            callers: Callers::default(),
            home,
            create_on_push: config.create_on_push,
            require_auth: config.require_auth,
        });
        let (stop, stopped) = watch::channel(false);
        let mut tasks = vec![events];
        for (listener, registry) in listeners {
            let serving = server::serve(Arc::clone(&shared), listener, registry, stopped.clone());
            tasks.push(tokio::spawn(serving));
        }
        Ok(Self {
            addr,
            also,
            handle: GatewayHandle(shared),
            stop,
            tasks,
        })
    }

    /// The address as clients write it: `host:port`.
    #[must_use]
    pub fn registry(&self) -> String {
        self.addr.to_string()
    }

    /// The address as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops taking requests, lets those under way and the events of the last pushes finish, each
    /// for at most a few seconds.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let mut tasks = std::mem::take(&mut self.tasks);
        let events = tasks.remove(0);
        for task in tasks {
            let _ = task.await;
        }
        self.handle.0.images.emitter.close();
        let abort = events.abort_handle();
        if tokio::time::timeout(LAST_EVENTS, events).await.is_err() {
            abort.abort();
            tracing::warn!("events were still to be put when the gateway stopped");
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn listen(at: SocketAddr) -> Result<(TcpListener, SocketAddr), GatewayError> {
    let failed = |source| GatewayError::Listen { at, source };
    let listener = TcpListener::bind(at).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}

/// A hold on a running gateway.
#[derive(Clone, Debug)]
pub struct GatewayHandle(Arc<Shared>);

impl GatewayHandle {
    /// How events are put now.
    #[must_use]
    pub fn events(&self) -> EventOptions {
        self.0.images.emitter.options()
    }

    /// Changes how the events of further pushes are put.
    pub fn set_events(&self, options: EventOptions) {
        self.0.images.emitter.set_options(options);
    }

    /// Waits until the event of every change so far is put, dropped or given up.
    pub async fn settled(&self) {
        self.0.images.emitter.settled().await;
    }

    /// Makes registries fail.
    pub fn fail(&self, outage: Outage) {
        self.0.outages.add(outage);
    }

    /// Ends every outage.
    pub fn recover(&self) {
        self.0.outages.clear();
    }

    /// Recent changes and events, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<Activity> {
        self.0.images.log.all()
    }

    /// Changes and events from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Activity> {
        self.0.images.log.subscribe()
    }
}
