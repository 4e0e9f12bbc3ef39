//! What the registry says about a repository now, as a person can write it down or have it printed.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use steward_core::facts::{Facts, ImageFacts, Pusher};
use steward_core::{Digest, RepositoryName, Tag};

use crate::cases::{GivenFacts, GivenImage};
use crate::error::CliError;
use crate::input;

/// The tags of one repository and what they point to, and what else is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryFacts {
    tags: BTreeMap<Tag, Digest>,
    /// In the form of the cases of `steward test`.
    more: GivenFacts,
    now: Timestamp,
}

/// Why a file of facts cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FactsError {
    /// Neither JSON nor YAML, or of another shape.
    #[error("{message}")]
    Malformed {
        /// What is wrong, with its place.
        message: String,
    },
    /// None of the known fields.
    #[error("it has none of tags, imageDetails and imageIds")]
    Empty,
    /// The facts are about something else than the event.
    #[error("it is about the repository {found}, and the event about {expected}")]
    OtherRepository {
        /// What the facts name.
        found: RepositoryName,
        /// What the event names.
        expected: RepositoryName,
    },
    /// The same tag with two digests.
    #[error("the tag {tag} points to two digests: {first} and {second}")]
    TwoDigests {
        /// The tag.
        tag: Tag,
        /// One of them.
        first: Digest,
        /// The other.
        second: Digest,
    },
}

