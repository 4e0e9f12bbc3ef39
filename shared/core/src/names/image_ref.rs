use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Digest, NameError, RegistryHost, RepositoryPath, Tag};

/// What stands behind `/manifests/`: a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// A name that may move.
    Tag(Tag),
    /// The content itself.
    Digest(Digest),
}

impl Reference {
    /// The tag, where this is one.
    #[must_use]
    pub fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Tag(tag) => Some(tag),
            Self::Digest(_) => None,
        }
    }

    /// The digest, where this is one.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Tag(_) => None,
            Self::Digest(digest) => Some(digest),
        }
    }
}

impl From<Tag> for Reference {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for Reference {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl FromStr for Reference {
    type Err = NameError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        // A colon cannot be part of a tag.
        if s.contains(':') {
            s.parse().map(Self::Digest)
        } else {
            s.parse().map(Self::Tag)
        }
    }
}

/// An image in a registry: `host[:port]/repository[:tag][@digest]`.
///
/// The registry is always named: a short name such as `alpine` means different things to different
/// clients, and ecr-steward does not guess.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef {
    /// Where.
    pub registry: RegistryHost,
    /// Which repository there.
    pub repository: RepositoryPath,
    /// The tag, where one is named.
    pub tag: Option<Tag>,
    /// The digest, where one is named; it wins over the tag when reading.
    pub digest: Option<Digest>,
}

impl ImageRef {
    /// What to ask the registry for: the digest, else the tag; `None` where neither is named.
    #[must_use]
    pub fn reference(&self) -> Option<Reference> {
        self.digest
            .clone()
            .map(Reference::Digest)
            .or_else(|| self.tag.clone().map(Reference::Tag))
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for ImageRef {
    type Err = NameError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let error = |reason| NameError::new("image reference", s, reason);
        let (rest, digest) = match s.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (s, None),
        };
        let (registry, rest) = rest
            .split_once('/')
            .ok_or_else(|| error("expected host[:port]/repository[:tag][@digest]"))?;
        if !(registry.contains(['.', ':']) || registry == "localhost") {
            return Err(error(
                "expected a registry before the first '/', such as registry.example.com or localhost:5000",
            ));
        }
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag.parse()?)),
            None => (rest, None),
        };
        Ok(Self {
            registry: registry.to_ascii_lowercase().try_into()?,
            repository: repository.parse()?,
            tag,
            digest,
        })
    }
}

impl Serialize for ImageRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ImageRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
