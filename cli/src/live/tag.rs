use std::collections::BTreeMap;

use jiff::Timestamp;
use steward_aws::ecr::{Ecr as _, SdkEcr};
use steward_core::facts::{EventFacts, EventKind, Facts, ImageFacts};
use steward_core::{Digest, EcrHost, RegistryHost, RepositoryName, RepositoryPath, Tag};
use steward_registry::Repository;

use super::failure::{ReadError, ReadFailure};
use super::listing::{known, tagged};
use super::{Wanted, ecr_api, home, image};
use crate::access::Access;
use crate::error::CliError;

/// What a registry says about a tag now. What the tag meant before is in no registry.
///
/// # Errors
///
/// When the registry fails or refuses. That there is no such tag is an answer.
pub async fn facts_of(
    access: &Access,
    host: &RegistryHost,
    name: &RepositoryName,
    tag: &Tag,
    wanted: Wanted,
    now: Timestamp,
) -> Result<Facts, CliError> {
    let failed = |what: &str, error: ReadError| {
        let what = format!("{what} {host}/{name}");
        CliError::Registry(Box::new(ReadFailure::new(what, host, error)))
    };
    let path = RepositoryPath::from(name.clone());
    let repository = access
        .client(&path)
        .and_then(|client| client.repository(host, &path))
        .map_err(|error| failed("speak to", error.into()))?;
    let all = match host.ecr() {
        Some(ecr) => of_ecr(&ecr, name, wanted).await,
        None => of_registry(&repository).await,
    };
    let (images, resource_tags) = all.map_err(|error| failed("read the tags of", error))?;
    let siblings: BTreeMap<Tag, Digest> = images
        .iter()
        .flat_map(|image| {
            let digest = &image.digest;
            image.tags.iter().map(|tag| (tag.clone(), digest.clone()))
        })
        .collect();
    let known = images.into_iter().find(|image| image.tags.contains(tag));
    let event = EventFacts {
        kind: EventKind::Review,
        time: known
            .as_ref()
            .and_then(|image| image.pushed_at)
            .unwrap_or(now),
        now,
    };
    let image = match known {
        None => None,
        Some(known) => {
            let (digest, tags) = (known.digest.clone(), known.tags.clone());
            let found = image::read(&repository, digest, tags, wanted)
                .await
                .map_err(|error| failed("read an image of", error.into()))?;
            found.map(|found| {
                if let Some(why) = &found.unreadable {
                    (access.warn)(&format!("{repository}:{tag} is not understood: {why}"));
                }
                ImageFacts {
                    pushed_at: known.pushed_at,
                    media_type: found.facts.media_type.or(known.media_type),
                    artifact_type: found.facts.artifact_type.or(known.artifact_type),
                    ..found.facts
                }
            })
        }
    };
    Ok(Facts {
        registry: host.ecr().as_ref().map(home),
        image,
        siblings: Some(siblings),
        resource_tags,
        ..Facts::absent(name.clone(), tag.clone(), event)
    })
}

type Known = (Vec<ImageFacts>, Option<BTreeMap<String, String>>);

async fn of_ecr(host: &EcrHost, name: &RepositoryName, wanted: Wanted) -> Result<Known, ReadError> {
    let api: SdkEcr = ecr_api(host).await;
    let mut images = Vec::new();
    let mut next = None;
    loop {
        let page = api.images(name, next).await?;
        images.extend(page.entries.iter().map(known));
        match page.next {
            Some(token) => next = Some(token),
            None => break,
        }
    }
    let resource_tags = match (wanted.resource_tags, api.repository(name).await?) {
        (true, Some(found)) => Some(api.resource_tags(&found.arn).await?),
        _ => None,
    };
    Ok((images, resource_tags))
}

async fn of_registry(repository: &Repository) -> Result<Known, ReadError> {
    match tagged(repository).await {
        Ok(images) => Ok((images, None)),
        Err(error) => Err(error.into()),
    }
}
