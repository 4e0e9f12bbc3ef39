//! `steward replication status`: per rule and target, whether its copies are in step.

mod status;

use crate::cli::{ReplicationArgs, ReplicationOf};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::Output;

/// Answers what is asked about replication.
pub fn run(args: &ReplicationArgs, output: &mut Output) -> Result<Exit, CliError> {
    match &args.of {
        ReplicationOf::Status(args) => status::run(args, output),
    }
}
