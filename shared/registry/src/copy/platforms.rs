//! Which part of an image travels, where only some platforms are wanted.
//!
//! An index that loses children becomes another index with another digest: see
//! [`crate::manifest::Manifest::pruned`] for how its bytes are made. What goes with what:
//!
//! - A child whose descriptor names a platform travels where that is wanted.
//! - An attestation (`vnd.docker.reference.digest`) travels with the image it is about, and so does
//!   a child without a platform that names a sibling in any annotation, such as a SOCI index.
//! - An index within the index is pruned in turn, unless its own descriptor names a platform.
//! - An image without a platform in its descriptor says it in its configuration.
//! - What runs nowhere and belongs to no sibling (artifacts, layers of a build cache) travels.

mod companions;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use steward_core::facts::{Platform, PlatformError};
use steward_core::{Digest, Reference};

use super::CopyError;
use super::tree::{self, MAX_DEPTH, MAX_TREE_BYTES};
use crate::blob::Download;
use crate::error::RegistryError;
use crate::manifest::{Contents, Descriptor, Fate, Manifest, ManifestFault, MediaType};
use crate::place::Place;
use companions::{Companions, Open, settle};

/// The configurations that name a platform.
const IMAGE_CONFIGS: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];
/// No configuration is larger than this.
const MAX_CONFIG_BYTES: u64 = 4 * 1024 * 1024;

/// The platforms of which an image is wanted, such as `linux/amd64,linux/arm64`. One without a
/// variant takes every variant; `arm64` and `arm64/v8` are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformFilter(Vec<Platform>);

impl PlatformFilter {
    /// A filter that takes these platforms; none where there are none, because then every platform
    /// is wanted.
    #[must_use]
    pub fn new(platforms: impl IntoIterator<Item = Platform>) -> Option<Self> {
        let platforms: Vec<Platform> = platforms.into_iter().collect();
        (!platforms.is_empty()).then_some(Self(platforms))
    }

    /// The platforms that are wanted.
    #[must_use]
    pub fn platforms(&self) -> &[Platform] {
        &self.0
    }

    /// Whether an image of this platform is wanted.
    #[must_use]
    pub fn takes(&self, platform: &Platform) -> bool {
        self.0.iter().any(|wanted| platform.satisfies(wanted))
    }
}

impl FromStr for PlatformFilter {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let platforms = text.split(',').map(|platform| platform.trim().parse());
        platforms.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for PlatformFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&listed(&self.0))
    }
}

fn listed(platforms: &[Platform]) -> String {
    let texts: Vec<String> = platforms.iter().map(Platform::to_string).collect();
    texts.join(",")
}

/// What a filter did to an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filtered {
    /// The digest of the whole index at the source.
    pub original: Digest,
    /// Children of the index that are wanted, attestations and pruned indexes included.
    pub kept: u64,
    /// Children of the index that stayed behind.
    pub dropped: u64,
    /// Wanted platforms that the image does not have.
    pub absent: Vec<Platform>,
}

/// The part of an image that travels.
pub(super) struct Selection {
    /// What the target gets under the tag.
    pub(super) root: Manifest,
    /// Manifests below the root that were read already.
    pub(super) at_hand: HashMap<Digest, Manifest>,
    /// Indexes below the root that the source does not have, because they lost children.
    pub(super) made: HashMap<Digest, Manifest>,
    /// Where the root is not the one of the source.
    pub(super) filtered: Option<Filtered>,
}

impl Selection {
    /// All of an image.
    pub(super) fn whole(root: Manifest) -> Self {
        Self {
            root,
            at_hand: HashMap::new(),
            made: HashMap::new(),
            filtered: None,
        }
    }

    /// A manifest below the root, where it need not be read from the source.
    pub(super) fn at_hand(&self, digest: &Digest) -> Option<&Manifest> {
        self.made.get(digest).or_else(|| self.at_hand.get(digest))
    }

