//! What is known about the running local cloud: `target/local/up.lock`, held by the process that
//! runs it for as long as it lives, and `target/local/up.json`, written when it is ready.

use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use steward_testkit::cloud::{Facts, paths};

/// How long the lock of a process that only looks, or the number of one that begins, is waited for.
const GLANCE: Duration = Duration::from_secs(1);

/// The time between two looks.
const AGAIN: Duration = Duration::from_millis(20);

/// Where the state of the local cloud is kept.
#[derive(Clone, Debug)]
pub(crate) struct Place(PathBuf);

/// The right to run the local cloud; given up when it is dropped, or when the process ends.
#[derive(Debug)]
pub(crate) struct Held {
    place: Place,
    lock: File,
}

/// A local cloud that another process runs.
#[derive(Debug)]
pub(crate) enum Running {
    /// It is ready.
    Ready {
        /// The process that runs it.
        pid: i32,
        /// Where it is.
        facts: Box<Facts>,
    },
    /// It is being started, or stopped.
    Busy {
        /// The process that runs it.
        pid: i32,
    },
}

#[derive(Serialize, Deserialize)]
struct Ready {
    pid: i32,
    facts: Facts,
}

impl Place {
    /// The place of this work tree.
    pub(crate) fn here() -> Self {
        Self(paths::local())
    }

    /// A place for tests.
    #[cfg(test)]
    pub(crate) fn at(folder: &std::path::Path) -> Self {
        Self(folder.to_owned())
    }

    fn lock_file(&self) -> PathBuf {
        self.0.join("up.lock")
    }

    fn ready_file(&self) -> PathBuf {
        self.0.join("up.json")
    }

    /// The log of a detached local cloud.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.0.join("up.log")
    }

    fn open(&self) -> anyhow::Result<File> {
        let path = self.lock_file();
        fs::create_dir_all(&self.0)
            .and_then(|()| {
                File::options()
                    .create(true)
                    .truncate(false)
                    .read(true)
                    .write(true)
                    .open(&path)
            })
            .with_context(|| format!("cannot open {}", path.display()))
    }

    /// Takes the right to run the local cloud, and removes what a process left that was killed.
    /// `None` when another process has it.
    pub(crate) fn hold(&self) -> anyhow::Result<Option<Held>> {
        let mut lock = self.open()?;
        let deadline = Instant::now() + GLANCE;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                // Who only looks whether one runs has the lock for a moment as well.
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(AGAIN);
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => {
                    return Err(error)
                        .with_context(|| format!("cannot lock {}", self.lock_file().display()));
                }
            }
        }
        let _ = fs::remove_file(self.ready_file());
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| write!(lock, "{}", std::process::id()))
            .with_context(|| format!("cannot write {}", self.lock_file().display()))?;
        Ok(Some(Held {
            place: self.clone(),
            lock,
        }))
    }

    /// The local cloud that runs, if one does.
    pub(crate) fn running(&self) -> anyhow::Result<Option<Running>> {
        if !self.lock_file().exists() {
            return Ok(None);
        }
        let deadline = Instant::now() + GLANCE;
        let pid = loop {
            let mut lock = self.open()?;
            if lock.try_lock_shared().is_ok() {
                // Nobody runs it; what is there was left by a process that was killed.
                let _ = fs::remove_file(self.ready_file());
                let _ = lock.set_len(0);
                return Ok(None);
            }
            let mut text = String::new();
            lock.read_to_string(&mut text)
                .with_context(|| format!("cannot read {}", self.lock_file().display()))?;
            if let Ok(pid) = text.trim().parse() {
                break pid;
            }
            // The number is written after the lock is taken.
            if Instant::now() >= deadline {
                bail!("{} names no process", self.lock_file().display());
            }
            std::thread::sleep(AGAIN);
        };
        let ready = fs::read(self.ready_file())
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Ready>(&bytes).ok());
        Ok(Some(match ready {
            Some(ready) if ready.pid == pid => Running::Ready {
                pid,
                facts: Box::new(ready.facts),
            },
            _ => Running::Busy { pid },
        }))
    }

    /// Where the running local cloud is.
    pub(crate) fn facts(&self) -> anyhow::Result<Facts> {
        match self.running()? {
            Some(Running::Ready { facts, .. }) => Ok(*facts),
            Some(Running::Busy { pid }) => {
                bail!("the local cloud (process {pid}) is not ready; try again in a moment")
            }
            None => bail!("no local cloud is running; start one with `cargo xtask local up`"),
        }
    }
}

