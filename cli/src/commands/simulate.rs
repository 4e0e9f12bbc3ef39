//! `steward simulate`: a policy over everything that a registry holds, before it goes live.
//!
//! Images come one by one, from an inventory or from a registry, and leave behind only counts and a
//! few examples: memory grows with the repositories, not with the images or violations.

mod html;
mod human;
mod report;
mod tally;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write as _};
use std::path::Path;

use crate::access::Access;
use crate::cli::{Format, InventorySource, SimulateArgs};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::input::{self, InputError};
use crate::inventory::{Entry, Reader};
use crate::live::{Listing, Wanted};
use crate::output::Output;
use crate::running;
use jiff::Timestamp;

use tally::Tally;

/// Runs the policy over all images and says what would happen.
pub fn run(args: &SimulateArgs, output: &mut Output) -> Result<Exit, CliError> {
    let files = std::iter::once(&args.policy).chain(&args.source.inventory);
    input::refuse_second_stdin(files.map(AsRef::as_ref))?;
    if output.format() == Format::Json && args.html.as_deref().is_some_and(input::is_stdin) {
        return Err(CliError::Usage {
            message: "--format json and --html - would both write to standard output".into(),
            remedy: "give --html the name of a file".into(),
        });
    }
    let (policy, policy_name) = input::policy(&args.policy)?;
    let now = args.now.unwrap_or_else(Timestamp::now);
    let mut tally = Tally::new(&policy, now);
    let (source, skipped_lines) = match &args.source {
        InventorySource {
            inventory: Some(path),
            ..
        } => {
            if args.record.is_some() {
                return Err(CliError::Usage {
                    message: "--record writes what is read from a registry".into(),
                    remedy: "leave it out: the inventory is there already".into(),
                });
            }
            let skipped = from_inventory(path, args, &mut tally, output)?;
            (input::display_name(path), skipped)
        }
        InventorySource {
            registry: Some(host),
            ..
        } => {
            let insecure = args.connection.insecure_host(host)?;
            let access = Access::of_process(insecure, args.connection.trust.clone())?;
            let mut record = args.record.as_deref().map(Recorder::create).transpose()?;
            let listing = Listing {
                host: host.clone(),
                repositories: args.repositories.clone(),
                wanted: Box::new(|repository, tags| Wanted::of(&policy, repository, tags)),
            };
            let mut take = |entry: Entry| {
                if let Some(record) = &mut record {
                    record.write(&entry)?;
                }
                tally.add(entry);
                Ok(true)
            };
            let read = listing.read(&access, &mut take);
            running::to_the_end(read, "nothing was changed; run it again")?;
            if let Some(record) = record {
                record.finish()?;
            }
            (host.to_string(), 0)
        }
        InventorySource { .. } => {
            return Err(CliError::Internal {
                what: "find out what to read",
                source: "neither --registry nor --inventory".into(),
            });
        }
    };
    let mut report = tally.finish(policy_name, source);
    report.skipped_lines = skipped_lines;
    if let Some(path) = &args.html {
        write_file(path, &html::render(&report))?;
        if !input::is_stdin(path) {
            output.note(&format!("wrote {}", path.display()));
        }
    }
    match output.format() {
        Format::Json => output.json(&report)?,
        Format::Human if args.html.as_deref().is_some_and(input::is_stdin) => {}
        Format::Human => output.result(&human::render(&report)),
    }
    Ok(Exit::Ok)
}

/// Reads an inventory to its end; how many lines were left out.
fn from_inventory(
    path: &Path,
    args: &SimulateArgs,
    tally: &mut Tally<'_>,
    output: &Output,
) -> Result<u64, CliError> {
    let name = input::display_name(path);
    let stream: Box<dyn BufRead> = if input::is_stdin(path) {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(path).map_err(|source| CliError::Read {
            name: name.clone(),
            source: InputError::from(source),
        })?;
        Box::new(BufReader::with_capacity(256 << 10, file))
    };
    let mut reader = Reader::new(stream);
    let mut skipped = 0;
    while let Some(entry) = reader.read() {
        match entry {
            Ok(entry) => {
                let wanted = args.repositories.as_ref();
                if wanted.is_none_or(|glob| glob.matches(entry.repository.as_str())) {
                    tally.add(entry);
                }
            }
            Err(error) if args.skip_invalid && error.can_go_on() => {
                if skipped < SHOWN_LINES {
                    output.warn(&format!("{name}: {error}"));
                }
                skipped += 1;
            }
            Err(source) => return Err(CliError::Inventory { name, source }),
        }
    }
    if skipped > SHOWN_LINES {
        let more = skipped - SHOWN_LINES;
        output.warn(&format!("{name}: {more} more lines were left out"));
    }
    Ok(skipped)
}

/// How many lines that were left out are told one by one.
const SHOWN_LINES: u64 = 5;

/// Writes an inventory beside the simulation.
struct Recorder {
    name: String,
    file: BufWriter<File>,
}

impl Recorder {
    fn create(path: &Path) -> Result<Self, CliError> {
        let name = path.display().to_string();
        match File::create(path) {
            Ok(file) => Ok(Self {
                name,
                file: BufWriter::new(file),
            }),
            Err(source) => Err(CliError::Write { what: name, source }),
        }
    }

    fn write(&mut self, entry: &Entry) -> Result<(), CliError> {
        let written = serde_json::to_writer(&mut self.file, entry)
            .map_err(io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"));
        self.told(written)
    }

    fn finish(mut self) -> Result<(), CliError> {
        let written = self.file.flush();
        self.told(written)
    }

    fn told(&self, written: io::Result<()>) -> Result<(), CliError> {
        written.map_err(|source| CliError::Write {
            what: self.name.clone(),
            source,
        })
    }
}

fn write_file(path: &Path, text: &str) -> Result<(), CliError> {
    let written = if input::is_stdin(path) {
        io::stdout().lock().write_all(text.as_bytes())
    } else {
        std::fs::write(path, text)
    };
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|source| CliError::Write {
            what: input::display_name(path),
            source,
        }),
    }
}

#[cfg(test)]
mod tests;
