//! Measuring an image by a rule.

mod single;
mod words;

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{ImageRule, IndexScope, RequiredReferrer};
use crate::facts::{ImageFacts, ImageKind, Platform};

use single::Findings;
use words::{bytes, joined, length, sentence};

/// How deep indexes within indexes are looked into.
const MAX_DEPTH: usize = 4;

/// What a rule says to an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageVerdict {
    /// What is wrong and what would be right, each a sentence.
    pub violations: Vec<String>,
    /// What the rule asks for and nobody has read, such as `the configuration`.
    pub unknown: Vec<String>,
    /// When a referrer that is missing must be there: nothing is wrong before.
    pub recheck_at: Option<Timestamp>,
}

impl ImageVerdict {
    /// Whether nothing is wrong and nothing is unknown, so far.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.violations.is_empty() && self.unknown.is_empty()
    }
}

impl ImageRule {
    /// What the rule says to an image at a time.
    ///
    /// What the rule asks of one image (labels, annotations, user, age, base image, layers, ports)
    /// is asked of the images of an index, of each or of any by [`IndexScope`]; an annotation of the
    /// index counts for all its images. Platforms and size are those of the index as a whole, and
    /// referrers those of the index itself. An artifact, such as a chart, has no platform, user,
    /// labels, base image, build time or ports, and is not asked for them.
    #[must_use]
    pub fn check(&self, image: &ImageFacts, now: Timestamp) -> ImageVerdict {
        let mut found = Findings::default();
        if self.asks_about_content() {
            match image.kind {
                None => found.unknown("the manifest"),
                Some(ImageKind::Image) => {
                    self.check_whole(image, &[image], &mut found);
                    self.check_one(image, None, now, &mut found);
                }
                Some(ImageKind::Artifact) => {
                    self.check_size(&[image], &mut found);
                    self.check_one(image, None, now, &mut found);
                }
                Some(ImageKind::Index) => self.check_index(image, now, &mut found),
            }
        }
        let mut verdict = ImageVerdict {
            violations: found.violations.into_iter().map(sentence).collect(),
            unknown: found.unknown.into_iter().map(str::to_owned).collect(),
            recheck_at: None,
        };
        self.check_referrers(image, now, &mut verdict);
        verdict
    }

    /// Whether the rule asks for more than referrers.
    #[must_use]
    pub fn asks_about_content(&self) -> bool {
        let referrers_only = Self {
            referrers: self.referrers.clone(),
            index: self.index,
            ..Self::default()
        };
        *self != referrers_only
    }

    /// Whether the rule asks for referrers.
    #[must_use]
    pub fn asks_about_referrers(&self) -> bool {
        !self.referrers.is_empty()
    }

    fn check_index(&self, index: &ImageFacts, now: Timestamp, found: &mut Findings) {
        self.check_media_type("the index", index.media_type.as_deref(), found);
        let mut images = Vec::new();
        if !leaves(index, 0, &mut images) {
            found.unknown("the images of the index");
        }
        if images.is_empty() {
            if found.unknown.is_empty() {
                found.violation(
                    "the index names no image with a platform, so nothing of it can be checked; \
                     push it with the platform of each image"
                        .to_owned(),
                );
            }
            return;
        }
        self.check_whole(index, &images, found);
        let verdicts: Vec<(&ImageFacts, Findings)> = images
            .iter()
            .map(|image| {
                let mut own = Findings::default();
                self.check_one(image, Some(index), now, &mut own);
                (*image, own)
            })
            .collect();
        match self.index {
            IndexScope::Every => every(&verdicts, found),
            IndexScope::Any => any(verdicts, found),
        }
    }

    fn check_whole(&self, whole: &ImageFacts, images: &[&ImageFacts], found: &mut Findings) {
        self.check_platforms(whole, images, found);
        self.check_size(images, found);
    }

    fn check_platforms(&self, whole: &ImageFacts, images: &[&ImageFacts], found: &mut Findings) {
        if self.platforms.is_empty() {
            return;
        }
        let there: Vec<&Platform> = images.iter().filter_map(|i| i.platform.as_ref()).collect();
        let missing: Vec<String> = self
            .platforms
            .iter()
            .filter(|wanted| !there.iter().any(|platform| platform.satisfies(wanted)))
            .map(ToString::to_string)
            .collect();
        if missing.is_empty() {
            return;
        }
        if there.len() < images.len() {
            return found.unknown("the platform");
        }
        let there: Vec<String> = there.iter().map(ToString::to_string).collect();
        let what = if missing.len() == 1 {
            format!("the platform {} is", joined(&missing, "and"))
        } else {
            format!("the platforms {} are", joined(&missing, "and"))
        };
        let remedy = if whole.kind == Some(ImageKind::Index) {
            "add what is missing to the index"
        } else {
            "push an index with an image for each platform"
        };
        found.violation(format!(
            "{what} missing, there is only {}; {remedy}",
            joined(&there, "and")
        ));
    }

