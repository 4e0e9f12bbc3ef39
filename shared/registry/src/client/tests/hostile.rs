use super::*;

/// CVE-2020-15157, GHSA-qvqc-4c52-x6qp, ggcr #2349: the host of a redirect asks for
/// credentials.
#[tokio::test]
async fn the_host_of_a_redirect_never_sees_credentials() {
    for trap_access in [
        Access::Open,
        Access::Basic(PAIR.to_owned()),
        bearer(Some(PAIR), None, None),
    ] {
        let is_open = matches!(trap_access, Access::Open);
        let (trap, image) = with_image(|q| q.access = trap_access).await;
        for access in [
            Access::Basic(PAIR.to_owned()),
            bearer(Some(PAIR), None, None),
        ] {
            let fake = Fake::with(|q| {
                q.access = access;
                q.blob_origin = Some(trap.url(""));
            })
            .await;
            fake.push("team/app", Some("v1"), &image);
            let repository = knowing(&fake, basic());
            let manifest = repository.manifest(&v1()).await.unwrap();
            let blob = manifest.blobs().next().unwrap();
            let result = repository.blob(blob, 1 << 20).await;
            assert_eq!(result.is_ok(), is_open);
            assert!(!leaked(&trap), "{:?}", trap.lines());
            assert_eq!(trap.count("GET", "/token"), 0);
            if let Err(error) = result {
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains("X-Signature=secret"), "{shown}");
            }
        }
    }
}

/// ggcr #2337: a redirect away and back again.
#[tokio::test]
async fn a_redirect_back_does_not_bring_the_credentials_back() {
    let (fake, image) = with_image(|_| {}).await;
    let trap = Fake::start().await;
    let blob = image.blobs.keys().next().unwrap().clone();
    trap.quirks(|q| {
        let back = What::Redirect(fake.url(&format!("/v2/team/app/blobs/{blob}")));
        q.faults = vec![Fault::new("GET", "/away", 1, back)];
    });
    fake.quirks(|q| {
        q.access = Access::Basic(PAIR.to_owned());
        q.faults = vec![Fault::new(
            "GET",
            "/blobs/",
            1,
            What::Redirect(trap.url("/away")),
        )];
    });
    let repository = knowing(&fake, basic());
    let manifest = repository.manifest(&v1()).await.unwrap();
    let wanted = manifest
        .blobs()
        .find(|d| d.digest.as_str() == blob)
        .unwrap();
    // What came back was refused for want of credentials. Asked anew, the registry gives the blob.
    assert!(repository.blob(wanted, 1 << 20).await.is_ok());
    let shown: Vec<bool> = fake
        .log()
        .iter()
        .filter(|logged| logged.path.contains("/blobs/"))
        .map(|logged| logged.header("authorization").is_some())
        .collect();
    assert_eq!(shown, [true, false, true]);
    assert!(!leaked(&trap));
}

#[tokio::test]
async fn redirects_end() {
    let (fake, image) = with_image(|_| {}).await;
    let here = What::Redirect("/v2/team/app/manifests/v1".to_owned());
    fake.quirks(|q| q.faults = vec![Fault::new("GET", "/manifests/", 1000, here)]);
    let error = fake
        .repository("team/app")
        .manifest(&v1())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "registry_protocol");
    assert!(fake.log().len() <= 6, "{:?}", fake.lines());
    drop(image);
}

/// CVE-2026-50151: the location of an upload is on another host.
#[tokio::test]
async fn the_host_of_an_upload_never_sees_credentials() {
    let trap = Fake::start().await;
    let (fake, _) = with_image(|q| {
        q.access = Access::Basic(PAIR.to_owned());
        q.location_origin = Some(trap.url(""));
    })
    .await;
    let repository = knowing(&fake, basic());
    let _ = repository.put_blob("bytes".into()).await;
    assert_eq!(
        trap.count("PUT", "/uploads/"),
        1,
        "an upload may go elsewhere"
    );
    assert!(!leaked(&trap));
}

/// CVE-2026-48978, GHSA-xf85-363p-868w, ggcr #2193 and others: realms. A registry by a public
/// name points its token service to this machine.
#[tokio::test]
async fn a_realm_in_a_private_place_gets_nothing() {
    let trap = Fake::start().await;
    let port = trap.address().port();
    for realm in [
        format!("http://127.0.0.1:{port}/token"),
        format!("http://2130706433:{port}/token"),
        format!("http://0x7f.1:{port}/token"),
        format!("http://0:{port}/token"),
        format!("http://localhost:{port}/token"),
        format!("http://[::ffff:127.0.0.1]:{port}/token"),
        format!("http://user@localhost:{port}/token"),
        "token".to_owned(),
    ] {
        let (fake, _) = with_image(|q| q.access = bearer(None, Some(realm.clone()), None)).await;
        // The registry's own host may be private: so it is called by the other name.
        let own = if realm.contains("localhost") {
            "127.0.0.1"
        } else {
            "localhost"
        };
        let host: RegistryHost = "registry.example.com".parse().unwrap();
        let credentials = StaticCredentials::default().with(host.clone(), basic());
        let address = format!("http://{own}:{}", fake.address().port());
        let client = client()
            .credentials(Arc::new(credentials))
            .endpoints(format!("{host}={address}").parse().unwrap())
            .build()
            .unwrap();
        let repository = client
            .repository(&host, &"team/app".parse().unwrap())
            .unwrap()
            .not_local();
        let error = repository.manifest(&v1()).await.unwrap_err();
        assert_eq!(error.error_type(), "unsafe_url", "{realm}: {error:?}");
        assert!(trap.log().is_empty(), "{realm}");
    }
}

