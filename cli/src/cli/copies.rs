//! The command line of what compares the two sides of replication.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use steward_core::RegistryHost;
use steward_core::policy::RepositoryGlob;

use super::repository_glob;

/// Which copies a command is about.
#[derive(Debug, Args)]
pub struct CopiesArgs {
    /// The policy file that the functions have
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub policy: PathBuf,

    /// The ECR registry that is copied from
    #[arg(long, value_name = "HOST", value_hint = ValueHint::Hostname)]
    pub registry: RegistryHost,

    /// Only this replication rule; can be given several times
    #[arg(long = "rule", value_name = "NAME", value_hint = ValueHint::Other)]
    pub rules: Vec<String>,

    /// Only the repositories that match, such as `prod/**`
    #[arg(long, value_name = "GLOB", value_hint = ValueHint::Other, value_parser = repository_glob)]
    pub repositories: Option<RepositoryGlob>,

    /// Also the rules in mode `observe`, of which the replicator copies nothing
    #[arg(long)]
    pub observed: bool,
}

/// Arguments of `steward backfill`.
#[derive(Debug, Args)]
pub struct BackfillArgs {
    /// Which copies.
    #[command(flatten)]
    pub copies: CopiesArgs,

    /// Only say what would be copied
    #[arg(long)]
    pub dry_run: bool,

    /// Let the replicator copy: send it events by this queue, instead of copying from here
    #[arg(
        long,
        value_name = "URL",
        value_hint = ValueHint::Url,
        conflicts_with_all = ["dry_run", "resume", "observed"]
    )]
    pub queue: Option<String>,

    /// Keep in this file what is done, and leave out what an earlier run has done
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "dry_run")]
    pub resume: Option<PathBuf>,

    /// The most images a second; ECR takes 10 manifests a second unless told otherwise
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub rate: u16,

    /// How many images are copied at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub jobs: u8,

    /// No progress
    #[arg(long, short)]
    pub quiet: bool,
}

/// Arguments of `steward replication`.
#[derive(Debug, Args)]
pub struct ReplicationArgs {
    /// What is asked.
    #[command(subcommand)]
    pub of: ReplicationOf,
}

/// What can be asked about replication.
#[derive(Debug, Subcommand)]
pub enum ReplicationOf {
    /// Per rule and target: in step, behind, or failing
    Status(StatusArgs),
}

/// Arguments of `steward replication status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Which copies.
    #[command(flatten)]
    pub copies: CopiesArgs,

    /// The functions' state table, which knows why a copy fails
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other)]
    pub state_table: Option<String>,
}
