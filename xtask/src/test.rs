//! `cargo xtask test`: every test of the workspace, with everything that the tests need.

use std::path::PathBuf;

use anyhow::bail;
use steward_testkit::cloud::debian::{CHROMIUM, DOCKER_REGISTRY, Program, SKOPEO};
use steward_testkit::cloud::{Python, package};

use crate::{cargo, term};

/// What the tests need from Debian, and the variables that tell them where it is.
const PROGRAMS: [(Program, &str); 3] = [
    (DOCKER_REGISTRY, "STEWARD_DOCKER_REGISTRY"),
    (SKOPEO, "STEWARD_SKOPEO"),
    (CHROMIUM, "STEWARD_CHROMIUM"),
];

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let programs = programs()?;
    Python::ensure(&|line| term::step(line))?;
    package::functions(&|line| term::step(line))?;
    term::step("cargo test --workspace");
    let mut command = cargo::cargo();
    command.args(["test", "--workspace", "--locked"]);
    for (variable, path) in programs {
        command.env(variable, path);
    }
    if !arguments.is_empty() {
        command.args(arguments);
    }
    cargo::run(&mut command)
}

/// Where the programs are. All that are missing are named at once.
fn programs() -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for (program, variable) in PROGRAMS {
        match program.ensure(&|line| term::step(line)) {
            Ok(path) => found.push((variable, path)),
            Err(_) => missing.push(program.package),
        }
    }
    if missing.is_empty() {
        return Ok(found);
    }
    bail!(
        "the tests need what is not on this machine and cannot be installed by this user: \
         `sudo apt-get install {}`",
        missing.join(" ")
    )
}
