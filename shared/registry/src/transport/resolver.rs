use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::Reach;

/// A name resolves to addresses where a registry must not send this client.
#[derive(Debug, thiserror::Error)]
#[error("every address of the name is private or of this machine")]
pub(crate) struct RefusedAddress;

/// The system's resolver, without the addresses that are out of reach.
pub(crate) struct GuardedResolver {
    pub(crate) reach: Reach,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.reach;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<_> = found.filter(|at| reach.allows(at.ip())).collect();
            if allowed.is_empty() {
                return Err(RefusedAddress.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
