//! Reading ECR's answers, and building what is asked.

use std::time::SystemTime;

use aws_sdk_ecr::types::{
    ImageDetail as SdkImageDetail, ImageFailure, ImageFailureCode, ImageIdentifier,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use base64::Engine;
use secrecy::SecretString;
use steward_core::{Digest, Reference, RepositoryName};

use crate::ecr::{EcrError, ImageDetail};
use crate::error::ServiceError;

pub(super) fn call<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> ServiceError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    ServiceError::from_sdk("ecr", operation, error)
}

/// The answer of a call; nothing where ECR refused it with one of `codes`.
pub(super) fn unless<T, E>(
    codes: &[&str],
    operation: &'static str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<Option<T>, ServiceError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match answer.map_err(|error| call(operation, error)) {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if codes.iter().any(|code| error.is_code(code)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The code of a repository that is not there.
pub(super) const NO_REPOSITORY: &str = "RepositoryNotFoundException";

/// Whether an image is not there, as a call says that answers 200 even where it did nothing.
pub(super) fn is_missing(
    operation: &'static str,
    repository: &RepositoryName,
    reference: &Reference,
    failures: Option<Vec<ImageFailure>>,
) -> Result<bool, EcrError> {
    match failures.unwrap_or_default().into_iter().next() {
        None => Ok(false),
        Some(failure) if failure.failure_code == Some(ImageFailureCode::ImageNotFound) => Ok(true),
        Some(failure) => {
            let code = failure.failure_code.as_ref();
            Err(EcrError::ImageRefused {
                operation,
                repository: repository.clone(),
                reference: reference.clone(),
                code: code.map_or("Unknown", |code| code.as_str()).to_owned(),
                reason: failure
                    .failure_reason
                    .unwrap_or_else(|| "no reason given".to_owned()),
            })
        }
    }
}

/// A failed call for which a missing repository is a mistake of its own.
pub(super) fn write_error(repository: &RepositoryName, error: ServiceError) -> EcrError {
    if error.is_code(NO_REPOSITORY) {
        EcrError::RepositoryNotFound {
            repository: repository.clone(),
        }
    } else {
        error.into()
    }
}

pub(super) fn invalid(operation: &'static str, error: &dyn std::error::Error) -> ServiceError {
    ServiceError::new(
        "ecr",
        operation,
        crate::error::Kind::Invalid,
        error.to_string(),
    )
}

pub(super) fn lacks(operation: &'static str, what: &str) -> EcrError {
    EcrError::Unreadable {
        operation,
        what: format!("an answer that lacks {what}"),
    }
}

pub(super) fn digest_of(
    operation: &'static str,
    digest: Option<String>,
) -> Result<Digest, EcrError> {
    let digest = digest.ok_or_else(|| lacks(operation, "a digest"))?;
    digest.parse().map_err(|error| EcrError::Unreadable {
        operation,
        what: format!("a digest that is none: {error}"),
    })
}

pub(super) fn identifier(reference: &Reference) -> ImageIdentifier {
    match reference {
        Reference::Tag(tag) => ImageIdentifier::builder().image_tag(tag.as_str()).build(),
        Reference::Digest(digest) => ImageIdentifier::builder()
            .image_digest(digest.as_str())
            .build(),
    }
}

pub(super) fn image_detail(
    operation: &'static str,
    image: SdkImageDetail,
) -> Result<ImageDetail, EcrError> {
    Ok(ImageDetail {
        digest: digest_of(operation, image.image_digest)?,
        // The API allows tags that the registry protocol does not; no rule can name those.
        tags: image
            .image_tags
            .unwrap_or_default()
            .iter()
            .filter_map(|x| x.parse().ok())
            .collect(),
        media_type: image.image_manifest_media_type,
        artifact_type: image.artifact_media_type,
        size: image
            .image_size_in_bytes
            .and_then(|x| u64::try_from(x).ok()),
        pushed_at: image
            .image_pushed_at
            .and_then(|x| SystemTime::try_from(x).ok()),
        subject: image.subject_manifest_digest.and_then(|x| x.parse().ok()),
    })
}

pub(super) fn decode_token(token: &str) -> Option<(String, SecretString)> {
    let plain = base64::engine::general_purpose::STANDARD
        .decode(token)
        .ok()?;
    let plain = String::from_utf8(plain).ok()?;
    let (username, password) = plain.split_once(':')?;
    Some((username.to_owned(), SecretString::from(password.to_owned())))
}
