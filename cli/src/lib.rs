//! The `steward` command: explains what ecr-steward decides, checks and tests its policy, copies
//! images.
//!
//! [`cli`] is what can be asked, [`commands`] has one module per command, [`output`] is where
//! results go, [`exit_code`] is what the shell is told. `docs/CLI.md` is the user's reference.

pub mod access;
pub mod cases;
pub mod cli;
pub mod commands;
pub mod credentials;
pub mod decided;
pub mod docker_config;
pub mod error;
pub mod excerpt;
pub mod exit_code;
pub mod facts;
pub mod input;
pub mod inventory;
pub mod live;
pub mod output;
pub mod place;
pub mod progress;
pub mod replication;
pub mod running;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use self::cli::{Cli, Command};
use self::error::CliError;
use self::exit_code::Exit;
use self::output::Output;

/// Runs the command line and says how it ended.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come here too; a closed pipe is nobody's failure.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Ok
            }
            .into();
        }
    };
    let mut output = Output::new(cli.global.format, cli.global.color);
    let outcome = dispatch(&cli.command, &mut output);
    let outcome = outcome.and_then(|exit| output.finish().map(|()| exit));
    let exit = outcome.unwrap_or_else(|error| {
        output.failure(&error);
        error.exit()
    });
    exit.into()
}

fn dispatch(command: &Command, output: &mut Output) -> Result<Exit, CliError> {
    match command {
        Command::Validate(args) => commands::validate::run(args, output),
        Command::Explain(args) => commands::explain::run(args, output),
        Command::Test(args) => commands::test::run(args, output),
        Command::Simulate(args) => commands::simulate::run(args, output),
        Command::Inventory(args) => commands::inventory::run(args, output),
        Command::Copy(args) => commands::copy::run(args, output),
        Command::Backfill(args) => commands::backfill::run(args, output),
        Command::Replication(args) => commands::replication::run(args, output),
        Command::Schema(args) => commands::schema::run(args, output),
        Command::Completions(args) => commands::completions::run(args, output),
    }
}
