//! What the demo pushes: OCI layouts under the target folder.

use std::path::PathBuf;

use anyhow::Context as _;
use steward_testkit::cloud::paths;
use steward_testkit::image::{Image, Layer, LayoutEntry, write_layout};

/// An image on disk.
pub(crate) struct OnDisk {
    pub(crate) image: Image,
    /// The layout's folder; the image is called `demo` in it.
    pub(crate) layout: PathBuf,
}

impl OnDisk {
    fn write(name: &str, image: Image) -> anyhow::Result<Self> {
        let layout = paths::target().join("demo").join(name);
        let entry = LayoutEntry {
            image: &image,
            tag: Some("demo"),
        };
        write_layout(&layout, &[entry])
            .with_context(|| format!("cannot write {}", layout.display()))?;
        Ok(Self { image, layout })
    }
}

/// A release for two platforms, with an SBOM that refers to it.
pub(crate) fn release() -> anyhow::Result<(OnDisk, Image)> {
    let index = Image::index([one("amd64", 1), one("arm64", 2)]);
    let sbom = Image::referrer(
        &index,
        "application/spdx+json",
        r#"{"spdxVersion":"SPDX-2.3","name":"app"}"#,
    );
    Ok((OnDisk::write("release", index)?, sbom))
}

/// Work in progress, for one platform. Each number is another image.
pub(crate) fn feature(number: u64) -> anyhow::Result<OnDisk> {
    OnDisk::write(&format!("feature-{number}"), one("amd64", 10 + number))
}

fn one(architecture: &str, seed: u64) -> Image {
    Image::builder()
        .platform("linux", architecture)
        .layer(Layer::file("etc/motd", "an image of the demo\n"))
        .layer(Layer::random(seed, 1 << 20))
        .label(
            "org.opencontainers.image.source",
            "https://example.com/team/app",
        )
        .build()
}
