//! Copies what refers to an image: signatures, SBOMs, attestations, and what refers to those.

use std::collections::HashSet;

use steward_core::{Digest, Reference, Tag};

use super::CopyError;
use super::engine::{Run, Stop};
use super::platforms::Selection;
use super::tree;
use crate::error::RegistryError;
use crate::manifest::{Descriptor, ManifestFault, MediaType};

/// Referrers of referrers of …
const MAX_DEPTH: usize = 4;
/// Signatures, attestations and SBOMs, as cosign 1 and 2 keep them.
const COSIGN_SUFFIXES: [&str; 3] = [".sig", ".att", ".sbom"];
/// All referrers of one copy.
const MAX_REFERRERS: usize = 1000;

impl Run<'_> {
    /// Copies the referrers of `subjects`, and theirs. How many there are.
    pub(super) async fn referrers(&self, subjects: Vec<Digest>) -> Result<u64, Stop> {
        if self.is_retag() {
            return Ok(0);
        }
        let mut seen: HashSet<Digest> = subjects.iter().cloned().collect();
        let mut subjects = subjects;
        let mut count = 0;
        for _ in 0..MAX_DEPTH {
            let mut next = Vec::new();
            for subject in &subjects {
                let found = self
                    .from
                    .referrers(subject)
                    .await
                    .map_err(CopyError::Source)?;
                let mut listed = Vec::new();
                for referrer in found {
                    if MediaType::parse(&referrer.media_type).is_none() {
                        continue;
                    }
                    if seen.insert(referrer.digest.clone()) {
                        next.push(referrer.digest.clone());
                        count += 1;
                        if seen.len() > MAX_REFERRERS {
                            return Err(self.too_many(subject).into());
                        }
                        self.referrer(&referrer).await?;
                    }
                    listed.push(referrer);
                }
                self.list_referrers(subject, &listed).await?;
            }
            if next.is_empty() {
                break;
            }
            subjects = next;
        }
        Ok(count)
    }

    /// Copies what cosign keeps under tags that are made of the image's digest. How many there are.
    pub(super) async fn cosign_tags(&self, image: &Digest) -> Result<u64, Stop> {
        if self.is_retag() {
            return Ok(0);
        }
        let mut count = 0;
        for suffix in COSIGN_SUFFIXES {
            let Ok(tag) = format!("{}{suffix}", image.referrers_tag()).parse::<Tag>() else {
                continue;
            };
            let name = Reference::Tag(tag);
            let found = self.from.find(&name).await.map_err(CopyError::Source)?;
            let Some(found) = found else { continue };
            count += 1;
            let to = self.to.place();
            let existing = to.find(&name).await.map_err(CopyError::Target)?;
            if existing.is_some_and(|existing| existing.digest == found.digest) {
                continue;
            }
            let by_digest = Reference::Digest(found.digest);
            let manifest = self.from.manifest(&by_digest).await;
            let whole = Selection::whole(manifest.map_err(CopyError::Source)?);
            let tree = tree::read(&self.from, Some(to), &whole).await?;
            self.contents(&tree).await?;
            self.manifest(&name, &tree.root, true).await?;
        }
        Ok(count)
    }

    /// Copies one referrer with its blobs, by digest.
    async fn referrer(&self, referrer: &Descriptor) -> Result<(), Stop> {
        let name = Reference::Digest(referrer.digest.clone());
        let to = self.to.place();
        if to.find(&name).await.map_err(CopyError::Target)?.is_some() {
            return Ok(());
        }
        let manifest = self.from.manifest(&name).await.map_err(CopyError::Source)?;
        let tree = tree::read(&self.from, Some(to), &Selection::whole(manifest)).await?;
        self.contents(&tree).await?;
        // In a folder, a referrer is found through the index; so it counts as a root there.
        self.manifest(&name, &tree.root, true).await?;
        Ok(())
    }

    fn too_many(&self, subject: &Digest) -> CopyError {
        CopyError::Source(RegistryError::Manifest {
            subject: format!("{}@{subject}", self.from),
            source: ManifestFault::TooMany {
                what: "referrers",
                found: MAX_REFERRERS + 1,
                limit: MAX_REFERRERS,
            },
        })
    }
}
