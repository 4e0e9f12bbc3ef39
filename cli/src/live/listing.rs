use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use steward_aws::ecr::ImageDetail;
use steward_core::facts::ImageFacts;
use steward_core::policy::RepositoryGlob;
use steward_core::{Digest, EcrHost, Reference, RegistryHost, RepositoryName, RepositoryPath, Tag};
use steward_registry::{Descriptor, Repository};

use super::failure::{ReadError, ReadFailure};
use super::{JOBS, Wanted, ecr_api, home, image};
use crate::access::Access;
use crate::error::CliError;
use crate::inventory::{Entry, Place};

/// Images whose manifests could not be understood that are told one by one.
const SHOWN_WARNINGS: u64 = 5;

/// Everything that a registry holds.
pub struct Listing<'a> {
    /// The registry.
    pub host: RegistryHost,
    /// Only the repositories that match.
    pub repositories: Option<RepositoryGlob>,
    /// What is read of an image with these tags.
    pub wanted: Choice<'a>,
}

/// Says what is read of an image by its repository and tags.
pub type Choice<'a> = Box<dyn Fn(&RepositoryName, &[Tag]) -> Wanted + 'a>;

/// Takes the images, repository by repository, and says whether to go on.
type Sink<'s> = dyn FnMut(Entry) -> Result<bool, CliError> + 's;

/// How a run of a listing goes.
struct Run<'a> {
    listing: &'a Listing<'a>,
    access: &'a Access,
    unreadable: AtomicU64,
}

impl Listing<'_> {
    /// Reads all images and hands them on; how many there were.
    ///
    /// # Errors
    ///
    /// When the registry fails or refuses, or the images are not taken.
    pub async fn read(&self, access: &Access, sink: &mut Sink<'_>) -> Result<u64, CliError> {
        let run = Run {
            listing: self,
            access,
            unreadable: AtomicU64::new(0),
        };
        let mut count = 0;
        let mut counting = |entry: Entry| {
            count += 1;
            sink(entry)
        };
        match self.host.ecr() {
            Some(ecr) => run.ecr(&ecr, &mut counting).await?,
            None => run.oci(&mut counting).await?,
        }
        let more = run.unreadable.into_inner().saturating_sub(SHOWN_WARNINGS);
        if more > 0 {
            (access.warn)(&format!("{more} more images could not be understood"));
        }
        Ok(count)
    }

    fn failed(&self, what: &str, error: impl Into<ReadError>) -> CliError {
        let what = format!("{what} {}", self.host);
        CliError::Registry(Box::new(ReadFailure::new(what, &self.host, error)))
    }

    fn failed_in(
        &self,
        what: &str,
        repository: &RepositoryName,
        error: impl Into<ReadError>,
    ) -> CliError {
        let what = format!("{what} {}/{repository}", self.host);
        CliError::Registry(Box::new(ReadFailure::new(what, &self.host, error)))
    }

    fn includes(&self, repository: &RepositoryName) -> bool {
        self.repositories
            .as_ref()
            .is_none_or(|glob| glob.matches(repository.as_str()))
    }
}

