//! As much of ECR's API as an inventory asks for, one entry a page.

use serde_json::{Value, json};
use steward_testkit::json_api::JsonApi;

/// A repository and its images, each with its tags.
pub(crate) type Repositories = Vec<(&'static str, Vec<(String, Vec<&'static str>)>)>;

/// A server that answers until the tests end.
pub(crate) fn start(repositories: Repositories) -> JsonApi {
    JsonApi::start(move |operation, asked| answer(operation, asked, &repositories)).unwrap()
}

fn answer(operation: &str, asked: &Value, repositories: &Repositories) -> Value {
    let page: usize = asked["nextToken"]
        .as_str()
        .map_or(0, |token| token.parse().unwrap());
    let arn = |name: &str| format!("arn:aws:ecr:eu-west-1:111122223333:repository/{name}");
    let listed = |(name, _): &(&str, _)| json!({ "repositoryName": name, "repositoryArn": arn(name), "registryId": "111122223333" });
    let next = |count: usize| (page + 1 < count).then(|| (page + 1).to_string());
    match operation {
        "DescribeRepositories" if asked["repositoryNames"].is_array() => {
            let name = asked["repositoryNames"][0].as_str().unwrap();
            let found = repositories.iter().find(|(known, _)| *known == name);
            json!({ "repositories": found.map(listed).into_iter().collect::<Vec<_>>() })
        }
        "DescribeRepositories" => json!({
            "repositories": [listed(&repositories[page])],
            "nextToken": next(repositories.len()),
        }),
        "DescribeImages" => {
            let name = asked["repositoryName"].as_str().unwrap();
            let (_, images) = repositories
                .iter()
                .find(|(known, _)| *known == name)
                .unwrap();
            let details: Vec<Value> = images
                .iter()
                .skip(page)
                .take(1)
                .map(|(digest, tags)| {
                    json!({
                        "repositoryName": name, "imageDigest": digest, "imageTags": tags,
                        "imagePushedAt": 1_782_900_000.0,
                    })
                })
                .collect();
            json!({ "imageDetails": details, "nextToken": next(images.len()) })
        }
        "ListTagsForResource" => json!({ "tags": [{ "Key": "owner", "Value": "payments" }] }),
        "GetAuthorizationToken" => json!({ "authorizationData": [{
            "authorizationToken": "QVdTOndvbmRlcmxhbmQ=", "expiresAt": 4_102_444_800_u64,
            "proxyEndpoint": "https://example.com",
        }] }),
        other => panic!("{other} was not expected"),
    }
}
