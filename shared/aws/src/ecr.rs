//! Elastic Container Registry: images, tags, repositories, tokens.

mod error;
mod factory;
#[cfg(feature = "fake")]
mod failing;
#[cfg(feature = "fake")]
mod fake;
mod role;
mod sdk;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use async_trait::async_trait;
use secrecy::SecretString;
use steward_core::{Digest, Reference, RepositoryName, Tag};

pub use error::EcrError;
#[cfg(feature = "fake")]
pub use factory::FakeEcrFactory;
pub use factory::{EcrFactory, EcrTarget, SdkEcrFactory};
#[cfg(feature = "fake")]
pub use failing::{EcrOperation, FailingEcr};
#[cfg(feature = "fake")]
pub use fake::FakeEcr;
pub use sdk::{ListedRepository, Page, SdkEcr};

/// What a function may ask of one ECR registry (one account in one Region).
///
/// A missing repository counts as a missing image wherever an image is asked for: either way there is
/// nothing to look after.
#[async_trait]
pub trait Ecr: Send + Sync {
    /// The image that a tag or digest names, or `None` where there is none.
    async fn describe_image(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<ImageDetail>, EcrError>;

    /// All tags of an image; empty when the image has none or is not there.
    async fn tags_of(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BTreeSet<Tag>, EcrError> {
        Ok(self
            .describe_image(repository, &Reference::Digest(digest.clone()))
            .await?
            .map(|x| x.tags)
            .unwrap_or_default())
    }

    /// The manifest as it was pushed, or `None` where there is none.
    async fn get_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<Manifest>, EcrError>;

    /// Points `tag` at an image that the repository already holds.
    ///
    /// Same tag on the same image is [`PutTag::AlreadyThere`], also in an immutable repository. The
    /// digest is sent along, so ECR refuses a manifest that is not the one it names.
    async fn put_tag(
        &self,
        repository: &RepositoryName,
        manifest: &Manifest,
        tag: &Tag,
    ) -> Result<PutTag, EcrError>;

    /// Removes one tag.
    ///
    /// Removing the *last* tag of an image deletes the image: add a guard tag first.
    async fn remove_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<RemoveTag, EcrError>;

    /// Every tag of a repository and what it points at; none where there is no repository.
    ///
    /// More than [`MAX_TAGS`] are an error: whoever decides by all tags must see them all.
    async fn tags(&self, repository: &RepositoryName) -> Result<BTreeMap<Tag, Digest>, EcrError>;

    /// Every tag of a repository and when its image was pushed last; none where there is no
    /// repository. More than [`MAX_TAGS`] are an error. One call per thousand images, tagged or not.
    async fn tag_times(
        &self,
        repository: &RepositoryName,
    ) -> Result<BTreeMap<Tag, Option<SystemTime>>, EcrError>;

    /// Moves an image to the archive storage class; from then on it cannot be pulled, and is not
    /// found by the other calls, until somebody restores it or pushes it again.
    async fn archive(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Archive, EcrError>;

    /// The tags of an image in the archive; `None` where the archive does not have it. One call.
    async fn archived(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<BTreeSet<Tag>>, EcrError>;

    /// Deletes an image with all its tags.
    async fn delete_image(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<DeleteImage, EcrError>;

    /// The repository's settings, or `None` where it does not exist.
    async fn repository(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<RepositoryInfo>, EcrError>;

    /// The resource tags of a repository, by its ARN.
    async fn resource_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, EcrError>;

    /// Creates a repository; that it exists already is a success, and leaves its settings alone.
    async fn create_repository(
        &self,
        repository: &RepositoryName,
        settings: &NewRepository,
    ) -> Result<CreateRepository, EcrError>;

    /// A token for the registry protocol, good for every registry that the caller may use.
    async fn authorization_token(&self) -> Result<EcrToken, EcrError>;

    /// Which of these layers the repository holds ready for use. Archived ones do not count.
    async fn check_layers(
        &self,
        repository: &RepositoryName,
        layers: &[Digest],
    ) -> Result<BTreeSet<Digest>, EcrError>;
}

/// One image of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDetail {
    /// Digest of the manifest.
    pub digest: Digest,
    /// All its tags.
    pub tags: BTreeSet<Tag>,
    /// Media type of the manifest.
    pub media_type: Option<String>,
    /// Media type of the config or artifact.
    pub artifact_type: Option<String>,
    /// Compressed size in bytes; for an index the largest child, not the sum (API model).
    pub size: Option<u64>,
    /// When it was pushed last.
    pub pushed_at: Option<SystemTime>,
    /// The image that this one refers to (signature, SBOM, attestation).
    pub subject: Option<Digest>,
}

/// A manifest as bytes that were pushed; ECR's API carries it as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The exact text.
    pub body: String,
    /// Its media type.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
}

/// How a tag was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutTag {
    /// The tag points at the image now.
    Done,
    /// It did before.
    AlreadyThere,
    /// The tag points at another image and the repository does not let it move.
    Immutable {
        /// What the tag points at.
        current: Option<Digest>,
    },
}

/// How a tag was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoveTag {
    /// The tag is gone.
    Removed {
        /// The image that it pointed at.
        digest: Option<Digest>,
    },
    /// There was no such tag.
    NotThere,
}

/// How an image was archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archive {
    /// It is in the archive now.
    Done,
    /// There was no such image, or it is in the archive already.
    NotThere,
}

/// How an image was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteImage {
    /// It is gone.
    Done,
    /// There was no such image.
    NotThere,
}

