use std::fmt;
use std::sync::Arc;

use super::{NameError, RegistryHost, string_name};

/// An AWS account: 12 digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(Arc<str>);

impl AccountId {
    fn check(s: &str) -> Result<(), NameError> {
        if s.len() == 12 && s.bytes().all(|b| b.is_ascii_digit()) {
            Ok(())
        } else {
            Err(NameError::new("account id", s, "expected 12 digits"))
        }
    }
}

string_name!(AccountId);

/// An AWS Region, such as `eu-west-1`, `us-gov-west-1` or `cn-north-1`.
///
/// The list of Regions grows, so only the form is checked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(Arc<str>);

impl Region {
    fn check(s: &str) -> Result<(), NameError> {
        let parts: Vec<&str> = s.split('-').collect();
        let words = parts
            .len()
            .checked_sub(1)
            .and_then(|n| parts.get(..n))
            .unwrap_or_default();
        let is_number = |p: &&&str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit());
        let is_word = |p: &&str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase());
        if s.len() <= 32
            && words.len() >= 2
            && words.iter().all(is_word)
            && parts.last().as_ref().is_some_and(is_number)
        {
            Ok(())
        } else {
            Err(NameError::new(
                "Region",
                s,
                "expected a form such as eu-west-1",
            ))
        }
    }

    /// The DNS suffix of ECR registries in this Region's partition.
    #[must_use]
    pub fn dns_suffix(&self) -> &'static str {
        let region = self.as_str();
        SUFFIX_OF_PREFIX
            .iter()
            .find(|(prefix, _)| region.starts_with(prefix))
            .map_or("amazonaws.com", |(_, suffix)| suffix)
    }

    /// The partition, as in ARNs.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        let region = self.as_str();
        PARTITION_OF_PREFIX
            .iter()
            .find(|(prefix, _)| region.starts_with(prefix))
            .map_or("aws", |(_, partition)| partition)
    }
}

string_name!(Region);

/// Partitions by the beginning of their Regions (AWS SDK `partitions.json`); all others are `aws`.
const PARTITION_OF_PREFIX: &[(&str, &str)] = &[
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
    ("eusc-", "aws-eusc"),
];

/// DNS suffixes by the beginning of their Regions; all others are `amazonaws.com`.
const SUFFIX_OF_PREFIX: &[(&str, &str)] = &[
    ("cn-", "amazonaws.com.cn"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eusc-", "amazonaws.eu"),
];

/// DNS suffixes of the dual-stack form `<account>.dkr-ecr.<region>.<suffix>`.
const DUAL_STACK_SUFFIXES: &[&str] = &[
    "on.aws",
    "on.amazonwebservices.com.cn",
    "on.amazonwebservices.eu",
];

/// What the host of a private ECR registry tells.
///
/// Forms: `<account>.dkr.ecr.<region>.amazonaws.com` (and the other partitions' suffixes), with
/// `dkr.ecr-fips` for FIPS endpoints, and `<account>.dkr-ecr[-fips].<region>.on.aws` for
/// dual-stack ones (ECR user guide, "Registry endpoints").
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EcrHost {
    /// The registry's account.
    pub account: AccountId,
    /// The registry's Region.
    pub region: Region,
    /// Whether the endpoint is a FIPS one.
    pub fips: bool,
    /// Whether the endpoint answers over IPv6 as well.
    pub dual_stack: bool,
}

impl EcrHost {
    /// The standard endpoint of an account's registry in a Region.
    #[must_use]
    pub fn new(account: AccountId, region: Region) -> Self {
        Self {
            account,
            region,
            fips: false,
            dual_stack: false,
        }
    }

    /// Reads a host name; `None` where it is not a private ECR registry.
    #[must_use]
    pub fn parse(host: &str) -> Option<Self> {
        let (account, rest) = host.split_once('.')?;
        let account = account.parse().ok()?;
        let (dual_stack, fips, rest) = [
            ("dkr.ecr.", false, false),
            ("dkr.ecr-fips.", false, true),
            ("dkr-ecr.", true, false),
            ("dkr-ecr-fips.", true, true),
        ]
        .into_iter()
        .find_map(|(prefix, dual, fips)| Some((dual, fips, rest.strip_prefix(prefix)?)))?;
        let (region, suffix) = rest.split_once('.')?;
        let region: Region = region.parse().ok()?;
        let known = if dual_stack {
            DUAL_STACK_SUFFIXES.contains(&suffix)
        } else {
            suffix == region.dns_suffix()
        };
        known.then_some(Self {
            account,
            region,
            fips,
            dual_stack,
        })
    }

    /// The address of this registry.
    ///
    /// # Errors
    ///
    /// None in practice: an account and a Region always make a valid host name.
    pub fn registry_host(&self) -> Result<RegistryHost, NameError> {
        self.to_string().try_into()
    }
}

impl fmt::Display for EcrHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            account,
            region,
            fips,
            dual_stack,
        } = self;
        let fips = if *fips { "-fips" } else { "" };
        if *dual_stack {
            let suffix = match region.partition() {
                "aws-cn" => "on.amazonwebservices.com.cn",
                "aws-eusc" => "on.amazonwebservices.eu",
                _ => "on.aws",
            };
            write!(f, "{account}.dkr-ecr{fips}.{region}.{suffix}")
        } else {
            write!(
                f,
                "{account}.dkr.ecr{fips}.{region}.{}",
                region.dns_suffix()
            )
        }
    }
}
