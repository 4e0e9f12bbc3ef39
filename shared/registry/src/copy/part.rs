//! What a filter makes of an image, without copying it.

use steward_core::facts::Platform;
use steward_core::{Digest, Reference};

use super::CopyError;
use super::platforms::{PlatformFilter, Selected, select};
use crate::place::Place;

/// What a copy with a filter puts under its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A manifest of this digest: the image's own, or that of its index without what stays behind.
    Manifest(Digest),
    /// Nothing: the image is a single one of a platform that is not wanted.
    OtherPlatform(Platform),
}

/// Which part of the image `digest` a copy with this filter takes. One request for the image, and one
/// for each manifest below it or configuration that says what its descriptor does not.
///
/// # Errors
///
/// As [`copy`](super::copy); [`NoSuchPlatform`](crate::RegistryError::NoSuchPlatform) for an index that
/// has no wanted platform.
pub async fn part_of(
    from: &Place,
    digest: &Digest,
    filter: &PlatformFilter,
) -> Result<Part, CopyError> {
    let root = from.manifest(&Reference::Digest(digest.clone())).await;
    let root = root.map_err(CopyError::Source)?;
    Ok(match select(from, root, filter).await? {
        Selected::Other(platform) => Part::OtherPlatform(platform),
        Selected::Part(selection) => Part::Manifest(selection.root.digest().clone()),
    })
}
