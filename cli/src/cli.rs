//! The command line: what can be asked, and its help texts.

mod copies;
mod copy;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use jiff::Timestamp;
use steward_core::policy::RepositoryGlob;
use steward_core::{RegistryHost, RepositoryName, Tag};

use crate::error::CliError;
use crate::exit_code::Exit;

pub use copies::{BackfillArgs, CopiesArgs, ReplicationArgs, ReplicationOf, StatusArgs};
pub use copy::CopyArgs;

/// Explains what ecr-steward decides, checks and tests its policy, and copies images.
#[derive(Debug, Parser)]
#[command(name = "steward", version, max_term_width = 100, after_long_help = exit_codes())]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: GlobalOptions,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
pub struct GlobalOptions {
    /// For a person, or one JSON document on standard output for a program
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub format: Format,

    /// Colours: auto looks at the terminal and at NO_COLOR
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// For whom the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for a person.
    Human,
    /// One JSON document on standard output.
    Json,
}

/// When to write colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands, one module of [`crate::commands`] each.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check policy files and report every mistake with its place
    Validate(ValidateArgs),
    /// Say what the functions would do with an event or an image, and why
    Explain(ExplainArgs),
    /// Check that a policy says to your own cases what you expect
    Test(TestArgs),
    /// Run a policy over all images of a registry, and change nothing
    Simulate(SimulateArgs),
    /// Write down what a registry holds, one image a line
    Inventory(InventoryArgs),
    /// Copy an image, with all its platforms and referrers, between registries and folders
    Copy(CopyArgs),
    /// Find what replication rules should have copied and have not, and copy it
    Backfill(BackfillArgs),
    /// Say how far the copies of a registry are behind
    Replication(ReplicationArgs),
    /// Print the JSON Schema of the policy, of cases, of an inventory, or of the events that
    /// ecr-steward sends
    Schema(SchemaArgs),
    /// Print the completion script for a shell
    Completions(CompletionsArgs),
}

/// Arguments of `steward validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Policy files; `-` is standard input
    #[arg(required = true, value_name = "POLICY", value_hint = ValueHint::FilePath)]
    pub policies: Vec<PathBuf>,
}

/// Arguments of `steward explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The policy file that the functions would have
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub policy: PathBuf,

    /// The EventBridge event as JSON; `-` is standard input
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        required_unless_present = "repository"
    )]
    pub event: Option<PathBuf>,

    /// What the registry says now, as JSON or YAML; without it the event is taken at its word
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "event")]
    pub facts: Option<PathBuf>,

    /// Instead of an event: an image that a registry holds now
    #[arg(
        long,
        value_name = "NAME",
        value_hint = ValueHint::Other,
        conflicts_with = "event",
        requires_all = ["tag", "registry"]
    )]
    pub repository: Option<RepositoryName>,

    /// The image's tag
    #[arg(long, value_name = "TAG", value_hint = ValueHint::Other, requires = "repository")]
    pub tag: Option<Tag>,

    /// The registry that holds the image
    #[arg(long, value_name = "HOST", value_hint = ValueHint::Hostname, requires = "repository")]
    pub registry: Option<RegistryHost>,

    /// Decide as at this time, such as 2027-02-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub now: Option<Timestamp>,

    /// How the registry is spoken to.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// How the one registry of a command is spoken to.
#[derive(Debug, Args)]
pub struct ConnectionArgs {
    /// Speak plain HTTP to the registry, where it is not on this machine
    ///
    /// Loopback addresses are spoken to over plain HTTP without being asked, ECR never.
    #[arg(
        long,
        value_name = "HOST",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ANY_REMOTE
    )]
    pub insecure: Option<String>,

    /// A host in a private network that the registry may point to
    ///
    /// Token services and blob stores that a registry names must be on the public internet before
    /// credentials go there, or be named here. Can be given several times.
    #[arg(long, value_name = "HOST")]
    pub trust: Vec<RegistryHost>,
}

