//! `cargo xtask local up --detach`: a process of its own runs the local cloud.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::state::{Place, Running};
use super::up;
use crate::cli::UpOptions;
use crate::term;

/// A first start builds the functions and installs Python packages.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

pub(super) fn start(options: &UpOptions) -> anyhow::Result<()> {
    let place = Place::here();
    if place.running()?.is_some() {
        return Err(up::already(&place));
    }
    let log_path = place.log_file();
    let log = std::fs::create_dir_all(steward_testkit::cloud::paths::local())
        .and_then(|()| File::create(&log_path))
        .with_context(|| format!("cannot write {}", log_path.display()))?;
    let errors = log.try_clone().context("cannot write the log")?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command.args(["local", "up", "--detached", "--log", &options.log]);
    if let Some(policy) = &options.policy {
        command.arg("--policy").arg(policy);
    }
    let mut child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .context("cannot start the local cloud")?;
    let mut shown = Follow::new(&log_path)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        shown.steps();
        if let Some(Running::Ready { pid, facts }) = place.running()?
            && u32::try_from(pid).ok() == Some(child.id())
        {
            return up::announce(options.json, &facts, false);
        }
        if let Some(status) = child.try_wait().context("cannot watch the local cloud")? {
            shown.rest();
            bail!("the local cloud did not start ({status})");
        }
        if Instant::now() >= deadline {
            let _ = child.kill();
            bail!("the local cloud did not start; see {}", log_path.display());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Shows what the other process logs.
struct Follow {
    file: File,
    seen: u64,
}

impl Follow {
    fn new(path: &std::path::Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { file, seen: 0 })
    }

    fn new_text(&mut self) -> String {
        let mut text = String::new();
        if self.file.seek(SeekFrom::Start(self.seen)).is_ok()
            && let Ok(read) = self.file.read_to_string(&mut text)
        {
            self.seen += u64::try_from(read).unwrap_or_default();
        }
        text
    }

    /// Shows the steps; the addresses at the end are shown by the caller.
    fn steps(&mut self) {
        for line in self.new_text().lines() {
            if let Some(step) = line.strip_prefix("… ") {
                term::step(step);
            }
        }
    }

    /// Shows everything else.
    fn rest(&mut self) {
        self.seen = 0;
        for line in self
            .new_text()
            .lines()
            .filter(|line| !line.starts_with('…'))
        {
            term::note(line);
        }
    }
}
