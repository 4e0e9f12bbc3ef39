//! Feeds hostile input to everything of ecr-steward that reads input. See README.md.

mod corpus;
mod mutate;
mod run;
mod targets;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// Feeds hostile input to everything that reads input
#[derive(Debug, Parser)]
struct Options {
    /// What to feed: all of them unless given
    #[arg(value_parser = targets::names())]
    target: Option<String>,
    /// How long to feed each, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Where the random numbers begin; the same seed gives the same inputs
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let wanted = |name: &str| options.target.as_deref().is_none_or(|only| only == name);
    let mut exit = ExitCode::SUCCESS;
    for target in targets::ALL.iter().filter(|target| wanted(target.name)) {
        let time = Duration::from_secs(options.seconds);
        match run::run(target, time, options.seed) {
            Ok(summary) => println!("{summary}"),
            Err(error) => {
                eprintln!("{}: {error:#}", target.name);
                exit = ExitCode::FAILURE;
            }
        }
    }
    exit
}
