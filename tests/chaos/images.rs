//! What is copied: images that share layers, indexes, referrers.

use steward_testkit::image::{Image, Layer};

/// Repositories, and images in each.
const REPOSITORIES: u64 = 32;
const TAGS: u64 = 5;

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An image with its place, the same on both sides.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) repository: String,
    pub(crate) tag: String,
    pub(crate) image: Image,
    /// What refers to it; the second refers to the first.
    pub(crate) referrers: Vec<Image>,
}

impl Item {
    /// The image and its referrers with everything below them: children first.
    pub(crate) fn manifests(&self) -> Vec<&Image> {
        let mut all = Vec::new();
        for root in std::iter::once(&self.image).chain(&self.referrers) {
            all.extend(root.children());
            all.push(root);
        }
        all
    }
}

pub(crate) fn images(seed: u64) -> Vec<Item> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut layer = |size: u64| Layer::random_blob(LAYER, random.u64(..), size);
    let everywhere = layer(60_000);
    let mut items = Vec::new();
    for r in 0..REPOSITORIES {
        let shared = layer(40_000);
        for t in 0..TAGS {
            let n = r * TAGS + t;
            let single = |layers: Vec<Layer>, arch: &str| {
                Image::builder()
                    .platform("linux", arch)
                    .label("org.opencontainers.image.version", &format!("{r}.{t}"))
                    .layers([everywhere.clone(), shared.clone()])
                    .layers(layers)
                    .build()
            };
            let own = layer(n * 500);
            let image = match n % 6 {
                0 => Image::index([
                    single(vec![own.clone(), layer(9_000)], "amd64"),
                    single(vec![own], "arm64"),
                ]),
                1 => single(vec![own.clone(), Layer::empty(), own], "amd64"),
                _ => single(vec![own], "amd64"),
            };
            let referrers = if n.is_multiple_of(10) {
                let sbom =
                    Image::referrer(&image, "application/spdx+json", format!("{{\"n\":{n}}}"));
                let signature =
                    Image::referrer(&sbom, "application/vnd.example.signature", format!("{n}"));
                vec![sbom, signature]
            } else {
                Vec::new()
            };
            items.push(Item {
                repository: format!("team-{}/app-{r}", r % 4),
                tag: format!("v{t}"),
                image,
                referrers,
            });
        }
    }
    items
}
