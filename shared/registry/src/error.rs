//! What can go wrong between this client and a registry, sorted by what a caller can do about it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use steward_core::{Digest, RegistryHost, Tag};
use url::Url;

use crate::auth::CredentialError;
use crate::manifest::ManifestFault;

/// An error of another library, kept as a source.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// One request and, where there was one, the registry's reply. Holds no secret: the query of the
/// address is cut off, because upload sessions and pre-signed addresses carry secrets there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The request's method.
    pub method: String,
    /// The request's address without user information and query.
    pub url: String,
    /// The reply's status, where a reply came.
    pub status: Option<u16>,
    /// The first error code of the registry's error envelope, such as `NAME_UNKNOWN`.
    pub code: Option<String>,
    /// The message beside the code, without control characters, at most 300 characters.
    pub message: Option<String>,
}

impl Exchange {
    pub(crate) fn new(method: &http::Method, url: &Url) -> Box<Self> {
        Box::new(Self {
            method: method.to_string(),
            url: redacted(url),
            status: None,
            code: None,
            message: None,
        })
    }

    /// For what failed without a request.
    pub(crate) fn unsent() -> Self {
        Self {
            method: "GET".to_owned(),
            url: String::new(),
            status: None,
            code: None,
            message: None,
        }
    }

    /// Whether the registry's error envelope carried this code.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)?;
        if let Some(status) = self.status {
            write!(f, " answered {status}")?;
        }
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(message) = &self.message {
            write!(f, " ({message})")?;
        }
        Ok(())
    }
}

/// An address that is safe to log: no user information, no query, no fragment.
pub(crate) fn redacted(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let secret = url.query().is_some();
    url.set_query(None);
    url.set_fragment(None);
    if secret {
        format!("{url}?…")
    } else {
        url.to_string()
    }
}

