//! Everything that can end a command early, with its exit code and what to do about it.

use std::error::Error as StdError;
use std::io;

use crate::docker_config::{DockerConfigError, HelperError};
use crate::exit_code::Exit;
use crate::input::InputError;

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
    /// The credentials of a registry cannot be had.
    #[error("no credentials for {registry}")]
    Credentials {
        /// The registry.
        registry: String,
        /// Why.
        source: DockerConfigError,
    },
    /// Stopped by Ctrl-C.
    #[error("stopped by Ctrl-C")]
    Interrupted {
        /// What is left behind and how to go on.
        remedy: &'static str,
    },
}

impl CliError {
    /// The exit code of a run that ends with this.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Internal { .. } => Exit::Internal,
            Self::Usage { .. } | Self::Argument { .. } => Exit::Usage,
            Self::Read { .. } | Self::Write { .. } => Exit::Unreadable,
            Self::Credentials {
                source: DockerConfigError::Helper { source, .. },
                ..
            } => match source {
                HelperError::TimedOut { .. } => Exit::Transient,
                _ => Exit::Refused,
            },
            Self::Credentials { .. } => Exit::Refused,
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
            Self::Write { .. } => None,
            Self::Credentials { source, .. } => Some(credentials_remedy(source)),
            Self::Interrupted { remedy } => Some((*remedy).into()),
        }
    }

    /// More about the failure for a program, or null.
    #[must_use]
    pub fn details(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

fn credentials_remedy(error: &DockerConfigError) -> String {
    match error {
        DockerConfigError::Unreadable { .. } | DockerConfigError::TooLarge { .. } => {
            "correct the file or point DOCKER_CONFIG to another folder".into()
        }
        DockerConfigError::Malformed { path, .. } => {
            format!(
                "correct {} or move it away and run `docker login` again",
                path.display()
            )
        }
        DockerConfigError::MalformedAuth { key, .. } => {
            format!("run `docker logout {key}` and `docker login {key}` to write the entry anew")
        }
        DockerConfigError::Helper {
            registry,
            path,
            source,
        } => match source {
            HelperError::Missing { name } => format!(
                "install docker-credential-{name}, or remove {registry} from credHelpers in {}",
                path.display()
            ),
            HelperError::BadName { .. } => {
                format!(
                    "correct the helper's name for {registry} in {}",
                    path.display()
                )
            }
            HelperError::TimedOut { name } => format!(
                "try again; `echo {registry} | docker-credential-{name} get` shows what it waits for"
            ),
            HelperError::Run { name, .. }
            | HelperError::Failed { name, .. }
            | HelperError::BadAnswer { name } => {
                format!("run `echo {registry} | docker-credential-{name} get` to see what is wrong")
            }
        },
    }
}
