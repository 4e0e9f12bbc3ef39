use std::collections::HashSet;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};
use serde::{Deserialize, Serialize};
use steward_core::{Digest, Reference, Tag};

use super::listing::{self, Pages, does_not_end};
use super::{Repository, escaped};
use crate::error::{Exchange, RegistryError};
use crate::manifest::{Descriptor, Manifest, MediaType};
use crate::reply;
use crate::request::Call;

/// An image with more referrers is not copied: the memory for the list is bounded.
const MAX_REFERRERS: usize = 1000;
const MAX_PAGES: usize = 50;
const PAGES: Pages = Pages {
    of: "referrers",
    limit: 4 * 1024 * 1024,
    // A web page behind a catch-all route is no list of referrers.
    wanted: |reply| {
        reply
            .header(CONTENT_TYPE)
            .is_some_and(|text| text.starts_with(MediaType::OciIndex.as_str()))
    },
};

/// The image index that lists referrers, in the API as in the tag schema.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReferrersIndex {
    schema_version: u64,
    media_type: String,
    manifests: Vec<Descriptor>,
}

impl Repository {
    /// What refers to a manifest (signatures, SBOMs, attestations), by the referrers API or, where
    /// the registry has none, by the tag schema `sha256-<hex>`.
    ///
    /// # Errors
    ///
    /// [`RegistryError::TooLarge`] above 1,000 referrers.
    pub async fn referrers(
        &self,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let mut found = None;
        if self.client().has_referrers_api(self.endpoint()) != Some(false) {
            found = self.referrers_by_api(digest, artifact_type).await?;
            self.client()
                .learn_referrers_api(self.endpoint(), found.is_some());
        }
        let mut found = match found {
            Some(found) => found,
            None => self.referrers_by_tag(digest).await?,
        };
        // A registry may ignore the filter (it says so in `OCI-Filters-Applied`).
        if let Some(wanted) = artifact_type {
            found.retain(|descriptor| descriptor.artifact_type.as_deref() == Some(wanted));
        }
        Ok(found)
    }

    /// Whether the registry lists referrers by itself; asked once per registry.
    pub(crate) async fn lists_referrers(&self, digest: &Digest) -> Result<bool, RegistryError> {
        if let Some(known) = self.client().has_referrers_api(self.endpoint()) {
            return Ok(known);
        }
        let known = self.referrers_by_api(digest, None).await?.is_some();
        self.client().learn_referrers_api(self.endpoint(), known);
        Ok(known)
    }

    /// Nothing where the registry has no referrers API.
    async fn referrers_by_api(
        &self,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        let filter = artifact_type
            .map(|wanted| format!("?artifactType={}", escaped(wanted)))
            .unwrap_or_default();
        let mut hop = self.hop(&format!("referrers/{digest}{filter}"))?;
        let mut found: Vec<Descriptor> = Vec::new();
        let mut seen = HashSet::new();
        for page in 0..MAX_PAGES {
            if !seen.insert(hop.url.clone()) {
                return Err(does_not_end(&hop));
            }
            let call = Call::new(Method::GET, hop.clone(), self.read_scope()).header(
                ACCEPT,
                HeaderValue::from_static(MediaType::OciIndex.as_str()),
            );
            let read = match self.page::<ReferrersIndex>(call, PAGES).await {
                Ok(read) => read,
                // Registries without the API answer 404, and some old ones 400 or 405, because
                // they take the path for something else.
                Err(error) if page == 0 && is_no_api(&error) => return Ok(None),
                Err(error) => return Err(error),
            };
            let Some(listing::Page { content, next }) = read else {
                return if page == 0 {
                    Ok(None)
                } else {
                    let exchange = Exchange::new(&Method::GET, &hop.url);
                    let reason = "a page of referrers that is no image index";
                    Err(reply::protocol(&exchange, reason))
                };
            };
            found.extend(content.manifests);
            if found.len() > MAX_REFERRERS {
                return Err(too_many(self, digest));
            }
            match next {
                Some(next) => hop = next,
                None => return Ok(Some(found)),
            }
        }
        Err(does_not_end(&hop))
    }

    async fn referrers_by_tag(&self, digest: &Digest) -> Result<Vec<Descriptor>, RegistryError> {
        match self.manifest(&fallback(digest)?).await {
            // Something else than an index under this tag is not ours to read.
            Ok(manifest) if manifest.children().len() > MAX_REFERRERS => {
                Err(too_many(self, digest))
            }
            Ok(manifest) => Ok(manifest.children().to_vec()),
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Adds referrers to the index of the tag schema, for registries without the referrers API.
    /// Whether anything had to be written.
    pub(crate) async fn list_referrers_by_tag(
        &self,
        digest: &Digest,
        referrers: &[Descriptor],
    ) -> Result<bool, RegistryError> {
        let mut listed = self.referrers_by_tag(digest).await?;
        let before = listed.len();
        for referrer in referrers {
            if !listed.iter().any(|known| known.digest == referrer.digest) {
                listed.push(referrer.clone());
            }
        }
        if listed.len() == before {
            return Ok(false);
        }
        let manifest = referrers_index(listed)?;
        self.put_manifest(&fallback(digest)?, &manifest).await?;
        Ok(true)
    }
}

/// An index that lists these referrers.
pub(crate) fn referrers_index(manifests: Vec<Descriptor>) -> Result<Manifest, RegistryError> {
    let index = ReferrersIndex {
        schema_version: 2,
        media_type: MediaType::OciIndex.as_str().to_owned(),
        manifests,
    };
    let bytes = serde_json::to_vec(&index).map_err(|e| RegistryError::Setup(e.into()))?;
    Manifest::parse(Bytes::from(bytes), None).map_err(|source| RegistryError::Manifest {
        subject: "the list of referrers".to_owned(),
        source,
    })
}

fn fallback(digest: &Digest) -> Result<Reference, RegistryError> {
    let tag: Tag = digest
        .referrers_tag()
        .parse()
        .map_err(|e: steward_core::NameError| RegistryError::Setup(e.into()))?;
    Ok(Reference::Tag(tag))
}

fn too_many(repository: &Repository, digest: &Digest) -> RegistryError {
    RegistryError::Manifest {
        subject: format!("{repository}@{digest}"),
        source: crate::manifest::ManifestFault::TooMany {
            what: "referrers",
            found: MAX_REFERRERS + 1,
            limit: MAX_REFERRERS,
        },
    }
}

fn is_no_api(error: &RegistryError) -> bool {
    match error {
        RegistryError::NotFound(_) => true,
        RegistryError::Refused(exchange) => {
            matches!(exchange.status, Some(400 | 405 | 406 | 501))
        }
        _ => false,
    }
}
