//! The facts of a case as people write them.

mod forms;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use steward_core::facts::{
    EventFacts, EventKind, Facts, Home, ImageConfig, ImageFacts, ImageKind, LayerFacts, Platform,
    Pusher, ReferrerFacts,
};
use steward_core::{RepositoryName, Tag};

use super::digests::Digests;
use super::time::{GivenTime, Size};
pub(crate) use forms::pusher;
use forms::{GivenLayer, GivenLayers, GivenPort, GivenReferrer};

/// Media types of what is not said otherwise (OCI image specification, `media-types.md`).
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The annotation and label that names a base image.
const BASE_NAME: &str = "org.opencontainers.image.base.name";

/// Facts, each of which may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GivenFacts {
    /// Where the repository is.
    pub registry: Option<Home>,
    /// The repository.
    pub repository: Option<RepositoryName>,
    /// The tag.
    pub tag: Option<Tag>,
    /// The image: a digest, or any name for one; the case's name where nothing is said.
    pub digest: Option<String>,
    /// The other tags of the image.
    pub tags: Option<Vec<Tag>>,
    /// What happened.
    pub event: Option<EventKind>,
    /// The moment of the decision.
    pub now: Option<GivenTime>,
    /// When the image was pushed.
    pub pushed: Option<GivenTime>,
    /// What the tag pointed to before: a digest, or any name for one.
    pub previous: Option<String>,
    /// Every tag of the repository and what it points to.
    pub siblings: Option<BTreeMap<Tag, String>>,
    /// The repository's resource tags.
    pub resource_tags: Option<BTreeMap<String, String>>,
    /// Who pushed.
    #[serde(deserialize_with = "pusher")]
    pub pusher: Option<Pusher>,
    /// What the image is like; where nothing is said, nothing but its digest is known.
    pub image: Option<GivenImage>,
}

/// What an image is like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GivenImage {
    /// What the manifest is; an index where there are several platforms or `images`.
    pub kind: Option<ImageKind>,
    /// Media type of the manifest.
    pub media_type: Option<String>,
    /// Type of the artifact.
    pub artifact_type: Option<String>,
    /// The platforms: one makes an image, several make an index.
    pub platforms: Option<Vec<Platform>>,
    /// Annotations of the manifest.
    pub annotations: Option<BTreeMap<String, String>>,
    /// Labels of the configuration.
    pub labels: Option<BTreeMap<String, String>>,
    /// The user that the process runs as.
    pub user: Option<String>,
    /// When the image was built.
    pub created: Option<GivenTime>,
    /// Ports, such as `8080/tcp`.
    pub exposed_ports: Option<Vec<GivenPort>>,
    /// The base image's name, written to its annotation.
    pub base_image: Option<String>,
    /// The compressed size of each image in bytes.
    pub size: Option<Size>,
    /// How many layers each image has, or the layers.
    pub layers: Option<GivenLayers>,
    /// What refers to the image.
    pub referrers: Option<Vec<GivenReferrer>>,
    /// The images of an index, where they differ in more than their platform.
    pub images: Option<Vec<GivenImage>>,
}

impl GivenFacts {
    /// These facts, with those that `case` gives in their place; what an image is like is taken
    /// field by field too.
    #[must_use]
    pub fn overridden_by(self, case: Self) -> Self {
        let image = match (self.image, case.image) {
            (Some(all), Some(case)) => Some(all.overridden_by(case)),
            (all, case) => case.or(all),
        };
        Self {
            registry: case.registry.or(self.registry),
            repository: case.repository.or(self.repository),
            tag: case.tag.or(self.tag),
            digest: case.digest.or(self.digest),
            tags: case.tags.or(self.tags),
            event: case.event.or(self.event),
            now: case.now.or(self.now),
            pushed: case.pushed.or(self.pushed),
            previous: case.previous.or(self.previous),
            siblings: case.siblings.or(self.siblings),
            resource_tags: case.resource_tags.or(self.resource_tags),
            pusher: case.pusher.or(self.pusher),
            image,
        }
    }

