use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Image;

#[derive(Default)]
pub(crate) struct Store {
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    pub(crate) repositories: BTreeMap<String, Contents>,
    pub(crate) uploads: BTreeMap<String, Vec<u8>>,
    pub(crate) next_upload: u64,
}

#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) blobs: BTreeSet<String>,
    /// Media type and bytes.
    pub(crate) manifests: BTreeMap<String, (String, Vec<u8>)>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Store {
    pub(crate) fn push(&mut self, path: &str, tag: Option<&str>, image: &Image) {
        for child in &image.children {
            self.push(path, None, child);
        }
        let contents = self.repositories.entry(path.to_owned()).or_default();
        for (digest, bytes) in &image.blobs {
            contents.blobs.insert(digest.clone());
            self.blobs.insert(digest.clone(), bytes.clone());
        }
        contents.manifests.insert(
            image.digest.clone(),
            (image.media_type.clone(), image.manifest.clone()),
        );
        if let Some(tag) = tag {
            contents.tags.insert(tag.to_owned(), image.digest.clone());
        }
    }

    pub(crate) fn tag(&self, path: &str, tag: &str) -> Option<String> {
        self.repositories.get(path)?.tags.get(tag).cloned()
    }

    pub(crate) fn manifest(
        &self,
        path: &str,
        reference: &str,
    ) -> Option<(String, String, Vec<u8>)> {
        let contents = self.repositories.get(path)?;
        let digest = match contents.tags.get(reference) {
            Some(digest) => digest.as_str(),
            None => reference,
        };
        let (media_type, bytes) = contents.manifests.get(digest)?;
        Some((digest.to_owned(), media_type.clone(), bytes.clone()))
    }

    pub(crate) fn has_blob(&self, path: &str, digest: &str) -> bool {
        self.repositories
            .get(path)
            .is_some_and(|contents| contents.blobs.contains(digest))
    }

    pub(crate) fn add_blob(&mut self, path: &str, digest: &str, bytes: Vec<u8>) {
        self.blobs.insert(digest.to_owned(), bytes);
        let contents = self.repositories.entry(path.to_owned()).or_default();
        contents.blobs.insert(digest.to_owned());
    }

    /// What a manifest refers to and the repository lacks.
    pub(crate) fn missing(&self, path: &str, manifest: &Value) -> Option<String> {
        let contents = self.repositories.get(path);
        let list = |name: &str| manifest[name].as_array().cloned().unwrap_or_default();
        let is_foreign = |blob: &Value| {
            let media_type = blob["mediaType"].as_str().unwrap_or_default();
            media_type.contains("foreign") || media_type.contains("nondistributable")
        };
        let blobs = list("layers")
            .into_iter()
            .chain(manifest.get("config").cloned())
            .filter(|blob| !is_foreign(blob))
            .filter_map(|blob| blob["digest"].as_str().map(str::to_owned))
            .find(|digest| contents.is_none_or(|c| !c.blobs.contains(digest)));
        let children = list("manifests")
            .into_iter()
            .filter_map(|child| child["digest"].as_str().map(str::to_owned))
            .find(|digest| contents.is_none_or(|c| !c.manifests.contains_key(digest)));
        blobs.or(children)
    }

    /// Descriptors of what refers to `subject`.
    pub(crate) fn referrers(&self, path: &str, subject: &str) -> Vec<Value> {
        let Some(contents) = self.repositories.get(path) else {
            return Vec::new();
        };
        contents
            .manifests
            .iter()
            .filter_map(|(digest, (media_type, bytes))| {
                let manifest: Value = serde_json::from_slice(bytes).ok()?;
                (manifest["subject"]["digest"] == subject).then(|| {
                    serde_json::json!({
                        "mediaType": media_type,
                        "digest": digest,
                        "size": bytes.len(),
                        "artifactType": manifest["artifactType"],
                    })
                })
            })
            .collect()
    }
}
