//! The project's tasks. `cargo xtask --help` lists them.

mod bench;
mod cargo;
mod ci;
mod cli;
mod demo;
mod fuzz;
mod lint;
mod local;
mod package;
mod term;
mod test;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match cli::run(cli::Task::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            term::failure(&error);
            ExitCode::FAILURE
        }
    }
}
