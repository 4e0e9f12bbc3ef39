#![doc = include_str!("../README.md")]

pub mod batch;
pub mod deadline;
pub mod env;
pub mod failure;
pub mod handler;
mod invocation;
pub mod later;
pub mod logs;
pub mod metrics;
pub mod policy;
#[cfg(feature = "registry")]
pub mod registry_access;
#[cfg(feature = "secrets")]
pub mod secrets;
pub mod sink;
mod start;

pub use async_trait::async_trait;
pub use deadline::Deadline;
pub use env::Settings;
pub use failure::{Classified, Failure, FailureKind};
pub use handler::{Handler, Outcome, RecordContext};
#[cfg(feature = "fake")]
pub use later::MemoryLater;
pub use later::{Later, OwnQueue};
pub use policy::{PolicyStore, PolicyUnavailable};
#[cfg(feature = "fake")]
pub use sink::MemorySink;
pub use sink::{BusSink, EventSink};
pub use start::{Init, InitError, run};