impl ConnectionArgs {
    /// The registry, where `--insecure` is given and may be.
    ///
    /// # Errors
    ///
    /// When `--insecure` names another one, or one that is never spoken to in that way.
    pub fn insecure_host(&self, registry: &RegistryHost) -> Result<Vec<RegistryHost>, CliError> {
        let Some(named) = self.insecure.as_deref() else {
            return Ok(Vec::new());
        };
        if named != ANY_REMOTE && named != registry.as_str() {
            return Err(CliError::Usage {
                message: format!("--insecure={named} is not the registry of the command"),
                remedy: format!("write --insecure or --insecure={registry}"),
            });
        }
        if registry.ecr().is_some() {
            return Err(CliError::Usage {
                message: format!("--insecure is given for the ECR registry {registry}"),
                remedy: "leave it out: ECR is only spoken to over HTTPS".into(),
            });
        }
        Ok(vec![registry.clone()])
    }
}

/// Arguments of `steward test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The policy file; `-` is standard input
    #[arg(value_name = "POLICY", value_hint = ValueHint::FilePath)]
    pub policy: PathBuf,

    /// Files of cases; `steward schema cases` prints their schema
    #[arg(required = true, value_name = "CASES", value_hint = ValueHint::FilePath)]
    pub cases: Vec<PathBuf>,
}

/// Arguments of `steward simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The policy file that the functions would have
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub policy: PathBuf,

    /// Where the images come from.
    #[command(flatten)]
    pub source: InventorySource,

    /// Only the repositories that match, such as `prod/**`
    #[arg(long, value_name = "GLOB", value_hint = ValueHint::Other, value_parser = repository_glob)]
    pub repositories: Option<RepositoryGlob>,

    /// Write the result as a web page, too; `-` writes it to standard output instead
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,

    /// Keep what was read from the registry as an inventory
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "registry")]
    pub record: Option<PathBuf>,

    /// Go on behind lines of the inventory that are no image, and count them
    #[arg(long, requires = "inventory")]
    pub skip_invalid: bool,

    /// Decide as at this time, such as 2027-02-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub now: Option<Timestamp>,

    /// How the registry is spoken to.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// Where images come from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct InventorySource {
    /// The registry to read
    #[arg(long, value_name = "HOST", value_hint = ValueHint::Hostname)]
    pub registry: Option<RegistryHost>,

    /// An inventory, or what `aws ecr describe-images` printed; `-` is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub inventory: Option<PathBuf>,
}

/// Arguments of `steward inventory`.
#[derive(Debug, Args)]
pub struct InventoryArgs {
    /// The registry to read
    #[arg(value_name = "REGISTRY", value_hint = ValueHint::Hostname)]
    pub registry: RegistryHost,

    /// Only the repositories that match, such as `prod/**`
    #[arg(long, value_name = "GLOB", value_hint = ValueHint::Other, value_parser = repository_glob)]
    pub repositories: Option<RepositoryGlob>,

    /// Read what this policy asks for: manifests, configurations, referrers
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "details")]
    pub policy: Option<PathBuf>,

    /// Read manifests, configurations and referrers of all images
    #[arg(long)]
    pub details: bool,

    /// Say nothing on standard error
    #[arg(long, short)]
    pub quiet: bool,

    /// How the registry is spoken to.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

fn repository_glob(text: &str) -> Result<RepositoryGlob, String> {
    RepositoryGlob::new(text).map_err(|error| error.to_string())
}

/// What `--insecure` means without a host.
pub const ANY_REMOTE: &str = "*";

/// Arguments of `steward schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Of what.
    #[command(subcommand)]
    pub of: SchemaOf,
}

/// What has a schema.
#[derive(Debug, Subcommand)]
pub enum SchemaOf {
    /// The policy file, for editors and other checkers
    Policy,
    /// The files of `steward test`
    Cases,
    /// A line of the inventories of `steward simulate`
    Inventory,
    /// The events that ecr-steward sends
    Event {
        /// For example "Tag Rule Violated" or tag-rule-violated; without it every event, in its
        /// envelope
        #[arg(value_name = "DETAIL-TYPE")]
        detail_type: Option<String>,
    },
}

/// Arguments of `steward completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum)]
    pub shell: Shell,
}

fn exit_codes() -> String {
    let mut text = String::from("Exit codes:");
    for exit in Exit::ALL {
        text.push_str(&format!("\n  {:>3}  {}", exit.code(), exit.meaning()));
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn verify_cli() {
        Cli::command().debug_assert();
    }
}
