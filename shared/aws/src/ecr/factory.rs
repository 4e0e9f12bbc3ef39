//! Clients for other accounts and Regions.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use steward_core::{AccountId, EcrHost, Region};
use tokio::sync::Mutex;

use super::role::AssumedRole;
use super::{Ecr, SdkEcr};

/// Which registry to speak to, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EcrTarget {
    /// The registry's account; the caller's own when absent.
    pub account: Option<AccountId>,
    /// Its Region.
    pub region: Region,
    /// The role to assume first; the function's own role when absent.
    pub assume_role: Option<String>,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
}

impl EcrTarget {
    /// The registry behind a host name such as `111122223333.dkr.ecr.eu-west-1.amazonaws.com`.
    #[must_use]
    pub fn of_host(
        host: &EcrHost,
        assume_role: Option<String>,
        external_id: Option<String>,
    ) -> Self {
        Self {
            account: Some(host.account.clone()),
            region: host.region.clone(),
            assume_role,
            external_id,
        }
    }
}

/// Makes and keeps clients, one per target.
#[async_trait]
pub trait EcrFactory: Send + Sync {
    /// The function's own registry.
    fn home(&self) -> Arc<dyn Ecr>;

    /// Another registry. Credentials are obtained at the first call, not here.
    async fn for_target(&self, target: &EcrTarget) -> Arc<dyn Ecr>;
}

/// Clients through the AWS SDK.
pub struct SdkEcrFactory {
    config: SdkConfig,
    session_name: String,
    home: Arc<dyn Ecr>,
    targets: Mutex<HashMap<EcrTarget, Arc<dyn Ecr>>>,
    roles: Mutex<HashMap<RoleKey, SdkConfig>>,
}

/// Credentials of a role are shared by the clients of all accounts that it reaches in a Region.
#[derive(Clone, PartialEq, Eq, Hash)]
struct RoleKey {
    region: Region,
    role: String,
    external_id: Option<String>,
}

impl fmt::Debug for SdkEcrFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SdkEcrFactory")
            .field("session_name", &self.session_name)
            .finish_non_exhaustive()
    }
}

impl SdkEcrFactory {
    /// Roles are assumed with the session name `ecr-steward-<function>`, so that CloudTrail in the
    /// other account shows which function acted.
    #[must_use]
    pub fn new(config: &SdkConfig, function: &str) -> Self {
        Self {
            config: config.clone(),
            session_name: session_name(function),
            home: Arc::new(SdkEcr::new(config)),
            targets: Mutex::default(),
            roles: Mutex::default(),
        }
    }

    async fn config_for(&self, target: &EcrTarget) -> SdkConfig {
        let config = crate::config::in_region(&self.config, target.region.as_str());
        let Some(role) = &target.assume_role else {
            return config;
        };
        let key = RoleKey {
            region: target.region.clone(),
            role: role.clone(),
            external_id: target.external_id.clone(),
        };
        let mut roles = self.roles.lock().await;
        if let Some(config) = roles.get(&key) {
            return config.clone();
        }
        let role = AssumedRole::new(
            &config,
            role,
            target.external_id.as_deref(),
            &self.session_name,
        );
        let config = config
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(role))
            .identity_cache(aws_config::identity::IdentityCache::lazy().build())
            .build();
        roles.insert(key, config.clone());
        config
    }
}

#[async_trait]
impl EcrFactory for SdkEcrFactory {
    fn home(&self) -> Arc<dyn Ecr> {
        self.home.clone()
    }

    async fn for_target(&self, target: &EcrTarget) -> Arc<dyn Ecr> {
        let mut targets = self.targets.lock().await;
        if let Some(known) = targets.get(target) {
            return known.clone();
        }
        let config = self.config_for(target).await;
        let client: Arc<dyn Ecr> = match &target.account {
            Some(account) => Arc::new(SdkEcr::of_account(&config, account)),
            None => Arc::new(SdkEcr::new(&config)),
        };
        targets.insert(target.clone(), client.clone());
        client
    }
}

/// STS allows `[\w+=,.@-]{2,64}` in session names.
fn session_name(function: &str) -> String {
    format!("ecr-steward-{function}")
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "+=,.@-_".contains(c) {
                c
            } else {
                '-'
            }
        })
        .take(64)
        .collect()
}

/// In-memory registries, one per target.
#[cfg(feature = "fake")]
#[derive(Default)]
pub struct FakeEcrFactory {
    home: Arc<super::FakeEcr>,
    others: std::sync::Mutex<HashMap<EcrTarget, Arc<dyn Ecr>>>,
    home_override: Option<Arc<dyn Ecr>>,
}

#[cfg(feature = "fake")]
impl fmt::Debug for FakeEcrFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeEcrFactory").finish_non_exhaustive()
    }
}

#[cfg(feature = "fake")]
impl FakeEcrFactory {
    /// A factory whose home registry is this one.
    #[must_use]
    pub fn with_home(home: Arc<dyn Ecr>) -> Self {
        Self {
            home_override: Some(home),
            ..Self::default()
        }
    }

    /// Answers for one target from now on.
    pub fn set(&self, target: EcrTarget, ecr: Arc<dyn Ecr>) {
        lock(&self.others).insert(target, ecr);
    }
}

#[cfg(feature = "fake")]
#[async_trait]
impl EcrFactory for FakeEcrFactory {
    fn home(&self) -> Arc<dyn Ecr> {
        match &self.home_override {
            Some(home) => home.clone(),
            None => self.home.clone(),
        }
    }

    async fn for_target(&self, target: &EcrTarget) -> Arc<dyn Ecr> {
        lock(&self.others)
            .entry(target.clone())
            .or_insert_with(|| {
                Arc::new(super::FakeEcr::new(
                    target
                        .account
                        .as_ref()
                        .map_or("111122223333", |x| x.as_str()),
                    target.region.as_str(),
                ))
            })
            .clone()
    }
}

#[cfg(feature = "fake")]
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_names_fit_sts() {
        assert_eq!(session_name("tag-guard"), "ecr-steward-tag-guard");
        let odd = session_name(&"ä b/".repeat(40));
        assert_eq!(odd.chars().count(), 64);
        assert!(odd.starts_with("ecr-steward---b-"), "{odd}");
    }
}
