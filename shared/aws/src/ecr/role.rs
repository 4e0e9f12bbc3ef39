//! Credentials of a role of another account.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result as Provided, future};
use aws_sdk_sts::Client;
use aws_types::SdkConfig;

use crate::error::ServiceError;

/// Assumes a role whenever the SDK's identity cache asks, which is when the last credentials end.
#[derive(Debug)]
pub(super) struct AssumedRole {
    client: Client,
    role: String,
    external_id: Option<String>,
    session_name: String,
}

impl AssumedRole {
    /// `config` says who assumes the role, and through which Region's STS.
    pub(super) fn new(
        config: &SdkConfig,
        role: &str,
        external_id: Option<&str>,
        session_name: &str,
    ) -> Self {
        Self {
            client: Client::new(config),
            role: role.to_owned(),
            external_id: external_id.map(str::to_owned),
            session_name: session_name.to_owned(),
        }
    }

    async fn assume(&self) -> Provided {
        let answer = self
            .client
            .assume_role()
            .role_arn(&self.role)
            .role_session_name(&self.session_name)
            .set_external_id(self.external_id.clone())
            .send()
            .await
            .map_err(|error| {
                CredentialsError::provider_error(NotAssumed {
                    role: self.role.clone(),
                    source: ServiceError::from_sdk("sts", "AssumeRole", error),
                })
            })?;
        let credentials = answer
            .credentials
            .ok_or_else(|| CredentialsError::unhandled("the answer has no credentials"))?;
        let expiry =
            SystemTime::try_from(credentials.expiration).map_err(CredentialsError::unhandled)?;
        Ok(Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            Some(expiry),
            "AssumedRole",
        ))
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot assume the role {role}")]
struct NotAssumed {
    role: String,
    source: ServiceError,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{config, replay, request};

    const ROLE: &str = "arn:aws:iam::444455556666:role/ecr-steward-writer";

    #[tokio::test]
    async fn a_role_is_assumed_with_session_and_external_id() {
        let client = replay(&[(
            200,
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>AKID</AccessKeyId>\
             <SecretAccessKey>hush</SecretAccessKey><SessionToken>session</SessionToken>\
             <Expiration>2026-08-01T10:00:00Z</Expiration></Credentials></AssumeRoleResult>\
             </AssumeRoleResponse>",
        )]);
        let role = AssumedRole::new(&config(&client), ROLE, Some("id-7"), "ecr-steward-x");
        let credentials = role.assume().await.unwrap();
        assert_eq!(credentials.access_key_id(), "AKID");
        assert_eq!(credentials.session_token(), Some("session"));
        assert!(credentials.expiry().is_some());
        let sent = request(&client, 0);
        for part in [
            "RoleArn=arn%3Aaws%3Aiam%3A%3A444455556666%3Arole%2Fecr-steward-writer",
            "RoleSessionName=ecr-steward-x",
            "ExternalId=id-7",
        ] {
            assert!(sent.contains(part), "{part}: {sent}");
        }
    }

    #[tokio::test]
    async fn a_refusal_names_the_role_and_says_why() {
        let client = replay(&[(
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error>\
             </ErrorResponse>",
        )]);
        let role = AssumedRole::new(&config(&client), ROLE, None, "ecr-steward-x");
        let error = role.assume().await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap();
        assert_eq!(cause.to_string(), format!("cannot assume the role {ROLE}"));
        let cause = cause.source().unwrap().to_string();
        assert!(cause.contains("AccessDenied: not you"), "{cause}");
    }
}
