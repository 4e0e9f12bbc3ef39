//! The command line of `steward copy`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use steward_core::RegistryHost;
use steward_core::facts::Platform;

use super::ANY_REMOTE;

/// Arguments of `steward copy`.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// `registry/repository:tag`, `registry/repository@sha256:…`, or `oci:folder[:tag]`
    #[arg(value_name = "SOURCE", value_hint = ValueHint::Other, required_unless_present = "list")]
    pub source: Option<String>,

    /// `registry/repository[:tag]` or `oci:folder[:tag]`; without a tag the source's tag is kept
    #[arg(value_name = "TARGET", value_hint = ValueHint::Other, required_unless_present = "list")]
    pub target: Option<String>,

    /// Make the copies that a file names, a SOURCE and a TARGET on each line; `-` reads standard
    /// input
    ///
    /// A blob that several images share moves once. A copy that fails does not hold up the others.
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with_all = ["source", "target"]
    )]
    pub list: Option<PathBuf>,

    /// Copy these platforms of an index only, such as `linux/amd64,linux/arm64`
    ///
    /// The target gets an index with fewer images, so its digest is another one: the same for the
    /// same index and platforms every time. What refers to the whole index stays behind.
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub platform: Vec<Platform>,

    /// Look at the target afterwards: the tag, each manifest, each blob
    ///
    /// Without it the answers to the copy's own requests are what is known, and no further request
    /// is made.
    #[arg(long)]
    pub verify: bool,

    /// Leave signatures, SBOMs and attestations behind, those under cosign's tags included
    #[arg(long)]
    pub no_referrers: bool,

    /// How many blobs travel at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
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
