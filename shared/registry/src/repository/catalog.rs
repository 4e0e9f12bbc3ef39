use std::collections::HashSet;

use http::Method;
use serde::Deserialize;
use steward_core::{RegistryHost, RepositoryPath};

use super::listing::{Pages, does_not_end};
use crate::auth::Scope;
use crate::client::Client;
use crate::error::RegistryError;
use crate::origin::Hop;
use crate::request::Call;

/// Names per page.
const PAGE: usize = 1000;
/// A registry that pages on after 200,000 names is not well: ECR's quota is 100,000.
const MAX_PAGES: usize = 200;
const PAGES: Pages = Pages {
    of: "repositories",
    // 1,000 names of 256 characters, and room.
    limit: 1024 * 1024,
    wanted: |_| true,
};

#[derive(Deserialize)]
struct Names {
    /// `null` in some registries where there are none.
    #[serde(default)]
    repositories: Option<Vec<String>>,
}

impl Client {
    /// The names of a registry's repositories, by `GET /v2/_catalog`, which registries may refuse
    /// and many public ones do. Names that are none by the grammar are left out.
    ///
    /// # Errors
    ///
    /// As any request, or [`RegistryError::Protocol`] where the listing does not end.
    pub async fn repositories(
        &self,
        host: &RegistryHost,
    ) -> Result<Vec<RepositoryPath>, RegistryError> {
        let anywhere: RepositoryPath = "catalog"
            .parse()
            .map_err(|e: steward_core::NameError| RegistryError::Setup(e.into()))?;
        let registry = self.repository(host, &anywhere)?;
        let mut hop = Hop::to(registry.endpoint(), &format!("/v2/_catalog?n={PAGE}"))?;
        let mut names = Vec::new();
        let mut seen = HashSet::new();
        for _ in 0..MAX_PAGES {
            if !seen.insert(hop.url.clone()) {
                return Err(does_not_end(&hop));
            }
            let call = Call::new(Method::GET, hop.clone(), Scope::catalog());
            let Some(page) = registry.page::<Names>(call, PAGES).await? else {
                return Ok(names);
            };
            let found = page.content.repositories.unwrap_or_default();
            names.extend(found.iter().filter_map(|name| name.parse().ok()));
            match page.next {
                Some(next) => hop = next,
                None => return Ok(names),
            }
        }
        Err(does_not_end(&hop))
    }
}
