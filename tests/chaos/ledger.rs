//! What went up, and whether all of it had to.
//!
//! **The bound.** A blob goes up to a repository
//!
//! - once for each run of an image with that blob that began before the repository had it: runs do not
//!   know of each other (processes, duplicates), and what a killed run had not finished is lost;
//! - once more for each fault that broke an upload of it, or a download of it at the source, because
//!   bytes that were hashed cannot be taken back;
//! - once more for each mount that the registry refused although it has the blob, while another
//!   request wrote the same link: Distribution's file system driver empties the file first, and who
//!   reads it then is told that the blob is not there;
//! - and never once the repository has it: not for a run that began then, and not because the answer
//!   that said so was lost. What the target holds counts, also where the copy that brought it died
//!   before it could tell.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Instant;

use steward_testkit::faults::{HttpFault, Passed};

use crate::paths::{Blob, download_of, mount_of, upload_of};
use crate::queue::{End, Runs};
use crate::world::World;

/// What the proxies saw.
#[derive(Debug)]
pub(crate) struct Report {
    runs: BTreeMap<String, usize>,
    requests: usize,
    /// Requests that met a fault.
    pub(crate) faults: usize,
    kinds: BTreeMap<&'static str, usize>,
    uploaded: u64,
    needed: u64,
    uploads: usize,
    blobs: usize,
    /// Blobs that went up more often than the bound allows.
    pub(crate) repeated: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "runs: {:?}", self.runs)?;
        writeln!(
            f,
            "{} requests, {} faults: {:?}",
            self.requests, self.faults, self.kinds
        )?;
        write!(
            f,
            "{} blobs in {} uploads; {} bytes went up where {} were to be there",
            self.blobs, self.uploads, self.uploaded, self.needed
        )
    }
}

/// The uploads of one blob.
#[derive(Default)]
struct Account<'a> {
    uploads: Vec<&'a Passed>,
    mounts: Vec<&'a Passed>,
    faults: usize,
}

impl Account<'_> {
    /// Mounts that were refused while the blob was there and its link was written.
    fn overlooked(&self) -> usize {
        let is_there = |passed: &Passed| passed.status == Some(201);
        let first = self.uploads.iter().filter(|upload| is_there(upload));
        let first = first.filter_map(|upload| upload.answered).min();
        let writes = || self.uploads.iter().chain(&self.mounts);
        let refused = self.mounts.iter().filter(|mount| mount.status == Some(202));
        refused
            .filter(|mount| mount.answered > first && first.is_some())
            .filter(|mount| {
                writes().any(|write| {
                    is_there(write)
                        && write.began <= mount.answered.unwrap_or(mount.began)
                        && write.answered >= Some(mount.began)
                })
            })
            .count()
    }
}

pub(crate) fn audit(world: &World, runs: &Runs, calm: &Runs) -> Report {
    let (read, written) = (world.source.passed(), world.target.passed());
    let mut accounts: HashMap<Blob, Account<'_>> = HashMap::new();
    for passed in &written {
        if let Some(blob) = upload_of(&passed.method, &passed.path) {
            let account = accounts.entry(blob).or_default();
            let arrived = passed.status == Some(201);
            account.faults += usize::from(harmed(passed) && !arrived);
            account.uploads.push(passed);
        } else if let Some(blob) = mount_of(&passed.method, &passed.path) {
            accounts.entry(blob).or_default().mounts.push(passed);
        }
    }
    for passed in read.iter().filter(|passed| harmed(passed)) {
        if let Some(blob) = download_of(&passed.method, &passed.path)
            && let Some(account) = accounts.get_mut(&blob)
        {
            account.faults += 1;
        }
    }
    let sizes = sizes(world);
    let begun = begun(world, runs, calm);
    let mut repeated = Vec::new();
    for (blob, account) in &accounts {
        let until = there_since(&account.uploads);
        let began = begun.get(blob).map(Vec::as_slice).unwrap_or_default();
        let runs = began
            .iter()
            .filter(|began| until.is_none_or(|until| **began <= until))
            .count();
        let carried = account
            .uploads
            .iter()
            .filter(|upload| carries(upload, &sizes))
            .count();
        let overlooked = account.overlooked();
        if carried > runs + account.faults + overlooked {
            repeated.push(format!(
                "{} of {} went up {carried} times for {runs} runs, {} faults and {overlooked} mounts \
                 that were refused for nothing:{}",
                blob.1,
                blob.0,
                account.faults,
                history(blob, &written, began)
            ));
        }
    }
    let all = || read.iter().chain(&written);
    let mut kinds = BTreeMap::new();
    for fault in all().filter_map(|passed| passed.fault) {
        *kinds.entry(name(fault)).or_default() += 1;
    }
    let mut ends = BTreeMap::new();
    for run in runs.0.iter().chain(&calm.0) {
        let end = match &run.end {
            End::Failed(why) => format!("failed: {why}"),
            end => format!("{end:?}").to_lowercase(),
        };
        *ends.entry(end).or_default() += 1;
    }
    Report {
        runs: ends,
        requests: all().count(),
        faults: kinds.values().sum(),
        kinds,
        uploaded: written.iter().map(|passed| passed.body).sum(),
        needed: sizes.values().sum(),
        uploads: accounts.values().map(|account| account.uploads.len()).sum(),
        blobs: sizes.len(),
        repeated,
    }
}