    /// What can be referred to (signed, for example) at the source: the image, or what is left of
    /// it.
    pub(super) fn subjects(&self) -> Vec<Digest> {
        if self.filtered.is_none() {
            return vec![self.root.digest().clone()];
        }
        let indexes = std::iter::once(&self.root).chain(self.made.values());
        let mut subjects: Vec<Digest> = indexes
            .flat_map(Manifest::children)
            .filter(|child| MediaType::parse(&child.media_type).is_some())
            .map(|child| child.digest.clone())
            .filter(|child| !self.made.contains_key(child))
            .collect();
        subjects.sort();
        subjects.dedup();
        subjects
    }

    /// The digest of the image at the source.
    pub(super) fn original(&self) -> &Digest {
        match &self.filtered {
            Some(filtered) => &filtered.original,
            None => self.root.digest(),
        }
    }
}

/// What a filter makes of an image.
pub(super) enum Selected {
    Part(Box<Selection>),
    /// The image is one of another platform.
    Other(Platform),
}

/// Chooses the part of `root` that `filter` takes.
pub(super) async fn select(
    from: &Place,
    root: Manifest,
    filter: &PlatformFilter,
) -> Result<Selected, CopyError> {
    let mut pruner = Pruner {
        from,
        filter,
        at_hand: HashMap::new(),
        made: HashMap::new(),
        decided: HashMap::new(),
        bytes: root.bytes().len() as u64,
        found: Vec::new(),
    };
    if !root.media_type().is_index() {
        return Ok(match pruner.platform_of(&root).await? {
            Some(platform) if !filter.takes(&platform) => Selected::Other(platform),
            _ => Selected::Part(Box::new(Selection::whole(root))),
        });
    }
    let pruned = pruner.prune(&root, 0).await?;
    let any = pruner.found.iter().any(|platform| filter.takes(platform));
    let (fates, new_root) = match pruned {
        // Nothing in it runs anywhere: there is nothing to choose from.
        _ if pruner.found.is_empty() => {
            return Ok(Selected::Part(Box::new(Selection::whole(root))));
        }
        Pruned::Part(fates, pruned) if any => (fates, *pruned),
        Pruned::Whole if any => {
            return Ok(Selected::Part(Box::new(Selection {
                at_hand: pruner.at_hand,
                ..Selection::whole(root)
            })));
        }
        _ => {
            pruner.found.sort();
            pruner.found.dedup();
            return Err(CopyError::Source(RegistryError::NoSuchPlatform {
                subject: format!("{from}@{}", root.digest()),
                wanted: filter.to_string(),
                found: listed(&pruner.found),
            }));
        }
    };
    let dropped = fates
        .iter()
        .filter(|fate| matches!(fate, Fate::Dropped))
        .count() as u64;
    let absent = filter
        .platforms()
        .iter()
        .filter(|wanted| !pruner.found.iter().any(|found| found.satisfies(wanted)))
        .cloned()
        .collect();
    Ok(Selected::Part(Box::new(Selection {
        at_hand: pruner.at_hand,
        made: pruner.made,
        filtered: Some(Filtered {
            original: root.digest().clone(),
            kept: fates.len() as u64 - dropped,
            dropped,
            absent,
        }),
        root: new_root,
    })))
}

/// What is left of an index.
enum Pruned {
    Whole,
    Part(Vec<Fate>, Box<Manifest>),
    Nothing,
}

struct Pruner<'a> {
    from: &'a Place,
    filter: &'a PlatformFilter,
    at_hand: HashMap<Digest, Manifest>,
    made: HashMap<Digest, Manifest>,
    decided: HashMap<Digest, Fate>,
    /// Read so far.
    bytes: u64,
    /// Every platform that was met.
    found: Vec<Platform>,
}

