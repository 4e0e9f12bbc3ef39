//! What to do when a registry does not do what it was asked.

use steward_core::RegistryHost;
use steward_registry::{CredentialError, RegistryError};

use crate::docker_config::DockerConfigError;
use crate::exit_code::Exit;

/// The exit code of a run that ends with this.
#[must_use]
pub fn exit(error: &RegistryError) -> Exit {
    match error {
        RegistryError::Setup(_) => Exit::Internal,
        RegistryError::File { .. } => Exit::Unreadable,
        error if error.is_transient() => Exit::Transient,
        _ => Exit::Refused,
    }
}

/// What to do about it, where there is something to say. `writes` says whether the registry was to
/// be written to.
#[must_use]
pub fn of(error: &RegistryError, host: Option<&RegistryHost>, writes: bool) -> Option<String> {
    let name = host.map_or_else(|| "the registry".to_owned(), ToString::to_string);
    let ecr = host.and_then(RegistryHost::ecr);
    Some(match error {
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
        RegistryError::RepositoryNotFound(_) => match (writes, ecr) {
            (true, Some(_)) => {
                "create it first: `aws ecr create-repository --repository-name …`".to_owned()
            }
            (true, None) => "create the repository first".to_owned(),
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
        RegistryError::Certificate { .. } => {
            "if an authority of your own signed it, let SSL_CERT_FILE name a file with that \
             authority's certificate"
                .to_owned()
        }
        RegistryError::RateLimited {
            retry_after: Some(wait),
            ..
        } => {
            format!("try again in {} s", wait.as_secs())
        }
        error if error.is_transient() => {
            "try again: what was done already is not done again".to_owned()
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

/// The mistake in the Docker configuration behind a failure, where that is the cause.
fn docker_error(error: &CredentialError) -> Option<&DockerConfigError> {
    match error {
        CredentialError::Unavailable(source) | CredentialError::Unusable(source) => {
            source.downcast_ref()
        }
    }
}
