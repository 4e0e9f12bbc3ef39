//! The files under `tests/fixtures/events`.

use std::fs;
use std::path::PathBuf;

/// One file: its name without the extension, and what is in it.
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn well_formed() -> Vec<Fixture> {
    read("tests/fixtures/events")
}

pub(crate) fn malformed() -> Vec<Fixture> {
    read("tests/fixtures/events/malformed")
}

pub(crate) fn named(name: &str) -> Vec<u8> {
    fs::read(root().join(format!("tests/fixtures/events/{name}.json"))).unwrap()
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(folder: &str) -> Vec<Fixture> {
    let mut found: Vec<Fixture> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|x| x == "json"))
        .map(|path| Fixture {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            bytes: fs::read(&path).unwrap(),
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}
