//! Names of the registry world, parsed once at the edge: past the edge a name is valid.
//!
//! The grammars are those of the OCI distribution specification (`end-*` routes) and, where ECR is
//! narrower, of the ECR API model.
//!
//! A copy of a name costs no memory: a decision copies a few for each rule that it looks at.

mod digest;
mod ecr_host;
mod image_ref;
mod registry_host;
mod repository;
mod rule;
mod tag;

pub use digest::{Digest, DigestAlgorithm};
pub use ecr_host::{AccountId, EcrHost, Region};
pub use image_ref::{ImageRef, Reference};
pub use registry_host::RegistryHost;
pub use repository::{RepositoryName, RepositoryPath};
pub use rule::RuleName;
pub use tag::Tag;

/// A text that is not the name it was taken for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a valid {kind}: {reason}")]
pub struct NameError {
    /// What the text was taken for, such as `repository name`.
    pub kind: &'static str,
    /// The text as it came, cut to 128 characters.
    pub found: String,
    /// What would be right.
    pub reason: &'static str,
}

impl NameError {
    fn new(kind: &'static str, found: &str, reason: &'static str) -> Self {
        Self {
            kind,
            found: found.chars().take(128).collect(),
            reason,
        }
    }
}

/// Implements the string-like traits that every name has.
macro_rules! string_name {
    ($type:ident) => {
        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::names::NameError;

            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Self::check(s)?;
                Ok(Self(s.into()))
            }
        }

        impl TryFrom<String> for $type {
            type Error = $crate::names::NameError;

            fn try_from(s: String) -> Result<Self, Self::Error> {
                Self::check(&s)?;
                Ok(Self(s.into()))
            }
        }

        impl TryFrom<&str> for $type {
            type Error = $crate::names::NameError;

            fn try_from(s: &str) -> Result<Self, Self::Error> {
                s.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.as_str().to_owned()
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::try_from(text).map_err(serde::de::Error::custom)
            }
        }
    };
}
use string_name;

#[cfg(test)]
mod tests;