/// What happened to a blob at the target, with times in milliseconds since the first line.
fn history((repository, digest): &Blob, written: &[Passed], began: &[Instant]) -> String {
    let about = written.iter().filter(|passed| {
        let path = passed.path.replace("%3A", ":").replace("%2F", "/");
        path.contains(repository.as_str()) && path.contains(digest.as_str())
    });
    let requests = about.map(|passed| {
        let took = passed.answered.map(|answered| answered - passed.began);
        let (method, path, status) = (&passed.method, &passed.path, passed.status);
        let line = format!(
            "{method} {path}: {status:?} after {took:?}, {:?}, {} bytes",
            passed.fault, passed.body
        );
        (passed.began, line)
    });
    let runs = began.iter().map(|began| (*began, "a run".to_owned()));
    let mut lines: Vec<_> = requests.chain(runs).collect();
    lines.sort();
    let first = lines.first().map(|(at, _)| *at);
    lines
        .iter()
        .map(|(at, line)| {
            let since = first.map_or(0, |first| (*at - first).as_millis());
            format!("\n    {since:>6} {line}")
        })
        .collect()
}

fn harmed(passed: &Passed) -> bool {
    passed.fault.is_some_and(HttpFault::harms)
}

/// Whether an upload brought bytes. Blobs without bytes cost nothing.
fn carries(upload: &Passed, sizes: &HashMap<Blob, u64>) -> bool {
    upload.body > 0
        && upload_of(&upload.method, &upload.path)
            .is_some_and(|blob| sizes.get(&blob).is_none_or(|size| *size > 0))
}

/// Since when no run has a reason to bring the blob: when the last of the uploads was answered that
/// were under way when the first one arrived. None where no answer was seen.
fn there_since(uploads: &[&Passed]) -> Option<Instant> {
    let arrived = uploads.iter().filter(|upload| upload.status == Some(201));
    let first = arrived.clone().filter_map(|upload| upload.answered).min()?;
    arrived
        .filter(|upload| upload.began <= first)
        .filter_map(|upload| upload.answered)
        .max()
}

/// When runs began that needed a blob.
fn begun(world: &World, runs: &Runs, calm: &Runs) -> HashMap<Blob, Vec<Instant>> {
    let mut begun: HashMap<Blob, Vec<Instant>> = HashMap::new();
    for run in runs.0.iter().chain(&calm.0) {
        let item = &world.images[run.item];
        let mut blobs: Vec<String> = item
            .manifests()
            .iter()
            .flat_map(|manifest| manifest.blobs())
            .map(|blob| blob.digest().to_string())
            .collect();
        blobs.sort();
        blobs.dedup();
        for blob in blobs {
            let runs = begun.entry((item.repository.clone(), blob)).or_default();
            runs.push(run.began);
        }
    }
    begun
}

/// Every blob that has to be at the target, with its size.
fn sizes(world: &World) -> HashMap<Blob, u64> {
    let mut sizes = HashMap::new();
    for item in &world.images {
        for blob in item
            .manifests()
            .iter()
            .flat_map(|manifest| manifest.blobs())
        {
            let key = (item.repository.clone(), blob.digest().to_string());
            sizes.insert(key, blob.size());
        }
    }
    sizes
}

fn name(fault: HttpFault) -> &'static str {
    match fault {
        HttpFault::Delay(_) => "delayed",
        HttpFault::CutRequest(_) => "request cut",
        HttpFault::CorruptRequest(_) => "request corrupted",
        HttpFault::LoseReply => "reply lost",
        HttpFault::CutReply(_) => "reply cut",
        HttpFault::TruncateReply(_) => "reply truncated",
        HttpFault::CorruptReply(_) => "reply corrupted",
        HttpFault::Throttle(_) => "throttled",
        HttpFault::Unavailable => "unavailable",
        HttpFault::Redirect => "redirected",
    }
}
