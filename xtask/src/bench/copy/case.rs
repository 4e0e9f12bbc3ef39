//! What is copied.

use std::time::Duration;

use steward_testkit::image::{Image, Layer};
use steward_testkit::toll::Toll;

const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";
const MIB: u64 = 1 << 20;

/// One comparison.
pub(super) struct Case {
    /// What the source has.
    pub(super) images: Vec<Pushed>,
    /// What the target has already.
    pub(super) there: Vec<Pushed>,
    /// What is copied, one call of the program after the other: `repository:tag`.
    pub(super) copies: Vec<String>,
    /// Bytes that have to move.
    pub(super) bytes: u64,
    /// What stands before both registries.
    pub(super) toll: Option<Toll>,
    /// Whether the registries speak TLS.
    pub(super) tls: bool,
}

/// An image in a registry.
#[derive(Clone)]
pub(super) struct Pushed {
    pub(super) name: String,
    pub(super) tag: String,
    pub(super) image: Image,
}

type Make = fn() -> Case;

/// All of them, made when their turn comes: a layer of 2 GiB takes its time.
pub(super) const ALL: &[(&str, Make)] = &[
    ("8 layers of 64 MiB", eight),
    ("8 layers of 64 MiB over TLS", eight_over_tls),
    ("one layer of 2 GiB", large),
    ("60 layers of 1 MiB", many),
    ("index of 4 platforms with shared layers", platforms),
    ("unchanged image", unchanged),
    ("one changed layer of ten", one_changed),
    ("50 images that share most layers", fifty),
    ("20 ms of latency for each request", slow),
    ("registries that throttle at 20 requests a second", strict),
];

fn eight() -> Case {
    cold(image(0, 8, 64 * MIB))
}

fn eight_over_tls() -> Case {
    Case {
        tls: true,
        ..eight()
    }
}

fn large() -> Case {
    cold(image(100, 1, 2048 * MIB))
}

fn many() -> Case {
    cold(image(200, 60, MIB))
}

fn platforms() -> Case {
    let shared: Vec<Layer> = (300..305).map(|seed| layer(seed, 4 * MIB)).collect();
    let children = (0..)
        .zip(["amd64", "arm64", "s390x", "ppc64le"])
        .map(|(n, architecture)| {
            Image::builder()
                .platform("linux", architecture)
                .layers(shared.clone())
                .layer(layer(310 + n, 8 * MIB))
                .build()
        });
    cold(Image::index(children))
}

fn unchanged() -> Case {
    let image = image(400, 10, MIB);
    Case {
        there: vec![pushed("app", "v1", &image)],
        bytes: 0,
        ..cold(image)
    }
}

fn one_changed() -> Case {
    let layers: Vec<Layer> = (500..510).map(|seed| layer(seed, 8 * MIB)).collect();
    let before = Image::builder().layers(layers.iter().cloned()).build();
    let mut layers = layers;
    if let Some(last) = layers.last_mut() {
        *last = layer(599, 8 * MIB);
    }
    let after = Image::builder().layers(layers).build();
    let both = Image::index([before.clone(), after.clone()]).payload();
    Case {
        bytes: both - before.payload(),
        images: vec![pushed("app", "v2", &after)],
        there: vec![pushed("app", "v1", &before)],
        copies: vec!["bench/app:v2".to_owned()],
        toll: None,
        tls: false,
    }
}

fn fifty() -> Case {
    let shared: Vec<Layer> = (600..608).map(|seed| layer(seed, 2 * MIB)).collect();
    let images: Vec<Pushed> = (0..50)
        .map(|n| {
            let image = Image::builder()
                .layers(shared.iter().cloned())
                .layer(layer(700 + n, MIB / 4))
                .build();
            pushed(&format!("app-{}", n % 5), &format!("v{n}"), &image)
        })
        .collect();
    Case {
        bytes: Image::index(images.iter().map(|pushed| pushed.image.clone())).payload(),
        copies: images
            .iter()
            .map(|Pushed { name, tag, .. }| format!("{name}:{tag}"))
            .collect(),
        images,
        there: Vec::new(),
        toll: None,
        tls: false,
    }
}

fn slow() -> Case {
    Case {
        toll: Some(Toll {
            latency: Duration::from_millis(20),
            per_second: None,
        }),
        ..cold(image(800, 20, MIB))
    }
}

fn strict() -> Case {
    Case {
        toll: Some(Toll {
            latency: Duration::ZERO,
            per_second: Some(20),
        }),
        ..cold(image(900, 40, MIB / 4))
    }
}

/// One image that the target has nothing of.
fn cold(image: Image) -> Case {
    Case {
        bytes: image.payload(),
        images: vec![pushed("app", "v1", &image)],
        there: Vec::new(),
        copies: vec!["bench/app:v1".to_owned()],
        toll: None,
        tls: false,
    }
}

fn image(seed: u64, layers: u64, size: u64) -> Image {
    Image::builder()
        .layers((seed..seed + layers).map(|seed| layer(seed, size)))
        .build()
}

/// Bytes that nobody can compress, with no archive around them.
fn layer(seed: u64, size: u64) -> Layer {
    Layer::random_blob(LAYER_TYPE, seed, size)
}

fn pushed(name: &str, tag: &str, image: &Image) -> Pushed {
    Pushed {
        name: format!("bench/{name}"),
        tag: tag.to_owned(),
        image: image.clone(),
    }
}
