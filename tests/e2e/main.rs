//! End-to-end tests: the real template, the real Lambda binaries, a CNCF Distribution registry and
//! skopeo, on the local cloud.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod arrows;
mod delivery;
mod documents;
mod explain;
mod journey;
mod observe;
mod outage;
mod policy;
mod replication;
mod rules;
mod semantics;
mod untag;
mod world;
