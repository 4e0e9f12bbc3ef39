use super::*;

#[tokio::test]
async fn a_registry_at_another_address_is_called_by_its_name() {
    let (fake, image) = with_image(|_| {}).await;
    let host: RegistryHost = "mirror.example.com".parse().unwrap();
    let client = client()
        .endpoints(format!("*.example.com={}", fake.url("")).parse().unwrap())
        .build()
        .unwrap();
    let repository = client
        .repository(&host, &"team/app".parse().unwrap())
        .unwrap();
    // As Distribution does, it speaks of itself by the name it was called.
    fake.quirks(|q| q.location_origin = Some(format!("http://{host}")));
    let manifest = repository.manifest(&v1()).await.unwrap();
    assert_eq!(manifest.digest().as_str(), image.digest);
    repository.put_blob("some bytes".into()).await.unwrap();
    assert!(
        fake.log()
            .iter()
            .all(|logged| logged.header("host") == Some(host.as_str())),
    );
    assert_eq!(repository.to_string(), "mirror.example.com/team/app");
}

#[tokio::test]
async fn all_tags_are_listed_over_all_pages() {
    let fake = Fake::start().await;
    let image = image(ImageSpec::default());
    for tag in ["a", "b", "c", "d", "e"] {
        fake.push("team/app", Some(tag), &image);
    }
    let tags = fake.repository("team/app").tags().await.unwrap();
    let tags: Vec<&str> = tags.iter().map(|tag| tag.as_str()).collect();
    assert_eq!(tags, ["a", "b", "c", "d", "e"]);
    assert_eq!(fake.log().first().unwrap().query, "n=1000");
    let error = fake.repository("nobody").tags().await.unwrap_err();
    assert_eq!(error.error_type(), "repository_not_found");
}

#[tokio::test]
async fn all_repositories_are_listed_over_all_pages() {
    let fake = Fake::start().await;
    let client = client().build().unwrap();
    assert_eq!(client.repositories(&fake.host()).await.unwrap(), []);
    let image = image(ImageSpec::default());
    for name in ["a", "team/b", "team/c"] {
        fake.push(name, Some("v1"), &image);
    }
    let names = client.repositories(&fake.host()).await.unwrap();
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    assert_eq!(names, ["a", "team/b", "team/c"]);
    fake.quirks(|q| q.link = Some("/v2/_catalog?n=1000".to_owned()));
    let error = client.repositories(&fake.host()).await.unwrap_err();
    assert_eq!(error.error_type(), "registry_protocol");
}

#[tokio::test]
async fn a_listing_that_breaks_off_on_its_way_is_asked_for_again() {
    let fake = Fake::with(|q| q.referrers_api = true).await;
    let app = image(ImageSpec::default());
    for tag in ["a", "b", "c"] {
        fake.push("team/app", Some(tag), &app);
    }
    fake.push("team/app", None, &referrer(&app, 1));
    let client = client().build().unwrap();
    let repository = client
        .repository(&fake.host(), &"team/app".parse().unwrap())
        .unwrap();
    let subject: Digest = app.digest.parse().unwrap();
    for path in ["/tags/list", "/_catalog", "/referrers/"] {
        let cut = |times| Fault::new("GET", path, times, What::CutReply(5));
        let listed = || async {
            Ok::<usize, RegistryError>(match path {
                "/tags/list" => repository.tags().await?.len(),
                "/_catalog" => client.repositories(&fake.host()).await?.len(),
                _ => repository.referrers(&subject, None).await?.len(),
            })
        };
        let whole = listed().await.unwrap();
        assert!(whole > 0);
        fake.quirks(|q| q.faults = vec![cut(2)]);
        assert_eq!(listed().await.unwrap(), whole, "{path}");
        fake.quirks(|q| q.faults = vec![cut(100)]);
        fake.forget_log();
        let error = listed().await.unwrap_err();
        assert!(error.is_transient(), "{path}: {error:?}");
        let attempts = RetryPolicy::immediate().attempts as usize;
        assert_eq!(fake.log().len(), attempts, "{path}");
        fake.quirks(|q| q.faults.clear());
    }
}

#[tokio::test]
async fn a_manifest_or_a_tag_can_be_deleted() {
    let (fake, image) = with_image(|_| {}).await;
    let repository = fake.repository("team/app");
    repository.delete_manifest(&v1()).await.unwrap();
    assert!(repository.find(&v1()).await.unwrap().is_none());
    let by_digest: Reference = image.digest.parse().unwrap();
    assert!(repository.find(&by_digest).await.unwrap().is_some());
    repository.delete_manifest(&by_digest).await.unwrap();
    let error = repository.delete_manifest(&by_digest).await.unwrap_err();
    assert!(error.is_not_found());
}

#[tokio::test]
async fn small_blobs_go_up_and_come_back() {
    let (fake, _) = with_image(|_| {}).await;
    let repository = fake.repository("team/app");
    for bytes in [&b"a configuration"[..], b""] {
        let descriptor = repository.put_blob(bytes.into()).await.unwrap();
        let found = repository.find_blob(&descriptor.digest).await.unwrap();
        assert_eq!(found, Some(bytes.len() as u64));
        let back = repository.blob(&descriptor, 100).await.unwrap();
        assert_eq!(back, bytes);
    }
    let descriptor = repository.put_blob(vec![0; 101].into()).await.unwrap();
    let error = repository.blob(&descriptor, 100).await.unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { .. }));
    let nothing: Digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    assert_eq!(repository.find_blob(&nothing).await.unwrap(), None);
}

#[test]
fn docker_hub_keeps_its_own_images_below_library() {
    let client = Client::builder().build().unwrap();
    let path = |host: &str, path: &str| {
        let (host, path) = (host.parse().unwrap(), path.parse().unwrap());
        client.repository(&host, &path).unwrap().path().to_string()
    };
    assert_eq!(path("docker.io", "alpine"), "library/alpine");
    assert_eq!(path("docker.io", "acme/app"), "acme/app");
    assert_eq!(path("ghcr.io", "app"), "app");
}

/// Callers spawn requests and put them behind `async_trait`.
#[tokio::test]
async fn every_request_can_be_spawned() {
    fn sendable<T>(future: impl Future<Output = T> + Send) {
        drop(future);
    }
    let fake = Fake::start().await;
    let repository = fake.repository("team/app");
    let digest: Digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    sendable(repository.resolve(&v1()));
    sendable(repository.find(&v1()));
    sendable(repository.manifest(&v1()));
    sendable(repository.delete_manifest(&v1()));
    sendable(repository.tags());
    sendable(repository.referrers(&digest, None));
    sendable(repository.find_blob(&digest));
    sendable(repository.put_blob("x".into()));
    sendable(repository.client().ping(&fake.host()));
    let place = crate::place::Place::from(repository);
    sendable(place.find(&v1()));
    assert!(fake.log().is_empty(), "nothing was polled");
}
