//! What a failed AWS call says.

use std::error::Error as StdError;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// The class of a failed call; it decides whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The service asked to slow down.
    Throttled,
    /// The service failed on its side (a 5xx status).
    Unavailable,
    /// No complete answer in time.
    Timeout,
    /// The connection could not be made, or broke.
    Connection,
    /// Credentials could not be obtained, or have expired.
    Credentials,
    /// The answer could not be understood.
    Unreadable,
    /// The role may not do this.
    Denied,
    /// What the call names does not exist.
    NotFound,
    /// A quota of the account is used up.
    Quota,
    /// The service refuses the request itself.
    Rejected,
    /// The request could not be built.
    Invalid,
}

impl Kind {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        match self {
            Self::Throttled
            | Self::Unavailable
            | Self::Timeout
            | Self::Connection
            | Self::Credentials
            | Self::Unreadable => true,
            Self::Denied | Self::NotFound | Self::Quota | Self::Rejected | Self::Invalid => false,
        }
    }

    /// A stable word for logs, metrics and dead-letter queues.
    #[must_use]
    pub const fn error_type(self) -> &'static str {
        match self {
            Self::Throttled => "aws_throttled",
            Self::Unavailable => "aws_unavailable",
            Self::Timeout => "aws_timeout",
            Self::Connection => "aws_connection",
            Self::Credentials => "aws_credentials",
            Self::Unreadable => "aws_unreadable_answer",
            Self::Denied => "aws_access_denied",
            Self::NotFound => "aws_not_found",
            Self::Quota => "aws_quota",
            Self::Rejected => "aws_rejected",
            Self::Invalid => "aws_invalid_request",
        }
    }
}

/// Codes by which services ask to slow down (AWS SDK reference guide, "retry behavior").
const THROTTLED: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "KMSThrottlingException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// Codes for "may not".
const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "KMSAccessDenied",
    "KMSAccessDeniedException",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
];

/// Codes for credentials that were good once.
const EXPIRED: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "RequestTimeTooSkewed",
];

/// Codes for a quota that only an administrator can raise.
const QUOTA: &[&str] = &["LimitExceededException", "TooManyTagsException"];

/// A failed call of an AWS service.
///
/// `Display` is one fragment with service, operation, code and message. The cause of a broken
/// connection is the `source`.
#[derive(Debug)]
pub struct ServiceError {
    service: &'static str,
    operation: &'static str,
    kind: Kind,
    details: Box<Details>,
}

/// Apart, so that the error is small to hand around.
#[derive(Debug, Default)]
struct Details {
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl ServiceError {
    /// An error without an answer behind it, for adapters and fakes.
    #[must_use]
    pub fn new(
        service: &'static str,
        operation: &'static str,
        kind: Kind,
        message: impl Into<String>,
    ) -> Self {
        Self {
            service,
            operation,
            kind,
            details: Box::new(Details {
                message: Some(message.into()),
                ..Details::default()
            }),
        }
    }

    /// Gives the error the code that the service would have sent.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.details.code = Some(code.into());
        self
    }

    /// Takes what a caller may need out of an SDK error.
    #[must_use]
    pub fn from_sdk<E>(
        service: &'static str,
        operation: &'static str,
        error: SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let mut built = Self {
            service,
            operation,
            kind: Kind::Invalid,
            details: Box::default(),
        };
        let details = &mut *built.details;
        match &error {
            SdkError::ServiceError(context) => {
                let status = context.raw().status().as_u16();
                let answer = context.err();
                built.kind = kind_of(answer.code(), status);
                details.code = answer.code().map(str::to_owned);
                details.message = answer.message().map(str::to_owned);
                details.request_id = answer.meta().extra("aws_request_id").map(str::to_owned);
                if details.code.is_none() {
                    details.message = Some(format!("status {status}"));
                }
                return built;
            }
            SdkError::TimeoutError(_) => built.kind = Kind::Timeout,
            SdkError::ResponseError(_) => built.kind = Kind::Unreadable,
            SdkError::DispatchFailure(failure) => {
                built.kind = if mentions_credentials(&error) {
                    Kind::Credentials
                } else if failure.is_timeout() {
                    Kind::Timeout
                } else {
                    Kind::Connection
                };
            }
            _ if mentions_credentials(&error) => built.kind = Kind::Credentials,
            _ => {}
        }
        details.source = error.into_source().ok();
        built
    }

