//! The function against a registry, a state table and a bus in memory.

mod actions;
mod decisions;
mod events;
mod failures;
mod fakes;
mod history;
mod model;
mod people;
mod races;
mod removal;
mod reviews;
mod untag;
mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;

use sha2::Digest as _;
use steward_aws::ecr::{FakeEcr, Manifest};
use steward_aws::state::FakeState;
use steward_core::event::incoming::{parse, parse_value};
use steward_core::event::outgoing::{DetailType, Outcome as ActionOutcome};
use steward_core::facts::ReferrerFacts;
use steward_core::policy::{Policy, ReplicationTarget};
use steward_core::{Digest, ImageRef, Reference, RegistryHost, RepositoryName, Tag};
use steward_runtime::{MemoryLater, MemorySink};

use super::*;
use events::{action, event};
use fakes::{FakeContent, FakeMover, manifest};
use world::World;

const POLICY: &str = r#"
version: 1
mode: enforce
tag_rules:
  - name: releases-only
    repositories: ["prod/**"]
    allow: [semver]
    on_violation: [notify, quarantine]
  - name: no-latest
    repositories: ["team/**"]
    deny: [latest]
    on_violation: [notify, untag]
  - name: no-debug
    repositories: ["watched/**"]
    deny: [debug]
    mode: observe
    on_violation: [notify, quarantine]
"#;