/// ggcr #2284: the token service redirects.
#[tokio::test]
async fn a_token_service_that_redirects_is_not_followed() {
    let trap = Fake::with(|q| q.access = bearer(None, None, None)).await;
    for status in [301, 302, 307, 308] {
        let (fake, _) = with_image(|q| {
            q.access = bearer(Some(PAIR), None, None);
            let headers = vec![("location", trap.url("/token"))];
            let what = What::Status(status, headers, "");
            q.faults = vec![Fault::new("GET", "/token", 100, what)];
        })
        .await;
        assert!(knowing(&fake, basic()).manifest(&v1()).await.is_err());
        assert!(trap.log().is_empty(), "{status}");
    }
}

/// GHSA-h7vf-4x9w-h99v, GHSA-298f-872v-2rcx: pagination.
#[tokio::test]
async fn a_listing_stays_on_its_registry_and_ends() {
    let trap = Fake::start().await;
    for (link, error_type) in [
        (trap.url("/v2/team/app/tags/list"), "unsafe_url"),
        (
            "/v2/team/app/tags/list?n=1000".to_owned(),
            "registry_protocol",
        ),
        ("?last=v1".to_owned(), "registry_protocol"),
    ] {
        let (fake, image) = with_image(|q| q.referrers_api = true).await;
        fake.quirks(|q| q.link = Some(link));
        let repository = fake.repository("team/app");
        let error = repository.tags().await.unwrap_err();
        assert_eq!(error.error_type(), error_type);
        let subject: Digest = image.digest.parse().unwrap();
        assert!(repository.referrers(&subject, None).await.is_err());
        assert!(trap.log().is_empty());
        assert!(fake.log().len() < 20, "{}", fake.log().len());
    }
}

/// GHSA-qv35-3gw6-8q4j: a registry answers a digest with another manifest.
#[tokio::test]
async fn a_digest_stands_for_its_bytes() {
    let (fake, image) = with_image(|_| {}).await;
    let other = super::image(ImageSpec {
        layers: vec![bytes_of_size(10, 9)],
        ..ImageSpec::default()
    });
    for reference in [image.digest.parse().unwrap(), v1()] {
        let what = What::Bytes(other.manifest.clone());
        fake.quirks(|q| q.faults = vec![Fault::new("GET", "/manifests/", 2, what)]);
        let result = fake.repository("team/app").manifest(&reference).await;
        assert!(result.is_err(), "{reference}");
    }
    fake.quirks(|q| q.wrong_digest_header = true);
    let by_digest: Reference = image.digest.parse().unwrap();
    let repository = fake.repository("team/app");
    assert!(repository.resolve(&by_digest).await.is_err());
    assert!(
        repository.manifest(&v1()).await.is_err(),
        "the registry contradicts itself"
    );
    assert!(
        repository.manifest(&by_digest).await.is_ok(),
        "the bytes are what counts"
    );
}

/// CVE-2021-41190: a document that is an image and an index.
#[tokio::test]
async fn an_ambiguous_manifest_is_refused() {
    let fake = Fake::start().await;
    let mut confused = image(ImageSpec::default());
    let text = String::from_utf8(confused.manifest).unwrap();
    let text = text.replacen('{', "{\"manifests\": [],", 1);
    confused.manifest = text.into_bytes();
    confused.digest = digest(&confused.manifest);
    fake.push("team/app", Some("v1"), &confused);
    let error = fake
        .repository("team/app")
        .manifest(&v1())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "manifest_invalid");
    let mut renamed = image(ImageSpec::default());
    renamed.media_type = index(Vec::new()).media_type;
    fake.push("team/app", Some("v1"), &renamed);
    let error = fake
        .repository("team/app")
        .manifest(&v1())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "manifest_invalid");
}

