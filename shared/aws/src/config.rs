//! The SDK's configuration, built once at start-up.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region as SdkRegion, SdkConfig};

use crate::http;

/// Where credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// The variables that Lambda sets. Nothing else is tried, so a function never waits for an
    /// instance metadata service that is not there.
    Environment,
    /// The SDK's default chain: environment, profile files, web identity, container, instance.
    DefaultChain,
}

/// Loads the configuration shared by all clients.
///
/// Region and endpoints come from the environment as the SDK documents (`AWS_REGION`,
/// `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_ECR` …).
pub async fn load(credentials: CredentialSource) -> SdkConfig {
    // Pinned on purpose: a later behaviour version changes retries, checksums or TLS, and that
    // should be a commit of its own.
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http::client())
        .retry_config(retries())
        .timeout_config(timeouts())
        .stalled_stream_protection(
            StalledStreamProtectionConfig::enabled()
                .grace_period(Duration::from_secs(5))
                .build(),
        );
    let loader = match credentials {
        CredentialSource::Environment => {
            loader.credentials_provider(EnvironmentVariableCredentialsProvider::new())
        }
        CredentialSource::DefaultChain => loader,
    };
    loader.load().await
}

/// Three retries with the SDK's jittered back-off; what is still failing then goes back to the queue,
/// which waits longer than a running function should.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(4)
}

/// Bounds for one call. All calls here answer in well under a second when the service is well.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(30))
        .build()
}

/// The same configuration in another Region.
#[must_use]
pub fn in_region(config: &SdkConfig, region: &str) -> SdkConfig {
    config
        .to_builder()
        .region(SdkRegion::new(region.to_owned()))
        .build()
}
