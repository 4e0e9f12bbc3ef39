//! The functions' deployment packages.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::error::CloudError;
use super::{command, paths};

/// The functions, by the names of their packages and programs.
pub const FUNCTIONS: [&str; 3] = ["tag-guard", "replicator", "notifier"];

/// A function's deployment package.
#[derive(Clone, Debug)]
pub struct Zip {
    /// The function.
    pub function: &'static str,
    /// The zip file, with the program in it as `bootstrap`.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
}

/// Builds the functions for this machine with the profile `lambda` and packs those that changed,
/// for the local cloud. They have a place of their own, because the one that the template names may
/// hold packages for another processor.
///
/// # Errors
/// When cargo fails (its own messages are on standard error) or a file cannot be written.
pub fn functions(progress: &dyn Fn(&str)) -> Result<Vec<Zip>, CloudError> {
    /// Tests start several clouds at a time; the first one packs, the others find it done.
    static PACKING: Mutex<()> = Mutex::new(());
    let _packing = PACKING.lock().unwrap_or_else(PoisonError::into_inner);
    let programs = build(progress)?;
    let folder = programs.join("local");
    fs::create_dir_all(&folder).map_err(|source| CloudError::File {
        what: "cannot create",
        path: folder.clone(),
        source,
    })?;
    FUNCTIONS
        .iter()
        .map(|function| {
            let path = folder.join(format!("{function}.zip"));
            let program = programs.join(function);
            if !is_fresh(&path, &program) {
                pack(&program, &path)?;
            }
            zip(function, path)
        })
        .collect()
}

/// Builds the functions for this machine and packs them at the place that the template names.
///
/// # Errors
/// As [`functions`].
pub fn for_template(progress: &dyn Fn(&str)) -> Result<Vec<Zip>, CloudError> {
    let programs = build(progress)?;
    FUNCTIONS
        .iter()
        .map(|function| pack_for_template(function, &programs.join(function)))
        .collect()
}

/// Packs a function's program at the place that the template names, whatever is there: it may be for
/// another processor.
///
/// # Errors
/// As [`pack`].
pub fn pack_for_template(function: &'static str, program: &Path) -> Result<Zip, CloudError> {
    let path = paths::target()
        .join("lambda")
        .join(format!("{function}.zip"));
    pack(program, &path)?;
    zip(function, path)
}

/// Gives back the folder with the programs.
fn build(progress: &dyn Fn(&str)) -> Result<PathBuf, CloudError> {
    progress("building the functions");
    let mut cargo = command::cargo();
    cargo
        .args(["build", "--quiet", "--locked", "--profile", "lambda"])
        .args(FUNCTIONS.iter().flat_map(|name| ["--package", name]))
        .env("CARGO_TARGET_DIR", paths::target())
        .stdin(Stdio::null())
        // Standard output may be a program's: `local up --json` prints one object there.
        .stdout(Stdio::null());
    let status = cargo.status().map_err(|source| CloudError::Start {
        program: "cargo".to_owned(),
        hint: "a Rust toolchain is needed".to_owned(),
        source,
    })?;
    if !status.success() {
        return Err(CloudError::Failed {
            command: "cargo build --profile lambda".to_owned(),
            status: status.to_string(),
            output: String::new(),
        });
    }
    Ok(paths::target().join("lambda"))
}

fn zip(function: &'static str, path: PathBuf) -> Result<Zip, CloudError> {
    match fs::metadata(&path) {
        Ok(found) => Ok(Zip {
            function,
            path,
            size: found.len(),
        }),
        Err(source) => Err(CloudError::File {
            what: "cannot read",
            path,
            source,
        }),
    }
}

/// Whether the zip was made after the program. Cargo touches a program only when it builds it.
fn is_fresh(zip: &Path, program: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|found| found.modified());
    match (modified(zip), modified(program)) {
        (Ok(zip), Ok(program)) => zip >= program,
        _ => false,
    }
}

/// Packs one program as `bootstrap`. The same program gives the same bytes, wherever and whenever.
///
/// # Errors
/// When the program cannot be read or the zip cannot be written.
pub fn pack(program: &Path, zip: &Path) -> Result<(), CloudError> {
    let failed = |what: &'static str, path: &Path, source: std::io::Error| CloudError::File {
        what,
        path: path.to_owned(),
        source,
    };
    let input = File::open(program).map_err(|source| failed("cannot read", program, source))?;
    // Written beside and renamed, so that another process never sees half a zip.
    let unfinished = zip.with_extension(format!("zip.{}", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut writer = ZipWriter::new(BufWriter::new(File::create(&unfinished)?));
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::default())
            .unix_permissions(0o755);
        writer.start_file("bootstrap", options)?;
        std::io::copy(&mut BufReader::new(input), &mut writer)?;
        writer.finish()?;
        fs::rename(&unfinished, zip)
    };
    write().map_err(|source| failed("cannot write", zip, source))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_package_holds_an_executable_bootstrap_and_is_reproducible() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("tag-guard");
        fs::write(&program, b"not really a program").unwrap();
        let (one, two) = (folder.path().join("1.zip"), folder.path().join("2.zip"));
        pack(&program, &one).unwrap();
        pack(&program, &two).unwrap();
        assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
        let mut archive = zip::ZipArchive::new(File::open(&one).unwrap()).unwrap();
        assert_eq!(archive.len(), 1);
        let mut entry = archive.by_name("bootstrap").unwrap();
        assert_eq!(entry.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        assert_eq!(content, "not really a program");
    }

    #[test]
    fn a_package_is_made_again_when_the_program_is_newer() {
        let folder = tempfile::tempdir().unwrap();
        let (program, zip) = (folder.path().join("p"), folder.path().join("p.zip"));
        fs::write(&program, b"1").unwrap();
        assert!(!is_fresh(&zip, &program));
        pack(&program, &zip).unwrap();
        assert!(is_fresh(&zip, &program));
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        File::options()
            .write(true)
            .open(&program)
            .unwrap()
            .set_modified(later)
            .unwrap();
        assert!(!is_fresh(&zip, &program));
    }
}
