use super::*;

fn digest(c: char) -> Digest {
    format!("sha256:{}", c.to_string().repeat(64))
        .parse()
        .unwrap()
}

fn manifest(c: char, body: &str) -> Manifest {
    Manifest {
        body: body.to_owned(),
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        digest: digest(c),
    }
}

fn name() -> RepositoryName {
    "prod/app".parse().unwrap()
}

fn tag(tag: &str) -> Tag {
    tag.parse().unwrap()
}

#[tokio::test]
async fn removing_the_last_tag_deletes_the_image() {
    let ecr = FakeEcr::default();
    ecr.push(&name(), &manifest('a', "{}"), Some(&tag("v1")));
    ecr.put_tag(&name(), &manifest('a', "{}"), &tag("v2"))
        .await
        .unwrap();
    assert_eq!(ecr.render(), "prod/app@aaaaaaaaaaaa v1 v2");
    ecr.remove_tag(&name(), &tag("v1")).await.unwrap();
    assert_eq!(ecr.render(), "prod/app@aaaaaaaaaaaa v2");
    assert_eq!(
        ecr.remove_tag(&name(), &tag("v2")).await.unwrap(),
        RemoveTag::Removed {
            digest: Some(digest('a'))
        }
    );
    assert_eq!(ecr.render(), "");
    assert_eq!(
        ecr.remove_tag(&name(), &tag("v2")).await.unwrap(),
        RemoveTag::NotThere
    );
}

#[tokio::test]
async fn a_moved_tag_leaves_its_image_untagged() {
    let ecr = FakeEcr::default();
    ecr.push(&name(), &manifest('a', "{}"), Some(&tag("latest")));
    ecr.push(&name(), &manifest('b', "{}"), Some(&tag("latest")));
    assert_eq!(
        ecr.render(),
        "prod/app@aaaaaaaaaaaa\nprod/app@bbbbbbbbbbbb latest"
    );
    assert!(ecr.tags_of(&name(), &digest('a')).await.unwrap().is_empty());
}

#[tokio::test]
async fn immutability_follows_its_exclusions() {
    let ecr = FakeEcr::default();
    ecr.push(&name(), &manifest('a', "{}"), Some(&tag("v1")));
    ecr.push(&name(), &manifest('a', "{}"), Some(&tag("latest-x")));
    ecr.set_mutability(&name(), TagMutability::ImmutableWithExclusion, &["latest*"]);
    let other = manifest('b', "{}");
    assert_eq!(
        ecr.put_tag(&name(), &other, &tag("v1")).await.unwrap(),
        PutTag::Immutable {
            current: Some(digest('a'))
        }
    );
    assert_eq!(
        ecr.put_tag(&name(), &manifest('a', "{}"), &tag("v1"))
            .await
            .unwrap(),
        PutTag::AlreadyThere
    );
    assert_eq!(
        ecr.put_tag(&name(), &other, &tag("latest-x"))
            .await
            .unwrap(),
        PutTag::Done
    );
}

#[tokio::test]
async fn an_index_keeps_its_children() {
    let ecr = FakeEcr::default();
    let index = format!(r#"{{"manifests":[{{"digest":"{}"}}]}}"#, digest('a'));
    ecr.push(&name(), &manifest('a', "{}"), Some(&tag("child")));
    ecr.push(&name(), &manifest('c', &index), Some(&tag("v1")));
    let error = ecr.remove_tag(&name(), &tag("child")).await.unwrap_err();
    assert!(
        error.to_string().contains("ImageReferencedByManifestList"),
        "{error}"
    );
    ecr.remove_tag(&name(), &tag("v1")).await.unwrap();
    ecr.remove_tag(&name(), &tag("child")).await.unwrap();
    assert_eq!(ecr.render(), "");
}

#[test]
fn wildcards_stand_for_any_text() {
    assert!(wildcard("latest*", "latest"));
    assert!(wildcard("*-rc*", "v1-rc2"));
    assert!(!wildcard("latest", "latest2"));
    assert!(!wildcard("v*1", "v2"));
}

#[tokio::test]
async fn an_archived_image_is_not_found_until_it_is_put_again() {
    let ecr = FakeEcr::default();
    let image = manifest('a', "{}");
    ecr.push(&name(), &image, Some(&tag("v1")));
    assert_eq!(
        ecr.archive(&name(), &digest('a')).await.unwrap(),
        Archive::Done
    );
    assert!(ecr.is_archived(&name(), &digest('a')));
    let by_tag = Reference::Tag(tag("v1"));
    let tags = ecr.archived(&name(), &by_tag).await.unwrap();
    assert!(tags.is_some_and(|tags| !tags.is_empty()));
    assert_eq!(ecr.tags(&name()).await.unwrap().len(), 0);
    assert_eq!(ecr.describe_image(&name(), &by_tag).await.unwrap(), None);
    ecr.put_tag(&name(), &image, &tag("v2")).await.unwrap();
    assert_eq!(ecr.tags(&name()).await.unwrap().len(), 2);
    assert_eq!(
        ecr.delete_image(&name(), &digest('a')).await.unwrap(),
        DeleteImage::Done
    );
    assert_eq!(ecr.render(), "");
}
