//! One body of tests for the token services of six makers; `fake::services` says what each of them
//! does, and where that is written.

mod stand;

use std::time::Duration;

use super::*;
use crate::copy::{CopyOptions, CopyReport, CopyRequest, Outcome, copy};
use crate::fake::{Lacking, services};
use stand::{Stand, logins, needs_tokens, stands, visitors};

async fn pull(repository: &Repository) {
    let manifest = repository.manifest(&v1()).await.unwrap();
    for blob in manifest.blobs() {
        repository.blob(blob, 1 << 20).await.unwrap();
    }
}

async fn copied(from: &Repository, to: &Repository, options: &CopyOptions) -> CopyReport {
    let request = CopyRequest {
        from: from.clone().into(),
        reference: v1(),
        to: to.clone().into(),
        tag: Some("v1".parse().unwrap()),
    };
    match copy(&request, options).await.unwrap() {
        Outcome::Done(report) => report,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn images_are_pulled_pushed_and_mounted_with_one_token_each() {
    for (stand, auth) in stands().await {
        let name = format!("{} {auth:?}", stand.service.registry);
        let tokens = |number: usize| if needs_tokens(&auth) { number } else { 0 };
        let client = stand.client(auth.clone());
        let app = stand.repository(&client, "team/app");
        pull(&app).await;
        pull(&app).await;
        assert_eq!(stand.asked_for_tokens(), tokens(1), "pull: {name}");

        let made = stand.repository(&client, "team/made");
        for bytes in stand.image.blobs.values() {
            made.put_blob(bytes.clone().into()).await.unwrap();
        }
        let manifest = app.manifest(&v1()).await.unwrap();
        made.put_manifest(&v1(), &manifest).await.unwrap();
        assert_eq!(stand.asked_for_tokens(), tokens(2), "push: {name}");

        let mounted = stand.repository(&client, "team/mounted");
        let report = copied(&app, &mounted, &CopyOptions::default()).await;
        assert_eq!(report.blobs.mounted, 2, "{name}");
        // One for the target, and one that can read the source as well.
        assert_eq!(stand.asked_for_tokens(), tokens(4), "mount: {name}");

        assert_eq!(stand.refused(), 1, "{name}: {:?}", stand.registry.lines());
        assert!(!stand.leaked(), "{name}");
        if stand.service.downloads.is_none() {
            assert!(stand.storage.count("GET", "/blobs/") > 0, "{name}");
        }
    }
}

#[tokio::test]
async fn public_images_are_pulled_without_credentials() {
    for service in services::all() {
        let stand = Stand::of(service).await;
        let client = stand.client(Auth::Anonymous);
        pull(&stand.repository(&client, "open/app")).await;
        assert_eq!(stand.asked_for_tokens(), 1, "{}", stand.service.registry);
        let shown = |logged: &crate::fake::Logged| {
            let shown = logged.header("authorization").unwrap_or_default();
            shown.starts_with("Basic")
        };
        assert!(!stand.registry.log().iter().any(shown));
        assert!(!stand.leaked());
    }
}

#[tokio::test]
async fn a_token_that_is_not_taken_any_more_is_replaced_once() {
    for (stand, auth, path) in visitors().await {
        let name = format!("{} {auth:?}", stand.service.registry);
        if !needs_tokens(&auth) {
            continue;
        }
        let by_password =
            stand.service.lacking == Lacking::Basic && matches!(auth, Auth::Basic { .. });
        let client = stand.client(auth);
        let app = stand.repository(&client, path);
        pull(&app).await;
        stand.forget_tokens();
        pull(&app).await;
        let again = usize::from(!by_password);
        assert_eq!(stand.asked_for_tokens(), 1 + again, "{name}");
        assert_eq!(stand.refused(), 2, "{name}");
        assert!(!stand.leaked(), "{name}");
        if by_password {
            continue;
        }
        // A registry that takes no token at all gets no more than one other.
        stand.registry.state().refuses_tokens_up_to = u64::MAX;
        let before = stand.requests().len();
        let error = app.resolve(&v1()).await.unwrap_err();
        assert_eq!(error.error_type(), "registry_unauthorized", "{name}");
        assert!(!error.is_transient());
        assert_eq!(stand.asked_for_tokens(), 3, "{name}");
        assert_eq!(stand.requests().len(), before + 2, "{name}");
    }
}

#[tokio::test]
async fn a_token_is_replaced_before_it_expires() {
    let checks = services::all().into_iter().map(|mut service| async move {
        if service.expires_in.is_none() {
            return;
        }
        service.expires_in = Some(5);
        let auth = logins(&service).remove(0);
        let stand = Stand::of(service).await;
        let client = stand.client(auth);
        let app = stand.repository(&client, "team/app");
        pull(&app).await;
        let before = stand.asked_for_tokens();
        tokio::time::sleep(Duration::from_secs(5)).await;
        app.resolve(&v1()).await.unwrap();
        assert_eq!(stand.asked_for_tokens(), before + 1);
        assert_eq!(stand.refused(), 1, "no token was shown that had expired");
    });
    futures_util::future::join_all(checks).await;
}

#[tokio::test]
async fn who_is_not_let_in_is_told_so_once() {
    let mut cases = Vec::new();
    for (stand, auth) in stands().await {
        cases.push((stand, auth, "other/app"));
    }
    for service in services::all() {
        let wrong = Auth::Basic {
            username: "robot".to_owned(),
            password: SecretString::from("hush-wrong"),
        };
        cases.push((Stand::of(service.clone()).await, wrong, "team/app"));
        cases.push((Stand::of(service).await, Auth::Anonymous, "team/app"));
    }
    for (stand, auth, path) in cases {
        let name = format!("{} {auth:?} {path}", stand.service.registry);
        let client = stand.client(auth);
        let result = stand.repository(&client, path).manifest(&v1()).await;
        let error = result.unwrap_err();
        let kinds = ["registry_unauthorized", "registry_denied"];
        assert!(kinds.contains(&error.error_type()), "{name}: {error:?}");
        assert!(!error.is_transient(), "{name}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hush"), "{name}: {shown}");
        assert!(stand.asked_for_tokens() <= 2, "{name}");
        assert!(stand.requests().len() <= 3, "{name}");
        assert!(!stand.leaked(), "{name}");
    }
}

#[tokio::test]
async fn a_neighbour_that_may_not_be_read_costs_one_mount_and_not_the_copy() {
    let source = Fake::start().await;
    let app = image(ImageSpec {
        layers: (0..6).map(|seed| bytes_of_size(100, seed)).collect(),
        ..ImageSpec::default()
    });
    source.push("team/app", Some("v1"), &app);
    for (stand, auth) in stands().await {
        let name = format!("{} {auth:?}", stand.service.registry);
        let client = stand.client(auth);
        let to = stand.repository(&client, "team/copy");
        let options = CopyOptions {
            mount_from: vec!["other/app".parse().unwrap()],
            concurrency: 1,
            ..CopyOptions::default()
        };
        let report = copied(&source.repository("team/app"), &to, &options).await;
        assert_eq!(report.blobs.copied, 7, "{name}");
        let log = stand.registry.log();
        let mounts = log.iter().filter(|l| l.query.contains("from=other/app"));
        // The second one shows another token.
        assert!(mounts.count() <= 2, "{name}: {:?}", stand.registry.lines());
        // One for the target, and two tries for both repositories.
        assert!(stand.asked_for_tokens() <= 3, "{name}");
        assert!(!stand.leaked());
        assert!(!leaked(&source));
    }
}

#[tokio::test]
async fn deleting_is_asked_for_in_words_that_the_service_knows() {
    for (stand, auth) in stands().await {
        let name = format!("{} {auth:?}", stand.service.registry);
        let client = stand.client(auth);
        let app = stand.repository(&client, "team/app");
        app.delete_manifest(&v1()).await.expect(&name);
        assert_eq!(stand.registry.tagged("team/app", "v1"), None, "{name}");
    }
}

#[tokio::test]
async fn a_token_that_breaks_off_on_its_way_is_asked_for_again() {
    for (stand, auth, path) in visitors().await {
        if !needs_tokens(&auth) {
            continue;
        }
        let method = match auth {
            Auth::IdentityToken(_) => "POST",
            _ => "GET",
        };
        let cut = Fault::new(method, stand.service.path, 2, What::CutReply(12));
        stand.issuer().quirks(|quirks| quirks.faults = vec![cut]);
        let client = stand.client(auth);
        pull(&stand.repository(&client, path)).await;
        assert_eq!(stand.asked_for_tokens(), 3);
    }
}

/// Docker Hub counts pulls: 429 with `ratelimit-…` headers and a text, and no `Retry-After`
/// (docs.docker.com/docker-hub/usage/pulls).
#[tokio::test]
async fn docker_hubs_limit_of_pulls_is_waited_for_and_then_told() {
    let stand = Stand::of(services::docker_hub()).await;
    let limited = |times: u32| {
        let headers = vec![
            ("ratelimit-limit", "100;w=21600".to_owned()),
            ("ratelimit-remaining", "0;w=21600".to_owned()),
            ("docker-ratelimit-source", "192.0.2.1".to_owned()),
        ];
        let text = "TOOMANYREQUESTS: You have reached your pull rate limit.";
        Fault::new(
            "GET",
            "/manifests/",
            times,
            What::Status(429, headers, text),
        )
    };
    let client = stand.client(Auth::Anonymous);
    let app = stand.repository(&client, "open/app");
    stand
        .registry
        .quirks(|quirks| quirks.faults = vec![limited(2)]);
    app.manifest(&v1()).await.unwrap();
    stand
        .registry
        .quirks(|quirks| quirks.faults = vec![limited(100)]);
    stand.registry.forget_log();
    let error = app.manifest(&v1()).await.unwrap_err();
    assert_eq!(error.error_type(), "registry_rate_limited");
    assert!(error.is_transient());
    assert!(error.to_string().contains("pull rate limit"), "{error}");
    let attempts = RetryPolicy::immediate().attempts as usize;
    assert_eq!(stand.requests().len(), attempts);
    assert_eq!(stand.asked_for_tokens(), 1);
}
