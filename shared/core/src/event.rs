//! Events in ([`incoming`]) and events out ([`outgoing`]).
//!
//! An event is a hint: it says *which* repository, tag or digest to look at. What the registry says
//! then is the truth. So the types here carry what the sender wrote, checked for its form, and no
//! more.

mod arn;
mod error;
pub mod incoming;
mod open_enum;
pub mod outgoing;
mod reader;
mod schema;

pub use arn::{ArnError, ImageArn, RepositoryArn};
pub use error::EventError;
pub use incoming::{Detail, Envelope, Incoming, MAX_EVENT_BYTES};
pub use outgoing::{
    ActionReport, DetailType, Outcome, SOURCE, StewardEvent, StewardEventBuilder, Violation,
};
pub use schema::{schema, schema_file_name};
