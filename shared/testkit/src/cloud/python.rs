//! The Python environment of the local cloud, under `target/python`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::command::run;
use super::error::CloudError;
use super::paths;

/// A prepared environment.
#[derive(Clone, Debug)]
pub struct Python {
    folder: PathBuf,
}

impl Python {
    /// The environment, installed first where it is missing or the pinned list has changed.
    ///
    /// Processes that ask at the same time wait for one installation.
    ///
    /// # Errors
    /// When there is no Python 3, or pip cannot install the pinned list.
    pub fn ensure(progress: &dyn Fn(&str)) -> Result<Self, CloudError> {
        let folder = paths::target().join("python");
        let list = paths::root().join("xtask/python/requirements.txt");
        fs::create_dir_all(paths::target()).map_err(|source| CloudError::File {
            what: "cannot create",
            path: paths::target(),
            source,
        })?;
        let lock_path = paths::target().join("python.lock");
        let lock = File::create(&lock_path)
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|source| CloudError::File {
                what: "cannot lock",
                path: lock_path,
                source,
            })?;
        let wanted = stamp(&list, &folder)?;
        let stamp_path = folder.join("installed");
        let installed = fs::read_to_string(&stamp_path).unwrap_or_default();
        if installed != wanted {
            progress("installing the local cloud's Python packages (once, about a minute)");
            install(&folder, &list)?;
            fs::write(&stamp_path, wanted).map_err(|source| CloudError::File {
                what: "cannot write",
                path: stamp_path,
                source,
            })?;
        }
        drop(lock);
        Ok(Self { folder })
    }

    /// A program of the environment, such as `python`, `ministack` or `cfn-lint`.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}

/// What an installation depends on. Scripts in an environment hold its full path, so that a work
/// tree that moved needs a new one.
fn stamp(list: &Path, folder: &Path) -> Result<String, CloudError> {
    let text = fs::read(list).map_err(|source| CloudError::File {
        what: "cannot read",
        path: list.to_owned(),
        source,
    })?;
    let version = run(
        Command::new("python3").arg("--version"),
        "the local cloud needs Python 3.10 or newer; on Debian: apt-get install python3 python3-venv",
    )?;
    Ok(format!(
        "{}\n{}\n{}\n",
        hex::encode(Sha256::digest(&text)),
        version.trim(),
        folder.display()
    ))
}

fn install(folder: &Path, list: &Path) -> Result<(), CloudError> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(CloudError::File {
                what: "cannot remove",
                path: folder.to_owned(),
                source,
            });
        }
        _ => {}
    }
    run(
        Command::new("python3").args(["-m", "venv"]).arg(folder),
        "the local cloud needs Python 3.10 or newer; on Debian: apt-get install python3 python3-venv",
    )?;
    run(
        Command::new(folder.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(["--no-input", "--require-hashes", "-r"])
            .arg(list),
        "pip comes with Python's venv module; on Debian: apt-get install python3-venv",
    )
    .map(drop)
}
