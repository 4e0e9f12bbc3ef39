//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{bench, ci, demo, fuzz, lint, local, package, test};

/// The tasks of this project.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    disable_help_subcommand = true
)]
pub(crate) struct Task {
    #[command(subcommand)]
    task: Tasks,
}

#[derive(Debug, Subcommand)]
enum Tasks {
    /// Shows what ecr-steward does: starts a local cloud, pushes images, tells what happened
    Demo(DemoOptions),
    /// Runs every test, after putting on this machine what the tests need
    Test {
        /// Arguments for `cargo test`, after `--`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// The local cloud, for trying things out
    #[command(subcommand)]
    Local(Local),
    /// Builds the functions and their zip files in target/lambda
    Package(PackageOptions),
    /// Everything that has to hold before a change lands
    Ci,
    /// Checks the CloudFormation templates
    LintInfra,
    /// Measures what docs/PERFORMANCE.md tells
    Bench(BenchOptions),
    /// Feeds hostile input to everything that reads input
    Fuzz(FuzzOptions),
}

/// Options of `demo`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoOptions {
    /// Keep the local cloud running afterwards, until Ctrl-C
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Options of `bench`.
#[derive(Clone, Debug, Args)]
pub(crate) struct BenchOptions {
    /// What to measure: everything unless given
    #[arg(value_enum)]
    pub(crate) subject: Option<BenchSubject>,
    /// How often each function is started
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(usize))]
    pub(crate) rounds: usize,
    /// How often each program makes each copy
    #[arg(long, default_value_t = 3)]
    pub(crate) copies: usize,
    /// Only the copies whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
}

/// What `bench` can measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BenchSubject {
    /// Start-up, waiting memory and zips of the functions
    Start,
    /// Copies between two registries
    Copy,
    /// Decisions about images
    Decide,
}

/// Options of `fuzz`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FuzzOptions {
    /// What to feed, as named in fuzz/README.md: everything unless given
    pub(crate) target: Option<String>,
    /// How long to feed each, in seconds
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u64,
    /// Where the random numbers begin; the same seed gives the same inputs
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Options of `package`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PackageOptions {
    /// The processor to build for: this machine's unless given
    #[arg(long, value_parser = ["arm64", "x86_64"])]
    pub(crate) arch: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Local {
    /// Starts the local cloud and prints where it is
    Up(UpOptions),
    /// Stops the local cloud
    Down,
    /// Says whether the local cloud runs, and where
    Status {
        /// One JSON object on standard output
        #[arg(long)]
        json: bool,
    },
    /// Puts an event on the bus of the running local cloud
    Event {
        /// A file with the event as JSON, or - for standard input
        file: PathBuf,
    },
    /// Replaces the policy of the running local cloud
    Policy {
        /// The policy file
        file: PathBuf,
    },
}

/// Options of `local up`.
#[derive(Clone, Debug, Args)]
pub(crate) struct UpOptions {
    /// One JSON object with the addresses on standard output, and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
    /// Return when everything is ready, and leave it running until `local down`
    #[arg(long)]
    pub(crate) detach: bool,
    /// The policy to deploy instead of infra/policy.example.yaml
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// The functions' log filter, as in debug or steward_registry=trace,info
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub(crate) log: String,
    /// Given by `--detach` to the process that stays
    #[arg(long, hide = true)]
    pub(crate) detached: bool,
}

/// Runs the task that was asked for.
pub(crate) fn run(task: Task) -> anyhow::Result<()> {
    match task.task {
        Tasks::Demo(options) => demo::run(&options),
        Tasks::Test { arguments } => test::run(&arguments),
        Tasks::Local(Local::Up(options)) => local::up(&options),
        Tasks::Local(Local::Down) => local::down(),
        Tasks::Local(Local::Status { json }) => local::status(json),
        Tasks::Local(Local::Event { file }) => local::event(&file),
        Tasks::Local(Local::Policy { file }) => local::policy(&file),
        Tasks::Package(options) => package::run(&options),
        Tasks::Ci => ci::run(),
        Tasks::LintInfra => lint::run(),
        Tasks::Bench(options) => bench::run(&options),
        Tasks::Fuzz(options) => fuzz::run(&options),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Task::command().debug_assert();
    }

    #[test]
    fn the_options_of_up_go_together() {
        let task = Task::try_parse_from([
            "xtask", "local", "up", "--json", "--detach", "--policy", "p",
        ]);
        assert!(task.is_ok());
    }
}
