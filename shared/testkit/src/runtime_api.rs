//! The Lambda runtime API for one function binary: start it as a child process, measure its
//! start-up and memory, send it events.
//!
//! Source of the protocol: "Using the Lambda runtime API" in the Lambda developer guide.

mod first_poll;
mod function;
mod logs;
mod server;

pub use first_poll::{FirstPoll, first_poll};
pub use function::{FunctionError, FunctionOptions, FunctionProcess, Startup};
pub use server::{Invocation, RuntimeApi, RuntimeError};
