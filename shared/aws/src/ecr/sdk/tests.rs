use secrecy::ExposeSecret;

use super::*;
use crate::error::Kind;
use crate::testing::{Replay, config, replay, request};

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn app() -> RepositoryName {
    "prod/app".parse().unwrap()
}

fn tag(tag: &str) -> Tag {
    tag.parse().unwrap()
}

fn by_tag(name: &str) -> Reference {
    Reference::Tag(tag(name))
}

fn manifest() -> Manifest {
    Manifest {
        body: "{}".to_owned(),
        media_type: MANIFEST_TYPES[0].to_owned(),
        digest: DIGEST.parse().unwrap(),
    }
}

/// A client that answers like this, and the adapter over it.
fn ecr(answers: &[(u16, &str)]) -> (Replay, SdkEcr) {
    let client = replay(answers);
    let ecr = SdkEcr::new(&config(&client));
    (client, ecr)
}

#[tokio::test]
async fn an_image_is_read_with_all_that_it_has() {
    let body = format!(
        r#"{{"imageDetails":[{{"imageDigest":"{DIGEST}","imageTags":["v1","latest"],
        "imageManifestMediaType":"application/vnd.oci.image.index.v1+json","imageSizeInBytes":42,
        "imagePushedAt":1700000000.5,"subjectManifestDigest":"{OTHER}"}}]}}"#
    );
    let (client, ecr) = ecr(&[(200, &body)]);
    let image = ecr
        .describe_image(&app(), &by_tag("v1"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(image.digest.as_str(), DIGEST);
    assert_eq!(image.tags, BTreeSet::from([tag("latest"), tag("v1")]));
    assert_eq!(image.size, Some(42));
    assert_eq!(image.subject.unwrap().as_str(), OTHER);
    assert_eq!(
        image.pushed_at,
        Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_700_000_000_500))
    );
    assert_eq!(
        request(&client, 0),
        r#"{"repositoryName":"prod/app","imageIds":[{"imageTag":"v1"}]}"#
    );
}