/// ggcr #2296, CVE-2024-29902: bodies without end.
#[tokio::test]
async fn bodies_without_end_are_not_read_to_it() {
    for part in ["/manifests/", "/tags/", "/referrers/", "/token"] {
        let (fake, image) = with_image(|q| {
            q.referrers_api = true;
            if part == "/token" {
                q.access = bearer(None, None, None);
            }
            q.faults = vec![Fault::new("GET", part, 1, What::Endless)];
        })
        .await;
        let repository = fake.repository("team/app");
        let subject: Digest = image.digest.parse().unwrap();
        let error = match part {
            "/manifests/" | "/token" => repository.manifest(&v1()).await.map(drop),
            "/tags/" => repository.tags().await.map(drop),
            _ => repository.referrers(&subject, None).await.map(drop),
        }
        .unwrap_err();
        assert_eq!(
            error.error_type(),
            "manifest_too_large",
            "{part}: {error:?}"
        );
    }
}

#[tokio::test]
async fn an_error_text_without_end_is_cut() {
    let (fake, _) = with_image(|_| {}).await;
    let code: &'static str = Box::leak("X\u{1b}[31m".repeat(100_000).into_boxed_str());
    let what = What::Status(400, vec![], code);
    fake.quirks(|q| q.faults = vec![Fault::new("GET", "/manifests/", 1, what)]);
    let error = fake
        .repository("team/app")
        .manifest(&v1())
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(text.len() < 2000, "{}", text.len());
    assert!(!text.contains('\u{1b}'));
}

/// GHSA-f36w-mj3v-6jqv: sizes that nothing has.
#[tokio::test]
async fn a_declared_size_allocates_nothing() {
    let (fake, mut image) = with_image(|_| {}).await;
    let text = String::from_utf8(image.manifest).unwrap();
    image.manifest = text
        .replace("\"size\": 3000", "\"size\": 4611686018427387904")
        .into_bytes();
    image.digest = digest(&image.manifest);
    fake.push("team/app", Some("v1"), &image);
    let to = Fake::start().await;
    let request = crate::copy::CopyRequest {
        from: fake.repository("team/app").into(),
        reference: v1(),
        to: to.repository("team/app").into(),
        tag: Some("v1".parse().unwrap()),
    };
    let error = crate::copy::copy(&request, &crate::copy::CopyOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "size_mismatch", "{error:?}");
    assert_eq!(to.tagged("team/app", "v1"), None);
}

/// ggcr #2295, ocx-sh/ocx#311: a registry out there leads the client to this machine, by address or
/// by name, for an upload or a download.
#[tokio::test]
async fn a_remote_registry_leads_to_nothing_on_this_machine() {
    let trap = Fake::start().await;
    let port = trap.address().port();
    for origin in [
        format!("http://127.0.0.1:{port}"),
        format!("http://2130706433:{port}"),
        format!("http://[::ffff:127.0.0.1]:{port}"),
        format!("http://localhost:{port}"),
    ] {
        let (fake, image) = with_image(|q| {
            q.location_origin = Some(origin.clone());
            q.blob_origin = Some(origin.clone());
        })
        .await;
        let repository = fake.repository("team/app").not_local();
        let error = repository.put_blob("bytes".into()).await.unwrap_err();
        assert_eq!(error.error_type(), "unsafe_url", "{origin}: {error:?}");
        let manifest = repository.manifest(&v1()).await.unwrap();
        assert_eq!(manifest.digest().as_str(), image.digest);
        let blob = manifest.blobs().next().unwrap();
        let error = repository.blob(blob, 1 << 20).await.unwrap_err();
        assert_eq!(error.error_type(), "unsafe_url", "{origin}: {error:?}");
        assert!(trap.log().is_empty(), "{origin}: {:?}", trap.lines());
    }
}

/// A private host that the user names may be led to all the same.
#[tokio::test]
async fn a_trusted_host_may_be_private() {
    let store = Fake::start().await;
    let (fake, image) = with_image(|q| q.blob_origin = Some(store.url(""))).await;
    store.push("team/app", None, &image);
    for trusted in [false, true] {
        let mut client = client();
        if trusted {
            client = client.trust([store.host()]);
        }
        let repository = fake.repository_with("team/app", client).not_local();
        let manifest = repository.manifest(&v1()).await.unwrap();
        let blob = manifest.blobs().next().unwrap();
        assert_eq!(repository.blob(blob, 1 << 20).await.is_ok(), trusted);
    }
}

/// CVE-2024-29902, CVE-2023-33958: more referrers than anybody means.
#[tokio::test]
async fn a_flood_of_referrers_is_refused() {
    let (fake, image) = with_image(|q| q.referrers_api = true).await;
    let entry = |n: usize| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{n:064x}","size":1}}"#
        )
    };
    let entries: Vec<String> = (0..2000).map(entry).collect();
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}}"#,
        entries.join(",")
    );
    let what = What::Bytes(index.into_bytes());
    fake.quirks(|q| q.faults = vec![Fault::new("GET", "/referrers/", 1, what)]);
    let subject: Digest = image.digest.parse().unwrap();
    let error = fake
        .repository("team/app")
        .referrers(&subject, None)
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "manifest_invalid", "{error:?}");
}
