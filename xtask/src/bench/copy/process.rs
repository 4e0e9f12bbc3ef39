//! What a program takes to run.

use std::ops::AddAssign;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use steward_testkit::measured;

/// Longest time that a program may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The time and the memory of a run, or of several.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    pub(super) wall: Duration,
    pub(super) cpu: Duration,
    /// The most that one of the runs had, in MiB.
    pub(super) peak_mebibytes: f64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.wall += other.wall;
        self.cpu += other.cpu;
        self.peak_mebibytes = self.peak_mebibytes.max(other.peak_mebibytes);
    }
}

/// Runs a program to its end.
pub(super) fn run(command: &mut Command) -> anyhow::Result<Usage> {
    let shown = command.get_program().display().to_string();
    let run = measured::run(command, PATIENCE).with_context(|| format!("{shown} failed"))?;
    if !run.status.success() {
        let said = String::from_utf8_lossy(&run.stderr);
        bail!("{shown} failed ({}): {}", run.status, said.trim());
    }
    Ok(Usage {
        wall: run.wall,
        cpu: run.cpu,
        peak_mebibytes: run.peak as f64 / f64::from(1 << 20),
    })
}
