use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret, SecretString};
use steward_aws::ecr::{
    Ecr, EcrOperation, EcrTarget, FailingEcr, FakeEcr, FakeEcrFactory, NewRepository,
};
use steward_aws::secrets::FakeSecrets;
use steward_aws::ssm::FakeParameters;
use steward_core::policy::{CreateSettings, ImmutableExcept};
use steward_core::{Digest, RepositoryName, RepositoryPath};
use steward_registry::{Auth, CreateRepository};

use super::*;
use crate::secrets::CachedSecrets;

const ROLE: &str = "arn:aws:iam::444455556666:role/ecr-steward-writer";

fn host(text: &str) -> RegistryHost {
    text.parse().unwrap()
}

fn dr() -> RegistryHost {
    host("444455556666.dkr.ecr.eu-central-1.amazonaws.com")
}

fn access() -> Access {
    Access {
        assume_role: Some(ROLE.to_owned()),
        ..Access::own(dr())
    }
}

fn target() -> EcrTarget {
    EcrTarget {
        account: Some("444455556666".parse().unwrap()),
        region: "eu-central-1".parse().unwrap(),
        assume_role: Some(ROLE.to_owned()),
        external_id: None,
    }
}

/// A factory whose registry for [`target`] counts how often a token is asked for.
fn counting() -> (Arc<AtomicUsize>, Arc<FakeEcrFactory>) {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let ecr = FailingEcr::new(
        Arc::new(FakeEcr::new("444455556666", "eu-central-1")),
        move |operation, _| {
            if operation == EcrOperation::AuthorizationToken {
                seen.fetch_add(1, Ordering::SeqCst);
            }
            None
        },
    );
    let factory = FakeEcrFactory::default();
    factory.set(target(), Arc::new(ecr));
    (count, Arc::new(factory))
}

