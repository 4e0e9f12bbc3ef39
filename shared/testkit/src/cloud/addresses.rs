//! Where the parts of a local cloud are, and who it plays.

use serde::{Deserialize, Serialize};

/// The account that pushes go to.
pub const ACCOUNT: &str = "111122223333";
/// The Region that pushes go to.
pub const REGION: &str = "eu-west-1";
/// The account that the example policy copies to.
pub const TARGET_ACCOUNT: &str = "444455556666";
/// The Region that the example policy copies to.
pub const TARGET_REGION: &str = "eu-central-1";
/// The name by which policies call the mirror.
pub const MIRROR_NAME: &str = "mirror.example.com";

/// Where a local cloud is. As JSON it is what `cargo xtask local up --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// URL of the AWS APIs.
    pub aws_endpoint: String,
    /// `host:port` of the registry to push to.
    pub registry: String,
    /// `host:port` of the registry that is not ECR.
    pub mirror: String,
    /// URL of the inbox.
    pub inbox: String,
    /// The account that pushes go to.
    pub account: String,
    /// The Region that pushes go to.
    pub region: String,
}

/// What more there is to know about a running local cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Where it is.
    #[serde(flatten)]
    pub addresses: Addresses,
    /// `host:port` of the other account's registry.
    pub target_registry: String,
    /// URL of the gateway: the registry, ECR's API and the gateway's own pages.
    pub gateway: String,
    /// What serves the mirror.
    pub mirror_is: MirrorKind,
    /// The Systems Manager parameter with the policy.
    pub policy_parameter: String,
    /// Seconds until the functions see a changed policy, at most.
    pub policy_refresh: u32,
    /// How often an event is tried before it goes to a dead-letter queue.
    pub max_receives: u32,
    /// The outputs of the stack.
    pub outputs: super::stack::Outputs,
}

/// What serves the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MirrorKind {
    /// CNCF Distribution, the real thing.
    Distribution,
    /// A second emulator, where Distribution cannot be had.
    Emulator,
}

impl MirrorKind {
    /// For people.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Distribution => "CNCF Distribution",
            Self::Emulator => "a second emulator, because docker-registry is not installed here",
        }
    }
}