impl Run<'_> {
    async fn ecr(&self, host: &EcrHost, sink: &mut Sink<'_>) -> Result<(), CliError> {
        let listing = self.listing;
        let api = ecr_api(host).await;
        let mut client = None;
        let mut next = None;
        loop {
            let page = api
                .repositories(next)
                .await
                .map_err(|error| listing.failed("list the repositories of", error))?;
            for found in page.entries {
                let name = found.name;
                if !listing.includes(&name) {
                    continue;
                }
                let resource_tags = if (listing.wanted)(&name, &[]).resource_tags {
                    let tags = steward_aws::ecr::Ecr::resource_tags(&api, &found.arn).await;
                    Some(tags.map_err(|error| {
                        listing.failed_in("read the resource tags of", &name, error)
                    })?)
                } else {
                    None
                };
                let place = Place {
                    registry: Some(home(host)),
                    repository: name.clone(),
                    resource_tags,
                };
                let path = RepositoryPath::from(name.clone());
                // Who one is to ECR is the same for all repositories of a registry.
                let repository = match &client {
                    Some(client) => client,
                    None => client.insert(
                        self.access
                            .client(&path)
                            .map_err(|error| listing.failed("speak to", error))?,
                    ),
                }
                .repository(&listing.host, &path)
                .map_err(|error| listing.failed("speak to", error))?;
                let mut next = None;
                loop {
                    let page = api
                        .images(&name, next)
                        .await
                        .map_err(|error| listing.failed_in("list the images of", &name, error))?;
                    let images = page
                        .entries
                        .into_iter()
                        .filter(|image| image.subject.is_none());
                    let images = images.map(|detail| known(&detail)).collect();
                    let goes_on = self.hand_on(&repository, &place, images, sink).await?;
                    if !goes_on {
                        return Ok(());
                    }
                    match page.next {
                        Some(token) => next = Some(token),
                        None => break,
                    }
                }
            }
            match page.next {
                Some(token) => next = Some(token),
                None => return Ok(()),
            }
        }
    }

    async fn oci(&self, sink: &mut Sink<'_>) -> Result<(), CliError> {
        let listing = self.listing;
        let anywhere: RepositoryPath =
            "catalog"
                .parse()
                .map_err(|e: steward_core::NameError| CliError::Internal {
                    what: "name a repository",
                    source: e.into(),
                })?;
        let names = match self.access.client(&anywhere) {
            Ok(client) => client.repositories(&listing.host).await,
            Err(error) => Err(error),
        };
        let names = names.map_err(|error| listing.failed("list the repositories of", error))?;
        for path in names {
            let Ok(name) = path.as_str().parse::<RepositoryName>() else {
                let why = "it has no name that ECR would take";
                (self.access.warn)(&format!("{}/{path} is left out: {why}", listing.host));
                continue;
            };
            if !listing.includes(&name) {
                continue;
            }
            let repository = self
                .access
                .client(&path)
                .and_then(|client| client.repository(&listing.host, &path))
                .map_err(|error| listing.failed("speak to", error))?;
            let images = match tagged(&repository).await {
                Ok(images) => images,
                // Registries keep listing a repository after its last image.
                Err(error) if error.is_not_found() => continue,
                Err(error) => {
                    return Err(listing.failed_in("read the tags of", &name, error));
                }
            };
            let place = Place {
                registry: None,
                repository: name.clone(),
                resource_tags: None,
            };
            let goes_on = self.hand_on(&repository, &place, images, sink).await?;
            if !goes_on {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads what is wanted of these images, several at a time, and hands them on in their order;
    /// whether to go on.
    async fn hand_on(
        &self,
        repository: &Repository,
        place: &Place,
        images: Vec<ImageFacts>,
        sink: &mut Sink<'_>,
    ) -> Result<bool, CliError> {
        let mut read = stream::iter(images)
            .map(|known| async move {
                let tags = known.tags.clone();
                let wanted = (self.listing.wanted)(&place.repository, &tags);
                let found = image::read(repository, known.digest.clone(), tags, wanted).await?;
                Ok::<_, steward_registry::RegistryError>(found.map(|found| (known, found)))
            })
            .buffered(JOBS);
        let name = &place.repository;
        while let Some(next) = read
            .try_next()
            .await
            .map_err(|error| self.listing.failed_in("read an image of", name, error))?
        {
            let Some((known, found)) = next else { continue };
            if let Some(why) = found.unreadable
                && self.unreadable.fetch_add(1, Ordering::Relaxed) < SHOWN_WARNINGS
            {
                let digest = &known.digest;
                (self.access.warn)(&format!("{repository}@{digest} is not understood: {why}"));
            }
            if !sink(Entry::new(place.clone(), merged(known, found.facts)))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What the listing knows and the image itself does not say.
fn merged(known: ImageFacts, read: ImageFacts) -> ImageFacts {
    ImageFacts {
        pushed_at: known.pushed_at,
        media_type: read.media_type.or(known.media_type),
        artifact_type: read.artifact_type.or(known.artifact_type),
        ..read
    }
}

/// What ECR's listing says about an image.
pub(super) fn known(detail: &ImageDetail) -> ImageFacts {
    ImageFacts {
        pushed_at: detail
            .pushed_at
            .and_then(|time| Timestamp::try_from(time).ok()),
        media_type: detail.media_type.clone(),
        artifact_type: detail.artifact_type.clone(),
        ..ImageFacts::new(detail.digest.clone(), detail.tags.iter().cloned().collect())
    }
}

/// The images of a repository that have tags; a registry lists no others.
pub(super) async fn tagged(
    repository: &Repository,
) -> Result<Vec<ImageFacts>, steward_registry::RegistryError> {
    let tags = repository.tags().await?;
    let pointers: Vec<(Tag, Option<Descriptor>)> = stream::iter(tags)
        .map(|tag| async move {
            let found = repository.find(&Reference::Tag(tag.clone())).await?;
            Ok::<_, steward_registry::RegistryError>((tag, found))
        })
        .buffered(JOBS)
        .try_collect()
        .await?;
    let mut images: BTreeMap<Digest, ImageFacts> = BTreeMap::new();
    for (tag, found) in pointers {
        // A tag that went away in the meantime is nobody's.
        let Some(found) = found else { continue };
        images
            .entry(found.digest.clone())
            .or_insert_with(|| ImageFacts {
                media_type: Some(found.media_type),
                ..ImageFacts::new(found.digest, Vec::new())
            })
            .tags
            .push(tag);
    }
    Ok(images.into_values().collect())
}
