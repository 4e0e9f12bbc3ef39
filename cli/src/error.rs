//! Everything that can end a command early, with its exit code and what to do about it.

use std::error::Error as StdError;
use std::io;

use steward_core::event::EventError;
use steward_core::policy::PolicyErrors;

use crate::cases::CaseErrors;
use crate::commands::copy::CopyFailure;
use crate::exit_code::Exit;
use crate::facts::FactsError;
use crate::input::InputError;
use crate::inventory::InventoryError;
use crate::live::ReadFailure;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// A defect of `steward`.
    #[error("cannot {what}")]
    Internal {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// An argument that the parser of the command line cannot judge alone.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What would be right.
        remedy: String,
    },
    /// A name on the command line is not one.
    #[error("{argument} is not usable")]
    Argument {
        /// Which argument, for example `SOURCE "a:b:c"`.
        argument: String,
        /// Why.
        source: Box<dyn StdError + Send + Sync>,
        /// What would be right.
        remedy: &'static str,
    },
    /// A file named on the command line cannot be read.
    #[error("cannot read {name}")]
    Read {
        /// The file as it was named.
        name: String,
        /// Why.
        source: InputError,
    },
    /// The result cannot be written.
    #[error("cannot write to {what}")]
    Write {
        /// Where to.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// The policy has mistakes.
    #[error("the policy {} is not valid", source.name)]
    Policy {
        /// All of them.
        source: PolicyErrors,
    },
    /// The event cannot be understood.
    #[error("{name} is not an event that can be explained")]
    Event {
        /// The file as it was named.
        name: String,
        /// What is wrong.
        source: EventError,
    },
    /// The facts cannot be understood.
    #[error("{name} does not say what the registry says")]
    Facts {
        /// The file as it was named.
        name: String,
        /// What is wrong.
        source: FactsError,
    },
    /// The cases have mistakes.
    #[error("the cases {} are not valid", source.name)]
    Cases {
        /// All of them.
        source: CaseErrors,
    },
    /// The inventory has a line that is no image.
    #[error("{name} is no inventory")]
    Inventory {
        /// The file as it was named.
        name: String,
        /// What is wrong.
        source: InventoryError,
    },
    /// The registry was not read.
    #[error(transparent)]
    Registry(Box<ReadFailure>),
    /// The image was not copied.
    #[error(transparent)]
    Copy(Box<CopyFailure>),
    /// Stopped by Ctrl-C.
    #[error("stopped by Ctrl-C")]
    Interrupted {
        /// What is left behind and how to go on.
        remedy: &'static str,
    },
}

impl From<Box<CopyFailure>> for CliError {
    fn from(failure: Box<CopyFailure>) -> Self {
        Self::Copy(failure)
    }
}

impl From<CopyFailure> for CliError {
    fn from(failure: CopyFailure) -> Self {
        Self::Copy(Box::new(failure))
    }
}

impl CliError {
    /// The exit code of a run that ends with this.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Internal { .. } => Exit::Internal,
            Self::Usage { .. } | Self::Argument { .. } => Exit::Usage,
            Self::Read { .. } | Self::Write { .. } => Exit::Unreadable,
            Self::Policy { .. } => Exit::InvalidPolicy,
            Self::Inventory {
                source: InventoryError::Io(_),
                ..
            } => Exit::Unreadable,
            Self::Event { .. }
            | Self::Facts { .. }
            | Self::Cases { .. }
            | Self::Inventory { .. } => Exit::InvalidInput,
            Self::Registry(failure) => failure.exit(),
            Self::Copy(failure) => failure.exit(),
            Self::Interrupted { .. } => Exit::Interrupted,
        }
    }

    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Internal { .. } => {
                Some("this is a defect of steward: please report it with the command line".into())
            }
            Self::Usage { remedy, .. } => Some(remedy.clone()),
            Self::Argument { remedy, .. } => Some((*remedy).into()),
            Self::Read { source, .. } => source.remedy().map(Into::into),
            Self::Write { .. } | Self::Policy { .. } => None,
            Self::Event { source, .. } => Some(event_remedy(source).into()),
            Self::Facts { .. } => Some(FACTS_REMEDY.into()),
            Self::Cases { .. } => Some(CASES_REMEDY.into()),
            Self::Inventory { source, .. } => source.can_go_on().then(|| LINE_REMEDY.into()),
            Self::Registry(failure) => failure.remedy(),
            Self::Copy(failure) => failure.remedy(),
            Self::Interrupted { remedy } => Some((*remedy).into()),
        }
    }

    /// More about the failure for a program, or null.
    #[must_use]
    pub fn details(&self) -> serde_json::Value {
        match self {
            Self::Policy { source } => serde_json::to_value(source).unwrap_or_default(),
            Self::Event { source, .. } => {
                serde_json::json!({ "error_type": source.error_type() })
            }
            Self::Cases { source } => serde_json::json!({ "mistakes": source.mistakes }),
            Self::Registry(failure) => {
                serde_json::json!({ "error_type": failure.error_type() })
            }
            Self::Copy(failure) => serde_json::json!({
                "error_type": failure.error_type(),
                "side": failure.side(),
            }),
            _ => serde_json::Value::Null,
        }
    }
}

const FACTS_REMEDY: &str = "write `tags: {tag: digest, …}`, or the output of \
    `aws ecr list-images` or `aws ecr describe-images` for the repository, as JSON or YAML";

const CASES_REMEDY: &str = "`steward schema cases` prints what a file of cases may say";

const LINE_REMEDY: &str = "mend the line (`steward schema inventory` prints what it may say), or \
    leave such lines out with --skip-invalid";

fn event_remedy(error: &EventError) -> &'static str {
    match error {
        EventError::UnknownDetailType { .. } => {
            "name an event that ecr-steward knows; `steward schema event` prints those it sends"
        }
        _ => {
            "give the whole EventBridge event as one JSON object, with source, detail-type and detail"
        }
    }
}
