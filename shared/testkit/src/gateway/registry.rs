use std::fmt;

use serde::{Deserialize, Serialize};
use steward_core::{AccountId, EcrHost, Region};

/// One private registry: ECR has one per account and Region.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Registry {
    /// The account that owns it.
    pub account: AccountId,
    /// Its Region.
    pub region: Region,
}

impl Registry {
    /// The registry of `account` in `region`.
    #[must_use]
    pub fn new(account: AccountId, region: Region) -> Self {
        Self { account, region }
    }

    /// The registry that a `Host` header names, with or without a port; `None` for other hosts.
    ///
    /// Besides ECR's own forms, `<account>.dkr.ecr.<region>.localhost` is understood: browsers and
    /// several resolvers send every `.localhost` name to the loopback address.
    #[must_use]
    pub fn from_host(host: &str) -> Option<Self> {
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let host = host.to_ascii_lowercase();
        let parsed = match host.strip_suffix(".localhost") {
            Some(rest) => EcrHost::parse(&format!("{rest}.amazonaws.com")),
            None => EcrHost::parse(&host),
        }?;
        Some(Self::new(parsed.account, parsed.region))
    }

    /// The registry's address in ECR.
    #[must_use]
    pub fn host(&self) -> String {
        EcrHost::new(self.account.clone(), self.region.clone()).to_string()
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_every_form_name_their_registry() {
        for host in [
            "444455556666.dkr.ecr.eu-central-1.amazonaws.com",
            "444455556666.dkr.ecr.eu-central-1.amazonaws.com:443",
            "444455556666.DKR.ECR.eu-central-1.amazonaws.com",
            "444455556666.dkr.ecr-fips.eu-central-1.amazonaws.com",
            "444455556666.dkr-ecr.eu-central-1.on.aws",
            "444455556666.dkr.ecr.eu-central-1.localhost:5000",
        ] {
            let registry = Registry::from_host(host).unwrap_or_else(|| panic!("{host}"));
            assert_eq!(registry.account.as_str(), "444455556666", "{host}");
            assert_eq!(registry.region.as_str(), "eu-central-1", "{host}");
        }
    }

    #[test]
    fn other_hosts_name_none() {
        for host in [
            "127.0.0.1:5000",
            "localhost",
            "[::1]:5000",
            "44445555666.dkr.ecr.eu-central-1.amazonaws.com",
            "444455556666.dkr.ecr.eu-central-1.example.com",
            "",
        ] {
            assert_eq!(Registry::from_host(host), None, "{host}");
        }
    }

    #[test]
    fn the_host_sent_on_is_the_standard_one() {
        let fips = Registry::from_host("444455556666.dkr-ecr-fips.eu-central-1.on.aws").unwrap();
        assert_eq!(
            fips.host(),
            "444455556666.dkr.ecr.eu-central-1.amazonaws.com"
        );
    }
}