    fn check_size(&self, images: &[&ImageFacts], found: &mut Findings) {
        let Some(max) = self.max_size else {
            return;
        };
        let mut seen = BTreeSet::new();
        let mut total = 0u64;
        let mut is_known = true;
        for image in images {
            let Some(layers) = &image.layers else {
                is_known = false;
                continue;
            };
            for layer in layers {
                if seen.insert(&layer.digest) {
                    total = total.saturating_add(layer.size);
                }
            }
        }
        if total > max {
            let images = if images.len() == 1 {
                "the layers have".to_owned()
            } else {
                format!("the layers of all {} images together have", images.len())
            };
            found.violation(format!(
                "{images} {}, compressed; at most {} are allowed",
                bytes(total),
                bytes(max)
            ));
        } else if !is_known {
            found.unknown("the layers");
        }
    }

    fn check_referrers(&self, image: &ImageFacts, now: Timestamp, verdict: &mut ImageVerdict) {
        if self.referrers.is_empty() {
            return;
        }
        let Some(referrers) = &image.referrers else {
            verdict.unknown.push("the referrers".to_owned());
            return;
        };
        let missing = |required: &&RequiredReferrer| {
            !referrers
                .iter()
                .any(|referrer| required.is_met_by(referrer))
        };
        for required in self.referrers.iter().filter(missing) {
            let Some(pushed_at) = image.pushed_at else {
                verdict.unknown.push("the time of the push".to_owned());
                return;
            };
            match pushed_at.checked_add(required.within) {
                Ok(deadline) if now < deadline => {
                    let earliest = verdict.recheck_at.map_or(deadline, |at| at.min(deadline));
                    verdict.recheck_at = Some(earliest);
                }
                _ => verdict.violations.push(sentence(format!(
                    "no {} refers to the image; one must be there {} after the push of {} \
                     (artifact type {})",
                    required.what,
                    length(required.within),
                    words::minute(pushed_at),
                    required.accepted()
                ))),
            }
        }
    }
}

/// The images of an index, also those of an index within it; whether all were read.
fn leaves<'i>(index: &'i ImageFacts, depth: usize, found: &mut Vec<&'i ImageFacts>) -> bool {
    let Some(children) = index.children.as_ref().filter(|_| depth < MAX_DEPTH) else {
        return false;
    };
    let mut is_complete = true;
    for child in children {
        if child.kind == Some(ImageKind::Index) {
            is_complete &= leaves(child, depth + 1, found);
        } else {
            found.push(child);
        }
    }
    is_complete
}

/// What is wrong with some image: the same mistake of several images is told once.
fn every(verdicts: &[(&ImageFacts, Findings)], found: &mut Findings) {
    let mut told: Vec<(&str, Vec<String>)> = Vec::new();
    for (image, own) in verdicts {
        for unknown in &own.unknown {
            found.unknown(unknown);
        }
        for violation in &own.violations {
            match told.iter_mut().find(|(text, _)| text == violation) {
                Some((_, images)) => images.push(named(image)),
                None => told.push((violation, vec![named(image)])),
            }
        }
    }
    for (violation, images) in told {
        let place = if images.len() == verdicts.len() && images.len() > 1 {
            "in every image of the index".to_owned()
        } else {
            format!("in the image for {}", joined(&images, "and"))
        };
        found.violation(format!("{place}, {violation}"));
    }
}

/// What is wrong when no image is as it should be: that of the image with the fewest mistakes.
fn any(verdicts: Vec<(&ImageFacts, Findings)>, found: &mut Findings) {
    let nearest = verdicts
        .into_iter()
        .min_by_key(|(_, own)| (own.violations.len(), own.unknown.len()));
    let Some((image, own)) = nearest else {
        return;
    };
    if own.violations.is_empty() {
        for unknown in own.unknown {
            found.unknown(unknown);
        }
        return;
    }
    let image = named(image);
    for violation in own.violations {
        found.violation(format!(
            "no image of the index is as the rule asks; nearest is the one for {image}, where \
             {violation}"
        ));
    }
}

fn named(image: &ImageFacts) -> String {
    match &image.platform {
        Some(platform) => platform.to_string(),
        None => image.digest.short().to_owned(),
    }
}

#[cfg(test)]
mod tests;
