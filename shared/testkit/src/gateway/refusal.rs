//! The answers with which ECR refuses, worded as ECR words them, for both of its doors: the
//! registry protocol and the API.

use http::StatusCode;
use serde_json::{Value, json};
use steward_core::{Digest, RepositoryName, Tag};

use super::{registry::Registry, upstream::UpstreamError};

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "The repository with name '{name}' does not exist in the registry with id '{}'",
        registry.account
    )]
    RepositoryUnknown { registry: Registry, name: String },
    #[error(
        "The repository with name '{name}' already exists in the registry with id '{}'",
        registry.account
    )]
    RepositoryExists {
        registry: Registry,
        name: RepositoryName,
    },
    #[error(
        "The repository with name '{name}' in registry with id '{}' cannot be deleted because it \
         still contains images",
        registry.account
    )]
    RepositoryNotEmpty {
        registry: Registry,
        name: RepositoryName,
    },
    #[error("Invalid parameter at 'repositoryName' failed to satisfy constraint: {0}")]
    NameInvalid(String),
    #[error("Invalid parameter at 'imageTag' failed to satisfy constraint: {0}")]
    TagInvalid(String),
    #[error("Invalid parameter at 'imageDigest' failed to satisfy constraint: {0}")]
    DigestInvalid(String),
    #[error(
        "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten \
         because the repository is immutable."
    )]
    TagImmutable { name: RepositoryName, tag: Tag },
    #[error("Digest '{given}' does not match the digest '{actual}' of the content")]
    DigestMismatch { given: Digest, actual: Digest },
    #[error("Invalid parameter at 'ImageManifest' failed to satisfy constraint: '{0}'")]
    ManifestInvalid(String),
    #[error("The manifest has more than {0} bytes")]
    TooLarge(usize),
    #[error(
        "Layers with digests '{}' required for pushing image into repository with name '{name}' in \
         the registry with id '{}' do not exist",
        list(digests), registry.account
    )]
    LayersMissing {
        registry: Registry,
        name: RepositoryName,
        digests: Vec<Digest>,
    },
    #[error(
        "Images with digests '{}' required for pushing image into repository with name '{name}' in \
         the registry with id '{}' do not exist",
        list(digests), registry.account
    )]
    ImagesMissing {
        registry: Registry,
        name: RepositoryName,
        digests: Vec<Digest>,
    },
    #[error("Requested image not found")]
    ManifestUnknown,
    #[error("The blob '{0}' does not exist in the repository")]
    BlobUnknown(String),
    #[error(
        "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the \
         repository with name '{name}' in the registry with id '{}'",
        digest.as_deref().unwrap_or("null"), tag.as_deref().unwrap_or("null"), registry.account
    )]
    ImageNotFound {
        registry: Registry,
        name: RepositoryName,
        digest: Option<String>,
        tag: Option<String>,
    },
    #[error(
        "Image with digest '{digest}' and tag '{}' already exists in the repository with name \
         '{name}' in registry with id '{}'",
        tag.as_ref().map_or("null", Tag::as_str), registry.account
    )]
    ImageExists {
        registry: Registry,
        name: RepositoryName,
        digest: Digest,
        tag: Option<Tag>,
    },
    #[error("Requested image referenced by manifest list: [{by}]")]
    Referenced { by: String },
    #[error("Invalid parameter at '{at}' failed to satisfy constraint: {reason}")]
    Parameter { at: &'static str, reason: String },
    #[error("the request body is not what the operation expects: {0}")]
    Malformed(String),
    #[error("{0} is not supported here")]
    Unsupported(String),
    #[error(
        "Your authorization token is missing or not valid. Run 'aws ecr get-login-password' for a new one."
    )]
    Unauthenticated,
    #[error("the registry is not available: it was told to fail")]
    Unavailable,
    /// The emulator behind the gateway failed or said something that the gateway cannot use.
    #[error("the emulator behind the gateway failed")]
    Upstream(#[from] UpstreamError),
}

fn list(digests: &[Digest]) -> String {
    let digests: Vec<&str> = digests.iter().map(Digest::as_str).collect();
    format!("[{}]", digests.join(", "))
}

impl Refusal {
    /// The message, with its cause where there is one.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Upstream(source) => format!("{self}: {source}"),
            _ => self.to_string(),
        }
    }

    /// Status and error code in the registry protocol.
    pub(crate) fn oci(&self) -> (StatusCode, &'static str) {
        match self {
            Self::RepositoryUnknown { .. } => (StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
            Self::NameInvalid(_) => (StatusCode::BAD_REQUEST, "NAME_INVALID"),
            Self::TagInvalid(_) | Self::TagImmutable { .. } => {
                (StatusCode::BAD_REQUEST, "TAG_INVALID")
            }
            Self::DigestInvalid(_) | Self::DigestMismatch { .. } => {
                (StatusCode::BAD_REQUEST, "DIGEST_INVALID")
            }
            Self::ManifestInvalid(_) => (StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "MANIFEST_INVALID"),
            Self::LayersMissing { .. } | Self::ImagesMissing { .. } => {
                (StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN")
            }
            Self::ManifestUnknown | Self::ImageNotFound { .. } => {
                (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN")
            }
            Self::BlobUnknown(_) => (StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
            Self::Referenced { .. } => (StatusCode::FORBIDDEN, "DENIED"),
            Self::Parameter { .. }
            | Self::Malformed(_)
            | Self::ImageExists { .. }
            | Self::RepositoryExists { .. }
            | Self::RepositoryNotEmpty { .. } => (StatusCode::BAD_REQUEST, "UNSUPPORTED"),
            Self::Unsupported(_) => (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
            Self::Upstream(_) => (StatusCode::BAD_GATEWAY, "UNKNOWN"),
        }
    }

    /// Status and exception name in the API (ECR API model).
    pub(crate) fn api(&self) -> (StatusCode, &'static str) {
        let name = match self {
            Self::RepositoryUnknown { .. } => "RepositoryNotFoundException",
            Self::RepositoryExists { .. } => "RepositoryAlreadyExistsException",
            Self::RepositoryNotEmpty { .. } => "RepositoryNotEmptyException",
            Self::TagImmutable { .. } => "ImageTagAlreadyExistsException",
            Self::DigestMismatch { .. } => "ImageDigestDoesNotMatchException",
            Self::LayersMissing { .. } | Self::BlobUnknown(_) => "LayersNotFoundException",
            Self::ImagesMissing { .. } => "ReferencedImagesNotFoundException",
            Self::ManifestUnknown | Self::ImageNotFound { .. } => "ImageNotFoundException",
            Self::ImageExists { .. } => "ImageAlreadyExistsException",
            Self::Malformed(_) => "SerializationException",
            Self::Unauthenticated => "UnrecognizedClientException",
            Self::Unavailable => return (StatusCode::SERVICE_UNAVAILABLE, "ServerException"),
            Self::Upstream(_) => return (StatusCode::BAD_GATEWAY, "ServerException"),
            _ => "InvalidParameterException",
        };
        (StatusCode::BAD_REQUEST, name)
    }

    /// The body in the registry protocol.
    pub(crate) fn oci_body(&self) -> Value {
        let (_, code) = self.oci();
        json!({ "errors": [{ "code": code, "message": self.message() }] })
    }

    /// The body in the API.
    pub(crate) fn api_body(&self) -> Value {
        let (_, name) = self.api();
        json!({ "__type": name, "message": self.message() })
    }
}