#[tokio::test]
async fn a_missing_image_or_repository_is_none() {
    for code in ["ImageNotFoundException", "RepositoryNotFoundException"] {
        let body = format!(r#"{{"__type":"{code}","message":"no"}}"#);
        let (_, ecr) = ecr(&[(400, &body)]);
        assert_eq!(
            ecr.describe_image(&app(), &by_tag("v1")).await.unwrap(),
            None,
            "{code}"
        );
    }
}

#[tokio::test]
async fn another_accounts_registry_is_named_in_every_call() {
    let client = replay(&[(200, r#"{"imageDetails":[]}"#)]);
    let ecr = SdkEcr::of_account(&config(&client), &"444455556666".parse().unwrap());
    assert_eq!(
        ecr.describe_image(&app(), &Reference::Digest(DIGEST.parse().unwrap()))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        request(&client, 0),
        format!(
            r#"{{"registryId":"444455556666","repositoryName":"prod/app","imageIds":[{{"imageDigest":"{DIGEST}"}}]}}"#
        )
    );
}

#[tokio::test]
async fn errors_keep_code_message_request_and_class() {
    for (status, code, kind, error_type) in [
        (400, "ThrottlingException", Kind::Throttled, "aws_throttled"),
        (500, "ServerException", Kind::Unavailable, "aws_unavailable"),
        (
            400,
            "AccessDeniedException",
            Kind::Denied,
            "aws_access_denied",
        ),
        (
            400,
            "ExpiredTokenException",
            Kind::Credentials,
            "aws_credentials",
        ),
        (400, "LimitExceededException", Kind::Quota, "aws_quota"),
    ] {
        let body = format!(r#"{{"__type":"{code}","message":"as it is"}}"#);
        let (_, ecr) = ecr(&[(status, &body)]);
        let error = ecr.get_manifest(&app(), &by_tag("v1")).await.unwrap_err();
        assert_eq!(error.error_type(), error_type);
        assert_eq!(error.is_transient(), kind.is_transient(), "{code}");
        let EcrError::Call(call) = &error else {
            panic!("{error:?}");
        };
        assert_eq!(call.kind(), kind, "{code}");
        assert!(
            error
                .to_string()
                .ends_with(&format!("{code}: as it is (request request-7)")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_transient() {
    let (_, ecr) = ecr(&[(200, "<html>")]);
    let error = ecr.describe_image(&app(), &by_tag("v1")).await.unwrap_err();
    assert_eq!(error.error_type(), "aws_unreadable_answer");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_broken_connection_is_transient_and_keeps_its_cause() {
    let (_, ecr) = ecr(&[]);
    let error = ecr.describe_image(&app(), &by_tag("v1")).await.unwrap_err();
    assert_eq!(error.error_type(), "aws_connection");
    assert!(error.is_transient());
    assert_eq!(error.to_string(), "no connection to ecr for DescribeImages");
    let mut chain = String::new();
    let mut next = std::error::Error::source(&error);
    while let Some(cause) = next {
        chain.push_str(&cause.to_string());
        next = cause.source();
    }
    assert!(chain.contains("the connection was cut"), "{chain}");
}

#[tokio::test]
async fn a_manifest_comes_with_type_and_digest() {
    let body = format!(
        r#"{{"images":[{{"imageId":{{"imageDigest":"{DIGEST}","imageTag":"v1"}},
        "imageManifest":"{{\"a\":1}}","imageManifestMediaType":"application/vnd.oci.image.manifest.v1+json"}}],"failures":[]}}"#
    );
    let (client, ecr) = ecr(&[(200, &body)]);
    let found = ecr
        .get_manifest(&app(), &by_tag("v1"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.body, r#"{"a":1}"#);
    assert_eq!(found.media_type, MANIFEST_TYPES[0]);
    assert_eq!(found.digest.as_str(), DIGEST);
    for accepted in MANIFEST_TYPES {
        assert!(request(&client, 0).contains(accepted), "{accepted}");
    }
}

#[tokio::test]
async fn failures_of_single_images_are_looked_at() {
    let failure = |code: &str| {
        format!(
            r#"{{"images":[],"imageIds":[],"failures":[{{"imageId":{{"imageTag":"v1"}},"failureCode":"{code}","failureReason":"because"}}]}}"#
        )
    };
    let (_, missing) = ecr(&[(200, &failure("ImageNotFound"))]);
    assert_eq!(
        missing.get_manifest(&app(), &by_tag("v1")).await.unwrap(),
        None
    );
    let (_, missing) = ecr(&[(200, &failure("ImageNotFound"))]);
    assert_eq!(
        missing.remove_tag(&app(), &tag("v1")).await.unwrap(),
        RemoveTag::NotThere
    );
    let (_, referenced) = ecr(&[(200, &failure("ImageReferencedByManifestList"))]);
    let error = referenced.remove_tag(&app(), &tag("v1")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "ecr refused BatchDeleteImage of prod/app:v1: ImageReferencedByManifestList: because"
    );
    assert_eq!(error.error_type(), "ecr_image_refused");
    assert!(!error.is_transient());
    let (_, upstream) = ecr(&[(200, &failure("UpstreamUnavailable"))]);
    let error = upstream
        .get_manifest(&app(), &by_tag("v1"))
        .await
        .unwrap_err();
    assert!(error.is_transient());
}

#[tokio::test]
async fn removing_a_tag_says_what_it_pointed_at() {
    let body =
        format!(r#"{{"imageIds":[{{"imageDigest":"{DIGEST}","imageTag":"v1"}}],"failures":[]}}"#);
    let (client, ecr) = ecr(&[(200, &body)]);
    assert_eq!(
        ecr.remove_tag(&app(), &tag("v1")).await.unwrap(),
        RemoveTag::Removed {
            digest: Some(DIGEST.parse().unwrap())
        }
    );
    assert_eq!(
        request(&client, 0),
        r#"{"repositoryName":"prod/app","imageIds":[{"imageTag":"v1"}]}"#
    );
}

#[tokio::test]
async fn a_tag_is_put_with_type_and_digest() {
    let (client, ecr) = ecr(&[(200, "{}")]);
    assert_eq!(
        ecr.put_tag(&app(), &manifest(), &tag("v1")).await.unwrap(),
        PutTag::Done
    );
    assert_eq!(
        request(&client, 0),
        format!(
            r#"{{"repositoryName":"prod/app","imageManifest":"{{}}","imageManifestMediaType":"{}","imageTag":"v1","imageDigest":"{DIGEST}"}}"#,
            MANIFEST_TYPES[0]
        )
    );
}

#[tokio::test]
async fn an_identical_tag_is_already_there() {
    let (_, plain) = ecr(&[(
        400,
        r#"{"__type":"ImageAlreadyExistsException","message":"exists"}"#,
    )]);
    assert_eq!(
        plain
            .put_tag(&app(), &manifest(), &tag("v1"))
            .await
            .unwrap(),
        PutTag::AlreadyThere
    );
    let same = format!(r#"{{"imageDetails":[{{"imageDigest":"{DIGEST}"}}]}}"#);
    let (_, immutable) = ecr(&[
        (
            400,
            r#"{"__type":"ImageTagAlreadyExistsException","message":"exists"}"#,
        ),
        (200, &same),
    ]);
    assert_eq!(
        immutable
            .put_tag(&app(), &manifest(), &tag("v1"))
            .await
            .unwrap(),
        PutTag::AlreadyThere
    );
}

#[tokio::test]
async fn an_immutable_tag_on_another_image_is_told_with_that_image() {
    let other = format!(r#"{{"imageDetails":[{{"imageDigest":"{OTHER}"}}]}}"#);
    let (_, ecr) = ecr(&[
        (
            400,
            r#"{"__type":"ImageTagAlreadyExistsException","message":"exists"}"#,
        ),
        (200, &other),
    ]);
    assert_eq!(
        ecr.put_tag(&app(), &manifest(), &tag("v1")).await.unwrap(),
        PutTag::Immutable {
            current: Some(OTHER.parse().unwrap())
        }
    );
}

#[tokio::test]
async fn a_write_into_nothing_names_the_repository() {
    let (_, gone) = ecr(&[(
        400,
        r#"{"__type":"RepositoryNotFoundException","message":"no"}"#,
    )]);
    let error = gone
        .put_tag(&app(), &manifest(), &tag("v1"))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "repository prod/app does not exist");
    assert!(!error.is_transient());
    let (_, incomplete) = ecr(&[(
        400,
        r#"{"__type":"LayersNotFoundException","message":"layer sha256:1 is missing"}"#,
    )]);
    let error = incomplete
        .put_tag(&app(), &manifest(), &tag("v1"))
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "ecr_image_incomplete");
    assert!(error.to_string().contains("layer sha256:1 is missing"));
}

#[tokio::test]
async fn a_repository_that_exists_is_not_created_twice() {
    let (client, new) = ecr(&[(
        200,
        r#"{"repository":{"repositoryArn":"arn:aws:ecr:eu-west-1:111122223333:repository/prod/app"}}"#,
    )]);
    let settings = NewRepository {
        immutable: true,
        scan_on_push: true,
        tags: BTreeMap::from([("owner".to_owned(), "payments".to_owned())]),
        ..NewRepository::default()
    };
    assert_eq!(
        new.create_repository(&app(), &settings).await.unwrap(),
        CreateRepository::Created {
            arn: "arn:aws:ecr:eu-west-1:111122223333:repository/prod/app".to_owned()
        }
    );
    assert_eq!(
        request(&client, 0),
        r#"{"repositoryName":"prod/app","tags":[{"Key":"owner","Value":"payments"}],"imageTagMutability":"IMMUTABLE","imageScanningConfiguration":{"scanOnPush":true}}"#
    );
    let (_, old) = ecr(&[(
        400,
        r#"{"__type":"RepositoryAlreadyExistsException","message":"exists"}"#,
    )]);
    assert_eq!(
        old.create_repository(&app(), &settings).await.unwrap(),
        CreateRepository::AlreadyThere
    );
}

#[tokio::test]
async fn a_repository_is_created_with_every_setting() {
    let settings = NewRepository {
        immutable: true,
        mutability_exclusions: vec!["latest".to_owned()],
        kms_key: Some("alias/images".to_owned()),
        lifecycle_policy: Some(r#"{"rules":[]}"#.to_owned()),
        repository_policy: Some(r#"{"Statement":[]}"#.to_owned()),
        ..NewRepository::default()
    };
    let created = r#"{"repository":{"repositoryArn":"arn:1"}}"#;
    let (client, ecr_1) = ecr(&[(200, created), (200, "{}"), (200, "{}")]);
    ecr_1.create_repository(&app(), &settings).await.unwrap();
    let sent = |at| -> serde_json::Value { serde_json::from_str(&request(&client, at)).unwrap() };
    assert_eq!(sent(0)["imageTagMutability"], "IMMUTABLE_WITH_EXCLUSION");
    assert_eq!(
        sent(0)["imageTagMutabilityExclusionFilters"],
        serde_json::json!([{"filterType": "WILDCARD", "filter": "latest"}])
    );
    assert_eq!(
        sent(0)["encryptionConfiguration"],
        serde_json::json!({"encryptionType": "KMS", "kmsKey": "alias/images"})
    );
    assert_eq!(sent(1)["lifecyclePolicyText"], r#"{"rules":[]}"#);
    assert_eq!(sent(2)["policyText"], r#"{"Statement":[]}"#);

    let refused = (
        400,
        r#"{"__type":"InvalidParameterException","message":"no"}"#,
    );
    let (_, half) = ecr(&[(200, created), (200, "{}"), refused]);
    let error = half.create_repository(&app(), &settings).await.unwrap_err();
    assert_eq!(error.error_type(), "ecr_repository_half_created");
    assert!(!error.is_transient());
    assert!(
        error
            .to_string()
            .contains("its repository policy was not put"),
        "{error}"
    );
}

#[tokio::test]
async fn tags_come_with_the_time_of_their_push() {
    let page = |digest: char, tags: &str, next: &str| {
        format!(
            r#"{{"imageDetails":[{{"imageDigest":"sha256:{}","imageTags":[{tags}],"imagePushedAt":1000}}]{next}}}"#,
            String::from(digest).repeat(64)
        )
    };
    let (first, last) = (
        page('a', r#""v1","v2""#, r#","nextToken":"n""#),
        page('b', r#""v3""#, ""),
    );
    let (_, ecr) = ecr(&[(200, &first), (200, &last)]);
    let times = ecr.tag_times(&app()).await.unwrap();
    let names: Vec<&str> = times.keys().map(Tag::as_str).collect();
    assert_eq!(names, ["v1", "v2", "v3"]);
    let expected = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000);
    assert!(times.values().all(|at| *at == Some(expected)));
}

#[tokio::test]
async fn mutability_and_its_exclusions_are_read() {
    let (_, ecr) = ecr(&[(
        200,
        r#"{"repositories":[{"repositoryArn":"arn:x","repositoryUri":"host/prod/app",
        "imageTagMutability":"IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters":[{"filterType":"WILDCARD","filter":"latest*"}]}]}"#,
    )]);
    assert_eq!(
        ecr.repository(&app()).await.unwrap(),
        Some(RepositoryInfo {
            arn: "arn:x".to_owned(),
            uri: "host/prod/app".to_owned(),
            mutability: TagMutability::ImmutableWithExclusion,
            mutability_exclusions: vec!["latest*".to_owned()],
        })
    );
}

#[tokio::test]
async fn a_token_is_user_password_and_end() {
    let (_, ecr) = ecr(&[(
        200,
        r#"{"authorizationData":[{"authorizationToken":"QVdTOnBhc3M6d29yZA==","expiresAt":1700000000}]}"#,
    )]);
    let token = ecr.authorization_token().await.unwrap();
    assert_eq!(token.username, "AWS");
    assert_eq!(token.password.expose_secret(), "pass:word");
    assert!(!format!("{token:?}").contains("pass:word"));
    assert_eq!(
        token.expires_at,
        SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000)
    );
}

#[tokio::test]
async fn a_token_of_another_form_is_not_shown() {
    let (_, ecr) = ecr(&[(
        200,
        r#"{"authorizationData":[{"authorizationToken":"c2VjcmV0","expiresAt":1700000000}]}"#,
    )]);
    let error = ecr.authorization_token().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "ecr answered GetAuthorizationToken with an answer that lacks a token of the form \
         base64(user:password)"
    );
}

#[tokio::test]
async fn layers_are_asked_for_by_the_hundred_and_archived_ones_do_not_count() {
    let layers: Vec<Digest> = (0..150)
        .map(|i| format!("sha256:{i:064x}").parse().unwrap())
        .collect();
    let first = format!(
        r#"{{"layers":[{{"layerDigest":"{}","layerAvailability":"AVAILABLE"}},
        {{"layerDigest":"{}","layerAvailability":"ARCHIVED"}},
        {{"layerDigest":"{}","layerAvailability":"UNAVAILABLE"}}]}}"#,
        layers[0], layers[1], layers[2]
    );
    let second = format!(
        r#"{{"layers":[{{"layerDigest":"{}","layerAvailability":"AVAILABLE"}}]}}"#,
        layers[149]
    );
    let (client, ecr) = ecr(&[(200, &first), (200, &second)]);
    let available = ecr.check_layers(&app(), &layers).await.unwrap();
    assert_eq!(
        available,
        BTreeSet::from([layers[0].clone(), layers[149].clone()])
    );
    assert_eq!(request(&client, 0).matches("sha256:").count(), 100);
    assert_eq!(request(&client, 1).matches("sha256:").count(), 50);
}

#[tokio::test]
async fn all_tags_are_read_page_by_page() {
    let first = format!(
        r#"{{"imageIds":[{{"imageDigest":"{DIGEST}","imageTag":"v1"}},
            {{"imageDigest":"{OTHER}"}},{{"imageDigest":"{OTHER}","imageTag":"-"}}],"nextToken":"t"}}"#
    );
    let second = format!(r#"{{"imageIds":[{{"imageDigest":"{OTHER}","imageTag":"v2"}}]}}"#);
    let (client, ecr) = ecr(&[(200, &first), (200, &second)]);
    let tags = ecr.tags(&app()).await.unwrap();
    let tags: Vec<_> = tags
        .iter()
        .map(|(tag, digest)| (tag.as_str(), digest.as_str()))
        .collect();
    assert_eq!(tags, [("v1", DIGEST), ("v2", OTHER)]);
    assert!(request(&client, 0).contains(r#""tagStatus":"TAGGED""#));
    assert!(request(&client, 1).contains(r#""nextToken":"t""#));
}

#[tokio::test]
async fn an_image_in_the_archive_is_asked_for_in_so_many_words() {
    let found = format!(
        r#"{{"imageDetails":[{{"imageDigest":"{DIGEST}","imageTags":["v1"],"imageStatus":"ARCHIVED"}}]}}"#
    );
    let missing = r#"{"__type":"ImageNotFoundException","message":"no"}"#;
    let (client, ecr) = ecr(&[(200, &found), (400, missing)]);
    let digest = Reference::Digest(DIGEST.parse().unwrap());
    let tags = ecr.archived(&app(), &digest).await.unwrap();
    assert_eq!(tags, Some(["v1".parse().unwrap()].into()));
    assert_eq!(ecr.archived(&app(), &digest).await.unwrap(), None);
    let sent = request(&client, 0);
    assert!(sent.contains(r#""imageStatus":"ARCHIVED""#), "{sent}");
    assert!(sent.contains(DIGEST), "{sent}");
}

#[tokio::test]
async fn an_image_is_archived_or_deleted_by_its_digest() {
    let missing = r#"{"__type":"ImageNotFoundException","message":"no"}"#;
    let refused = format!(
        r#"{{"imageIds":[],"failures":[{{"imageId":{{"imageDigest":"{DIGEST}"}},
            "failureCode":"ImageReferencedByManifestList","failureReason":"in an index"}}]}}"#
    );
    let gone = format!(
        r#"{{"imageIds":[],"failures":[{{"imageId":{{"imageDigest":"{DIGEST}"}},
            "failureCode":"ImageNotFound","failureReason":"no"}}]}}"#
    );
    let deleted = format!(r#"{{"imageIds":[{{"imageDigest":"{DIGEST}"}}],"failures":[]}}"#);
    let (client, ecr) = ecr(&[
        (200, "{}"),
        (400, missing),
        (200, &deleted),
        (200, &gone),
        (200, &refused),
    ]);
    let digest: Digest = DIGEST.parse().unwrap();
    assert_eq!(ecr.archive(&app(), &digest).await.unwrap(), Archive::Done);
    assert_eq!(
        ecr.archive(&app(), &digest).await.unwrap(),
        Archive::NotThere
    );
    let sent = request(&client, 0);
    assert!(sent.contains(r#""targetStorageClass":"ARCHIVE""#), "{sent}");
    assert!(sent.contains(DIGEST), "{sent}");
    let delete = async || ecr.delete_image(&app(), &digest).await;
    assert_eq!(delete().await.unwrap(), DeleteImage::Done);
    assert_eq!(delete().await.unwrap(), DeleteImage::NotThere);
    let error = delete().await.unwrap_err();
    assert_eq!(error.error_type(), "ecr_image_refused");
    assert!(!error.is_transient());
}
