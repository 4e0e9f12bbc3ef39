//! `cargo xtask fuzz`: hostile input for everything that reads input. `fuzz/README.md` tells more.

use steward_testkit::cloud::paths;

use crate::cli::FuzzOptions;
use crate::{cargo, term};

pub(crate) fn run(options: &FuzzOptions) -> anyhow::Result<()> {
    let fuzz = paths::root().join("fuzz");
    term::step("building the fuzz targets");
    let mut command = cargo::cargo();
    command
        .args(["run", "--release", "--locked", "--quiet", "--manifest-path"])
        .arg(fuzz.join("Cargo.toml"))
        .arg("--")
        .args(&options.target)
        .arg(format!("--seconds={}", options.seconds))
        .arg(format!("--seed={}", options.seed))
        // Built with other options than the rest, which must not be built again for it.
        .env("CARGO_TARGET_DIR", paths::target().join("fuzz"));
    cargo::run(&mut command)
}
