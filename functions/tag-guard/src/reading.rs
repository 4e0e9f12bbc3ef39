//! Facts from the registry: only what the policy's rules ask for.

mod content;
mod image;
mod needs;
mod resource_tags;

use std::collections::BTreeMap;

use steward_aws::ecr::{Ecr, ImageDetail};
use steward_core::event::incoming::{Envelope, Incoming};
use steward_core::facts::{EventFacts, EventKind, Facts, Home, ImageFacts};
use steward_core::{EcrHost, Reference, RegistryHost};
use steward_runtime::Failure;

pub use content::{Content, RegistryContent};
pub(crate) use needs::{Needs, waits_for_referrers};
pub use resource_tags::ResourceTags;

use crate::subject::Subject;
use crate::{History, TagGuard};

impl TagGuard {
    /// What the registry says about a tag now, as far as rules ask.
    pub(crate) async fn read(
        &self,
        incoming: &Incoming,
        subject: &Subject,
        needs: &Needs,
        history: &History,
    ) -> Result<Facts, Failure> {
        let Subject {
            repository, tag, ..
        } = subject;
        let reference = Reference::Tag(tag.clone());
        let detail = self.ecr.describe_image(repository, &reference).await?;
        let image = match detail {
            Some(detail) => Some(self.image(incoming, subject, needs, detail).await?),
            None => None,
        };
        let remembered = history.previous.known().cloned();
        let previous = if subject.kind == EventKind::Deleted && !needs.fixes {
            // What a tag that may move meant last, the event knows best.
            subject.digest.clone().or(remembered)
        } else if subject.kind == EventKind::Deleted {
            remembered.or_else(|| subject.digest.clone())
        } else {
            remembered
        };
        let siblings = if needs.read.siblings {
            Some(self.ecr.tags(repository).await?)
        } else {
            None
        };
        let resource_tags = if needs.read.resource_tags {
            Some(self.resource_tags_of(incoming, repository).await?)
        } else {
            None
        };
        let pusher = match &image {
            Some(image) if needs.read.pusher => {
                self.memory(incoming)
                    .pusher(repository, tag, &image.digest)
                    .await
            }
            _ => None,
        };
        Ok(Facts {
            registry: Some(home(incoming)),
            image,
            previous,
            siblings,
            resource_tags,
            pusher,
            ..Facts::absent(
                repository.clone(),
                tag.clone(),
                EventFacts {
                    kind: subject.kind,
                    time: incoming.envelope.time,
                    now: (self.clock)(),
                },
            )
        })
    }

    /// The repository's resource tags.
    pub(crate) async fn resource_tags_of(
        &self,
        incoming: &Incoming,
        repository: &steward_core::RepositoryName,
    ) -> Result<BTreeMap<String, String>, Failure> {
        if let Some(known) = self.resource_tags.get(repository) {
            return Ok(known);
        }
        let Envelope {
            account, region, ..
        } = &incoming.envelope;
        let arn = format!(
            "arn:{}:ecr:{region}:{account}:repository/{repository}",
            region.partition()
        );
        let tags = self.ecr.resource_tags(&arn).await?;
        self.resource_tags.keep(repository, &tags);
        Ok(tags)
    }
}

fn home(incoming: &Incoming) -> Home {
    Home {
        account: incoming.envelope.account.clone(),
        region: incoming.envelope.region.clone(),
    }
}

/// The registry that an event speaks of.
pub(crate) fn registry_of(incoming: &Incoming) -> Result<RegistryHost, Failure> {
    let Home { account, region } = home(incoming);
    EcrHost::new(account, region)
        .registry_host()
        .map_err(|error| Failure::permanent("invalid_registry", error.to_string()))
}

/// What ECR's API says about an image, without its manifest.
fn described(detail: ImageDetail) -> ImageFacts {
    ImageFacts {
        pushed_at: detail.pushed_at.and_then(|at| at.try_into().ok()),
        ..ImageFacts::new(detail.digest, detail.tags.into_iter().collect())
    }
}

/// A trait object's methods, for the modules below.
type Registry<'a> = &'a dyn Ecr;
