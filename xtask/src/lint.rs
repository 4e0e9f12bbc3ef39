//! `cargo xtask lint-infra`: what cfn-lint says about the templates.

use std::process::Command;

use anyhow::Context as _;
use steward_testkit::cloud::{Python, paths};

use crate::{cargo, term};

/// What cfn-lint says of a template whose `Transform` was taken away, and only then.
const WITHOUT_TRANSFORM: [&str; 3] = ["E3038", "E3724", "W2533"];

pub(crate) fn run() -> anyhow::Result<()> {
    let python = Python::ensure(&|line| term::step(line))?;
    term::step("linting infra/*.yaml");
    let cfn_lint = python.program("cfn-lint");
    let templates = [paths::template(), paths::target_account_template()];
    cargo::run(Command::new(&cfn_lint).arg("--template").args(&templates))?;

    // With the SAM transform, cfn-lint does not look into the policies of roles. Without it, it does.
    let text = std::fs::read_to_string(paths::template())
        .with_context(|| format!("cannot read {}", paths::template().display()))?;
    let plain: String = text
        .lines()
        .filter(|line| !line.starts_with("Transform:"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let copy = paths::target().join("template-without-transform.yaml");
    std::fs::write(&copy, plain).with_context(|| format!("cannot write {}", copy.display()))?;
    cargo::run(
        Command::new(&cfn_lint)
            .arg("--ignore-checks")
            .args(WITHOUT_TRANSFORM)
            .arg("--template")
            .arg(&copy),
    )?;
    term::say("the templates are fine");
    Ok(())
}
