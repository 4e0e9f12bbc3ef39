//! `steward copy` against skopeo, between two CNCF Distribution registries on this machine.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use steward_testkit::cloud::paths;
use steward_testkit::image::{Image, Layer, push};

use super::registry::Registry;
use crate::term;

/// Layers of the image, and the size of each in bytes.
const LAYERS: u64 = 8;
const LAYER: u64 = 64 << 20;

/// The programs that take part.
pub(super) struct Programs<'a> {
    pub(super) registry: &'a Path,
    pub(super) skopeo: &'a Path,
    pub(super) steward: &'a Path,
}

/// What one run of a program took.
struct Run {
    name: &'static str,
    wall: Duration,
    cpu: Duration,
    peak_mebibytes: f64,
    requests: usize,
    /// Requests when the same image is copied again.
    again: usize,
}

pub(super) async fn measure(programs: &Programs<'_>) -> anyhow::Result<Vec<String>> {
    let folder = paths::local().join(format!("bench-{}", std::process::id()));
    let result = in_folder(programs, &folder).await;
    let _ = std::fs::remove_dir_all(&folder);
    result
}

async fn in_folder(programs: &Programs<'_>, folder: &Path) -> anyhow::Result<Vec<String>> {
    term::step(format!(
        "pushing an image of {LAYERS} layers of {} MiB",
        LAYER >> 20
    ));
    let source = Registry::start(programs.registry, &folder.join("source"))?;
    let media_type = "application/vnd.oci.image.layer.v1.tar";
    let layers = (0..LAYERS).map(|seed| Layer::random_blob(media_type, seed, LAYER));
    let image = Image::builder().layers(layers).build();
    push(
        &format!("http://{}", source.address()),
        "bench/app",
        Some("v1"),
        &image,
    )
    .await?;

    let mut runs = Vec::new();
    for (name, program) in [
        ("steward copy", programs.steward),
        ("skopeo copy", programs.skopeo),
    ] {
        term::step(format!("{name}: cold, then again"));
        let target = Registry::start(programs.registry, &folder.join(name.replace(' ', "-")))?;
        let before = source.requests()? + target.requests()?;
        let (wall, cpu, peak_mebibytes) = timed(command(name, program, &source, &target))?;
        let cold = source.requests()? + target.requests()?;
        timed(command(name, program, &source, &target))?;
        let after = source.requests()? + target.requests()?;
        runs.push(Run {
            name,
            wall,
            cpu,
            peak_mebibytes,
            requests: cold - before,
            again: after - cold,
        });
    }
    Ok(table(&runs))
}

fn command(name: &str, program: &Path, source: &Registry, target: &Registry) -> Command {
    let from = format!("{}/bench/app:v1", source.address());
    let to = format!("{}/bench/app:v1", target.address());
    let mut command = Command::new(program);
    if name.starts_with("steward") {
        command.args(["copy", "--quiet", "--no-referrers", &from, &to]);
    } else {
        command.args(["--insecure-policy", "copy", "--quiet", "--preserve-digests"]);
        command.args(["--src-tls-verify=false", "--dest-tls-verify=false"]);
        command.args([format!("docker://{from}"), format!("docker://{to}")]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Runs a program to its end: wall time, CPU time, and the most memory it had.
fn timed(mut command: Command) -> anyhow::Result<(Duration, Duration, f64)> {
    let shown = format!("{command:?}");
    let begin = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {shown}"))?;
    let mut usage = Usage::default();
    let status = loop {
        if let Some(now) = Usage::of(&child) {
            usage = now;
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let wall = begin.elapsed();
    if !status.success() {
        bail!("{shown} failed ({status})");
    }
    Ok((wall, usage.cpu, usage.peak_mebibytes))
}

/// What the kernel says of a process that runs.
#[derive(Default)]
struct Usage {
    cpu: Duration,
    peak_mebibytes: f64,
}

impl Usage {
    fn of(child: &Child) -> Option<Self> {
        /// Ticks per second of `/proc`, which Linux fixes at 100 (`proc_pid_stat(5)`).
        const TICKS: u64 = 100;
        let folder = format!("/proc/{}", child.id());
        let stat = std::fs::read_to_string(format!("{folder}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        let status = std::fs::read_to_string(format!("{folder}/status")).ok()?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: f64 = peak.split_whitespace().next()?.parse().ok()?;
        Some(Self {
            cpu: Duration::from_millis(ticks * 1000 / TICKS),
            peak_mebibytes: kibibytes / 1024.0,
        })
    }
}

fn table(runs: &[Run]) -> Vec<String> {
    let bytes = LAYERS * LAYER;
    let mut lines = vec![
        format!(
            "### Copy: {LAYERS} × {} MiB between two Distribution registries\n",
            LAYER >> 20
        ),
        "| program | MB/s | CPU ns/byte | peak memory MiB | requests, cold | requests, unchanged |"
            .to_owned(),
        "|---|---:|---:|---:|---:|---:|".to_owned(),
    ];
    for run in runs {
        #[expect(clippy::cast_precision_loss, reason = "half a gigabyte")]
        let bytes = bytes as f64;
        lines.push(format!(
            "| {} | {:.0} | {:.2} | {:.1} | {} | {} |",
            run.name,
            bytes / 1e6 / run.wall.as_secs_f64(),
            run.cpu.as_secs_f64() * 1e9 / bytes,
            run.peak_mebibytes,
            run.requests,
            run.again,
        ));
    }
    lines.push(String::new());
    lines
}
