//! Amazon Resource Names of repositories and of the images in them.

use std::fmt;
use std::str::FromStr;

use super::error::EventError;
use super::reader::{Kind, Node, Read, read_words};
use crate::{AccountId, Digest, Region, RepositoryName};

/// `arn:<partition>:ecr:<region>:<account>:repository/<name>`, in any partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryArn {
    partition: String,
    /// The Region of the registry.
    pub region: Region,
    /// The account of the registry.
    pub account: AccountId,
    /// The repository.
    pub repository: RepositoryName,
}

/// A repository's ARN, `/`, and the digest of an image in it: how Inspector names an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageArn {
    /// The repository that holds the image.
    pub repository: RepositoryArn,
    /// The image.
    pub digest: Digest,
}

/// A text that is not the ARN it was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// Not the ARN of a repository.
    #[error("not the ARN of a repository (expected {REPOSITORY_FORM})")]
    Repository,
    /// Not the ARN of an image.
    #[error("not the ARN of an image (expected {REPOSITORY_FORM}/sha256:<64 hex digits>)")]
    Image,
}

const REPOSITORY_FORM: &str = "arn:aws:ecr:<region>:<account>:repository/<name>";

impl RepositoryArn {
    /// The partition: `aws`, `aws-cn`, `aws-us-gov`, `aws-iso` …
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }
}

impl fmt::Display for RepositoryArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partition,
            region,
            account,
            repository,
        } = self;
        write!(
            f,
            "arn:{partition}:ecr:{region}:{account}:repository/{repository}"
        )
    }
}

impl FromStr for RepositoryArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().ok_or(ArnError::Repository);
        let (scheme, partition, service) = (next()?, next()?, next()?);
        let (region, account, resource) = (next()?, next()?, next()?);
        if scheme != "arn" || service != "ecr" || !is_partition(partition) {
            return Err(ArnError::Repository);
        }
        let name = resource
            .strip_prefix("repository/")
            .ok_or(ArnError::Repository)?;
        Ok(Self {
            partition: partition.to_owned(),
            region: region.parse().map_err(|_| ArnError::Repository)?,
            account: account.parse().map_err(|_| ArnError::Repository)?,
            repository: name.parse().map_err(|_| ArnError::Repository)?,
        })
    }
}

/// New partitions appear (`aws-eusc` in 2025), so this checks the form, not a list.
fn is_partition(text: &str) -> bool {
    text == "aws"
        || text.strip_prefix("aws-").is_some_and(|rest| {
            !rest.is_empty()
                && rest.len() <= 32
                && rest.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        })
}

impl fmt::Display for ImageArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.repository, self.digest)
    }
}

impl FromStr for ImageArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let (repository, digest) = text.rsplit_once('/').ok_or(ArnError::Image)?;
        Ok(Self {
            repository: repository.parse().map_err(|_| ArnError::Image)?,
            digest: digest.parse().map_err(|_| ArnError::Image)?,
        })
    }
}

read_words! {
    RepositoryArn: "the ARN of a repository", "arn:aws:ecr:<region>:<account>:repository/<name>";
    ImageArn: "the ARN of an image",
        "arn:aws:ecr:<region>:<account>:repository/<name>/sha256:<64 hex digits>";
}
