//! `cargo xtask package`: the functions' zip files.

use anyhow::bail;
use steward_testkit::cloud::package::{self, FUNCTIONS, Zip};
use steward_testkit::cloud::{command, paths};

use crate::cli::PackageOptions;
use crate::{cargo, term};

/// The largest zip file that a function may have, in bytes. Lambda loads the code before it starts
/// it, so a small one starts sooner.
const LARGEST: u64 = 4 << 20;

pub(crate) fn run(options: &PackageOptions) -> anyhow::Result<()> {
    let zips = match options.arch.as_deref() {
        Some(arch) => cross(arch)?,
        None => package::for_template(&|line| term::step(line))?,
    };
    report(&zips)
}

/// Prints the sizes, and fails when one is over the budget.
pub(crate) fn report(zips: &[Zip]) -> anyhow::Result<()> {
    for zip in zips {
        term::say(format!(
            "{:<11} {:>6.2} MiB  {}",
            zip.function,
            mebibytes(zip.size),
            zip.path.display()
        ));
    }
    if let Some(large) = zips.iter().find(|zip| zip.size > LARGEST) {
        bail!(
            "the zip of {} has {:.2} MiB, more than the budget of {:.0} MiB",
            large.function,
            mebibytes(large.size),
            mebibytes(LARGEST)
        );
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52 bytes")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Builds for an architecture of Lambda's, against the C library that Lambda has.
fn cross(arch: &str) -> anyhow::Result<Vec<Zip>> {
    if command::find("cargo-lambda").is_none() {
        bail!(
            "cargo-lambda is missing; it builds for Lambda's own C library. Install it with \
             `pip install cargo-lambda`, and the target with \
             `rustup target add {}`",
            target(arch)
        );
    }
    term::step(format!("building the functions for {arch}"));
    let folder = paths::target().join("lambda").join(arch);
    cargo::run(
        cargo::cargo()
            .args(["lambda", "build", "--locked", "--profile", "lambda"])
            .args(FUNCTIONS.iter().flat_map(|name| ["--package", name]))
            .args(["--target", target(arch), "--lambda-dir"])
            .arg(&folder),
    )?;
    FUNCTIONS
        .iter()
        .map(|function| {
            let program = folder.join(function).join("bootstrap");
            Ok(package::pack_for_template(function, &program)?)
        })
        .collect()
}

fn target(arch: &str) -> &'static str {
    if arch == "arm64" {
        "aarch64-unknown-linux-gnu"
    } else {
        "x86_64-unknown-linux-gnu"
    }
}
