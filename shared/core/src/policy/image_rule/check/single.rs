//! What a rule asks of one image.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::super::{ImageRule, Metadata, TextGlob};
use super::words::{joined, length, minute, shown};
use crate::facts::{ImageConfig, ImageFacts, ImageKind};

/// The annotation or label that names the base image (OCI image specification, `annotations.md`).
const BASE_NAME: &str = "org.opencontainers.image.base.name";

/// Media types of layers that registries must not distribute (OCI image specification, `layer.md`;
/// Docker image manifest, schema 2).
const FOREIGN: [&str; 2] = [
    "application/vnd.oci.image.layer.nondistributable.",
    "application/vnd.docker.image.rootfs.foreign.",
];

/// How far a build may lie in the future: clocks differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_hours(24);

/// What was found, as clauses that begin in lower case.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) violations: Vec<String>,
    pub(super) unknown: Vec<&'static str>,
}

impl Findings {
    pub(super) fn violation(&mut self, clause: String) {
        self.violations.push(clause);
    }

    pub(super) fn unknown(&mut self, what: &'static str) {
        if !self.unknown.contains(&what) {
            self.unknown.push(what);
        }
    }
}

impl ImageRule {
    /// What is asked of one image; `index` is the index that names it.
    pub(super) fn check_one(
        &self,
        image: &ImageFacts,
        index: Option<&ImageFacts>,
        now: Timestamp,
        found: &mut Findings,
    ) {
        self.check_annotations(image, index, found);
        if image.kind != Some(ImageKind::Artifact) {
            self.check_config(image, now, found);
            self.check_base(image, index, found);
        }
        self.check_media_type("the manifest", image.media_type.as_deref(), found);
        self.check_layers(image, found);
    }

    fn check_annotations(
        &self,
        image: &ImageFacts,
        index: Option<&ImageFacts>,
        found: &mut Findings,
    ) {
        if self.annotations.asks_nothing() {
            return;
        }
        let of_index = index.and_then(|index| index.annotations.as_ref());
        if image.annotations.is_none() && of_index.is_none() {
            return found.unknown("the annotations");
        }
        let value = |name: &str| annotation(image, index, name);
        self.annotations.check("annotation", value, found);
    }

    fn check_config(&self, image: &ImageFacts, now: Timestamp, found: &mut Findings) {
        let asks = !self.labels.asks_nothing()
            || self.non_root
            || self.created_within.is_some()
            || self.exposed_ports.is_some();
        if !asks {
            return;
        }
        let Some(config) = &image.config else {
            return found.unknown("the configuration");
        };
        let label = |name: &str| config.labels.get(name).map(String::as_str);
        self.labels.check("label", label, found);
        if self.non_root {
            check_user(config, found);
        }
        self.check_age(config, now, found);
        self.check_ports(config, found);
    }

    fn check_age(&self, config: &ImageConfig, now: Timestamp, found: &mut Findings) {
        let Some(within) = self.created_within else {
            return;
        };
        let allowed = length(within);
        let Some(created) = config.created else {
            return found.violation(format!(
                "the configuration does not say when the image was built; it may be at most \
                 {allowed} old"
            ));
        };
        let age = now.duration_since(created);
        if age < -CLOCK_SKEW {
            found.violation(format!(
                "the image claims to have been built on {}, which is in the future; build it with \
                 a right clock",
                minute(created)
            ));
        } else if age > SignedDuration::try_from(within).unwrap_or(SignedDuration::MAX) {
            found.violation(format!(
                "the image was built on {}, {} days ago; it may be at most {allowed} old: build \
                 it again",
                minute(created),
                age.as_hours() / 24
            ));
        }
    }

    fn check_ports(&self, config: &ImageConfig, found: &mut Findings) {
        let Some(allowed) = &self.exposed_ports else {
            return;
        };
        let others: Vec<String> = config
            .exposed_ports
            .iter()
            .filter(|port| {
                !ports(port).is_some_and(|mut ports| ports.all(|p| allowed.contains(&p)))
            })
            .map(|port| shown(port))
            .collect();
        if others.is_empty() {
            return;
        }
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        let allowed = match allowed.as_slice() {
            [] => "no port may be".to_owned(),
            ports => format!("only {} may be", joined(ports, "and")),
        };
        let port = if others.len() == 1 {
            "the port"
        } else {
            "the ports"
        };
        let are = if others.len() == 1 { "is" } else { "are" };
        found.violation(format!(
            "{port} {} {are} exposed; {allowed}",
            joined(&others, "and")
        ));
    }

    fn check_base(&self, image: &ImageFacts, index: Option<&ImageFacts>, found: &mut Findings) {
        if self.base_images.is_empty() {
            return;
        }
        let label = || {
            image
                .config
                .as_ref()
                .and_then(|config| config.labels.get(BASE_NAME))
        };
        let name = annotation(image, index, BASE_NAME).or_else(|| label().map(String::as_str));
        let allowed = spelled(&self.base_images);
        match name {
            Some(name) if self.base_images.iter().any(|glob| glob.matches(name)) => {}
            Some(name) => found.violation(format!(
                "the base image {} is not allowed; it must be {allowed}",
                shown(name)
            )),
            None if image.annotations.is_none() || image.config.is_none() => {
                found.unknown("the annotations and labels");
            }
            None => found.violation(format!(
                "the image does not name its base image; give it the annotation or label \
                 `{BASE_NAME}`, which must be {allowed}"
            )),
        }
    }

