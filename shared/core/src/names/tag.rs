use std::sync::Arc;

use super::{NameError, string_name};

/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (OCI distribution specification).
///
/// The ECR API model allows 300 characters; a registry client that follows OCI could not address
/// such a tag, so 128 is the limit here as well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

impl Tag {
    /// Longest tag, in characters.
    pub const MAX_LEN: usize = 128;

    fn check(s: &str) -> Result<(), NameError> {
        let error = |reason| Err(NameError::new("tag", s, reason));
        let Some(first) = s.bytes().next() else {
            return error("expected 1 to 128 characters");
        };
        if s.len() > Self::MAX_LEN {
            return error("expected 1 to 128 characters");
        }
        if !(first.is_ascii_alphanumeric() || first == b'_') {
            return error("expected a letter, a digit or '_' at the start");
        }
        if !s
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        {
            return error("expected only letters, digits, '_', '.' and '-'");
        }
        Ok(())
    }

    /// This tag with `suffix` behind it, the tag itself cut where the whole would be too long.
    ///
    /// # Errors
    ///
    /// When `suffix` holds a character that no tag may have, or is itself too long.
    pub fn with_suffix(&self, suffix: &str) -> Result<Self, NameError> {
        let keep = Self::MAX_LEN.saturating_sub(suffix.len()).min(self.0.len());
        // A tag is ASCII, so every index is a character boundary.
        format!("{}{suffix}", &self.0[..keep]).try_into()
    }
}

string_name!(Tag);
