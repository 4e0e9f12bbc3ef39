use steward_aws::secrets::FakeSecrets;
use steward_aws::ssm::FakeParameters;

use super::*;

fn secrets() -> (Arc<FakeSecrets>, CachedSecrets) {
    let fake = Arc::new(FakeSecrets::default());
    fake.set("steward/slack", "hush");
    fake.set("steward/json", r#"{"url":"https://example.com","n":1}"#);
    let parameters = Arc::new(FakeParameters::default());
    parameters.set("/steward/token", "parameter");
    (fake.clone(), CachedSecrets::new(fake, parameters))
}

async fn value(secrets: &CachedSecrets, reference: &str) -> Result<String, SecretError> {
    let reference = reference.parse().unwrap();
    let value = secrets.value(&reference, false).await?;
    Ok(value.expose_secret().to_owned())
}

#[tokio::test(start_paused = true)]
async fn values_come_from_either_service_and_from_json() {
    let (_, secrets) = secrets();
    assert_eq!(
        value(&secrets, "secretsmanager:steward/slack")
            .await
            .unwrap(),
        "hush"
    );
    assert_eq!(
        value(&secrets, "secretsmanager:steward/json#url")
            .await
            .unwrap(),
        "https://example.com"
    );
    assert_eq!(
        value(&secrets, "ssm:/steward/token").await.unwrap(),
        "parameter"
    );
}

#[tokio::test(start_paused = true)]
async fn a_value_is_remembered_for_a_while_and_refreshed_on_request() {
    let (fake, secrets) = secrets();
    let reference: SecretRef = "secretsmanager:steward/slack".parse().unwrap();
    for _ in 0..3 {
        secrets.value(&reference, false).await.unwrap();
    }
    assert_eq!(fake.reads(), 1);
    secrets.value(&reference, true).await.unwrap();
    assert_eq!(fake.reads(), 2);
    tokio::time::advance(KEEP).await;
    secrets.value(&reference, false).await.unwrap();
    assert_eq!(fake.reads(), 3);
}

#[tokio::test(start_paused = true)]
async fn mistakes_name_the_reference_and_never_the_value() {
    let (_, secrets) = secrets();
    for (reference, error_type) in [
        ("secretsmanager:steward/none", "secret_not_found"),
        ("ssm:/steward/none", "secret_not_found"),
        ("secretsmanager:steward/slack#url", "secret_unusable"),
        ("secretsmanager:steward/json#n", "secret_unusable"),
    ] {
        let error = value(&secrets, reference).await.unwrap_err();
        assert_eq!(error.error_type(), error_type, "{reference}");
        assert!(!error.is_transient());
        assert!(
            error
                .to_string()
                .contains(reference.split('#').next().unwrap())
        );
        assert!(!error.to_string().contains("hush"));
    }
}
