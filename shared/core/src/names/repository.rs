use std::sync::Arc;

use super::{NameError, string_name};

/// A repository of any OCI registry: path components of `[a-z0-9]+` with `.`, `_`, `__` or dashes
/// between, joined by `/`; at most 255 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryPath(Arc<str>);

/// An ECR repository: as [`RepositoryPath`], with 2 to 256 characters (ECR API model).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(Arc<str>);

/// Whether `s` is one path component of the OCI grammar:
/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_component(s: &str) -> bool {
    let bytes = s.as_bytes();
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    if !alphanumeric(first) || !alphanumeric(last) {
        return false;
    }
    bytes.split(alphanumeric).all(|run| {
        matches!(run, [] | [b'.'] | [b'_'] | [b'_', b'_']) || run.iter().all(|b| *b == b'-')
    })
}

fn check_components(s: &str) -> bool {
    s.split('/').all(is_component)
}

const GRAMMAR: &str = "expected lower-case letters and digits, separated by '.', '_', '__', \
     dashes or '/', beginning and ending with a letter or digit";

impl RepositoryPath {
    fn check(s: &str) -> Result<(), NameError> {
        let error = |reason| Err(NameError::new("repository", s, reason));
        if s.is_empty() || s.len() > 255 {
            return error("expected 1 to 255 characters");
        }
        if !check_components(s) {
            return error(GRAMMAR);
        }
        Ok(())
    }
}

impl RepositoryName {
    fn check(s: &str) -> Result<(), NameError> {
        let error = |reason| Err(NameError::new("ECR repository name", s, reason));
        if s.len() < 2 || s.len() > 256 {
            return error("expected 2 to 256 characters");
        }
        if !check_components(s) {
            return error(GRAMMAR);
        }
        Ok(())
    }

    /// What stands behind the last `/`: `app` of `prod/app`.
    #[must_use]
    pub fn basename(&self) -> &str {
        self.0
            .rsplit_once('/')
            .map_or(self.as_str(), |(_, name)| name)
    }

    /// What stands before the last `/`: `prod` of `prod/app`; nothing where there is none.
    #[must_use]
    pub fn prefix(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(prefix, _)| prefix)
    }
}

string_name!(RepositoryPath);
string_name!(RepositoryName);

impl From<RepositoryName> for RepositoryPath {
    fn from(name: RepositoryName) -> Self {
        Self(name.0)
    }
}

impl From<&RepositoryName> for RepositoryPath {
    fn from(name: &RepositoryName) -> Self {
        Self(name.0.clone())
    }
}

impl TryFrom<&RepositoryPath> for RepositoryName {
    type Error = NameError;

    fn try_from(path: &RepositoryPath) -> Result<Self, Self::Error> {
        path.as_str().parse()
    }
}