/// The forms that are read: our own, and what the AWS command line prints.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FactsFile {
    repository: Option<RepositoryName>,
    tags: Option<BTreeMap<Tag, Digest>>,
    /// `aws ecr describe-images`.
    image_details: Option<Vec<ImageDetail>>,
    /// `aws ecr list-images`.
    image_ids: Option<Vec<ImageId>>,
    /// What the image is like, as in the cases of `steward test`.
    image: Option<GivenImage>,
    /// What the tag pointed to before.
    previous: Option<Digest>,
    /// The repository's resource tags.
    #[serde(rename = "resource_tags")]
    resource_tags: Option<BTreeMap<String, String>>,
    /// Who pushed.
    #[serde(default, deserialize_with = "crate::cases::pusher")]
    pusher: Option<Pusher>,
    /// The AWS command line leaves it behind when told to stop early.
    #[serde(rename = "nextToken")]
    _next_token: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImageDetail {
    repository_name: Option<RepositoryName>,
    image_digest: Digest,
    #[serde(default)]
    image_tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImageId {
    image_digest: Digest,
    image_tag: Option<Tag>,
}

impl RegistryFacts {
    /// Reads the facts about `repository` from a file.
    pub fn read(
        path: &Path,
        repository: &RepositoryName,
        now: Timestamp,
    ) -> Result<Self, CliError> {
        let text = input::read(path, input::MAX_FACTS_BYTES)?;
        match Self::parse(&text, repository) {
            Ok(facts) => Ok(Self { now, ..facts }),
            Err(source) => Err(CliError::Facts {
                name: input::display_name(path),
                source,
            }),
        }
    }

    /// What an event says, with what these facts say in its place.
    #[must_use]
    pub fn complete(&self, said: Facts) -> Facts {
        let image = self.digest_of(&said.tag).map(|digest| {
            let blank = ImageFacts::new(digest.clone(), self.tags_of(digest));
            let image = match self.more.image.clone() {
                Some(image) => image.onto(blank.clone(), self.now).unwrap_or(blank),
                None => blank,
            };
            ImageFacts {
                pushed_at: Some(said.event.time),
                ..image
            }
        });
        let GivenFacts {
            previous,
            resource_tags,
            pusher,
            ..
        } = self.more.clone();
        let previous = previous.and_then(|text| text.parse().ok());
        Facts {
            image,
            previous: previous.or(said.previous),
            siblings: Some(self.tags.clone()),
            resource_tags: resource_tags.or(said.resource_tags),
            pusher: pusher.or(said.pusher),
            ..said
        }
    }

    /// Reads the facts about `repository` from JSON or YAML.
    pub fn parse(text: &str, repository: &RepositoryName) -> Result<Self, FactsError> {
        let file: FactsFile =
            serde_saphyr::from_str(text).map_err(|error| FactsError::Malformed {
                message: error.without_snippet().to_string(),
            })?;
        if file.tags.is_none() && file.image_details.is_none() && file.image_ids.is_none() {
            return Err(FactsError::Empty);
        }
        let details = file.image_details.unwrap_or_default();
        let named = details
            .iter()
            .filter_map(|detail| detail.repository_name.as_ref());
        if let Some(found) = file
            .repository
            .iter()
            .chain(named)
            .find(|name| *name != repository)
        {
            return Err(FactsError::OtherRepository {
                found: found.clone(),
                expected: repository.clone(),
            });
        }
        let detailed = details.into_iter().flat_map(|detail| {
            let digest = detail.image_digest;
            detail
                .image_tags
                .into_iter()
                .map(move |tag| (tag, digest.clone()))
        });
        let listed = file
            .image_ids
            .unwrap_or_default()
            .into_iter()
            .filter_map(|id| id.image_tag.map(|tag| (tag, id.image_digest)));
        let mut facts = Self {
            more: GivenFacts {
                previous: file.previous.map(|digest| digest.to_string()),
                resource_tags: file.resource_tags,
                pusher: file.pusher,
                image: file.image,
                ..GivenFacts::default()
            },
            ..Self::default()
        };
        for (tag, digest) in file
            .tags
            .unwrap_or_default()
            .into_iter()
            .chain(detailed)
            .chain(listed)
        {
            facts.add(tag, digest)?;
        }
        Ok(facts)
    }

    fn add(&mut self, tag: Tag, digest: Digest) -> Result<(), FactsError> {
        match self.tags.get(&tag) {
            Some(first) if *first != digest => Err(FactsError::TwoDigests {
                tag,
                first: first.clone(),
                second: digest,
            }),
            _ => {
                self.tags.insert(tag, digest);
                Ok(())
            }
        }
    }

    /// What a tag points to; `None` when it is gone.
    #[must_use]
    pub fn digest_of(&self, tag: &Tag) -> Option<&Digest> {
        self.tags.get(tag)
    }

    /// Every tag of an image, in alphabetical order.
    #[must_use]
    pub fn tags_of(&self, digest: &Digest) -> Vec<Tag> {
        let tags = self.tags.iter().filter(|(_, known)| *known == digest);
        tags.map(|(tag, _)| tag.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn parse(text: &str) -> Result<RegistryFacts, FactsError> {
        RegistryFacts::parse(text, &"prod/app".parse().unwrap())
    }

    fn told(text: &str) -> String {
        match parse(text) {
            Err(error) => error.to_string(),
            Ok(facts) => {
                let tags = facts
                    .tags
                    .iter()
                    .map(|(tag, digest)| format!("{tag}={}", digest.short()));
                tags.collect::<Vec<_>>().join(" ")
            }
        }
    }

    #[test]
    fn our_own_form_and_both_forms_of_the_aws_command_line_say_the_same() {
        let expected = "1.0=aaaaaaaaaaaa latest=aaaaaaaaaaaa old=bbbbbbbbbbbb";
        let own = format!("repository: prod/app\ntags:\n  1.0: {A}\n  latest: {A}\n  old: {B}\n");
        let details = format!(
            r#"{{"imageDetails": [
                {{"registryId": "111122223333", "repositoryName": "prod/app", "imageDigest": "{A}",
                  "imageTags": ["latest", "1.0"], "imageSizeInBytes": 12}},
                {{"repositoryName": "prod/app", "imageDigest": "{B}", "imageTags": ["old"]}},
                {{"repositoryName": "prod/app", "imageDigest": "{B}"}}]}}"#
        );
        let ids = format!(
            r#"{{"imageIds": [{{"imageDigest": "{A}", "imageTag": "1.0"}},
                {{"imageDigest": "{A}", "imageTag": "latest"}},
                {{"imageDigest": "{B}", "imageTag": "old"}}, {{"imageDigest": "{B}"}}],
              "nextToken": "x"}}"#
        );
        for text in [own, details, ids] {
            assert_eq!(told(&text), expected, "{text}");
        }
    }

    #[test]
    fn the_tags_of_an_image_are_found() {
        let facts = parse(&format!("tags: {{b: '{A}', a: '{A}', c: '{B}'}}")).unwrap();
        let digest = facts.digest_of(&"a".parse().unwrap()).unwrap();
        assert_eq!(
            facts.tags_of(digest),
            ["a".parse().unwrap(), "b".parse().unwrap()]
        );
        assert_eq!(facts.digest_of(&"d".parse().unwrap()), None);
    }

    #[test]
    fn an_empty_repository_is_a_fact_and_an_empty_file_is_not() {
        assert_eq!(told("tags: {}"), "");
        assert_eq!(told("{}"), "it has none of tags, imageDetails and imageIds");
        assert_eq!(
            told("repository: prod/app"),
            "it has none of tags, imageDetails and imageIds"
        );
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            told("repository: prod/other\ntags: {}"),
            "it is about the repository prod/other, and the event about prod/app"
        );
        assert_eq!(
            told(&format!(
                r#"{{"imageIds": [{{"imageDigest": "{A}", "imageTag": "x"}}, {{"imageDigest": "{B}", "imageTag": "x"}}]}}"#
            )),
            format!("the tag x points to two digests: {A} and {B}")
        );
        for (text, part) in [
            ("tag: {}", "unknown field"),
            ("tags: {v1: sha256:12}", "sha256:12"),
            ("tags: [", "line 1"),
        ] {
            let told = told(text);
            assert!(told.contains(part), "{text}: {told}");
        }
    }

    #[test]
    fn aliases_cannot_blow_the_text_up() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for i in 1..40 {
            let last = i - 1;
            text.push_str(&format!(
                "a{i}: &a{i} [*a{last}, *a{last}, *a{last}, *a{last}]\n"
            ));
        }
        assert!(parse(&text).is_err());
    }
}
