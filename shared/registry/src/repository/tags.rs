use std::collections::HashSet;

use http::Method;
use http::header::LINK;
use serde::Deserialize;
use steward_core::Tag;

use super::Repository;
use crate::error::RegistryError;
use crate::origin::{Hop, next_link};
use crate::reply;
use crate::request::Call;

/// Tags per page; more than 1,000 are an error on ECR.
const PAGE: usize = 1000;
/// A repository with more than 100,000 tags is beyond ECR's quota; a registry that pages on is not
/// well.
const MAX_PAGES: usize = 100;
/// The largest page that is read: 1,000 tags of 128 characters, and room.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

#[derive(Deserialize)]
struct Page {
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
                return Err(listing_does_not_end(&hop));
            }
            let call = Call::new(Method::GET, hop.clone(), self.read_scope());
            let reply = self.send(call).await?;
            let next = reply
                .header(LINK)
                .and_then(next_link)
                .map(|link| Hop::next_page(self.endpoint(), &hop.url, link))
                .transpose()?;
            let exchange = reply.exchange;
            let bytes = reply::body(reply.response, &exchange, MAX_PAGE_BYTES).await?;
            let page: Page = serde_json::from_slice(&bytes)
                .map_err(|_| reply::protocol(&exchange, "the list of tags cannot be read"))?;
            let names = page.tags.unwrap_or_default();
            tags.extend(names.iter().filter_map(|name| name.parse::<Tag>().ok()));
            match next {
                Some(next) => hop = next,
                None => return Ok(tags),
            }
        }
        Err(listing_does_not_end(&hop))
    }
}

pub(super) fn listing_does_not_end(hop: &Hop) -> RegistryError {
    let exchange = crate::error::Exchange::new(&Method::GET, &hop.url);
    reply::protocol(&exchange, "the listing does not end")
}
