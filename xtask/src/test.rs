//! `cargo xtask test`: every test of the workspace, with everything that the tests need.

use steward_testkit::cloud::debian::{self, CHROMIUM, DOCKER_REGISTRY, SKOPEO};
use steward_testkit::cloud::{Python, package};

use crate::{cargo, term};

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    debian::ensure_all(&[DOCKER_REGISTRY, SKOPEO, CHROMIUM], &|line| {
        term::step(line);
    })?;
    Python::ensure(&|line| term::step(line))?;
    package::functions(&|line| term::step(line))?;
    term::step("cargo test --workspace");
    let mut command = cargo::cargo();
    command.args(["test", "--workspace", "--locked"]);
    if let Some(skopeo) = SKOPEO.find() {
        command.env("STEWARD_SKOPEO", skopeo);
    }
    if !arguments.is_empty() {
        command.args(arguments);
    }
    cargo::run(&mut command)
}
