//! Operations on repositories, where the emulator's own would mislead.

use serde::Deserialize;
use serde_json::{Value, json};
use steward_core::{NameError, RepositoryName};

use super::{pages::PageRequest, passed};
use crate::gateway::{images::Images, refusal::Refusal, registry::Registry};

fn name(input: &Value) -> Result<RepositoryName, Refusal> {
    input
        .get("repositoryName")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .parse()
        .map_err(|error: NameError| Refusal::NameInvalid(error.to_string()))
}

/// The wildcards of `imageTagMutabilityExclusionFilters`.
fn exclusions(input: &Value) -> Vec<String> {
    input
        .get("imageTagMutabilityExclusionFilters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|filter| Some(filter.get("filter")?.as_str()?.to_owned()))
        .collect()
}

/// Puts the exclusion filters, which the emulator forgets, into an output.
fn with_exclusions(images: &Images, registry: &Registry, name: &str, output: &mut Value) {
    let filters = images.exclusions.of(registry, name);
    if let Some(object) = output.as_object_mut().filter(|_| !filters.is_empty()) {
        let filters: Vec<Value> = filters
            .into_iter()
            .map(|filter| json!({ "filterType": "WILDCARD", "filter": filter }))
            .collect();
        object.insert("imageTagMutabilityExclusionFilters".into(), filters.into());
    }
}

pub(crate) async fn create(
    images: &Images,
    registry: &Registry,
    input: Value,
) -> Result<Value, Refusal> {
    let name = name(&input)?;
    let answer = images
        .upstream
        .ecr(registry, "CreateRepository", &input)
        .await?;
    if answer.error() == Some("RepositoryAlreadyExistsException") {
        return Err(Refusal::RepositoryExists {
            registry: registry.clone(),
            name,
        });
    }
    let mut output = passed(answer, "CreateRepository")?;
    images
        .exclusions
        .set(registry, name.as_str(), exclusions(&input));
    if let Some(repository) = output.get_mut("repository") {
        with_exclusions(images, registry, name.as_str(), repository);
    }
    Ok(output)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeInput {
    #[serde(default)]
    repository_names: Vec<String>,
    #[serde(flatten)]
    page: PageRequest,
}

/// The emulator cuts its list without a token for the rest.
pub(crate) async fn describe(
    images: &Images,
    registry: &Registry,
    input: DescribeInput,
) -> Result<Value, Refusal> {
    let answer = images
        .upstream
        .ecr(
            registry,
            "DescribeRepositories",
            &json!({ "repositoryNames": input.repository_names, "maxResults": u32::MAX }),
        )
        .await?;
    if answer.error() == Some("RepositoryNotFoundException") {
        let message = answer.body.get("message").and_then(Value::as_str);
        let named = |name: &&String| message.is_some_and(|m| m.contains(&format!("'{name}'")));
        let missing = input.repository_names.iter().find(named);
        return Err(Refusal::RepositoryUnknown {
            registry: registry.clone(),
            name: missing.cloned().unwrap_or_default(),
        });
    }
    let mut output = passed(answer, "DescribeRepositories")?;
    let mut repositories = match output.get_mut("repositories").map(Value::take) {
        Some(Value::Array(repositories)) => repositories,
        _ => Vec::new(),
    };
    for repository in &mut repositories {
        let name = repository
            .get("repositoryName")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        with_exclusions(images, registry, &name, repository);
    }
    input.page.page("repositories", repositories)
}

/// Deletes a repository. The emulator would keep its manifests and bring them back with the next
/// repository of that name.
pub(crate) async fn delete(
    images: &Images,
    registry: &Registry,
    input: Value,
) -> Result<Value, Refusal> {
    let name = name(&input)?;
    let at = images.repository(registry, name.as_str()).await?;
    let _guard = images.writing(registry).await;
    let all = images.images(&at).await?;
    if !all.is_empty() {
        if input.get("force").and_then(Value::as_bool) != Some(true) {
            return Err(Refusal::RepositoryNotEmpty {
                registry: registry.clone(),
                name,
            });
        }
        for image in &all {
            images.delete(&at, &image.digest).await?;
        }
    }
    images.exclusions.set(registry, name.as_str(), Vec::new());
    let answer = images
        .upstream
        .ecr(registry, "DeleteRepository", &input)
        .await?;
    passed(answer, "DeleteRepository")
}

pub(crate) async fn put_mutability(
    images: &Images,
    registry: &Registry,
    input: Value,
) -> Result<Value, Refusal> {
    let at = images.repository(registry, name(&input)?.as_str()).await?;
    let _guard = images.writing(registry).await;
    let answer = images
        .upstream
        .ecr(registry, "PutImageTagMutability", &input)
        .await?;
    let mut output = passed(answer, "PutImageTagMutability")?;
    images
        .exclusions
        .set(registry, at.name.as_str(), exclusions(&input));
    with_exclusions(images, registry, at.name.as_str(), &mut output);
    Ok(output)
}
