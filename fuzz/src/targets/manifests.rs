use steward_core::facts::{ImageFacts, ImageKind, ManifestFacts};

use super::outline;

/// A manifest, a line `---`, and a configuration.
pub(super) fn feed(input: &[u8]) -> String {
    let split = input.windows(5).position(|part| part == b"\n---\n");
    let (manifest, config) = match split {
        Some(at) => (&input[..at], &input[at + 5..]),
        None => (input, &b"{}"[..]),
    };
    let manifest = match ManifestFacts::new(None, manifest) {
        Ok(manifest) => manifest,
        Err(error) => return outline(&error.to_string()),
    };
    let is_image = manifest.kind() == ImageKind::Image;
    assert_eq!(manifest.config_digest().is_some(), is_image);
    for child in manifest.children() {
        assert_ne!(child.platform.to_string(), "unknown/unknown");
    }
    let children = manifest.children().len();
    let digest = format!("sha256:{}", "0".repeat(64))
        .parse()
        .expect("it is a digest");
    let image = manifest.into_facts(digest, Vec::new());
    let mut answer = format!("{:?} {}", image.kind, children.min(4));
    let image = match image.clone().with_config(config) {
        Ok(image) => image,
        Err(error) => {
            answer.push_str(&outline(&error.to_string()));
            image
        }
    };
    if let Some(config) = &image.config {
        let labels = config.labels.len().min(4);
        answer.push_str(&format!(
            "{} {labels} {:?}",
            config.created.is_some(),
            image.platform
        ));
    }
    let text = serde_json::to_string(&image).expect("facts are JSON");
    let again: ImageFacts = serde_json::from_str(&text).expect("the facts can be read again");
    assert_eq!(image, again);
    answer
}
