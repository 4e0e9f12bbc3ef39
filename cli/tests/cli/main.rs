//! The built command, run as a user or a program runs it.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must fail"
)]

mod completions;
mod copy;
mod distribution;
mod documentation;
mod explain;
mod files;
mod output;
mod schema;
mod steward;
mod terminal;
mod validate;