    /// The facts as the functions know them.
    ///
    /// # Errors
    ///
    /// What is missing or impossible, as the end of a sentence about the case.
    pub fn into_facts(self, name: &str, run_at: Timestamp) -> Result<(Facts, Digests), String> {
        let mut digests = Digests::default();
        let repository = self.repository.ok_or("says no `repository`")?;
        let tag = self.tag.ok_or("says no `tag`")?;
        let kind = self.event.unwrap_or_default();
        let now = match self.now {
            Some(now) => now.seen_from(run_at)?,
            None => run_at,
        };
        let pushed_at = match self.pushed {
            Some(pushed) => pushed.seen_from(now)?,
            None => now,
        };
        // A tag that was deleted is gone, unless the case says what it points to now.
        let is_gone = kind == EventKind::Deleted && self.digest.is_none();
        let image = if is_gone {
            None
        } else {
            let digest = digests.named(self.digest.as_deref().unwrap_or(name))?;
            let mut tags = vec![tag.clone()];
            tags.extend(
                self.tags
                    .into_iter()
                    .flatten()
                    .filter(|other| *other != tag),
            );
            tags.sort();
            let blank = ImageFacts::new(digest, tags);
            let mut image = match self.image {
                Some(given) => given.into_facts(blank, now, &mut digests)?,
                None => blank,
            };
            image.pushed_at = Some(pushed_at);
            Some(image)
        };
        let previous = self.previous.map(|name| digests.named(&name)).transpose()?;
        let siblings = match self.siblings {
            None => None,
            Some(given) => {
                let mut siblings = BTreeMap::new();
                for (tag, name) in given {
                    siblings.insert(tag, digests.named(&name)?);
                }
                if let Some(image) = &image {
                    siblings.insert(tag.clone(), image.digest.clone());
                }
                Some(siblings)
            }
        };
        let facts = Facts {
            registry: self.registry,
            repository,
            tag,
            event: EventFacts {
                kind,
                time: match kind {
                    EventKind::Pushed => pushed_at,
                    EventKind::Deleted | EventKind::Review => now,
                },
                now,
            },
            image,
            previous,
            siblings,
            resource_tags: self.resource_tags,
            pusher: self.pusher,
        };
        Ok((facts, digests))
    }
}

impl GivenImage {
    fn overridden_by(self, case: Self) -> Self {
        Self {
            kind: case.kind.or(self.kind),
            media_type: case.media_type.or(self.media_type),
            artifact_type: case.artifact_type.or(self.artifact_type),
            platforms: case.platforms.or(self.platforms),
            annotations: case.annotations.or(self.annotations),
            labels: case.labels.or(self.labels),
            user: case.user.or(self.user),
            created: case.created.or(self.created),
            exposed_ports: case.exposed_ports.or(self.exposed_ports),
            base_image: case.base_image.or(self.base_image),
            size: case.size.or(self.size),
            layers: case.layers.or(self.layers),
            referrers: case.referrers.or(self.referrers),
            images: case.images.or(self.images),
        }
    }

    /// These facts about an image of which the digest and the tags are known.
    ///
    /// # Errors
    ///
    /// What is impossible, as the end of a sentence.
    pub fn onto(self, blank: ImageFacts, now: Timestamp) -> Result<ImageFacts, String> {
        self.into_facts(blank, now, &mut Digests::default())
    }

