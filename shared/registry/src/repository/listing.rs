//! Lists that come in pages: tags, repositories, referrers.

use http::Method;
use http::header::LINK;
use serde::de::DeserializeOwned;

use super::Repository;
use crate::error::{Exchange, RegistryError};
use crate::origin::{Hop, next_link};
use crate::reply;
use crate::request::{Call, Reply};

/// One page.
pub(super) struct Page<T> {
    pub(super) content: T,
    /// Where the listing goes on.
    pub(super) next: Option<Hop>,
}

/// Which replies to read, and how.
#[derive(Clone, Copy)]
pub(super) struct Pages {
    /// The plural of what is listed, for errors.
    pub(super) of: &'static str,
    /// The largest page that is read, in bytes.
    pub(super) limit: usize,
    /// Whether a reply is a page at all.
    pub(super) wanted: fn(&Reply) -> bool,
}

impl Repository {
    /// Reads a page; nothing where the reply is something else.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        call: Call,
        pages: Pages,
    ) -> Result<Option<Page<T>>, RegistryError> {
        let reply = self.read(&call, pages.limit, pages.wanted).await?;
        let Some(body) = reply.body else {
            return Ok(None);
        };
        let content = serde_json::from_slice(&body).map_err(|_| {
            let reason = format!("the list of {} cannot be read", pages.of);
            reply::protocol(&reply.exchange, reason)
        })?;
        let next = reply
            .headers
            .get(LINK)
            .and_then(|link| link.to_str().ok())
            .and_then(next_link)
            .map(|link| Hop::next_page(self.endpoint(), &call.hop.url, link))
            .transpose()?;
        Ok(Some(Page { content, next }))
    }
}

pub(super) fn does_not_end(hop: &Hop) -> RegistryError {
    let exchange = Exchange::new(&Method::GET, &hop.url);
    reply::protocol(&exchange, "the listing does not end")
}
