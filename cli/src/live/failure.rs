use steward_aws::Kind;
use steward_aws::ecr::EcrError;
use steward_core::RegistryHost;
use steward_registry::RegistryError;

use crate::access::remedy;
use crate::exit_code::Exit;

/// A registry that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}")]
pub struct ReadFailure {
    /// What was to be done, such as `read the tags of registry.example.com/prod/app`.
    what: String,
    /// Where.
    host: RegistryHost,
    /// Why not.
    source: ReadError,
}

/// Why a registry could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// By the distribution protocol.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// By ECR's own API.
    #[error(transparent)]
    Ecr(#[from] EcrError),
}

impl ReadFailure {
    pub(crate) fn new(what: String, host: &RegistryHost, source: impl Into<ReadError>) -> Self {
        Self {
            what,
            host: host.clone(),
            source: source.into(),
        }
    }

    /// A stable name of the kind of failure.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match &self.source {
            ReadError::Registry(error) => error.error_type(),
            ReadError::Ecr(error) => error.error_type(),
        }
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match &self.source {
            ReadError::Registry(error) => remedy::exit(error),
            // Missing credentials do not mend themselves while a person waits.
            ReadError::Ecr(error) if error.is_transient() && !self.lacks_credentials() => {
                Exit::Transient
            }
            ReadError::Ecr(_) => Exit::Refused,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match &self.source {
            ReadError::Registry(error) => remedy::of(error, Some(&self.host), false),
            ReadError::Ecr(_) if self.lacks_credentials() => {
                Some("set AWS_PROFILE or run `aws sso login`".to_owned())
            }
            ReadError::Ecr(error) if error.is_transient() => Some("try again".to_owned()),
            ReadError::Ecr(_) => Some(
                "check with `aws sts get-caller-identity` who you are; reading needs \
                 ecr:DescribeRepositories, ecr:DescribeImages, ecr:ListTagsForResource, \
                 ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer"
                    .to_owned(),
            ),
        }
    }

    fn lacks_credentials(&self) -> bool {
        self.error_type() == Kind::Credentials.error_type()
    }
}