    /// What an answer with an error status says, for calls made without the SDK.
    #[cfg(feature = "api")]
    pub(crate) fn from_answer(
        service: &'static str,
        operation: &'static str,
        status: u16,
        code: Option<String>,
        message: Option<String>,
        request_id: Option<String>,
    ) -> Self {
        let message = match &code {
            Some(_) => message,
            None => Some(format!("status {status}")),
        };
        Self {
            service,
            operation,
            kind: kind_of(code.as_deref(), status),
            details: Box::new(Details {
                code,
                message,
                request_id,
                source: None,
            }),
        }
    }

    /// A call without an answer, made without the SDK.
    #[cfg(feature = "api")]
    pub(crate) fn failed(
        service: &'static str,
        operation: &'static str,
        kind: Kind,
        source: Box<dyn StdError + Send + Sync>,
    ) -> Self {
        Self {
            service,
            operation,
            kind,
            details: Box::new(Details {
                source: Some(source),
                ..Details::default()
            }),
        }
    }

    /// The class of the failure.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The service's own code, such as `RepositoryNotFoundException`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.details.code.as_deref()
    }

    /// The service's own message.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.details.message.as_deref()
    }

    /// Whether the code is this one.
    #[must_use]
    pub fn is_code(&self, code: &str) -> bool {
        self.details.code.as_deref() == Some(code)
    }

    /// The operation that failed, such as `DescribeImages`.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        self.kind.is_transient()
    }

    /// A stable word for logs, metrics and dead-letter queues.
    #[must_use]
    pub const fn error_type(&self) -> &'static str {
        self.kind.error_type()
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            service, operation, ..
        } = self;
        match self.kind {
            Kind::Throttled => write!(f, "{service} throttled {operation}")?,
            Kind::Unavailable => write!(f, "{service} failed {operation} on its side")?,
            Kind::Timeout => write!(f, "{service} did not answer {operation} in time")?,
            Kind::Connection => write!(f, "no connection to {service} for {operation}")?,
            Kind::Credentials => write!(f, "no valid credentials for {service} {operation}")?,
            Kind::Unreadable => write!(f, "{service} answered {operation} unreadably")?,
            Kind::Denied => write!(f, "not allowed to call {service} {operation}")?,
            Kind::NotFound => write!(f, "{service} {operation} names something that is not there")?,
            Kind::Quota => write!(f, "a quota of {service} refuses {operation}")?,
            Kind::Rejected => write!(f, "{service} refused {operation}")?,
            Kind::Invalid => write!(f, "the request for {service} {operation} is not valid")?,
        }
        if let Some(code) = &self.details.code {
            write!(f, ": {code}")?;
        }
        if let Some(message) = &self.details.message {
            write!(f, ": {message}")?;
        }
        if let Some(id) = &self.details.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl StdError for ServiceError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.details
            .source
            .as_deref()
            .map(|x| x as &(dyn StdError + 'static))
    }
}

fn kind_of(code: Option<&str>, status: u16) -> Kind {
    if let Some(code) = code {
        if THROTTLED.contains(&code) {
            return Kind::Throttled;
        }
        if EXPIRED.contains(&code) {
            return Kind::Credentials;
        }
        if DENIED.contains(&code) {
            return Kind::Denied;
        }
        if QUOTA.contains(&code) {
            return Kind::Quota;
        }
        if code.contains("NotFound") || code.starts_with("NoSuch") {
            return Kind::NotFound;
        }
    }
    match status {
        // The service says that it worked; the SDK could not read what it says.
        ..300 => Kind::Unreadable,
        429 => Kind::Throttled,
        401 | 403 => Kind::Denied,
        404 => Kind::NotFound,
        500.. => Kind::Unavailable,
        _ => Kind::Rejected,
    }
}

/// The SDK reports a failed `AssumeRole` or absent credentials as a failed dispatch of the call that
/// wanted them; only the chain tells.
fn mentions_credentials(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<aws_credential_types::provider::error::CredentialsError>() {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests;
