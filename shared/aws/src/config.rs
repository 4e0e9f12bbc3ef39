//! The SDK's configuration, built once at start-up.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region as SdkRegion, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::http;

/// Where credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// The variables that Lambda sets, and nothing else; see [`for_function`].
    Environment,
    /// The SDK's default chain: environment, profile files, web identity, container, instance.
    DefaultChain,
}

/// Loads the configuration shared by all clients.
pub async fn load(credentials: CredentialSource) -> SdkConfig {
    match credentials {
        CredentialSource::Environment => for_function(),
        CredentialSource::DefaultChain => {
            aws_config::defaults(behaviour())
                .http_client(http::client())
                .retry_config(retries())
                .timeout_config(timeouts())
                .stalled_stream_protection(stalled_streams())
                .load()
                .await
        }
    }
}

/// The configuration of a Lambda function: Region, credentials and endpoints from the variables that
/// Lambda and the template set (`AWS_REGION`, `AWS_ACCESS_KEY_ID` …, `AWS_ENDPOINT_URL`,
/// `AWS_ENDPOINT_URL_<SERVICE>`).
///
/// A function never has profile files, and must never wait for an instance metadata service that is
/// not there. Leaving the SDK's loader out also leaves out a tenth of the binary.
#[must_use]
pub fn for_function() -> SdkConfig {
    let mut builder = SdkConfig::builder()
        .behavior_version(behaviour())
        .credentials_provider(SharedCredentialsProvider::new(
            EnvironmentVariableCredentialsProvider::new(),
        ))
        .identity_cache(IdentityCache::lazy().build())
        .http_client(http::client())
        .retry_config(retries())
        .timeout_config(timeouts())
        .stalled_stream_protection(stalled_streams())
        .service_config(EnvironmentEndpoints);
    builder.set_region(variable("AWS_REGION").map(SdkRegion::new));
    builder.set_endpoint_url(variable("AWS_ENDPOINT_URL"));
    builder.build()
}

/// Pinned on purpose: a later behaviour version changes retries, checksums or TLS, and that should be
/// a commit of its own.
fn behaviour() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// Three retries with the SDK's jittered back-off; what is still failing then goes back to the queue,
/// which waits longer than a running function should.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(4)
}

/// Bounds for one call. All calls here answer in well under a second when the service is well.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(30))
        .build()
}

fn stalled_streams() -> StalledStreamProtectionConfig {
    StalledStreamProtectionConfig::enabled()
        .grace_period(Duration::from_secs(5))
        .build()
}

/// `AWS_ENDPOINT_URL_<SERVICE>`, the way the SDK's loader reads it.
#[derive(Debug)]
struct EnvironmentEndpoints;

impl LoadServiceConfig for EnvironmentEndpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        variable(&service_variable(key.env(), key.service_id()))
    }
}

/// `AWS_ENDPOINT_URL` and `Secrets Manager` give `AWS_ENDPOINT_URL_SECRETS_MANAGER` (AWS SDK reference
/// guide, "service-specific endpoints").
fn service_variable(name: &str, service_id: &str) -> String {
    let service = service_id.to_uppercase().replace([' ', '-'], "_");
    format!("{name}_{service}")
}

/// These names belong to the SDK, not to the settings of the functions.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|x| !x.is_empty())
}

/// The same configuration in another Region.
#[must_use]
pub fn in_region(config: &SdkConfig, region: &str) -> SdkConfig {
    config
        .to_builder()
        .region(SdkRegion::new(region.to_owned()))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_endpoints_of_their_own() {
        for (service, name) in [
            ("ECR", "AWS_ENDPOINT_URL_ECR"),
            ("Secrets Manager", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            ("DynamoDB", "AWS_ENDPOINT_URL_DYNAMODB"),
        ] {
            assert_eq!(service_variable("AWS_ENDPOINT_URL", service), name);
        }
    }

    #[test]
    fn another_region_changes_nothing_else() {
        let config = in_region(&for_function(), "eu-central-1");
        assert_eq!(config.region().map(AsRef::as_ref), Some("eu-central-1"));
        assert!(config.credentials_provider().is_some());
        assert!(config.http_client().is_some());
    }
}