impl Pruner<'_> {
    fn prune<'f>(
        &'f mut self,
        index: &'f Manifest,
        depth: usize,
    ) -> BoxFuture<'f, Result<Pruned, CopyError>> {
        async move {
            if depth == MAX_DEPTH {
                return Err(self.unusable(index, ManifestFault::TooDeep(MAX_DEPTH)));
            }
            let companions = Companions::of(index.children());
            let mut open = Vec::new();
            for child in index.children() {
                let platform = child
                    .platform
                    .as_ref()
                    .and_then(|platform| platform.known());
                open.push(match (platform, companions.hangs(child)) {
                    (Some(platform), _) => Open::Settled(self.by_platform(platform)),
                    (None, Some(hangs)) => Open::Hangs(hangs),
                    (None, None) => Open::Settled(self.by_contents(child, depth).await?),
                });
            }
            let fates = settle(&open);
            if fates.iter().all(|fate| matches!(fate, Fate::Kept)) {
                return Ok(Pruned::Whole);
            }
            let pruned = index
                .pruned(&fates)
                .map_err(|fault| self.unusable(index, fault))?;
            Ok(match pruned {
                Some(pruned) => Pruned::Part(fates, Box::new(pruned)),
                None => Pruned::Nothing,
            })
        }
        .boxed()
    }

    /// What becomes of a child whose descriptor says nothing about it. Decided once per digest, so
    /// that an index which lists the same children over and over costs what it looks like.
    async fn by_contents(&mut self, child: &Descriptor, depth: usize) -> Result<Fate, CopyError> {
        let Some(media_type) = MediaType::parse(&child.media_type) else {
            return Ok(Fate::Kept);
        };
        if let Some(known) = self.decided.get(&child.digest) {
            return Ok(known.clone());
        }
        let manifest = self.read(child).await?;
        let fate = if media_type.is_index() {
            match self.prune(&manifest, depth + 1).await? {
                Pruned::Whole => Fate::Kept,
                Pruned::Nothing => Fate::Dropped,
                Pruned::Part(_, pruned) => {
                    let digest = pruned.digest().clone();
                    self.made.insert(digest, (*pruned).clone());
                    Fate::Replaced(pruned)
                }
            }
        } else {
            match self.platform_of(&manifest).await? {
                Some(platform) => self.by_platform(platform),
                None => Fate::Kept,
            }
        };
        self.decided.insert(child.digest.clone(), fate.clone());
        Ok(fate)
    }

    fn by_platform(&mut self, platform: Platform) -> Fate {
        let wanted = self.filter.takes(&platform);
        self.found.push(platform);
        if wanted { Fate::Kept } else { Fate::Dropped }
    }

    async fn read(&mut self, child: &Descriptor) -> Result<Manifest, CopyError> {
        let reference = Reference::Digest(child.digest.clone());
        let manifest = self
            .from
            .manifest(&reference)
            .await
            .map_err(CopyError::Source)?;
        self.bytes += manifest.bytes().len() as u64;
        if self.bytes > MAX_TREE_BYTES {
            return Err(tree::too_large(self.from, child));
        }
        self.at_hand.insert(child.digest.clone(), manifest.clone());
        Ok(manifest)
    }

    /// The platform that an image's configuration names; none for an artifact, which runs nowhere.
    async fn platform_of(&self, image: &Manifest) -> Result<Option<Platform>, CopyError> {
        let Contents::Image { config, .. } = image.contents() else {
            return Ok(None);
        };
        if !IMAGE_CONFIGS.contains(&config.media_type.as_str()) {
            return Ok(None);
        }
        let bytes = Download::new(self.from.clone(), config.clone(), self.from.retry_policy())
            .collect(MAX_CONFIG_BYTES)
            .await
            .map_err(CopyError::Source)?;
        // Some artifacts carry the type of an image and a configuration of their own.
        let config: Option<Config> = serde_json::from_slice(&bytes).ok();
        Ok(config.and_then(|config| {
            crate::manifest::Platform {
                architecture: config.architecture,
                os: config.os,
                variant: config.variant,
                os_version: None,
            }
            .known()
        }))
    }

    fn unusable(&self, manifest: &Manifest, source: ManifestFault) -> CopyError {
        CopyError::Source(RegistryError::Manifest {
            subject: format!("{}@{}", self.from, manifest.digest()),
            source,
        })
    }
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    variant: Option<String>,
}
