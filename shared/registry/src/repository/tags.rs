use std::collections::HashSet;

use http::Method;
use serde::Deserialize;
use steward_core::Tag;

use super::Repository;
use super::listing::{Pages, does_not_end};
use crate::error::RegistryError;
use crate::request::Call;

/// Tags per page; more than 1,000 are an error on ECR.
const PAGE: usize = 1000;
/// A repository with more than 100,000 tags is beyond ECR's quota; a registry that pages on is not
/// well.
const MAX_PAGES: usize = 100;
const PAGES: Pages = Pages {
    of: "tags",
    // 1,000 tags of 128 characters, and room.
    limit: 1024 * 1024,
    wanted: |_| true,
};

#[derive(Deserialize)]
struct Names {
    /// `null` in some registries where there are no tags.
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Repository {
    /// All tags. Names that are no tags by the grammar are left out.
    ///
    /// # Errors
    ///
    /// [`RegistryError::RepositoryNotFound`], or [`RegistryError::Protocol`] where the listing
    /// does not end.
    pub async fn tags(&self) -> Result<Vec<Tag>, RegistryError> {
        let mut tags = Vec::new();
        let mut hop = self.hop(&format!("tags/list?n={PAGE}"))?;
        let mut seen = HashSet::new();
        for _ in 0..MAX_PAGES {
            if !seen.insert(hop.url.clone()) {
                return Err(does_not_end(&hop));
            }
            let call = Call::new(Method::GET, hop.clone(), self.read_scope());
            let Some(page) = self.page::<Names>(call, PAGES).await? else {
                return Ok(tags);
            };
            let names = page.content.tags.unwrap_or_default();
            tags.extend(names.iter().filter_map(|name| name.parse::<Tag>().ok()));
            match page.next {
                Some(next) => hop = next,
                None => return Ok(tags),
            }
        }
        Err(does_not_end(&hop))
    }
}
