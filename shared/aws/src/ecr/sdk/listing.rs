//! Whole registries, page by page: what `steward inventory` reads and no function does.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use steward_core::RepositoryName;

use super::SdkEcr;
use super::answer::{NO_REPOSITORY, call, image_detail, unless};
use crate::ecr::{EcrError, ImageDetail};

/// Entries per page: the most that ECR gives (API model of `DescribeRepositories` and
/// `DescribeImages`).
const PAGE: i32 = 1000;

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries in the order in which ECR gives them.
    pub entries: Vec<T>,
    /// What to ask the next page with; `None` at the end.
    pub next: Option<String>,
}

/// A repository as a listing names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRepository {
    /// Its name.
    pub name: RepositoryName,
    /// Its ARN.
    pub arn: String,
}

impl SdkEcr {
    /// One page of the registry's repositories; `next` is `None` for the first.
    ///
    /// # Errors
    ///
    /// When the call fails.
    pub async fn repositories(
        &self,
        next: Option<String>,
    ) -> Result<Page<ListedRepository>, EcrError> {
        let answer = self
            .client
            .describe_repositories()
            .set_registry_id(self.registry())
            .max_results(PAGE)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error: SdkError<_, HttpResponse>| call("DescribeRepositories", error))?;
        let entries = answer
            .repositories
            .unwrap_or_default()
            .into_iter()
            // A name that is none cannot be asked for either.
            .filter_map(|found| {
                Some(ListedRepository {
                    name: found.repository_name?.parse().ok()?,
                    arn: found.repository_arn?,
                })
            })
            .collect();
        Ok(Page {
            entries,
            next: answer.next_token,
        })
    }

    /// One page of a repository's images; `next` is `None` for the first. A repository that is gone
    /// has none.
    ///
    /// # Errors
    ///
    /// When the call fails.
    pub async fn images(
        &self,
        repository: &RepositoryName,
        next: Option<String>,
    ) -> Result<Page<ImageDetail>, EcrError> {
        const OPERATION: &str = "DescribeImages";
        let answer = self
            .client
            .describe_images()
            .set_registry_id(self.registry())
            .repository_name(repository.as_str())
            .max_results(PAGE)
            .set_next_token(next)
            .send()
            .await;
        let Some(answer) = unless(&[NO_REPOSITORY], OPERATION, answer)? else {
            return Ok(Page {
                entries: Vec::new(),
                next: None,
            });
        };
        let entries = answer
            .image_details
            .unwrap_or_default()
            .into_iter()
            .map(|image| image_detail(OPERATION, image))
            .collect::<Result<_, _>>()?;
        Ok(Page {
            entries,
            next: answer.next_token,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{config, replay, request};

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[tokio::test]
    async fn a_listing_is_read_page_by_page() {
        let client = replay(&[
            (
                200,
                r#"{"repositories":[{"repositoryName":"prod/app","repositoryArn":"arn:1"},
                    {"repositoryName":"NOT A NAME","repositoryArn":"arn:2"}],"nextToken":"two"}"#,
            ),
            (200, r#"{"repositories":[]}"#),
        ]);
        let ecr = SdkEcr::new(&config(&client));
        let page = ecr.repositories(None).await.unwrap();
        let names: Vec<&str> = page.entries.iter().map(|x| x.name.as_str()).collect();
        assert_eq!(names, ["prod/app"]);
        let last = ecr.repositories(page.next).await.unwrap();
        assert_eq!(last.next, None);
        assert_eq!(request(&client, 0), r#"{"maxResults":1000}"#);
        assert_eq!(
            request(&client, 1),
            r#"{"nextToken":"two","maxResults":1000}"#
        );
    }

    #[tokio::test]
    async fn the_images_of_a_repository_that_is_gone_are_none() {
        let body = format!(
            r#"{{"imageDetails":[{{"imageDigest":"{DIGEST}","imageTags":["v1"]}}],"nextToken":"n"}}"#
        );
        let client = replay(&[
            (200, &body),
            (
                400,
                r#"{"__type":"RepositoryNotFoundException","message":"no"}"#,
            ),
            (400, r#"{"__type":"AccessDeniedException","message":"no"}"#),
        ]);
        let ecr = SdkEcr::new(&config(&client));
        let app = "prod/app".parse().unwrap();
        let page = ecr.images(&app, None).await.unwrap();
        assert_eq!(page.entries[0].digest.as_str(), DIGEST);
        assert_eq!(page.next.as_deref(), Some("n"));
        assert_eq!(
            ecr.images(&app, page.next).await.unwrap().entries,
            Vec::new()
        );
        let error = ecr.images(&app, None).await.unwrap_err();
        assert!(!error.is_transient(), "{error}");
    }
}
