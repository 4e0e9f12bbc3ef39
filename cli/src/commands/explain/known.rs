//! The facts of a decision in a few lines.

use steward_core::facts::{Facts, ImageFacts, ImageKind};

/// Names that are shown of a longer list.
const SHOWN: usize = 8;

/// What is known, by name; what is not known is left out.
pub(super) fn lines(facts: &Facts) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    match &facts.image {
        None => lines.push(("image", format!("the tag {} is not there", facts.tag))),
        Some(image) => image_lines(image, &mut lines),
    }
    if let Some(previous) = &facts.previous {
        lines.push(("before", format!("the tag was on {previous}")));
    }
    if let Some(siblings) = &facts.siblings {
        let count = siblings.len();
        let text = format!("{count} in the repository: {}", some(siblings.keys()));
        lines.push(("all tags", text.trim_end_matches(": ").to_owned()));
    }
    if let Some(tags) = facts.resource_tags.as_ref().filter(|tags| !tags.is_empty()) {
        let tags = tags.iter().map(|(name, value)| format!("{name}={value}"));
        lines.push(("resource", some(tags)));
    }
    if let Some(pusher) = &facts.pusher {
        lines.push(("pusher", pusher.arn.clone()));
    }
    lines
}

fn image_lines(image: &ImageFacts, lines: &mut Vec<(&'static str, String)>) {
    lines.push(("tags", some(&image.tags)));
    if let Some(time) = image.pushed_at {
        lines.push(("pushed", time.to_string()));
    }
    let Some(kind) = image.kind else {
        return;
    };
    let mut what = kind.as_str().to_owned();
    let platforms = match (&image.children, &image.platform) {
        (Some(children), _) => some(children.iter().filter_map(|child| child.platform.as_ref())),
        (None, Some(platform)) => platform.to_string(),
        (None, None) => String::new(),
    };
    if !platforms.is_empty() {
        what.push_str(&format!(" for {platforms}"));
    }
    if kind == ImageKind::Artifact
        && let Some(artifact_type) = &image.artifact_type
    {
        what.push_str(&format!(" of type {artifact_type}"));
    }
    if let Some(layers) = &image.layers {
        let size: u64 = layers.iter().map(|layer| layer.size).sum();
        let count = crate::output::plural(layers.len() as u64, "layer");
        what.push_str(&format!(", {count} with {}", bytes(size)));
    }
    lines.push(("image", what));
    if let Some(config) = &image.config {
        let user = if config.user.is_empty() {
            "root (nothing is said)"
        } else {
            &config.user
        };
        lines.push(("user", user.to_owned()));
        if let Some(created) = config.created {
            lines.push(("created", created.to_string()));
        }
        if !config.labels.is_empty() {
            let labels = config
                .labels
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            lines.push(("labels", some(labels)));
        }
    }
    if let Some(referrers) = &image.referrers {
        let types = some(referrers.iter().map(|referrer| &referrer.artifact_type));
        let types = if types.is_empty() {
            "none".to_owned()
        } else {
            types
        };
        lines.push(("referrers", types));
    }
}

/// The first of a list, and how many more there are.
fn some<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    let mut names = names.into_iter();
    let mut shown: Vec<String> = names
        .by_ref()
        .take(SHOWN)
        .map(|name| printable(&name.to_string()))
        .collect();
    let more = names.count();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

/// What others wrote does not reach the terminal's controls, and is not longer than helps.
fn printable(text: &str) -> String {
    let cut = text.chars().take(120);
    cut.map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}
