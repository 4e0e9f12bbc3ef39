//! End-to-end tests: the real template, the real Lambda binaries, a CNCF Distribution registry and
//! skopeo, on the local cloud.

mod arrows;
mod delivery;
mod explain;
mod gates;
mod journey;
mod observe;
mod outage;
mod policy;
mod semantics;
mod untag;
mod world;
