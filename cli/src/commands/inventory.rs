//! `steward inventory`: what a registry holds, one image a line, for `simulate` and other tools.

use steward_core::policy::Policy;

use crate::access::Access;
use crate::cli::InventoryArgs;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::input;
use crate::inventory::Entry;
use crate::live::{Listing, Wanted};
use crate::output::{Output, plural};
use crate::running;

/// Writes the inventory to standard output; it is JSON lines in either format.
pub fn run(args: &InventoryArgs, output: &mut Output) -> Result<Exit, CliError> {
    let policy: Option<Policy> = match &args.policy {
        Some(path) => Some(input::policy(path)?.0),
        None => None,
    };
    let insecure = args.connection.insecure_host(&args.registry)?;
    let access = Access::of_process(insecure, args.connection.trust.clone())?;
    let listing = Listing {
        host: args.registry.clone(),
        repositories: args.repositories.clone(),
        wanted: Box::new(|repository, tags| match &policy {
            _ if args.details => Wanted::EVERYTHING,
            Some(policy) => Wanted::of(policy, repository, tags),
            None => Wanted::NOTHING,
        }),
    };
    let mut write = |entry: Entry| {
        let mut line = serde_json::to_string(&entry).map_err(|source| CliError::Internal {
            what: "write the result as JSON",
            source: source.into(),
        })?;
        line.push('\n');
        output.result(&line);
        Ok(output.is_read())
    };
    let read = listing.read(&access, &mut write);
    let count = running::to_the_end(read, "the lines so far are images; run it again for all")?;
    if !args.quiet {
        output.note(&format!("{} of {}", plural(count, "image"), args.registry));
    }
    Ok(Exit::Ok)
}
