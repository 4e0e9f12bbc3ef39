//! The client against registries that are difficult or hostile. Each hostile case is the lesson of
//! an advisory, named beside it.

use std::sync::Mutex;

use async_trait::async_trait;
use secrecy::SecretString;
use steward_core::{Digest, Reference};

use super::*;
use crate::auth::{Auth, CredentialError, StaticCredentials};
use crate::fake::{
    Access, Fake, Fault, Image, ImageSpec, What, bytes_of_size, client, digest, image, index,
};
use crate::repository::Repository;

const PAIR: &str = "robot:hush-hush";

fn basic() -> Auth {
    Auth::Basic {
        username: "robot".to_owned(),
        password: SecretString::from("hush-hush"),
    }
}

fn v1() -> Reference {
    "v1".parse().unwrap()
}

fn knowing(fake: &Fake, auth: Auth) -> Repository {
    let credentials = StaticCredentials::default().with(fake.host(), auth);
    fake.repository_with("team/app", client().credentials(Arc::new(credentials)))
}

async fn with_image(set: impl FnOnce(&mut crate::fake::Quirks)) -> (Fake, Image) {
    let fake = Fake::with(set).await;
    let image = image(ImageSpec::default());
    fake.push("team/app", Some("v1"), &image);
    (fake, image)
}

fn bearer(pair: Option<&str>, realm: Option<String>, refresh: Option<&str>) -> Access {
    Access::Bearer {
        pair: pair.map(str::to_owned),
        realm,
        uses: 1000,
        refresh: refresh.map(str::to_owned),
    }
}

fn leaked(fake: &Fake) -> bool {
    fake.log().iter().any(|logged| {
        logged.header("authorization").is_some()
            || logged.query.contains("hush")
            || logged.header("cookie").is_some()
    })
}

mod access {
    use super::*;

    #[tokio::test]
    async fn basic_credentials_are_shown_once_they_are_asked_for() {
        let (fake, _) = with_image(|q| q.access = Access::Basic(PAIR.to_owned())).await;
        let repository = knowing(&fake, basic());
        repository.resolve(&v1()).await.unwrap();
        repository.resolve(&v1()).await.unwrap();
        let statuses: Vec<u16> = fake.log().iter().map(|logged| logged.status).collect();
        assert_eq!(statuses, [401, 200, 200]);
    }

    #[tokio::test]
    async fn a_token_service_gets_the_credentials_and_the_registry_the_token() {
        let (fake, _) = with_image(|q| q.access = bearer(Some(PAIR), None, None)).await;
        knowing(&fake, basic()).manifest(&v1()).await.unwrap();
        let log = fake.log();
        let token = log.iter().find(|logged| logged.path == "/token").unwrap();
        assert!(token.header("authorization").unwrap().starts_with("Basic "));
        assert!(token.query.contains("service=fake"), "{}", token.query);
        assert!(
            token.query.contains("scope=repository%3Ateam%2Fapp%3Apull"),
            "{}",
            token.query
        );
        let shown = log.last().unwrap().header("authorization").unwrap();
        assert_eq!(shown, "Bearer token-0");
    }

    #[tokio::test]
    async fn an_identity_token_is_exchanged() {
        let (fake, _) = with_image(|q| q.access = bearer(None, None, Some("refresh-me"))).await;
        let auth = Auth::IdentityToken(SecretString::from("refresh-me"));
        knowing(&fake, auth).manifest(&v1()).await.unwrap();
        assert_eq!(fake.count("POST", "/token"), 1);
    }

    #[tokio::test]
    async fn many_requests_at_once_fetch_one_token() {
        let (fake, _) = with_image(|q| q.access = bearer(Some(PAIR), None, None)).await;
        let repository = knowing(&fake, basic());
        let reads = (0..20).map(|_| {
            let repository = repository.clone();
            async move { repository.resolve(&v1()).await.unwrap() }
        });
        futures_util::future::join_all(reads).await;
        assert_eq!(fake.count("GET", "/token"), 1);
    }

