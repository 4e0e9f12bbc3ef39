//! A copy that failed: what to tell a person, and the exit code.

use steward_core::RegistryHost;
use steward_registry::{CopyError, CredentialError, RegistryError};

use crate::docker_config::DockerConfigError;
use crate::exit_code::Exit;
use crate::place::Place;

/// A failed copy with the names of both ends.
#[derive(Debug, thiserror::Error)]
#[error("cannot copy {from} to {to}")]
pub struct CopyFailure {
    /// The source as it was written.
    from: String,
    /// The target as it was written.
    to: String,
    /// The registry of the side that failed.
    registry: Option<RegistryHost>,
    /// Why.
    source: CopyError,
}

impl CopyFailure {
    pub(super) fn new(from: &Place, to: &Place, source: CopyError) -> Self {
        let side = match &source {
            CopyError::Source(_) => from,
            CopyError::Target(_) => to,
        };
        Self {
            from: from.to_string(),
            to: to.to_string(),
            registry: side.registry().cloned(),
            source,
        }
    }

    /// A stable name of the kind of failure.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        self.source.error_type()
    }

    /// Which side failed: `source` or `target`.
    #[must_use]
    pub fn side(&self) -> &'static str {
        match &self.source {
            CopyError::Source(_) => "source",
            CopyError::Target(_) => "target",
        }
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self.source.error() {
            RegistryError::Setup(_) => Exit::Internal,
            RegistryError::File { .. } => Exit::Unreadable,
            error if error.is_transient() => Exit::Transient,
            _ => Exit::Refused,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        let host = self.registry.as_ref();
        let name = host.map_or_else(|| "the registry".to_owned(), ToString::to_string);
        let ecr = host.and_then(RegistryHost::ecr);
        Some(match self.source.error() {
            RegistryError::Unauthorized(_) | RegistryError::Denied(_) => match ecr {
                Some(_) => format!(
                    "check with `aws sts get-caller-identity` who you are and that the policies of \
                     the role and of the repository allow it; an old `docker login {name}` also \
                     counts"
                ),
                None => format!("run `docker login {name}` as somebody who may do this"),
            },
            RegistryError::Credentials { source, .. } => match (docker_error(source), ecr) {
                (Some(error), _) => error.remedy(),
                (None, Some(_)) => {
                    "set AWS_PROFILE, run `aws sso login`, or run `docker login` for the registry"
                        .to_owned()
                }
                (None, None) => format!("run `docker login {name}`"),
            },
            RegistryError::RepositoryNotFound(_) => match (self.side(), ecr) {
                ("target", Some(_)) => {
                    "create it first: `aws ecr create-repository --repository-name …`".to_owned()
                }
                ("target", None) => "create the repository first".to_owned(),
                _ => "check the repository's name".to_owned(),
            },
            error if error.is_not_found() => "check the tag or digest".to_owned(),
            RegistryError::ImmutableTag { tag, existing, .. } => match existing {
                Some(digest) => {
                    format!("choose another tag: {tag} is {digest} and stays so")
                }
                None => format!("choose another tag than {tag}"),
            },
            RegistryError::Network { .. } => match host {
                Some(host) if !host.is_loopback() && ecr.is_none() => format!(
                    "check the address and the network; if {host} speaks plain HTTP only, add \
                     --insecure={host}"
                ),
                _ => "check that the registry runs at this address, then try again".to_owned(),
            },
            RegistryError::RateLimited {
                retry_after: Some(wait),
                ..
            } => {
                format!("try again in {} s", wait.as_secs())
            }
            error if error.is_transient() => {
                "try again: what was moved already is not moved again".to_owned()
            }
            RegistryError::UnsafeUrl { .. } => {
                "if that host belongs to the registry, allow it with --trust=HOST".to_owned()
            }
            RegistryError::DigestMismatch { .. } | RegistryError::SizeMismatch { .. } => {
                "do not use this image: its content is not what its name says; push it anew \
                 at the source"
                    .to_owned()
            }
            _ => return None,
        })
    }
}

/// The mistake in the Docker configuration behind a failure, where that is the cause.
fn docker_error(error: &CredentialError) -> Option<&DockerConfigError> {
    match error {
        CredentialError::Unavailable(source) | CredentialError::Unusable(source) => {
            source.downcast_ref()
        }
    }
}
