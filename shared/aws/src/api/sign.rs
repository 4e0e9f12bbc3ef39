//! Credentials and signatures (Signature Version 4).

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;

use super::{Call, Service};
use crate::error::Kind;

/// How long before their end credentials are asked for anew.
const EARLY: Duration = Duration::from_secs(5 * 60);

/// Keeps credentials, and signs with them.
pub(super) struct Signer {
    provider: Option<SharedCredentialsProvider>,
    kept: Mutex<Option<Credentials>>,
}

/// Why nothing was signed.
type Unsigned = (Kind, Box<dyn StdError + Send + Sync>);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl Signer {
    pub(super) fn new(provider: Option<SharedCredentialsProvider>) -> Self {
        Self {
            provider,
            kept: Mutex::new(None),
        }
    }

    /// Asks for new credentials before the next signature.
    pub(super) fn forget(&self) {
        self.keep(None);
    }

    fn keep(&self, credentials: Option<Credentials>) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = credentials;
    }

    async fn credentials(&self) -> Result<Credentials, Unsigned> {
        let kept = self
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(kept) = kept.filter(|x| lasts(x, SystemTime::now())) {
            return Ok(kept);
        }
        let provider = self
            .provider
            .as_ref()
            .ok_or((Kind::Credentials, "no provider of credentials".into()))?;
        let new = provider
            .provide_credentials()
            .await
            .map_err(|x| (Kind::Credentials, x.into()))?;
        self.keep(Some(new.clone()));
        Ok(new)
    }

    /// The headers that the request needs beside its own.
    pub(super) async fn sign(
        &self,
        service: &Service,
        region: &str,
        call: &Call,
    ) -> Result<Vec<(&'static str, String)>, Unsigned> {
        let identity = Identity::from(self.credentials().await?);
        let invalid = |x: Box<dyn StdError + Send + Sync>| (Kind::Invalid, x);
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service.signing)
            .time(SystemTime::now())
            .settings(settings(service))
            .build()
            .map_err(|x| invalid(x.into()))?
            .into();
        let headers = call
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let request = SignableRequest::new(
            call.method,
            call.url.as_str(),
            headers,
            SignableBody::Bytes(&call.body),
        )
        .map_err(|x| invalid(x.into()))?;
        let (signed, _) = sign(request, &params)
            .map_err(|x| invalid(x.into()))?
            .into_parts();
        let (headers, _) = signed.into_parts();
        Ok(headers
            .into_iter()
            .map(|x| (x.name(), x.value().to_owned()))
            .collect())
    }
}

/// S3 takes a path as it is sent, and wants the payload's hash in a header.
fn settings(service: &Service) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service.signing == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

fn lasts(credentials: &Credentials, now: SystemTime) -> bool {
    credentials.expiry().is_none_or(|x| x > now + EARLY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_kept_until_shortly_before_their_end() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let ending = |in_seconds| {
            let end = now + Duration::from_secs(in_seconds);
            Credentials::new("AKIDEXAMPLE", "not-a-secret", None, Some(end), "test")
        };
        assert!(lasts(&ending(301), now));
        assert!(!lasts(&ending(300), now));
        let endless = Credentials::new("AKIDEXAMPLE", "not-a-secret", None, None, "test");
        assert!(lasts(&endless, now));
    }

    #[test]
    fn kept_credentials_are_not_in_debug_output() {
        let signer = Signer::new(None);
        signer.keep(Some(Credentials::new(
            "AKIDEXAMPLE",
            "hush",
            None,
            None,
            "test",
        )));
        assert!(!format!("{signer:?}").contains("hush"));
    }
}
