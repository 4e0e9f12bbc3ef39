//! What has a finding.

use crate::event::arn::ImageArn;
use crate::event::error::EventError;
use crate::event::open_enum::open_enum;
use crate::event::reader::{Kind, Node, Read};
use crate::{AccountId, Digest, RepositoryName, Tag};

/// A resource with a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingResource {
    /// Its name: for an ECR image the repository's ARN, `/` and the digest.
    pub id: String,
    /// What it is.
    pub kind: ResourceKind,
    /// `AWS` or `AZURE`.
    pub provider: Option<String>,
    /// The account or subscription at the provider.
    pub provider_account: Option<String>,
    /// Where it is.
    pub region: Option<String>,
    /// AWS's partition.
    pub partition: Option<String>,
    /// The image, if it is one.
    pub subject: ResourceSubject,
}

/// What a resource is, as far as images go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceSubject {
    /// An image in ECR.
    EcrImage(EcrImage),
    /// An image elsewhere.
    OtherImage(OtherImage),
    /// Not an image.
    Other,
}

/// An image in ECR with a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcrImage {
    /// The repository.
    pub repository: RepositoryName,
    /// The image.
    pub digest: Digest,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// The account of its registry.
    pub registry: Option<AccountId>,
    /// `amd64`, `arm64` …
    pub architecture: Option<String>,
    /// The distribution inside, such as `UBUNTU_22_04`.
    pub platform: Option<String>,
    /// Who made it, where the image says so.
    pub author: Option<String>,
    /// When it was pushed, as Inspector writes it.
    pub pushed_at: Option<String>,
    /// When a cluster last ran it, as Inspector writes it.
    pub last_in_use_at: Option<String>,
    /// In how many places it runs.
    pub in_use_count: Option<u64>,
}

/// An image in another provider's registry, as Inspector describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherImage {
    /// Its registry.
    pub registry: Option<String>,
    /// Its repository.
    pub repository: Option<String>,
    /// Its digest.
    pub digest: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
}

open_enum! {
    /// What kind of resource it is.
    ResourceKind: "a resource type" {
        /// An image in ECR.
        EcrContainerImage = "AWS_ECR_CONTAINER_IMAGE",
        /// A virtual machine.
        Ec2Instance = "AWS_EC2_INSTANCE",
        /// A function.
        LambdaFunction = "AWS_LAMBDA_FUNCTION",
        /// An image in Azure's registry.
        AzureContainerImage = "Microsoft.ContainerRegistry/registry/containerImage",
    }
}

impl FindingResource {
    /// The image, if it is one in ECR.
    #[must_use]
    pub const fn ecr_image(&self) -> Option<&EcrImage> {
        match &self.subject {
            ResourceSubject::EcrImage(image) => Some(image),
            ResourceSubject::OtherImage(_) | ResourceSubject::Other => None,
        }
    }
}

impl Read for FindingResource {
    const KIND: Kind = Kind {
        what: "a resource",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        let kind = node.get("type")?;
        Ok(Self {
            id: node.get("id")?,
            provider: node.note("provider")?,
            provider_account: node.note("providerAccountId")?,
            region: node.note("region")?,
            partition: node.note("partition")?,
            subject: read_subject(node, &kind)?,
            kind,
        })
    }
}

fn read_subject(node: &Node<'_>, kind: &ResourceKind) -> Result<ResourceSubject, EventError> {
    let is_ecr = *kind == ResourceKind::EcrContainerImage;
    let Some(details) = node.child("details")? else {
        return if is_ecr {
            image_from_id(node).map(ResourceSubject::EcrImage)
        } else {
            Ok(ResourceSubject::Other)
        };
    };
    let general = details.child("image")?;
    if is_ecr {
        return match (details.child("awsEcrContainerImage")?, general) {
            (Some(image), _) => read_ecr_image(&image, "imageHash"),
            (None, Some(image)) => read_ecr_image(&image, "imageDigest"),
            (None, None) => image_from_id(node),
        }
        .map(ResourceSubject::EcrImage);
    }
    match general {
        Some(image) => Ok(ResourceSubject::OtherImage(OtherImage {
            registry: image.note("registry")?,
            repository: image.note("repositoryName")?,
            digest: image.note("imageDigest")?,
            tags: image.list("imageTags")?,
        })),
        None => Ok(ResourceSubject::Other),
    }
}

/// The older form calls the digest `imageHash`, the one of 2026 `imageDigest`.
fn read_ecr_image(image: &Node<'_>, digest: &str) -> Result<EcrImage, EventError> {
    Ok(EcrImage {
        repository: image.get("repositoryName")?,
        digest: image.get(digest)?,
        tags: image.list("imageTags")?,
        registry: image.find("registry")?,
        architecture: image.note("architecture")?,
        platform: image.note("platform")?,
        author: image.note("author")?,
        pushed_at: image.note("pushedAt")?,
        last_in_use_at: image.note("lastInUseAt")?,
        in_use_count: image.find("inUseCount")?,
    })
}

/// Without details the resource's name still says which image it is.
fn image_from_id(node: &Node<'_>) -> Result<EcrImage, EventError> {
    let arn: ImageArn = node.get("id")?;
    Ok(EcrImage {
        repository: arn.repository.repository,
        digest: arn.digest,
        tags: Vec::new(),
        registry: Some(arn.repository.account),
        architecture: None,
        platform: None,
        author: None,
        pushed_at: None,
        last_in_use_at: None,
        in_use_count: None,
    })
}
