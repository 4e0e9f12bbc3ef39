//! `steward completions <shell>`.

use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionsArgs};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::Output;

/// Prints the completion script for a shell.
pub fn run(args: &CompletionsArgs, output: &mut Output) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "steward", &mut script);
    output.result(&String::from_utf8_lossy(&script));
    Ok(Exit::Ok)
}