    #[tokio::test]
    async fn credentials_that_are_refused_are_fetched_anew_once() {
        struct Rotating(Mutex<Vec<bool>>);
        #[async_trait]
        impl Credentials for Rotating {
            async fn for_registry(
                &self,
                _: &RegistryHost,
                refresh: bool,
            ) -> Result<Auth, CredentialError> {
                self.0.lock().unwrap().push(refresh);
                if refresh {
                    return Ok(basic());
                }
                Ok(Auth::Basic {
                    username: "robot".to_owned(),
                    password: SecretString::from("old"),
                })
            }
        }
        for access in [
            Access::Basic(PAIR.to_owned()),
            bearer(Some(PAIR), None, None),
        ] {
            let (fake, _) = with_image(|q| q.access = access).await;
            let rotating = Arc::new(Rotating(Mutex::default()));
            let repository =
                fake.repository_with("team/app", client().credentials(rotating.clone()));
            for _ in 0..3 {
                // With Basic, a first refusal shows the scheme, a second one the stale password.
                let _ = repository.resolve(&v1()).await;
            }
            repository.resolve(&v1()).await.unwrap();
            assert_eq!(*rotating.0.lock().unwrap(), [false, true]);
        }
    }

    #[tokio::test]
    async fn wrong_credentials_are_a_permanent_error_without_the_password() {
        for access in [
            Access::Basic("robot:other".to_owned()),
            bearer(Some("robot:other"), None, None),
        ] {
            let (fake, _) = with_image(|q| q.access = access).await;
            let error = knowing(&fake, basic()).manifest(&v1()).await.unwrap_err();
            assert_eq!(error.error_type(), "registry_unauthorized");
            assert!(!error.is_transient());
            let shown = format!("{error} {error:?}");
            assert!(
                !shown.contains("hush") && !shown.contains("aHVzaC"),
                "{shown}"
            );
            assert!(fake.log().len() <= 5, "{:?}", fake.lines());
        }
    }

    #[tokio::test]
    async fn credentials_that_cannot_be_had_say_whether_it_is_worth_waiting() {
        struct Broken;
        #[async_trait]
        impl Credentials for Broken {
            async fn for_registry(
                &self,
                _: &RegistryHost,
                _: bool,
            ) -> Result<Auth, CredentialError> {
                Err(CredentialError::Unavailable("no answer".into()))
            }
        }
        let (fake, _) = with_image(|q| q.access = Access::Basic(PAIR.to_owned())).await;
        let repository = fake.repository_with("team/app", client().credentials(Arc::new(Broken)));
        let error = repository.manifest(&v1()).await.unwrap_err();
        assert!(error.is_transient());
        assert_eq!(error.error_type(), "registry_credentials");
    }

    #[tokio::test]
    async fn an_expired_token_of_ecr_is_a_403_and_renewed() {
        let (fake, _) = with_image(|q| {
            q.access = Access::Basic(PAIR.to_owned());
        })
        .await;
        // The message is ECR's.
        let what = What::Status(403, vec![], "DENIED");
        fake.quirks(|q| q.faults = vec![Fault::new("GET", "/manifests/", 1, what)]);
        let error = knowing(&fake, basic()).manifest(&v1()).await.unwrap_err();
        assert_eq!(
            error.error_type(),
            "registry_denied",
            "another 403 is final"
        );
    }

    #[tokio::test]
    async fn the_token_service_is_tried_again_when_it_is_in_trouble() {
        let (fake, _) = with_image(|q| {
            q.access = bearer(Some(PAIR), None, None);
            let what = What::Status(503, vec![], "UNAVAILABLE");
            q.faults = vec![Fault::new("GET", "/token", 2, what)];
        })
        .await;
        knowing(&fake, basic()).manifest(&v1()).await.unwrap();
    }
}

mod hostile {
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
        assert!(repository.blob(wanted, 1 << 20).await.is_err());
        let last = fake.log().pop().unwrap();
        assert!(last.path.contains("/blobs/"));
        assert_eq!(last.header("authorization"), None);
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
            let (fake, _) =
                with_image(|q| q.access = bearer(None, Some(realm.clone()), None)).await;
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
            fake.quirks(|q| q.faults = vec![Fault::new("GET", "/manifests/", 1, what)]);
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
}

mod ways {
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
}
