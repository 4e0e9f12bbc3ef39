use std::{
    fs::{self, File},
    io,
    path::Path,
};

use serde_json::{Value, json};

use super::{Image, insert};

/// An image of a layout.
#[derive(Clone, Copy, Debug)]
pub struct LayoutEntry<'a> {
    /// The image.
    pub image: &'a Image,
    /// Its name in the layout; none for referrers and others that are found by digest.
    pub tag: Option<&'a str>,
}

/// Writes an OCI image layout (OCI image specification, "Image Layout") that has these images and
/// everything below them. What `dir` holds of another layout's blobs stays; its index is replaced.
///
/// # Errors
///
/// What the file system says.
pub fn write_layout(dir: &Path, entries: &[LayoutEntry<'_>]) -> io::Result<()> {
    let blobs = dir.join("blobs").join("sha256");
    fs::create_dir_all(&blobs)?;
    for image in entries.iter().flat_map(|entry| entry.image.all()) {
        for blob in image.blobs() {
            let path = blobs.join(blob.digest().hex());
            // By digest: what is there is right, if it is whole.
            if fs::metadata(&path).is_ok_and(|found| found.len() == blob.size()) {
                continue;
            }
            io::copy(&mut blob.open(), &mut File::create(&path)?)?;
        }
        fs::write(blobs.join(image.digest().hex()), image.manifest())?;
    }
    let manifests: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let mut descriptor = entry.image.descriptor();
            let name = entry
                .tag
                .map(|tag| json!({ "org.opencontainers.image.ref.name": tag }));
            insert(&mut descriptor, "annotations", name);
            descriptor
        })
        .collect();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    });
    fs::write(dir.join("index.json"), index.to_string())?;
    fs::write(
        dir.join("oci-layout"),
        json!({ "imageLayoutVersion": "1.0.0" }).to_string(),
    )
}
