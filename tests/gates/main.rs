//! The budgets of a function: size, start, memory. `docs/PERFORMANCE.md` has the figures.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

use std::time::Duration;

use steward_testkit::cloud::{package, paths};
use steward_testkit::refusing_api::RefusingApi;
use steward_testkit::runtime_api::{FunctionOptions, first_poll};

/// The largest zip, in bytes: Lambda loads the code before it starts it.
const ZIP: u64 = 4 << 20;

/// From exec to the first poll of the runtime API, the best of several starts.
///
/// The budget on an idle machine is 5 ms, and `cargo xtask bench start` measures against it. A machine
/// that tests is rarely idle, so this gate catches what a changed dependency would cost: root
/// certificates read from disk, or jitter entropy, are 15 ms and more.
const START: Duration = Duration::from_millis(12);

/// How often a busy machine gets another chance, and the pause before it.
const ROUNDS: usize = 6;
const PAUSE: Duration = Duration::from_secs(2);

/// Resident memory of a function that waits, in bytes.
const WAITING: u64 = 10 << 20;

const POLICY: &str = "version: 1\n";

// The APIs answer on one thread while the other waits for a function.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_function_is_small_starts_fast_and_waits_in_little_memory() {
    let zips = package::functions(&|_| {}).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(zips.len(), 3);
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yaml");
    std::fs::write(&policy, POLICY).unwrap();
    let policy = format!("file:{}", policy.display());
    let api = RefusingApi::start().await.unwrap();
    let endpoint = api.url();
    let environment = [
        ("STEWARD_POLICY", policy.as_str()),
        ("STEWARD_STATE_TABLE", "state"),
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "111122223333"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let options = FunctionOptions {
        environment: environment.into(),
        ..FunctionOptions::default()
    };
    for zip in zips {
        assert!(
            zip.size < ZIP,
            "{}: {} bytes zipped",
            zip.function,
            zip.size
        );
        let binary = paths::target().join("lambda").join(zip.function);
        let mut best = Duration::MAX;
        let mut memory = 0;
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            for _ in 0..8 {
                let start = first_poll(&binary, &options).unwrap_or_else(|error| panic!("{error}"));
                best = best.min(start.after);
                memory = memory.max(start.resident);
            }
            if best < START {
                break;
            }
        }
        assert!(best < START, "{}: {best:?} to the first poll", zip.function);
        assert!(
            memory < WAITING,
            "{}: {memory} bytes while waiting",
            zip.function
        );
    }
}
