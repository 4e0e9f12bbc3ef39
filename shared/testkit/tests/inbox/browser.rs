//! Headless Chromium.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// A cold start on a busy machine takes several seconds.
const PATIENCE: Duration = Duration::from_secs(90);

/// Kills the browser with all its processes, which share its process group, and nothing else.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        // It fails when the group has ended already.
        let _ = killpg(self.0, Signal::SIGKILL);
    }
}

/// Runs Chromium on an address with some more switches and returns its standard output.
pub(crate) async fn run(url: &str, switches: &[&str]) -> String {
    let profile = tempfile::tempdir().expect("a folder for the profile");
    let mut profile_switch = std::ffi::OsString::from("--user-data-dir=");
    profile_switch.push(profile.path());
    let child = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ])
        .arg(profile_switch)
        .args(switches)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            panic!("no chromium on this machine: apt-get install chromium")
        }
        Err(error) => panic!("chromium does not start: {error}"),
    };
    let id = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .expect("the id of the process");
    let _group = Group(Pid::from_raw(id));
    let mut output = Vec::new();
    let mut stdout = child.stdout.take().expect("standard output");
    let finished = async {
        stdout
            .read_to_end(&mut output)
            .await
            .expect("read the output");
        child.wait().await.expect("wait for the browser")
    };
    let status = tokio::time::timeout(PATIENCE, finished)
        .await
        .expect("chromium ends in time");
    assert!(status.success(), "chromium ended with {status}");
    String::from_utf8(output).expect("UTF-8 output")
}

/// The page's elements after its script has run, as HTML.
/// `milliseconds` of the page's own time pass before, as fast as its requests allow.
pub(crate) async fn dom(url: &str, milliseconds: u32) -> String {
    let budget = format!("--virtual-time-budget={milliseconds}");
    run(url, &["--dump-dom", &budget]).await
}

/// A picture of the page.
pub(crate) async fn screenshot(url: &str, file: &Path, width: u32, height: u32) {
    let target = format!("--screenshot={}", file.display());
    let size = format!("--window-size={width},{height}");
    run(url, &[&target, &size, "--virtual-time-budget=4000"]).await;
}
