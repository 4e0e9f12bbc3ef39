//! The gateway before a real emulator, with real clients.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what the tests share fails as a test does"
)]

mod api;
mod clients;
mod events;
mod registry;
mod stage;
mod streams;

use serde_json::Value;
use steward_testkit::image::{Image, Layer};

pub(crate) fn app(text: &str) -> Image {
    Image::builder()
        .layer(Layer::file("etc/motd", text))
        .layer(Layer::random(1, 300_000))
        .build()
}

pub(crate) fn two_platforms() -> Image {
    let child = |architecture: &str| {
        Image::builder()
            .platform("linux", architecture)
            .layer(Layer::file("etc/arch", architecture))
            .build()
    };
    Image::index([child("amd64"), child("arm64")])
}

/// The fields of an event that tell what it is about.
pub(crate) fn summary(event: &Value) -> (String, Option<String>, String) {
    let detail = &event["detail"];
    let text = |key: &str| detail[key].as_str().map(str::to_owned);
    (
        text("action-type").unwrap(),
        text("image-tag"),
        text("image-digest").unwrap(),
    )
}

pub(crate) fn pushed(tag: Option<&str>, image: &Image) -> (String, Option<String>, String) {
    (
        "PUSH".into(),
        tag.map(str::to_owned),
        image.digest().to_string(),
    )
}

pub(crate) fn deleted(tag: Option<&str>, image: &Image) -> (String, Option<String>, String) {
    let (_, tag, digest) = pushed(tag, image);
    ("DELETE".into(), tag, digest)
}
