//! A copy that failed: what to tell a person, and the exit code.

use steward_core::RegistryHost;
use steward_registry::CopyError;

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
        remedy::exit(self.source.error())
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        let writes = matches!(self.source, CopyError::Target(_));
        remedy::of(self.source.error(), self.registry.as_ref(), writes)
    }
}
