//! A copy that failed: what to tell a person, and the exit code.

use steward_core::RegistryHost;
use steward_core::facts::Platform;
use steward_registry::CopyError;

use super::list::Pair;
use crate::access::remedy;
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
    source: Cause,
}

/// Why an image was not copied.
#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(transparent)]
    Copy(Box<CopyError>),
    #[error("the image is one for {0}, which --platform does not ask for")]
    OtherPlatform(Platform),
    /// The engine ended the copy in a way that it was not asked for: a defect.
    #[error("the copy ended before its end")]
    Unfinished,
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
            source: Cause::Copy(Box::new(source)),
        }
    }

    pub(super) fn other_platform(pair: &Pair, platform: &Platform) -> Self {
        Self::of(pair, Cause::OtherPlatform(platform.clone()))
    }

    pub(super) fn unfinished(pair: &Pair) -> Self {
        Self::of(pair, Cause::Unfinished)
    }

    fn of(pair: &Pair, source: Cause) -> Self {
        Self {
            from: pair.source.to_string(),
            to: pair.target.to_string(),
            registry: None,
            source,
        }
    }

    /// A stable name of the kind of failure.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match &self.source {
            Cause::Copy(error) => error.error_type(),
            Cause::OtherPlatform(_) => "other_platform",
            Cause::Unfinished => "unfinished",
        }
    }

    /// Which side failed: `source` or `target`.
    #[must_use]
    pub fn side(&self) -> &'static str {
        match &self.source {
            Cause::Copy(error) => match **error {
                CopyError::Source(_) => "source",
                CopyError::Target(_) => "target",
            },
            Cause::OtherPlatform(_) => "source",
            Cause::Unfinished => "target",
        }
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match &self.source {
            Cause::Copy(error) => remedy::exit(error.error()),
            Cause::OtherPlatform(_) => Exit::Refused,
            Cause::Unfinished => Exit::Internal,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match &self.source {
            Cause::Copy(error) => {
                let writes = matches!(**error, CopyError::Target(_));
                remedy::of(error.error(), self.registry.as_ref(), writes)
            }
            Cause::OtherPlatform(platform) => Some(format!(
                "leave --platform out, or add --platform {platform}"
            )),
            Cause::Unfinished => None,
        }
    }
}