impl Held {
    /// Tells other processes that the local cloud is ready.
    pub(crate) fn ready(&self, facts: &Facts) -> anyhow::Result<()> {
        let path = self.place.ready_file();
        let pid = i32::try_from(std::process::id()).context("process ids are positive")?;
        let text = serde_json::to_string_pretty(&Ready {
            pid,
            facts: facts.clone(),
        })?;
        // Renamed into its place, so that nobody reads half of it.
        let unfinished = path.with_extension("json.new");
        fs::write(&unfinished, text)
            .and_then(|()| fs::rename(&unfinished, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.place.ready_file());
        // The number may be another process's one day.
        let _ = self.lock.set_len(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        serde_json::from_value(serde_json::json!({
            "aws_endpoint": "http://127.0.0.1:1", "registry": "127.0.0.1:2",
            "mirror": "127.0.0.1:3", "inbox": "http://127.0.0.1:4",
            "account": "111122223333", "region": "eu-west-1",
            "target_registry": "127.0.0.1:5", "gateway": "http://127.0.0.1:2",
            "mirror_is": "distribution", "policy_parameter": "/p", "policy_refresh": 2,
            "max_receives": 8, "outputs": {},
        }))
        .unwrap()
    }

    #[test]
    fn only_one_process_runs_the_local_cloud() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(folder.path());
        assert!(place.running().unwrap().is_none());
        let held = place.hold().unwrap().unwrap();
        assert!(place.hold().unwrap().is_none());
        assert!(matches!(
            place.running().unwrap(),
            Some(Running::Busy { .. })
        ));
        held.ready(&facts()).unwrap();
        let Some(Running::Ready { pid, facts: seen }) = place.running().unwrap() else {
            panic!("not ready");
        };
        assert_eq!(u32::try_from(pid).unwrap(), std::process::id());
        assert_eq!(*seen, facts());
        drop(held);
        assert!(place.running().unwrap().is_none());
        assert!(place.facts().unwrap_err().to_string().contains("local up"));
    }

    #[test]
    fn who_only_looks_stops_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(folder.path());
        let looking = place.open().unwrap();
        looking.try_lock_shared().unwrap();
        let held = std::thread::scope(|scope| {
            let holding = scope.spawn(|| place.hold().unwrap());
            std::thread::sleep(AGAIN);
            drop(looking);
            holding.join().unwrap()
        });
        assert!(held.is_some());
    }

    #[test]
    fn a_number_that_is_not_yet_written_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(folder.path());
        let mut beginning = place.open().unwrap();
        beginning.try_lock().unwrap();
        let running = std::thread::scope(|scope| {
            let looking = scope.spawn(|| place.running().unwrap());
            std::thread::sleep(AGAIN);
            write!(beginning, "12").unwrap();
            looking.join().unwrap()
        });
        assert!(matches!(running, Some(Running::Busy { pid: 12 })));
    }

    #[test]
    fn what_a_killed_process_left_is_cleaned_up() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(folder.path());
        fs::write(place.lock_file(), "1").unwrap();
        fs::write(
            place.ready_file(),
            serde_json::to_string(&Ready {
                pid: 1,
                facts: facts(),
            })
            .unwrap(),
        )
        .unwrap();
        assert!(place.running().unwrap().is_none());
        assert!(!place.ready_file().exists());
    }
}
