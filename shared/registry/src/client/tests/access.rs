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
        let repository = fake.repository_with("team/app", client().credentials(rotating.clone()));
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
        async fn for_registry(&self, _: &RegistryHost, _: bool) -> Result<Auth, CredentialError> {
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
    struct Fresh;
    #[async_trait]
    impl Credentials for Fresh {
        async fn for_registry(
            &self,
            _: &RegistryHost,
            refresh: bool,
        ) -> Result<Auth, CredentialError> {
            Ok(Auth::Basic {
                username: "AWS".to_owned(),
                password: SecretString::from(if refresh { "new" } else { "old" }),
            })
        }
    }
    for (message, renewed) in [
        (
            "DENIED: Your authorization token has expired. Reauthenticate and try again.",
            true,
        ),
        ("DENIED: not yours", false),
    ] {
        let (fake, _) = with_image(|_| {}).await;
        let what = What::Status(403, vec![], message);
        fake.quirks(|q| q.faults = vec![Fault::new("GET", "/manifests/", 1, what)]);
        let host: RegistryHost = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
            .parse()
            .unwrap();
        let client = client()
            .credentials(Arc::new(Fresh))
            .endpoints(format!("{host}={}", fake.url("")).parse().unwrap())
            .build()
            .unwrap();
        let repository = client
            .repository(&host, &"team/app".parse().unwrap())
            .unwrap();
        let result = repository.manifest(&v1()).await;
        assert_eq!(result.is_ok(), renewed, "{message}");
        let shown = fake
            .log()
            .first()
            .unwrap()
            .header("authorization")
            .map(str::to_owned);
        assert_eq!(
            shown.unwrap(),
            "Basic QVdTOm9sZA==",
            "shown without being asked"
        );
    }
}

#[tokio::test]
async fn a_ping_authenticates_ahead_of_the_first_request() {
    for access in [
        Access::Basic(PAIR.to_owned()),
        bearer(Some(PAIR), None, None),
    ] {
        let (fake, _) = with_image(|q| q.access = access).await;
        let repository = knowing(&fake, basic());
        repository.client().ping(&fake.host()).await.unwrap();
        let refused = |fake: &Fake| fake.log().iter().filter(|l| l.status == 401).count();
        assert_eq!(refused(&fake), 1);
        repository.resolve(&v1()).await.unwrap();
        assert_eq!(refused(&fake), 1);
    }
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

#[tokio::test]
async fn a_registry_token_that_is_refused_is_fetched_anew() {
    struct Tokens;
    #[async_trait]
    impl Credentials for Tokens {
        async fn for_registry(
            &self,
            _: &RegistryHost,
            refresh: bool,
        ) -> Result<Auth, CredentialError> {
            let token = if refresh { "new" } else { "old" };
            Ok(Auth::Bearer(SecretString::from(token)))
        }
    }
    let (fake, _) = with_image(|q| q.access = bearer(None, None, None)).await;
    fake.state().tokens.push(("new".to_owned(), 10));
    let repository = fake.repository_with("team/app", client().credentials(Arc::new(Tokens)));
    // The first refusal shows the scheme, the second one the stale token.
    let _ = repository.resolve(&v1()).await;
    repository.resolve(&v1()).await.unwrap();
    assert_eq!(fake.count("GET", "/token"), 0);
}

#[tokio::test]
async fn an_empty_token_beside_a_good_one_is_none() {
    for answer in [
        r#"{"token":"","access_token":"good"}"#,
        r#"{"token":"good","access_token":""}"#,
        r#"{"token":null,"access_token":"good"}"#,
    ] {
        let (fake, _) = with_image(|q| {
            q.access = bearer(Some(PAIR), None, None);
            let what = What::Bytes(answer.as_bytes().to_vec());
            q.faults = vec![Fault::new("GET", "/token", 1, what)];
        })
        .await;
        fake.state().tokens.push(("good".to_owned(), 10));
        knowing(&fake, basic()).manifest(&v1()).await.unwrap();
        assert_eq!(fake.count("GET", "/token"), 1, "{answer}");
    }
}

#[tokio::test]
async fn an_answer_with_nothing_but_empty_tokens_is_an_error() {
    let (fake, _) = with_image(|q| {
        q.access = bearer(Some(PAIR), None, None);
        let what = What::Bytes(br#"{"token":"","access_token":""}"#.to_vec());
        q.faults = vec![Fault::new("GET", "/token", 9, what)];
    })
    .await;
    let error = knowing(&fake, basic()).manifest(&v1()).await.unwrap_err();
    assert_eq!(error.error_type(), "registry_protocol");
    assert_eq!(fake.count("GET", "/token"), 1);
}
