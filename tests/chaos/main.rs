//! Hundreds of copies between two CNCF Distribution registries through proxies that cut, delay,
//! truncate, corrupt, throttle and redirect at random, from a queue that repeats and reorders, while
//! copying processes are killed and copies are dropped half-way.
//!
//! Afterwards every image is complete and exact at the target; at no moment was anything tagged that
//! was not; and nothing went up twice that no fault forced (see [`ledger`]).
//!
//! The seed is printed. `STEWARD_CHAOS_SEED=<number>` runs another one, or the same again: each
//! request meets the fault that the seed has for it, in whatever order the requests come.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod images;
mod ledger;
mod paths;
mod queue;
mod watcher;
mod world;

use std::time::Instant;

use world::World;

/// The seed where none is given. Any is as good.
const SEED: u64 = 20_261_123;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_fault_loses_tears_or_repeats_a_copy() {
    let seed = match std::env::var("STEWARD_CHAOS_SEED") {
        Ok(text) => text.parse().unwrap(),
        Err(_) => SEED,
    };
    eprintln!("STEWARD_CHAOS_SEED={seed}");
    let began = Instant::now();
    let world = World::start(seed, images::images(seed)).await;
    eprintln!(
        "{} images made in {:?}",
        world.images.len(),
        began.elapsed()
    );

    let watcher = watcher::watch(&world);
    let runs = queue::deliver(&world, seed).await;
    world.calm();
    let calm = queue::once_more(&world).await;
    let sightings = watcher.stop().await;

    let report = ledger::audit(&world, &runs, &calm);
    eprintln!("{report}\n{sightings}\nended after {:?}", began.elapsed());
    assert!(
        sightings.torn.is_empty(),
        "seed {seed}: {:#?}",
        sightings.torn
    );
    assert!(
        report.repeated.is_empty(),
        "seed {seed}: {:#?}",
        report.repeated
    );
    // What cannot be told from a run in which nothing happened shows nothing.
    assert!(
        runs.killed() > 5,
        "seed {seed}: {} processes were killed",
        runs.killed()
    );
    assert!(report.faults > 200, "seed {seed}: {} faults", report.faults);
    assert!(
        sightings.whole > 50,
        "seed {seed}: {} sightings",
        sightings.whole
    );
    world.assert_exact().await;
    eprintln!("verified after {:?}", began.elapsed());
}
