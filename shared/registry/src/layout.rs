//! OCI layout folders (`oci:dir[:tag]`).

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use steward_core::{Reference, Tag};

use crate::error::RegistryError;
use crate::manifest::Descriptor;

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
#[error("{0:?} is not an OCI layout reference: expected oci:folder, oci:folder:tag or oci:folder@sha256:…")]
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
            (path, Some(Reference::Tag(tag.parse::<Tag>().map_err(|_| error())?)))
        } else {
            (rest, None)
        };
        if path.is_empty() {
            return Err(error());
        }
        Ok(Self { path: path.into(), reference })
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

/// An OCI layout folder that is read or written. Cheap to clone; writers of the same folder must
/// share the clones, so that its index is not written twice at once.
#[derive(Clone, Debug)]
pub struct Layout {
    path: Arc<Path>,
}

impl Layout {
    /// Opens an existing layout folder for reading and writing.
    pub async fn open(_path: &Path) -> Result<Self, RegistryError> { Err(RegistryError::Setup("not there yet".into())) }

    /// Opens a layout folder, or makes one where there is none.
    pub async fn create(_path: &Path) -> Result<Self, RegistryError> { Err(RegistryError::Setup("not there yet".into())) }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path { &self.path }

    /// The images of the folder's index, with their tags in the annotation
    /// `org.opencontainers.image.ref.name`.
    pub async fn images(&self) -> Result<Vec<Descriptor>, RegistryError> { Err(RegistryError::Setup("not there yet".into())) }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci:{}", self.path.display())
    }
}
