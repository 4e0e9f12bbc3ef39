//! The built command, run as a user or a program runs it.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must fail"
)]

mod backfill;
mod completions;
mod copy;
mod copy_contents;
mod copy_ecr;
mod distribution;
mod documentation;
mod ecr_api;
mod explain;
mod files;
mod live;
mod output;
mod replication;
mod schema;
mod simulate;
mod steward;
mod terminal;
mod testing;
mod validate;
mod world;