fn password(auth: &Auth) -> &str {
    match auth {
        Auth::Basic { password, .. } => password.expose_secret(),
        _ => "",
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_who_want_it() {
    let (count, factory) = counting();
    let tokens = Arc::new(EcrTokens::new(factory));
    let credentials = EcrCredentials::new(tokens, access());
    let registry = dr();
    let (a, b) = futures_util::join!(
        credentials.for_registry(&registry, false),
        credentials.for_registry(&registry, false),
    );
    assert_eq!(password(&a.unwrap()), "token-of-444455556666");
    assert_eq!(password(&b.unwrap()), "token-of-444455556666");
    // Refused right after it was fetched: another one would be refused as well.
    credentials.for_registry(&registry, true).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_ecr_token_is_shown_to_no_other_host() {
    let (count, factory) = counting();
    let credentials = EcrCredentials::new(Arc::new(EcrTokens::new(factory)), access());
    for other in [
        "ghcr.io",
        "127.0.0.1:5000",
        "444455556666.dkr.ecr.eu-central-1.amazonaws.com.example.com",
    ] {
        let auth = credentials.for_registry(&host(other), false).await.unwrap();
        assert!(matches!(auth, Auth::Anonymous), "{other}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

/// Gives tokens that end soon.
struct Ending(Arc<dyn Ecr>);

#[tokio::test]
async fn a_token_is_replaced_before_it_ends() {
    let calls = Arc::new(AtomicUsize::new(0));
    let ecr = Ending(Arc::new(FakeEcr::default())).counting(calls.clone());
    let factory = FakeEcrFactory::default();
    factory.set(target(), ecr);
    let tokens = EcrTokens::new(Arc::new(factory));
    tokens.token(&target(), false).await.unwrap();
    tokens.token(&target(), false).await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

impl Ending {
    fn counting(self, calls: Arc<AtomicUsize>) -> Arc<dyn Ecr> {
        Arc::new(EndingEcr {
            inner: self.0,
            calls,
        })
    }
}

struct EndingEcr {
    inner: Arc<dyn Ecr>,
    calls: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl Ecr for EndingEcr {
    async fn describe_image(
        &self,
        repository: &RepositoryName,
        reference: &steward_core::Reference,
    ) -> Result<Option<steward_aws::ecr::ImageDetail>, steward_aws::ecr::EcrError> {
        self.inner.describe_image(repository, reference).await
    }

    async fn get_manifest(
        &self,
        repository: &RepositoryName,
        reference: &steward_core::Reference,
    ) -> Result<Option<steward_aws::ecr::Manifest>, steward_aws::ecr::EcrError> {
        self.inner.get_manifest(repository, reference).await
    }

    async fn put_tag(
        &self,
        repository: &RepositoryName,
        manifest: &steward_aws::ecr::Manifest,
        tag: &steward_core::Tag,
    ) -> Result<steward_aws::ecr::PutTag, steward_aws::ecr::EcrError> {
        self.inner.put_tag(repository, manifest, tag).await
    }

    async fn remove_tag(
        &self,
        repository: &RepositoryName,
        tag: &steward_core::Tag,
    ) -> Result<steward_aws::ecr::RemoveTag, steward_aws::ecr::EcrError> {
        self.inner.remove_tag(repository, tag).await
    }

    async fn tags(
        &self,
        repository: &RepositoryName,
    ) -> Result<std::collections::BTreeMap<steward_core::Tag, Digest>, steward_aws::ecr::EcrError>
    {
        self.inner.tags(repository).await
    }

    async fn tag_times(
        &self,
        repository: &RepositoryName,
    ) -> Result<
        std::collections::BTreeMap<steward_core::Tag, Option<SystemTime>>,
        steward_aws::ecr::EcrError,
    > {
        self.inner.tag_times(repository).await
    }

    async fn archive(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<steward_aws::ecr::Archive, steward_aws::ecr::EcrError> {
        self.inner.archive(repository, digest).await
    }

    async fn archived(
        &self,
        repository: &RepositoryName,
        reference: &steward_core::Reference,
    ) -> Result<Option<std::collections::BTreeSet<steward_core::Tag>>, steward_aws::ecr::EcrError>
    {
        self.inner.archived(repository, reference).await
    }

    async fn delete_image(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<steward_aws::ecr::DeleteImage, steward_aws::ecr::EcrError> {
        self.inner.delete_image(repository, digest).await
    }

    async fn repository(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<steward_aws::ecr::RepositoryInfo>, steward_aws::ecr::EcrError> {
        self.inner.repository(repository).await
    }

    async fn resource_tags(
        &self,
        arn: &str,
    ) -> Result<std::collections::BTreeMap<String, String>, steward_aws::ecr::EcrError> {
        self.inner.resource_tags(arn).await
    }

    async fn create_repository(
        &self,
        repository: &RepositoryName,
        settings: &NewRepository,
    ) -> Result<steward_aws::ecr::CreateRepository, steward_aws::ecr::EcrError> {
        self.inner.create_repository(repository, settings).await
    }

    async fn authorization_token(
        &self,
    ) -> Result<steward_aws::ecr::EcrToken, steward_aws::ecr::EcrError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(steward_aws::ecr::EcrToken {
            username: "AWS".to_owned(),
            password: SecretString::from("soon".to_owned()),
            expires_at: SystemTime::now() + Duration::from_secs(600),
        })
    }

    async fn check_layers(
        &self,
        repository: &RepositoryName,
        layers: &[Digest],
    ) -> Result<std::collections::BTreeSet<Digest>, steward_aws::ecr::EcrError> {
        self.inner.check_layers(repository, layers).await
    }
}

#[tokio::test]
async fn a_missing_repository_is_created_in_the_targets_account() {
    let factory = Arc::new(FakeEcrFactory::default());
    let registry = Arc::new(FakeEcr::new("444455556666", "eu-central-1"));
    factory.set(target(), registry.clone());
    let create = CreateInEcr::new(
        factory,
        access(),
        CreateSettings {
            immutable: true,
            immutable_except: vec![ImmutableExcept::new("latest").unwrap()],
            scan_on_push: true,
            kms_key: Some("alias/images".to_owned()),
            lifecycle_policy: Some("{}".to_owned()),
            repository_policy: Some("[]".to_owned()),
            tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        },
    );
    let path: RepositoryPath = "dr/prod/app".parse().unwrap();
    create.create(&dr(), &path).await.unwrap();
    create.create(&dr(), &path).await.unwrap();
    let name: RepositoryName = "dr/prod/app".parse().unwrap();
    let info = registry.repository(&name).await.unwrap().unwrap();
    assert_eq!(info.mutability.as_str(), "IMMUTABLE_WITH_EXCLUSION");
    assert_eq!(
        registry.created_with(&name),
        Some(NewRepository {
            immutable: true,
            mutability_exclusions: vec!["latest".to_owned()],
            scan_on_push: true,
            kms_key: Some("alias/images".to_owned()),
            lifecycle_policy: Some("{}".to_owned()),
            repository_policy: Some("[]".to_owned()),
            tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        })
    );
    let error = create.create(&host("ghcr.io"), &path).await.unwrap_err();
    assert!(!error.transient);
}

#[tokio::test]
async fn layers_are_asked_for_at_once_or_one_by_one() {
    let factory = Arc::new(FakeEcrFactory::default());
    let registry = Arc::new(FakeEcr::new("444455556666", "eu-central-1"));
    factory.set(target(), registry.clone());
    let layer = |c: &str| -> Digest { format!("sha256:{}", c.repeat(64)).parse().unwrap() };
    registry.add_layer(&"dr/prod/app".parse().unwrap(), layer("a"));
    let availability = EcrAvailability::new(factory, access());
    let asked = [layer("a"), layer("b")];
    assert_eq!(
        availability
            .present(&dr(), &"dr/prod/app".parse().unwrap(), &asked)
            .await,
        Some(vec![layer("a")])
    );
    assert_eq!(
        availability
            .present(&dr(), &"dr/other".parse().unwrap(), &asked)
            .await,
        None
    );
}

fn secrets(value: &str) -> Arc<CachedSecrets> {
    let fake = FakeSecrets::default();
    fake.set("steward/ghcr", value);
    Arc::new(CachedSecrets::new(
        Arc::new(fake),
        Arc::new(FakeParameters::default()),
    ))
}

async fn auth_of(value: &str, asked: &str) -> Result<Auth, steward_registry::CredentialError> {
    SecretCredentials::new(
        secrets(value),
        host("ghcr.io"),
        "secretsmanager:steward/ghcr".parse().unwrap(),
    )
    .for_registry(&host(asked), false)
    .await
}

#[tokio::test]
async fn a_secret_is_a_pair_or_a_token_for_its_own_registry_only() {
    let pair = r#"{"username":"bot","password":"hush"}"#;
    let auth = auth_of(pair, "ghcr.io").await.unwrap();
    assert!(matches!(&auth, Auth::Basic { username, .. } if username == "bot"));
    assert_eq!(password(&auth), "hush");
    assert!(matches!(
        auth_of("token-1\n", "ghcr.io").await.unwrap(),
        Auth::Bearer(token) if token.expose_secret() == "token-1"
    ));
    assert!(matches!(
        auth_of(pair, "example.com").await.unwrap(),
        Auth::Anonymous
    ));
}

#[tokio::test]
async fn a_secret_of_another_form_is_refused_without_being_shown() {
    for value in ["", "{\"user\":\"hush\"}", "hush hush", "{hush"] {
        let error = auth_of(value, "ghcr.io").await.unwrap_err();
        assert!(!error.is_transient());
        let chain = crate::failure::chain(&error);
        assert!(chain.contains("secretsmanager:steward/ghcr"), "{chain}");
        assert!(!chain.contains("hush"), "{chain}");
    }
}

#[test]
fn one_client_per_identity() {
    let access = RegistryAccess::new(
        Arc::new(FakeEcrFactory::default()),
        secrets(""),
        EndpointOverrides::default(),
    );
    access.client(&Access::own(dr())).unwrap();
    access.client(&Access::own(dr())).unwrap();
    assert_eq!(access.clients.lock().unwrap().len(), 1);
    access.client(&Access::own(host("ghcr.io"))).unwrap();
    assert_eq!(access.clients.lock().unwrap().len(), 2);
    assert!(access.availability(&Access::own(host("ghcr.io"))).is_none());
    assert!(access.availability(&Access::own(dr())).is_some());
}