    /// Whether a media type is among the allowed ones.
    pub(super) fn check_media_type(
        &self,
        of: &str,
        media_type: Option<&str>,
        found: &mut Findings,
    ) {
        if self.media_types.is_empty() {
            return;
        }
        let Some(media_type) = media_type else {
            return found.unknown("the media type");
        };
        if !self.media_types.iter().any(|glob| glob.matches(media_type)) {
            found.violation(format!(
                "the media type {} of {of} is not allowed; it must be {}",
                shown(media_type),
                spelled(&self.media_types)
            ));
        }
    }

    fn check_layers(&self, image: &ImageFacts, found: &mut Findings) {
        if self.media_types.is_empty() && !self.no_foreign_layers && self.max_layers.is_none() {
            return;
        }
        let Some(layers) = &image.layers else {
            return found.unknown("the layers");
        };
        let wrong = layers.iter().find(|layer| {
            let allowed = |glob: &TextGlob| glob.matches(&layer.media_type);
            !self.media_types.is_empty() && !self.media_types.iter().any(allowed)
        });
        if let Some(layer) = wrong {
            let of = format!("the layer {}", layer.digest.short());
            self.check_media_type(&of, Some(&layer.media_type), found);
        }
        let is_foreign = |text: &str| FOREIGN.iter().any(|prefix| text.starts_with(prefix));
        let foreign = layers.iter().find(|layer| is_foreign(&layer.media_type));
        if let Some(layer) = foreign.filter(|_| self.no_foreign_layers) {
            found.violation(format!(
                "the layer {} is a foreign one ({}), which is not in the registry; push the image \
                 with all its layers",
                layer.digest.short(),
                shown(&layer.media_type)
            ));
        }
        if let Some(max) = self.max_layers
            && u64::try_from(layers.len()).unwrap_or(u64::MAX) > u64::from(max)
        {
            found.violation(format!(
                "the image has {} layers; at most {max} are allowed: join steps of the build, or \
                 build in stages",
                layers.len()
            ));
        }
    }
}

impl Metadata {
    fn asks_nothing(&self) -> bool {
        self.required.is_empty() && self.matching.is_empty()
    }

    fn check<'v>(&self, what: &str, value: impl Fn(&str) -> Option<&'v str>, found: &mut Findings) {
        let is_matched = |name: &str| self.matching.iter().any(|(other, _)| other == name);
        for name in self.required.iter().filter(|name| !is_matched(name)) {
            if value(name).is_none_or(|value| value.trim().is_empty()) {
                let name = shown(name);
                found.violation(format!(
                    "the {what} {name} is missing or empty; set it when the image is built"
                ));
            }
        }
        for (name, pattern) in &self.matching {
            let name_shown = shown(name);
            let pattern_shown = shown(pattern.as_str());
            match value(name) {
                Some(value) if pattern.matches(value) => {}
                Some(value) => found.violation(format!(
                    "the {what} {name_shown} is {}; it must match {pattern_shown}",
                    shown(value)
                )),
                None => found.violation(format!(
                    "the {what} {name_shown} is missing; it must be there and match {pattern_shown}"
                )),
            }
        }
    }
}

/// An annotation of an image, else of the index that names it.
fn annotation<'i>(
    image: &'i ImageFacts,
    index: Option<&'i ImageFacts>,
    name: &str,
) -> Option<&'i str> {
    let of = |facts: &'i ImageFacts| -> Option<&'i BTreeMap<String, String>> {
        facts.annotations.as_ref()
    };
    let own = of(image).and_then(|annotations| annotations.get(name));
    own.or_else(|| {
        index
            .and_then(of)
            .and_then(|annotations| annotations.get(name))
    })
    .map(String::as_str)
}

fn check_user(config: &ImageConfig, found: &mut Findings) {
    const REMEDY: &str = "set another user, such as `USER 10001`";
    let name = config.user.split(':').next().unwrap_or_default().trim();
    if name.is_empty() {
        found.violation(format!(
            "no user is set, so the process runs as root; {REMEDY}"
        ));
    } else if is_root(name) {
        let user = shown(&config.user);
        found.violation(format!("the user is {user}, which is root; {REMEDY}"));
    }
}

/// Whether a user is root, by name or by any spelling of 0; Windows calls it otherwise.
fn is_root(name: &str) -> bool {
    name == "root"
        || name.eq_ignore_ascii_case("ContainerAdministrator")
        || name.parse::<i64>().is_ok_and(|id| id == 0)
}

/// The ports of `8080/tcp`, `53` or `8000-8010/udp`.
fn ports(text: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let numbers = text.split('/').next().unwrap_or_default();
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let range = first.parse::<u16>().ok()?..=last.parse::<u16>().ok()?;
    (!range.is_empty()).then_some(range)
}

fn spelled(globs: &[TextGlob]) -> String {
    let globs: Vec<String> = globs.iter().map(|glob| shown(glob.as_str())).collect();
    joined(&globs, "or")
}
