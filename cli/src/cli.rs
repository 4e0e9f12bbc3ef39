//! The command line: what can be asked, and its help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use steward_core::RegistryHost;

use crate::exit_code::Exit;

/// Explains what ecr-steward decides, checks its policy, and copies images.
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
    /// Say what the functions would do with an event, and why
    Explain(ExplainArgs),
    /// Copy an image, with all its platforms and referrers, between registries and folders
    Copy(CopyArgs),
    /// Print the JSON Schema of the policy file or of the events that ecr-steward sends
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
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub event: PathBuf,

    /// What the registry says now, as JSON or YAML; without it the event is taken at its word
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub facts: Option<PathBuf>,
}

/// What `--insecure` means without a host.
pub const ANY_REMOTE: &str = "*";

/// Arguments of `steward copy`.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// `registry/repository:tag`, `registry/repository@sha256:…`, or `oci:folder[:tag]`
    #[arg(value_name = "SOURCE", value_hint = ValueHint::Other)]
    pub source: String,

    /// `registry/repository[:tag]` or `oci:folder[:tag]`; without a tag the source's tag is kept
    #[arg(value_name = "TARGET", value_hint = ValueHint::Other)]
    pub target: String,

    /// Leave signatures, SBOMs and attestations behind
    #[arg(long)]
    pub no_referrers: bool,

    /// How many blobs travel at the same time
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub jobs: u8,

    /// Speak plain HTTP to a registry that is not on this machine
    ///
    /// Loopback addresses are spoken to over plain HTTP without being asked, ECR never. Alone it
    /// means the one remote registry of the command; where both sides are remote, name the one:
    /// `--insecure=registry.example.com:5000`.
    #[arg(
        long,
        value_name = "HOST",
        num_args = 0..=1,
        require_equals = true,
        value_delimiter = ',',
        default_missing_value = ANY_REMOTE
    )]
    pub insecure: Vec<String>,

    /// A host in a private network that a registry may point to
    ///
    /// Token services and blob stores that a registry names must be on the public internet before
    /// credentials or layers go there, or be named here. Can be given several times.
    #[arg(long, value_name = "HOST")]
    pub trust: Vec<RegistryHost>,

    /// No progress, only the digest
    #[arg(long, short)]
    pub quiet: bool,
}

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
