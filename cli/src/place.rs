//! Where an image is copied from or to, as written on the command line.

use std::fmt;
use std::str::FromStr;

use steward_core::{Digest, ImageRef, NameError, Reference, RegistryHost, Tag};
use steward_registry::LayoutRef;

/// A registry or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `host[:port]/repository[:tag][@digest]`, also with `docker://` before it.
    Registry(ImageRef),
    /// `oci:folder`, `oci:folder:tag` or `oci:folder@digest`: an OCI image layout.
    Layout(LayoutRef),
}

/// Why a text names no place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// No image of a registry.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No image of a folder.
    #[error(transparent)]
    Layout(<LayoutRef as FromStr>::Err),
    /// A URL.
    #[error("{scheme} does not belong before a registry's name")]
    Scheme {
        /// What was found.
        scheme: String,
    },
}

impl Place {
    /// The registry, where the place is in one.
    #[must_use]
    pub fn registry(&self) -> Option<&RegistryHost> {
        match self {
            Self::Registry(image) => Some(&image.registry),
            Self::Layout(_) => None,
        }
    }

    /// The tag that the place names.
    #[must_use]
    pub fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Registry(image) => image.tag.as_ref(),
            Self::Layout(layout) => layout.reference.as_ref().and_then(Reference::tag),
        }
    }

    /// The digest that the place names.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Registry(image) => image.digest.as_ref(),
            Self::Layout(layout) => layout.reference.as_ref().and_then(Reference::digest),
        }
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("oci:") {
            return text.parse().map(Self::Layout).map_err(PlaceError::Layout);
        }
        let name = text.strip_prefix("docker://").unwrap_or(text);
        if let Some((scheme, _)) = name.split_once("://") {
            return Err(PlaceError::Scheme {
                scheme: format!("{scheme}://"),
            });
        }
        Ok(Self::Registry(name.parse()?))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(image) => image.fmt(f),
            Self::Layout(layout) => layout.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, PlaceError};

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn places_are_read_and_written() {
        for (text, expected) in [
            ("127.0.0.1:5000/prod/app:v1", "127.0.0.1:5000/prod/app:v1"),
            ("docker://ghcr.io/org/app:v1", "ghcr.io/org/app:v1"),
            ("GHCR.io/org/app", "ghcr.io/org/app"),
            ("oci:out", "oci:out"),
            ("oci:out:v1", "oci:out:v1"),
            ("oci:/tmp/a:b/out", "oci:/tmp/a:b/out"),
            ("oci:/tmp/a:b/out:v1", "oci:/tmp/a:b/out:v1"),
            ("oci:me@home/out", "oci:me@home/out"),
        ] {
            let place: Place = text.parse().unwrap();
            assert_eq!(place.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_digest_names_an_image_on_both_sides() {
        for text in [
            format!("ghcr.io/org/app@{DIGEST}"),
            format!("oci:out@{DIGEST}"),
        ] {
            let place: Place = text.parse().unwrap();
            assert_eq!(
                place.digest().map(ToString::to_string).as_deref(),
                Some(DIGEST),
                "{text}"
            );
            assert_eq!(place.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["oci:", "oci::v1", "oci:out:bad tag"] {
            assert!(
                matches!(text.parse::<Place>(), Err(PlaceError::Layout(_))),
                "{text}"
            );
        }
        for text in [
            "alpine",
            "alpine:3",
            "library/alpine:3",
            "ghcr.io/Upper:1",
            "ghcr.io/a@sha256:12",
        ] {
            assert!(
                matches!(text.parse::<Place>(), Err(PlaceError::Name(_))),
                "{text}"
            );
        }
        let error = "https://ghcr.io/a".parse::<Place>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "https:// does not belong before a registry's name"
        );
    }
}