/// Text of a stranger, made fit for a log line: no control characters, at most 300 characters.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Why a request to a registry, or the work around it, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The registry or its token service did not accept the credentials, or wants some.
    #[error("{0}: the registry does not accept these credentials")]
    Unauthorized(Box<Exchange>),
    /// The credentials are known but may not do this.
    #[error("{0}: the credentials do not allow this")]
    Denied(Box<Exchange>),
    /// The repository does not exist (`NAME_UNKNOWN`).
    #[error("{0}: the repository does not exist")]
    RepositoryNotFound(Box<Exchange>),
    /// The manifest, tag, blob or endpoint does not exist.
    #[error("{0}: not found")]
    NotFound(Box<Exchange>),
    /// The tag exists, points at another image, and may not be moved.
    #[error("{exchange}: tag {tag} may not be moved")]
    ImmutableTag {
        /// The tag that was to be written.
        tag: Tag,
        /// What the tag points at, where that could be read.
        existing: Option<Digest>,
        /// The refused request.
        exchange: Box<Exchange>,
    },
    /// Too many requests, also after the retries.
    #[error("{exchange}: too many requests")]
    RateLimited {
        /// How long the registry asked to wait.
        retry_after: Option<Duration>,
        /// The refused request.
        exchange: Box<Exchange>,
    },
    /// The registry is in trouble (408 or 5xx), also after the retries.
    #[error("{0}: the registry is unavailable")]
    Unavailable(Box<Exchange>),
    /// The registry says of verified bytes that they are others, also after the retries.
    ///
    /// A storage that does not write atomically, such as Distribution's file system driver, reads
    /// a half-written file when two clients push the same image at the same time.
    #[error("{0}: the registry read other bytes than it was sent")]
    Unsettled(Box<Exchange>),
    /// The registry refused the request for a reason that will not go away by itself.
    #[error("{0}: the registry refuses the request")]
    Refused(Box<Exchange>),
    /// The registry's reply breaks the distribution specification.
    #[error("{exchange}: {reason}")]
    Protocol {
        /// The request.
        exchange: Box<Exchange>,
        /// What is wrong with the reply.
        reason: String,
    },
    /// The connection could not be made, or broke.
    #[error("{exchange}: the connection failed")]
    Network {
        /// The request.
        exchange: Box<Exchange>,
        /// What the network said.
        source: BoxError,
    },
    /// The other side's certificate is not trusted.
    #[error("{exchange}: the certificate is not trusted")]
    Certificate {
        /// The request.
        exchange: Box<Exchange>,
        /// What is wrong with it.
        source: BoxError,
    },
    /// Nothing moved for too long.
    #[error("{exchange}: nothing moved for {} s", idle.as_secs())]
    Stalled {
        /// The request.
        exchange: Box<Exchange>,
        /// How long was waited.
        idle: Duration,
    },
    /// The bytes are not the ones the digest stands for.
    #[error("{subject} has digest {found}, expected {expected}")]
    DigestMismatch {
        /// What was read or written.
        subject: String,
        /// The digest that was asked for.
        expected: Digest,
        /// The digest of what came.
        found: String,
    },
    /// The size is not the one the descriptor states.
    #[error("{subject} has {found} bytes, expected {expected}")]
    SizeMismatch {
        /// What was read.
        subject: String,
        /// The size that the descriptor states, in bytes.
        expected: u64,
        /// The size of what came, in bytes; where more came, the bytes up to there.
        found: u64,
    },
    /// A document is larger than this client reads.
    #[error("{subject} is larger than {limit} bytes")]
    TooLarge {
        /// What was read.
        subject: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The manifest is not one that can be copied.
    #[error("the manifest of {subject} cannot be used")]
    Manifest {
        /// Where it was read.
        subject: String,
        /// What is wrong with it.
        source: ManifestFault,
    },
    /// The image has none of the wanted platforms.
    #[error("{subject} has none of the platforms {wanted}: it has {found}")]
    NoSuchPlatform {
        /// Which image.
        subject: String,
        /// The wanted platforms.
        wanted: String,
        /// The platforms that the image has.
        found: String,
    },
    /// A look at the target after the copy found something else than its answers had said.
    #[error("{subject} {reason}, although the registry answered that the copy succeeded")]
    Unverified {
        /// Where it was looked.
        subject: String,
        /// What was found.
        reason: String,
    },
    /// The registry pointed to an address where neither credentials nor data may go.
    #[error("refusing to follow {url}: {reason}")]
    UnsafeUrl {
        /// The address without its query.
        url: String,
        /// Why it is not safe.
        reason: &'static str,
    },
    /// Credentials for the registry could not be had.
    #[error("no credentials for {host}")]
    Credentials {
        /// The registry.
        host: RegistryHost,
        /// Why not.
        source: CredentialError,
    },
    /// The missing repository could not be created.
    #[error("repository {repository} does not exist and could not be created")]
    Create {
        /// `host/path` of the repository.
        repository: String,
        /// Whether another try can succeed.
        transient: bool,
        /// Why not.
        source: BoxError,
    },
    /// A file of an OCI layout could not be read or written.
    #[error("cannot access {}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A folder is not an OCI layout, or lacks what was asked of it.
    #[error("{} {reason}", path.display())]
    Layout {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// Whether the layout is fine and just lacks the image or blob.
        missing: bool,
    },
    /// The client cannot be built from these settings.
    #[error("cannot set up the HTTP client")]
    Setup(#[source] BoxError),
}

impl RegistryError {
    /// Whether the same call can succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Unavailable(_)
            | Self::Unsettled(_)
            | Self::Unverified { .. }
            | Self::Network { .. }
            | Self::Stalled { .. } => true,
            Self::Credentials { source, .. } => source.is_transient(),
            Self::Create { transient, .. } => *transient,
            _ => false,
        }
    }

    /// Whether other bytes came than were asked for. Once, that can happen on the way; where it
    /// happens again, the other side has no others.
    pub(crate) fn is_wrong_bytes(&self) -> bool {
        matches!(
            self,
            Self::DigestMismatch { .. } | Self::SizeMismatch { .. }
        )
    }

    /// Whether what was asked for does not exist: the repository, manifest, tag or blob.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::NotFound(_) | Self::RepositoryNotFound(_) | Self::Layout { missing: true, .. }
        )
    }

    /// A stable name of the kind of error, for metrics, alarms and dead letters.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Unauthorized(_) => "registry_unauthorized",
            Self::Denied(_) => "registry_denied",
            Self::RepositoryNotFound(_) => "repository_not_found",
            Self::NotFound(_) => "image_not_found",
            Self::ImmutableTag { .. } => "immutable_tag",
            Self::RateLimited { .. } => "registry_rate_limited",
            Self::Unavailable(_) => "registry_unavailable",
            Self::Unsettled(_) => "registry_unsettled",
            Self::Refused(_) => "registry_refused",
            Self::Protocol { .. } => "registry_protocol",
            Self::Network { .. } => "registry_network",
            Self::Certificate { .. } => "registry_certificate",
            Self::Stalled { .. } => "registry_stalled",
            Self::DigestMismatch { .. } => "digest_mismatch",
            Self::SizeMismatch { .. } => "size_mismatch",
            Self::TooLarge { .. } => "manifest_too_large",
            Self::Manifest { .. } => "manifest_invalid",
            Self::NoSuchPlatform { .. } => "platform_missing",
            Self::Unverified { .. } => "target_unverified",
            Self::UnsafeUrl { .. } => "unsafe_url",
            Self::Credentials { .. } => "registry_credentials",
            Self::Create { .. } => "repository_create_failed",
            Self::File { .. } => "file",
            Self::Layout { .. } => "layout_invalid",
            Self::Setup(_) => "setup",
        }
    }

    /// The registry's reply, where the error is one.
    #[must_use]
    pub fn exchange(&self) -> Option<&Exchange> {
        match self {
            Self::Unauthorized(e)
            | Self::Denied(e)
            | Self::RepositoryNotFound(e)
            | Self::NotFound(e)
            | Self::Unavailable(e)
            | Self::Unsettled(e)
            | Self::Refused(e) => Some(e),
            Self::ImmutableTag { exchange, .. }
            | Self::RateLimited { exchange, .. }
            | Self::Protocol { exchange, .. }
            | Self::Network { exchange, .. }
            | Self::Certificate { exchange, .. }
            | Self::Stalled { exchange, .. } => Some(exchange),
            _ => None,
        }
    }

    /// How long the registry asked to wait, where it did.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
