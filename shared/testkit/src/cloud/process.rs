//! Servers that live as long as this process and no longer.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::error::CloudError;

/// Runs a program as a group of its own and ends the whole group when standard input closes. The
/// owner holds the other end of that pipe and nobody else does, so the kernel closes it however the
/// owner ends, by SIGKILL too.
///
/// Arguments: the folder to remove at the end (or nothing), the file for the program's exit status,
/// the program and its arguments.
const SUPERVISOR: &str = r#"
scratch=$1 status=$2; shift 2
exec 3<&0
{ trap : TERM; "$@" </dev/null 3<&-; echo "$?" >"$status"; } &
trap '' TERM INT HUP
cat <&3 >/dev/null
kill -TERM 0
n=0
while [ ! -e "$status" ] && [ -d "${status%/*}" ] && [ "$n" -lt 30 ]; do sleep 0.1; n=$((n + 1)); done
[ -n "$scratch" ] && rm -rf "$scratch"
kill -KILL 0
"#;

/// How long a server gets to end by itself; the supervisor's own patience is three seconds.
const PATIENCE: Duration = Duration::from_secs(6);

/// A server under supervision. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Supervised {
    supervisor: Child,
    /// Closing it tells the supervisor to end everything.
    lifeline: Option<ChildStdin>,
    status: PathBuf,
    log: PathBuf,
}

/// How to run a server.
pub(crate) struct Server<'a> {
    pub(crate) name: &'a str,
    pub(crate) command: &'a Command,
    /// Where its log and its exit status are kept.
    pub(crate) folder: &'a Path,
    /// Removed when the server has ended, whoever ends it.
    pub(crate) scratch: Option<&'a Path>,
}

impl Supervised {
    /// Starts the server. Its environment is what `command` sets and nothing else, apart from
    /// `PATH` and `LANG`.
    pub(crate) fn start(server: &Server<'_>) -> Result<Self, CloudError> {
        let log = server.folder.join(format!("{}.log", server.name));
        let status = server.folder.join(format!("{}.status", server.name));
        let open = |path: &Path| {
            fs::create_dir_all(server.folder)
                .and_then(|()| File::options().create(true).append(true).open(path))
                .map_err(|source| CloudError::File {
                    what: "cannot write",
                    path: path.to_owned(),
                    source,
                })
        };
        let output = open(&log)?;
        let errors = output.try_clone().map_err(|source| CloudError::File {
            what: "cannot write",
            path: log.clone(),
            source,
        })?;
        // A status of an earlier run would look as if this one had ended.
        let _ = fs::remove_file(&status);
        let mut supervisor = Command::new("sh");
        supervisor
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(server.scratch.unwrap_or(Path::new("")))
            .arg(&status)
            .arg(server.command.get_program())
            .args(server.command.get_args())
            .env_clear()
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors);
        for name in ["PATH", "LANG"] {
            if let Some(value) = std::env::var_os(name) {
                supervisor.env(name, value);
            }
        }
        for (name, value) in server.command.get_envs() {
            if let Some(value) = value {
                supervisor.env(name, value);
            }
        }
        let mut supervisor = supervisor.spawn().map_err(|source| CloudError::Start {
            program: server.name.to_owned(),
            hint: "a POSIX shell is needed as `sh`".to_owned(),
            source,
        })?;
        let lifeline = supervisor.stdin.take();
        Ok(Self {
            supervisor,
            lifeline,
            status,
            log,
        })
    }

    /// Whether the server has ended by itself.
    pub(crate) fn ended(&mut self) -> bool {
        self.status.exists() || !matches!(self.supervisor.try_wait(), Ok(None))
    }

    /// What it has printed so far.
    pub(crate) fn log(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Ends the server and everything it started, and waits for that.
    pub(crate) fn stop(&mut self) {
        drop(self.lifeline.take());
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.supervisor.try_wait(), Ok(None)) {
            if Instant::now() >= deadline {
                self.kill();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the server and everything it started at once. The scratch folder stays.
    pub(crate) fn kill(&mut self) {
        // While it was not waited for, nobody else can have its number.
        if matches!(self.supervisor.try_wait(), Ok(None))
            && let Ok(pid) = i32::try_from(self.supervisor.id())
        {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.supervisor.wait();
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(Instant::now() < deadline, "{what} did not happen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn alive(pid: i32) -> bool {
        // A zombie no longer runs, but still takes a signal where nobody collects it.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        match stat.rsplit_once(") ") {
            Some((_, rest)) => !rest.starts_with('Z'),
            None => false,
        }
    }

    fn pid_in(file: &Path) -> i32 {
        let mut pid = None;
        wait_for("the pid file", || {
            pid = fs::read_to_string(file)
                .ok()
                .and_then(|text| text.trim().parse().ok());
            pid.is_some()
        });
        pid.unwrap()
    }

    #[test]
    fn stopping_ends_the_server_its_children_and_removes_the_scratch_folder() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = folder.path().join("scratch");
        fs::create_dir(&scratch).unwrap();
        let pid_file = folder.path().join("pid");
        let mut command = Command::new("sh");
        // The grandchild ignores a polite end, as a function in the middle of its work may.
        command.arg("-c").arg(format!(
            "(trap '' TERM; exec sleep 1000) & echo $! > {}; wait",
            pid_file.display()
        ));
        let mut server = Supervised::start(&Server {
            name: "server",
            command: &command,
            folder: folder.path(),
            scratch: Some(&scratch),
        })
        .unwrap();
        let grandchild = pid_in(&pid_file);
        assert!(alive(grandchild));
        assert!(!server.ended());
        server.stop();
        wait_for("the end of the grandchild", || !alive(grandchild));
        assert!(!scratch.exists());
    }

    #[test]
    fn a_server_that_ends_by_itself_is_noticed_and_its_log_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo address in use >&2; exit 1"]);
        let mut server = Supervised::start(&Server {
            name: "server",
            command: &command,
            folder: folder.path(),
            scratch: None,
        })
        .unwrap();
        wait_for("the end of the server", || server.ended());
        assert_eq!(server.log(), "address in use\n");
    }

    #[test]
    fn the_environment_is_not_inherited() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("env");
        command.env("GIVEN", "yes");
        let mut server = Supervised::start(&Server {
            name: "server",
            command: &command,
            folder: folder.path(),
            scratch: None,
        })
        .unwrap();
        wait_for("the end of the server", || server.ended());
        let log = server.log();
        assert!(log.contains("GIVEN=yes"));
        assert!(!log.contains("CARGO"), "{log}");
    }
}
