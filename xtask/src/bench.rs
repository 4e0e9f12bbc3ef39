//! `cargo xtask bench`: measures what `docs/PERFORMANCE.md` tells, and prints it as Markdown.
//!
//! Wall times on a shared machine are noisy: what is compared is measured in the same run, one
//! after the other, and the ratio counts. Nothing is left out, losses included.

mod copy;
mod start;

use std::path::PathBuf;

use anyhow::Context as _;
use steward_testkit::cloud::debian::DOCKER_REGISTRY;
use steward_testkit::cloud::{Python, package, paths};

use crate::cli::{BenchOptions, BenchSubject};
use crate::{cargo, term};

pub(crate) fn run(options: &BenchOptions) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let measures = |subject| options.subject.is_none_or(|chosen| chosen == subject);
    let mut lines = vec![machine()];
    if measures(BenchSubject::Start) {
        let python = Python::ensure(&|line| term::step(line))?;
        let zips = package::functions(&|line| term::step(line))?;
        lines.extend(runtime.block_on(start::measure(&zips, &python, options.rounds))?);
    }
    if measures(BenchSubject::Copy) {
        let registry = DOCKER_REGISTRY.ensure(&|line| term::step(line))?;
        let peers = copy::peers()?;
        let only = options.only.as_deref();
        lines.extend(runtime.block_on(copy::measure(&registry, &peers, options.copies, only))?);
    }
    for line in &lines {
        term::say(line);
    }
    if measures(BenchSubject::Decide) {
        // Prints its table itself.
        cargo::run(
            cargo::cargo()
                .args(["bench", "--locked", "--quiet", "--package", "tag-guard"])
                .args(["--bench", "decide"])
                .env("CARGO_TARGET_DIR", paths::target()),
        )?;
    }
    Ok(())
}

/// The release build of the command.
fn steward() -> anyhow::Result<PathBuf> {
    term::step("building the steward command");
    cargo::run(
        cargo::cargo()
            .args(["build", "--release", "--locked", "--package", "steward-cli"])
            .env("CARGO_TARGET_DIR", paths::target()),
    )?;
    Ok(paths::target().join("release/steward"))
}

/// What was measured on.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, name)| name);
    format!("Measured on {cores} cores of {model} by `cargo xtask bench`.\n")
}

/// The value below which a share of the sorted values lies.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "there are some dozens of values"
    )]
    let index = ((sorted.len().saturating_sub(1)) as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_of_sorted_values() {
        let values: Vec<f64> = (0..=10).map(f64::from).collect();
        assert!((quantile(&values, 0.5) - 5.0).abs() < f64::EPSILON);
        assert!((quantile(&values, 0.9) - 9.0).abs() < f64::EPSILON);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
