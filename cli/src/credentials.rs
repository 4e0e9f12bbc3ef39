//! Who `steward copy` is to a registry: the Docker configuration first, then AWS for ECR, else
//! nobody.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use steward_aws::config::CredentialSource;
use steward_aws::ecr::{Ecr, EcrError, EcrTarget, SdkEcr};
use steward_core::{EcrHost, RegistryHost, RepositoryPath};
use steward_registry::{Auth, CredentialError, Credentials};

use crate::access::ByAws;
use crate::docker_config::{self, Credential, DockerConfigError, HelperError, Places};

/// Tells a person what went wrong without being fatal.
pub type Warn = Arc<dyn Fn(&str) + Send + Sync>;

/// Asks ECR for a token.
#[async_trait]
pub trait EcrTokens: Send + Sync {
    /// User name and password for the registry protocol.
    async fn token(&self, host: &EcrHost) -> Result<(String, SecretString), EcrError>;
}

/// Tokens through the AWS SDK, with its usual chain of credentials.
#[derive(Debug, Clone, Copy, Default)]
pub struct AwsTokens;

#[async_trait]
impl EcrTokens for AwsTokens {
    async fn token(&self, host: &EcrHost) -> Result<(String, SecretString), EcrError> {
        let config = steward_aws::config::load(CredentialSource::DefaultChain).await;
        let target = EcrTarget::of_host(host, None, None);
        let config = steward_aws::config::in_region(&config, target.region.as_str());
        let token = SdkEcr::of_account(&config, &host.account)
            .authorization_token()
            .await?;
        Ok((token.username, token.password))
    }
}

/// The credentials of a person at a shell, for one repository.
pub struct ShellCredentials {
    places: Places,
    repository: RepositoryPath,
    ecr: Arc<dyn EcrTokens>,
    by_aws: ByAws,
    warn: Warn,
}

impl ShellCredentials {
    /// Looks in these places for what `repository` needs; notes in `by_aws` where AWS was asked.
    #[must_use]
    pub fn new(
        places: Places,
        repository: RepositoryPath,
        ecr: Arc<dyn EcrTokens>,
        by_aws: ByAws,
        warn: Warn,
    ) -> Self {
        Self {
            places,
            repository,
            ecr,
            by_aws,
            warn,
        }
    }

    async fn docker_auth(&self, host: &RegistryHost) -> Result<Option<Auth>, CredentialError> {
        let found = docker_config::find(&self.places, host.as_str(), self.repository.as_str())
            .await
            .map_err(|error| match &error {
                DockerConfigError::Helper {
                    source: HelperError::TimedOut { .. },
                    ..
                } => CredentialError::Unavailable(error.into()),
                _ => CredentialError::Unusable(error.into()),
            })?;
        for warning in &found.warnings {
            (self.warn)(warning);
        }
        Ok(found.credential.map(|credential| match credential {
            Credential::Basic { username, password } => Auth::Basic { username, password },
            Credential::IdentityToken(token) => Auth::IdentityToken(token),
            Credential::RegistryToken(token) => Auth::Bearer(token),
        }))
    }

    async fn aws_auth(&self, host: &EcrHost) -> Result<Auth, CredentialError> {
        match self.ecr.token(host).await {
            Ok((username, password)) => Ok(Auth::Basic { username, password }),
            // Missing or expired AWS credentials do not mend themselves while a person waits.
            Err(error) if error.is_transient() && !lacks_credentials(&error) => {
                Err(CredentialError::Unavailable(error.into()))
            }
            Err(error) => Err(CredentialError::Unusable(error.into())),
        }
    }
}

#[async_trait]
impl Credentials for ShellCredentials {
    async fn for_registry(
        &self,
        host: &RegistryHost,
        refresh: bool,
    ) -> Result<Auth, CredentialError> {
        let ecr = host.ecr();
        // What `docker login` stored for ECR is good for 12 hours: where it was refused, AWS is
        // asked for a new one.
        let stale = refresh && ecr.is_some();
        if !stale && let Some(auth) = self.docker_auth(host).await? {
            return Ok(auth);
        }
        match &ecr {
            Some(ecr) => {
                let auth = self.aws_auth(ecr).await?;
                self.by_aws.note(host);
                Ok(auth)
            }
            None => Ok(Auth::Anonymous),
        }
    }
}

fn lacks_credentials(error: &EcrError) -> bool {
    error.error_type() == steward_aws::Kind::Credentials.error_type()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Mutex;

    use secrecy::ExposeSecret as _;

    use super::*;

    const ECR: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";

    struct FixedTokens;

    #[async_trait]
    impl EcrTokens for FixedTokens {
        async fn token(&self, host: &EcrHost) -> Result<(String, SecretString), EcrError> {
            Ok((
                "AWS".into(),
                format!("{}/{}", host.account, host.region).into(),
            ))
        }
    }

    struct Shell {
        _home: tempfile::TempDir,
        credentials: ShellCredentials,
        warnings: Arc<Mutex<Vec<String>>>,
    }

    fn shell(config: &str) -> Shell {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".docker")).unwrap();
        fs::write(home.path().join(".docker/config.json"), config).unwrap();
        let places = Places {
            home: Some(home.path().to_owned()),
            ..Places::default()
        };
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&warnings);
        let credentials = ShellCredentials::new(
            places,
            "org/app".parse().unwrap(),
            Arc::new(FixedTokens),
            ByAws::default(),
            Arc::new(move |warning| sink.lock().unwrap().push(warning.to_owned())),
        );
        Shell {
            _home: home,
            credentials,
            warnings,
        }
    }

    async fn told(shell: &Shell, host: &str, refresh: bool) -> String {
        match shell
            .credentials
            .for_registry(&host.parse().unwrap(), refresh)
            .await
            .unwrap()
        {
            Auth::Anonymous => "anonymous".into(),
            Auth::Basic { username, password } => {
                format!("{username}:{}", password.expose_secret())
            }
            Auth::Bearer(token) => format!("bearer {}", token.expose_secret()),
            Auth::IdentityToken(token) => format!("identity {}", token.expose_secret()),
        }
    }

    #[tokio::test]
    async fn ecr_is_asked_only_for_ecr_and_only_without_a_docker_credential() {
        let shell = shell(r#"{"auths": {"ghcr.io": {"username": "gh"}}}"#);
        assert_eq!(told(&shell, "ghcr.io", false).await, "gh:");
        assert_eq!(told(&shell, "quay.io", false).await, "anonymous");
        assert_eq!(told(&shell, ECR, false).await, "AWS:111122223333/eu-west-1");
    }

    #[tokio::test]
    async fn a_stored_ecr_password_that_is_refused_is_replaced() {
        let shell = shell(&format!(
            r#"{{"auths": {{"{ECR}": {{"username": "AWS", "password": "old"}}}}}}"#
        ));
        assert_eq!(told(&shell, ECR, false).await, "AWS:old");
        assert_eq!(told(&shell, ECR, true).await, "AWS:111122223333/eu-west-1");
    }

    #[tokio::test]
    async fn a_store_that_fails_is_told_and_not_fatal() {
        let shell = shell(r#"{"credsStore": "not-installed-anywhere"}"#);
        assert_eq!(told(&shell, "ghcr.io", false).await, "anonymous");
        let warnings = shell.warnings.lock().unwrap().join("\n");
        assert!(warnings.contains("not-installed-anywhere"), "{warnings}");
    }
}
