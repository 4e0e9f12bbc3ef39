//! The local cloud: everything that ecr-steward meets in production, on this machine.
//!
//! ```text
//!   client ──► gateway ──► emulator ◄── functions (the real binaries, deployed by the real template)
//!                                          │
//!              mirror  ◄───────────────────┤   CNCF Distribution
//!              inbox   ◄───────────────────┘   Slack, webhook, e-mail
//! ```
//!
//! The gateway and the inbox run in this process; the emulator and the mirror are processes of their
//! own that end with this one, however it ends. Everything is on loopback addresses, everything
//! written is under the target folder.
//!
//! Policies call the mirror `mirror.example.com`, and ECR by its real host names: the functions are
//! told in `STEWARD_REGISTRY_ENDPOINTS` where those are here.

mod addresses;
mod alone;
mod api;
mod client;
pub mod command;
pub mod debian;
mod emulator;
mod error;
mod metrics;
mod mirror;
mod options;
pub mod package;
pub mod paths;
mod ports;
pub mod probe;
mod process;
mod python;
mod stack;
mod start;
mod wiring;

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

pub use addresses::{
    ACCOUNT, Addresses, Facts, MIRROR_NAME, MirrorKind, REGION, TARGET_ACCOUNT, TARGET_REGION,
};
pub use alone::{Distribution, DistributionOptions, EcrRegistry};
pub use api::{Api, ApiError};
pub use client::{CloudClient, DeadLetter};
pub use error::CloudError;
pub use options::{Options, PolicyText, Ports, Progress};
pub use python::Python;
pub use stack::Outputs;

use crate::gateway::{Gateway, GatewayHandle};
use crate::inbox::Inbox;
use emulator::Emulator;
use start::MirrorServer;

/// A running local cloud. Dropping it stops everything.
///
/// It has a runtime of its own, so that it can be kept in a `static` and shared by tests that each
/// have theirs.
#[derive(Debug)]
pub struct LocalCloud {
    facts: Facts,
    parts: Option<Parts>,
    runtime: Option<Runtime>,
}

/// What runs. The fields stop in this order: first what sends, last what is sent to.
#[derive(Debug)]
struct Parts {
    metrics: JoinHandle<()>,
    emulator: Emulator,
    gateway: Gateway,
    mirror: Mutex<MirrorServer>,
    _slow: Option<crate::faults::FaultProxy>,
    inbox: Inbox,
    /// Removed when all have stopped.
    _folder: start::RunFolder,
}

impl LocalCloud {
    /// Prepares what is missing, starts everything and deploys the functions. Blocks until the cloud
    /// is ready: about four seconds when everything is prepared.
    ///
    /// # Errors
    /// Any [`CloudError`]; nothing is left running then.
    pub fn start(options: Options) -> Result<Self, CloudError> {
        // On a thread of its own, because the caller's may belong to a runtime, where blocking on
        // another one is not allowed.
        std::thread::scope(|scope| {
            let starting = scope.spawn(|| start::start(options));
            match starting.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// What there is to know about it.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Where it is.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.facts.addresses
    }

    /// A client for the runtime of the caller.
    #[must_use]
    pub fn client(&self) -> CloudClient {
        CloudClient::new(&self.facts)
    }

    /// The gateway, for looking into it and making it fail. `None` only while it is being dropped.
    #[must_use]
    pub fn gateway(&self) -> Option<&GatewayHandle> {
        self.parts.as_ref().map(|parts| &parts.gateway.handle)
    }

    /// The inbox. `None` only while it is being dropped.
    #[must_use]
    pub fn inbox(&self) -> Option<&Inbox> {
        self.parts.as_ref().map(|parts| &parts.inbox)
    }

    /// What the emulator and the functions have logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.parts
            .as_ref()
            .map(|parts| parts.emulator.log())
            .unwrap_or_default()
    }

    /// Ends the mirror's process; its images stay for [`LocalCloud::start_mirror`].
    pub fn stop_mirror(&self) {
        if let Some(parts) = &self.parts {
            parts
                .mirror
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .stop();
        }
    }

    /// Starts the mirror again after [`LocalCloud::stop_mirror`], at the same address.
    ///
    /// # Errors
    /// When it does not come up, for example because its port was taken meanwhile.
    pub fn start_mirror(&self) -> Result<(), CloudError> {
        let (Some(parts), Some(runtime)) = (&self.parts, &self.runtime) else {
            return Ok(());
        };
        std::thread::scope(|scope| {
            let starting = scope.spawn(|| {
                let mut mirror = parts.mirror.lock().unwrap_or_else(PoisonError::into_inner);
                runtime.block_on(mirror.start_again())
            });
            match starting.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Runs a future to its end in this cloud's runtime, for callers that have none.
    ///
    /// # Panics
    /// When the caller does have one.
    pub fn block_on<F: Future>(&self, future: F) -> Option<F::Output> {
        self.runtime
            .as_ref()
            .map(|runtime| runtime.block_on(future))
    }
}

impl Drop for LocalCloud {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            parts.metrics.abort();
        }
        if let Some(runtime) = self.runtime.take() {
            // Dropping a runtime waits, which a thread of another runtime may not.
            runtime.shutdown_background();
        }
    }
}
