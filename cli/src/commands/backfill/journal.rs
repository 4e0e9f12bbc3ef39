use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;

use crate::error::CliError;
use crate::input::InputError;

/// What earlier runs did and this one does: a file with one target a line, with its digest.
pub(super) struct Journal {
    name: String,
    file: File,
    done: HashSet<String>,
}

impl Journal {
    /// Reads the file, or makes a new one.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let name = path.display().to_string();
        let mut options = OpenOptions::new();
        let opened = options.read(true).append(true).create(true).open(path);
        let file = opened.map_err(|source| CliError::Write {
            what: name.clone(),
            source,
        })?;
        let mut done = HashSet::new();
        for line in BufReader::new(&file).lines() {
            let line = line.map_err(|source| CliError::Read {
                name: name.clone(),
                source: InputError::from(source),
            })?;
            done.insert(line);
        }
        Ok(Self { name, file, done })
    }

    pub(super) fn has(&self, to: &str) -> bool {
        self.done.contains(to)
    }

    /// Notes a target that is done. A line is written in one piece, so a run that is cut off leaves
    /// at most one half, which names no target.
    pub(super) fn note(&mut self, to: &str) -> Result<(), CliError> {
        let written: io::Result<()> = self.file.write_all(format!("{to}\n").as_bytes());
        written.map_err(|source| CliError::Write {
            what: self.name.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_known_to_the_next_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("done");
        let mut journal = Journal::open(&path).unwrap();
        assert!(!journal.has("a/b:c"));
        journal.note("a/b:c").unwrap();
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        assert!(journal.has("a/b:c") && !journal.has("a/b:d"));
    }
}
