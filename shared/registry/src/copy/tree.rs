//! Reads an image with everything below it.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use steward_core::{Digest, Reference};

use super::CopyError;
use super::platforms::Selection;
use crate::error::RegistryError;
use crate::manifest::{Descriptor, Manifest, ManifestFault, MediaType};
use crate::place::Place;

/// Manifests read at once.
const CONCURRENCY: usize = 4;
/// Indexes within indexes.
pub(super) const MAX_DEPTH: usize = 4;
/// All manifests of one image together: they are held in memory until they are written.
pub(super) const MAX_TREE_BYTES: u64 = 32 * 1024 * 1024;

/// An image and everything below it that the target lacks.
pub(super) struct Tree {
    pub(super) root: Manifest,
    /// Children by depth; those of the root first.
    pub(super) levels: Vec<Vec<Manifest>>,
    /// Every blob once, the largest first.
    pub(super) blobs: Vec<Descriptor>,
    /// Blobs that are only referred to.
    pub(super) foreign: u64,
    /// Every manifest below the root by digest, also those that the target has already.
    pub(super) children: Vec<Digest>,
}

impl Tree {
    /// An image with nothing below it to copy.
    pub(super) fn bare(root: Manifest) -> Self {
        Self {
            root,
            levels: Vec::new(),
            blobs: Vec::new(),
            foreign: 0,
            children: Vec::new(),
        }
    }
}

/// Reads what is below the root of a selection. A child that the target (`to`) has already is not
/// read at all: a registry takes a manifest only when it has everything below it.
pub(super) async fn read(
    from: &Place,
    to: Option<&Place>,
    selection: &Selection,
) -> Result<Tree, CopyError> {
    let root = selection.root.clone();
    let mut bytes = root.bytes().len() as u64;
    let mut seen: HashSet<Digest> = HashSet::from([root.digest().clone()]);
    let mut blobs: HashMap<Digest, Descriptor> = HashMap::new();
    let mut foreign = HashSet::new();
    let mut levels: Vec<Vec<Manifest>> = Vec::new();
    let mut children: Vec<Digest> = Vec::new();
    collect_blobs(&root, &mut blobs, &mut foreign);
    let mut wanted = below(&root, &mut seen);
    while !wanted.is_empty() {
        if levels.len() == MAX_DEPTH {
            return Err(unusable(from, &root, ManifestFault::TooDeep(MAX_DEPTH)));
        }
        children.extend(wanted.iter().map(|child| child.digest.clone()));
        let reads: Vec<_> = wanted
            .into_iter()
            .map(|child| read_child(from, to, selection, child))
            .collect();
        let level: Vec<Option<Manifest>> = stream::iter(reads)
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        let level: Vec<Manifest> = level.into_iter().flatten().collect();
        wanted = Vec::new();
        for manifest in &level {
            bytes += manifest.bytes().len() as u64;
            if bytes > MAX_TREE_BYTES {
                return Err(too_large(from, &root.descriptor()));
            }
            collect_blobs(manifest, &mut blobs, &mut foreign);
            wanted.extend(below(manifest, &mut seen));
        }
        levels.push(level);
    }
    let mut blobs: Vec<Descriptor> = blobs.into_values().collect();
    // The largest first, so that none of them is left alone at the end; the digest makes the order
    // the same every time.
    blobs.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.digest.cmp(&b.digest)));
    Ok(Tree {
        root,
        levels,
        blobs,
        foreign: foreign.len() as u64,
        children,
    })
}

async fn read_child(
    from: &Place,
    to: Option<&Place>,
    selection: &Selection,
    child: Descriptor,
) -> Result<Option<Manifest>, CopyError> {
    let reference = Reference::Digest(child.digest.clone());
    if let Some(to) = to {
        let found = to.find(&reference).await.map_err(CopyError::Target)?;
        if found.is_some() {
            return Ok(None);
        }
    }
    let manifest = match selection.at_hand(&child.digest) {
        Some(manifest) => manifest.clone(),
        None => from.manifest(&reference).await.map_err(CopyError::Source)?,
    };
    if manifest.media_type().as_str() != child.media_type {
        let fault = ManifestFault::MediaTypeDiffers {
            inside: manifest.media_type().to_string(),
            outside: child.media_type,
        };
        return Err(unusable(from, &manifest, fault));
    }
    Ok(Some(manifest))
}

pub(super) fn too_large(from: &Place, image: &Descriptor) -> CopyError {
    CopyError::Source(RegistryError::TooLarge {
        subject: format!("all manifests of {from}@{} together", image.digest),
        limit: MAX_TREE_BYTES,
    })
}

fn unusable(from: &Place, manifest: &Manifest, source: ManifestFault) -> CopyError {
    CopyError::Source(RegistryError::Manifest {
        subject: format!("{from}@{}", manifest.digest()),
        source,
    })
}

/// The children of an index that are manifests and were not seen yet.
fn below(manifest: &Manifest, seen: &mut HashSet<Digest>) -> Vec<Descriptor> {
    manifest
        .children()
        .iter()
        .filter(|child| MediaType::parse(&child.media_type).is_some())
        .filter(|child| seen.insert(child.digest.clone()))
        .cloned()
        .collect()
}

fn collect_blobs(
    manifest: &Manifest,
    blobs: &mut HashMap<Digest, Descriptor>,
    foreign: &mut HashSet<Digest>,
) {
    // Some build caches are indexes whose entries are layers.
    let loose = manifest
        .children()
        .iter()
        .filter(|child| MediaType::parse(&child.media_type).is_none());
    for blob in manifest.blobs().chain(loose) {
        if blob.is_nondistributable() {
            foreign.insert(blob.digest.clone());
        } else {
            blobs
                .entry(blob.digest.clone())
                .or_insert_with(|| blob.clone());
        }
    }
}
