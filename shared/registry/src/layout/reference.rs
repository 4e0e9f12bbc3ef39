use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use steward_core::{Reference, Tag};

/// The name of an image in an OCI layout folder: `oci:dir`, `oci:dir:tag` or `oci:dir@digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutRef {
    /// The folder.
    pub path: PathBuf,
    /// The tag or digest; without one, the folder's only image is meant.
    pub reference: Option<Reference>,
}

/// Why a text names no image of an OCI layout folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an OCI layout reference: expected oci:folder, oci:folder:tag or oci:folder@sha256:…"
)]
pub struct LayoutRefError(pub String);

impl FromStr for LayoutRef {
    type Err = LayoutRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || LayoutRefError(text.to_owned());
        let rest = text.strip_prefix("oci:").ok_or_else(error)?;
        let (path, reference) = if let Some((path, digest)) = rest.rsplit_once('@')
            && let Ok(digest) = digest.parse()
        {
            (path, Some(Reference::Digest(digest)))
        } else if let Some((path, tag)) = rest.rsplit_once(':')
            && !tag.contains('/')
        {
            let tag: Tag = tag.parse().map_err(|_| error())?;
            (path, Some(Reference::Tag(tag)))
        } else {
            (rest, None)
        };
        if path.is_empty() {
            return Err(error());
        }
        Ok(Self {
            path: path.into(),
            reference,
        })
    }
}

impl fmt::Display for LayoutRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci:{}", self.path.display())?;
        match &self.reference {
            Some(Reference::Tag(tag)) => write!(f, ":{tag}"),
            Some(Reference::Digest(digest)) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_written_alike() {
        let digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        for (text, path, tag) in [
            ("oci:dir".to_owned(), "dir", None),
            ("oci:/a/b:v1".to_owned(), "/a/b", Some("v1")),
            ("oci:/a:b/c".to_owned(), "/a:b/c", None),
            (format!("oci:dir@{digest}"), "dir", Some(digest)),
        ] {
            let parsed: LayoutRef = text.parse().unwrap();
            assert_eq!(parsed.path, PathBuf::from(path));
            let reference = parsed.reference.as_ref().map(ToString::to_string);
            assert_eq!(reference.as_deref(), tag);
            assert_eq!(parsed.to_string(), text);
        }
        for text in ["dir", "oci:", "oci:dir:", "oci::v1", "oci:dir:bad tag"] {
            assert!(text.parse::<LayoutRef>().is_err(), "{text}");
        }
    }
}