/// Whether tags may move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagMutability {
    /// Every tag may move.
    #[default]
    Mutable,
    /// No tag may move.
    Immutable,
    /// Only tags that match a filter may not move.
    MutableWithExclusion,
    /// Only tags that match a filter may move.
    ImmutableWithExclusion,
}

impl TagMutability {
    /// The word that ECR's API uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mutable => "MUTABLE",
            Self::Immutable => "IMMUTABLE",
            Self::MutableWithExclusion => "MUTABLE_WITH_EXCLUSION",
            Self::ImmutableWithExclusion => "IMMUTABLE_WITH_EXCLUSION",
        }
    }
}

/// A repository's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryInfo {
    /// Its ARN.
    pub arn: String,
    /// `<registry>/<name>`, as clients use it.
    pub uri: String,
    /// Whether tags may move.
    pub mutability: TagMutability,
    /// The filters of the two `…WithExclusion` settings (`*` is the only wildcard).
    pub mutability_exclusions: Vec<String>,
}

/// Settings for a repository that does not exist yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRepository {
    /// Tags may not move.
    pub immutable: bool,
    /// Filters of tags that may move all the same (`*` is the only wildcard); for immutable ones.
    pub mutability_exclusions: Vec<String>,
    /// Scan each image when it is pushed.
    pub scan_on_push: bool,
    /// The KMS key to encrypt with; ECR's own when absent.
    pub kms_key: Option<String>,
    /// The lifecycle policy, as JSON.
    pub lifecycle_policy: Option<String>,
    /// The repository policy, as JSON.
    pub repository_policy: Option<String>,
    /// Resource tags.
    pub tags: BTreeMap<String, String>,
}

/// How a repository was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateRepository {
    /// It is new.
    Created {
        /// Its ARN.
        arn: String,
    },
    /// It existed; its settings were left alone.
    AlreadyThere,
}

/// Credentials for the registry protocol.
#[derive(Clone, Debug)]
pub struct EcrToken {
    /// Always `AWS` today.
    pub username: String,
    /// The password; good for 12 hours.
    pub password: SecretString,
    /// When it ends.
    pub expires_at: SystemTime,
}

/// The most tags of one repository that are read: ECR's quota of images in a repository.
pub const MAX_TAGS: usize = 100_000;

/// Every manifest type that ECR stores. Without the full list ECR converts the manifest, which
/// changes its digest.
pub const MANIFEST_TYPES: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
