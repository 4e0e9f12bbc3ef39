use bytes::Bytes;

use super::Repository;
use crate::blob::Download;
use crate::error::RegistryError;
use crate::manifest::Descriptor;
use crate::place::Place;

impl Repository {
    /// A small blob as a whole, such as the configuration of an image: read through redirects and
    /// cuts, and verified.
    ///
    /// # Errors
    ///
    /// [`RegistryError::TooLarge`] above `limit` bytes, [`RegistryError::NotFound`],
    /// [`RegistryError::SizeMismatch`], [`RegistryError::DigestMismatch`].
    pub async fn blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Bytes, RegistryError> {
        let retry = self.client().retry_policy().clone();
        Download::new(Place::from(self.clone()), descriptor.clone(), retry)
            .collect(limit)
            .await
    }
}
