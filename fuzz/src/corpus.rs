//! The inputs that a run begins with.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::targets::Target;

/// The folder of this package.
pub(crate) fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The inputs of a target: its folder, and what else it names. In order of their names, because the
/// seed would mean something else in every other order.
pub(crate) fn load(target: &Target) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut files = Vec::new();
    collect(&here().join("corpus").join(target.name), &mut files)?;
    for place in target.fixtures {
        collect(&here().join("..").join(place), &mut files)?;
    }
    let mut inputs = Vec::new();
    for file in files {
        let input =
            std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        if input.len() <= target.longest {
            inputs.push(input);
        }
    }
    ensure!(!inputs.is_empty(), "its corpus is empty");
    Ok(inputs)
}

fn collect(place: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if place.is_file() {
        files.push(place.to_owned());
        return Ok(());
    }
    let cannot = || format!("cannot read {}", place.display());
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(place).with_context(cannot)? {
        entries.push(entry.with_context(cannot)?.path());
    }
    entries.sort();
    for entry in entries {
        collect(&entry, files)?;
    }
    Ok(())
}

/// The words of the inputs, each once: what a parser compares with is mostly among them.
pub(crate) fn words(inputs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/');
    let mut words: Vec<Vec<u8>> = inputs
        .iter()
        .flat_map(|input| input.split(|b| !is_word(b)))
        .filter(|word| (1..=64).contains(&word.len()))
        .map(<[u8]>::to_vec)
        .collect();
    words.sort();
    words.dedup();
    words
}
