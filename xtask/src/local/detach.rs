//! `cargo xtask local up --detach`: a process of its own runs the local cloud.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::getpgrp;

use super::state::{Place, Running};
use super::up;
use crate::cli::UpOptions;
use crate::term;

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
        .stdin(Stdio::piped())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .context("cannot start the local cloud")?;
    // Until it is ready it ends when this process does, as with Ctrl-C: see `wait_for_leave`.
    let mut leave = child.stdin.take();
    let mut shown = Follow::new(&log_path)?;
    loop {
        shown.steps();
        if let Some(Running::Ready { pid, facts }) = place.running()?
            && u32::try_from(pid).ok() == Some(child.id())
        {
            if let Some(leave) = &mut leave {
                leave
                    .write_all(LEAVE)
                    .context("the local cloud ended when it was ready")?;
            }
            return up::announce(options.json, &facts, false);
        }
        if let Some(status) = child.try_wait().context("cannot watch the local cloud")? {
            shown.rest();
            bail!("the local cloud did not start ({status})");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What the process that waited says to the one that stays.
const LEAVE: &[u8] = b"stay\n";

/// In the process that stays: ends everything when the one that waits ends before it has said that
/// this one may stay.
pub(super) fn wait_for_leave() {
    std::thread::spawn(|| {
        let mut said = Vec::new();
        let read = std::io::stdin().take(64).read_to_end(&mut said);
        if read.is_err() || said != LEAVE {
            // The builds and installations that this process started are in its group.
            let _ = killpg(getpgrp(), Signal::SIGTERM);
        }
    });
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
