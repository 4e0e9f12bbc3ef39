use steward_core::{Reference, RepositoryName};

use crate::error::ServiceError;

/// Why a call of ECR failed.
#[derive(Debug, thiserror::Error)]
pub enum EcrError {
    /// A write names a repository that does not exist.
    #[error("repository {repository} does not exist")]
    RepositoryNotFound {
        /// Its name.
        repository: RepositoryName,
    },
    /// A manifest refers to layers or child manifests that the repository does not hold.
    #[error("{repository} does not hold everything that the manifest refers to: {reason}")]
    Incomplete {
        /// Where.
        repository: RepositoryName,
        /// ECR's words.
        reason: String,
    },
    /// ECR accepted the call and refused this image (`failures[]`).
    #[error("ecr refused {operation} of {repository}:{reference}: {code}: {reason}")]
    ImageRefused {
        /// The operation.
        operation: &'static str,
        /// Where.
        repository: RepositoryName,
        /// Which image.
        reference: Reference,
        /// Such as `ImageReferencedByManifestList`.
        code: String,
        /// ECR's words.
        reason: String,
    },
    /// More tags than are read.
    #[error("{repository} has more than {limit} tags")]
    TooManyTags {
        /// Where.
        repository: RepositoryName,
        /// How many are read.
        limit: usize,
    },
    /// A repository was created, and one of its policies was not taken.
    #[error(
        "repository {repository} was created, but its {what} was not put: put it by hand, or delete \
         the empty repository"
    )]
    HalfCreated {
        /// The repository.
        repository: RepositoryName,
        /// Such as `lifecycle policy`.
        what: &'static str,
        /// Why not.
        #[source]
        source: ServiceError,
    },
    /// ECR's answer lacks something that it always has, or has it in an impossible form.
    #[error("ecr answered {operation} with {what}")]
    Unreadable {
        /// The operation.
        operation: &'static str,
        /// What is wrong with the answer.
        what: String,
    },
    /// The call itself failed.
    #[error(transparent)]
    Call(#[from] ServiceError),
}

/// Failure codes of single images that pass by themselves.
const TRANSIENT_IMAGE_FAILURES: &[&str] = &["UpstreamTooManyRequests", "UpstreamUnavailable"];

impl EcrError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            // A repository that exists is not created again, so nothing would put what is missing.
            Self::RepositoryNotFound { .. }
            | Self::TooManyTags { .. }
            | Self::HalfCreated { .. } => false,
            // Right after a push the parts may not be visible everywhere yet.
            Self::Incomplete { .. } | Self::Unreadable { .. } => true,
            Self::ImageRefused { code, .. } => TRANSIENT_IMAGE_FAILURES.contains(&code.as_str()),
            Self::Call(error) => error.is_transient(),
        }
    }

    /// A stable word for logs, metrics and dead-letter queues.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::RepositoryNotFound { .. } => "ecr_repository_not_found",
            Self::Incomplete { .. } => "ecr_image_incomplete",
            Self::ImageRefused { .. } => "ecr_image_refused",
            Self::TooManyTags { .. } => "ecr_too_many_tags",
            Self::HalfCreated { .. } => "ecr_repository_half_created",
            Self::Unreadable { .. } => "aws_unreadable_answer",
            Self::Call(error) => error.error_type(),
        }
    }
}
