//! What a program takes to run.

use std::io::Read as _;
use std::ops::AddAssign;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

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
    let shown = format!("{:?}", command.get_program());
    let before = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN)
        .context("cannot read what the children have used")?;
    let begin = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {shown}"))?;
    let mut peak_mebibytes = 0.0;
    let status = loop {
        peak_mebibytes = peak(&child).unwrap_or(peak_mebibytes);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begin.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            bail!("not finished after {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let wall = begin.elapsed();
    if !status.success() {
        let mut said = String::new();
        if let Some(stderr) = child.stderr.take() {
            let _ = stderr.take(4096).read_to_string(&mut said);
        }
        bail!("{shown} failed ({status}): {}", said.trim());
    }
    let after = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN)
        .context("cannot read what the children have used")?;
    Ok(Usage {
        wall,
        cpu: cpu(&after).saturating_sub(cpu(&before)),
        peak_mebibytes,
    })
}

/// User and system time.
fn cpu(usage: &nix::sys::resource::Usage) -> Duration {
    let micros = |time: nix::sys::time::TimeVal| {
        let micros = time.tv_sec().saturating_mul(1_000_000) + time.tv_usec();
        Duration::from_micros(micros.try_into().unwrap_or_default())
    };
    micros(usage.user_time()) + micros(usage.system_time())
}

/// The most memory that the process had so far (`VmHWM`), in MiB.
fn peak(child: &Child) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes / 1024.0)
}