    fn into_facts(
        mut self,
        blank: ImageFacts,
        now: Timestamp,
        digests: &mut Digests,
    ) -> Result<ImageFacts, String> {
        let platforms = self.platforms.take().unwrap_or_default();
        let images = self.images.take();
        let referrers = self.referrers.take();
        let is_index =
            images.is_some() || platforms.len() > 1 || self.kind == Some(ImageKind::Index);
        let own = blank.digest.to_string();
        let mut facts = if is_index {
            let children = images.unwrap_or_else(|| {
                let child = |platform: Platform| Self {
                    platforms: Some(vec![platform]),
                    kind: None,
                    media_type: None,
                    ..self.clone()
                };
                platforms.into_iter().map(child).collect()
            });
            let mut index = ImageFacts {
                kind: Some(ImageKind::Index),
                media_type: Some(self.media_type.unwrap_or_else(|| INDEX.to_owned())),
                artifact_type: self.artifact_type,
                annotations: Some(annotations(self.annotations, self.base_image)),
                ..blank
            };
            let mut found = Vec::new();
            for (number, child) in children.into_iter().enumerate() {
                if child.images.is_some() || child.platforms.as_ref().is_some_and(|p| p.len() > 1) {
                    return Err("has an index within an index".to_owned());
                }
                let digest = digests.named(&format!("{own}/{number}"))?;
                found.push(child.into_facts(ImageFacts::new(digest, Vec::new()), now, digests)?);
            }
            index.children = Some(found);
            index
        } else {
            self.single(blank, platforms.into_iter().next(), now, digests)?
        };
        if let Some(referrers) = referrers {
            let mut found = Vec::new();
            for (number, referrer) in referrers.into_iter().enumerate() {
                found.push(ReferrerFacts {
                    digest: digests.named(&format!("{own}/referrer/{number}"))?,
                    artifact_type: referrer.artifact_type,
                    annotations: referrer.annotations,
                });
            }
            facts.referrers = Some(found);
        }
        Ok(facts)
    }

    /// One image or artifact.
    fn single(
        self,
        blank: ImageFacts,
        platform: Option<Platform>,
        now: Timestamp,
        digests: &mut Digests,
    ) -> Result<ImageFacts, String> {
        let kind = self.kind.unwrap_or(match &self.artifact_type {
            Some(artifact_type) if artifact_type != CONFIG => ImageKind::Artifact,
            _ => ImageKind::Image,
        });
        let created = self.created.map(|time| time.seen_from(now)).transpose()?;
        let total = self.size.map_or(0, |size| size.0);
        let layers = match self.layers {
            Some(GivenLayers::List(layers)) => layers,
            Some(GivenLayers::Count(count)) => shares(total, count),
            None => shares(total, 1),
        };
        let mut found = Vec::new();
        for (number, layer) in layers.into_iter().enumerate() {
            found.push(LayerFacts {
                digest: digests.named(&format!("{}/layer/{number}", blank.digest))?,
                media_type: layer.media_type.unwrap_or_else(|| LAYER.to_owned()),
                size: layer.size.map_or(0, |size| size.0),
            });
        }
        Ok(ImageFacts {
            kind: Some(kind),
            media_type: Some(self.media_type.unwrap_or_else(|| IMAGE.to_owned())),
            artifact_type: Some(self.artifact_type.unwrap_or_else(|| CONFIG.to_owned())),
            platform,
            annotations: Some(annotations(self.annotations, self.base_image)),
            config: (kind == ImageKind::Image).then(|| ImageConfig {
                created,
                user: self.user.unwrap_or_default(),
                labels: self.labels.unwrap_or_default(),
                exposed_ports: self
                    .exposed_ports
                    .unwrap_or_default()
                    .into_iter()
                    .map(|port| port.0)
                    .collect(),
            }),
            layers: Some(found),
            ..blank
        })
    }
}

fn annotations(
    given: Option<BTreeMap<String, String>>,
    base_image: Option<String>,
) -> BTreeMap<String, String> {
    let mut annotations = given.unwrap_or_default();
    if let Some(name) = base_image {
        annotations.entry(BASE_NAME.to_owned()).or_insert(name);
    }
    annotations
}

/// So many layers that share a size; the first takes what is left over.
fn shares(total: u64, count: u16) -> Vec<GivenLayer> {
    let count = u64::from(count);
    let share = total.checked_div(count).unwrap_or_default();
    let layer = |number: u64| GivenLayer {
        media_type: None,
        size: Some(Size(if number == 0 {
            total - share * (count - 1)
        } else {
            share
        })),
    };
    (0..count).map(layer).collect()
}
