use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method};
use steward_core::{Digest, Reference};

use super::Repository;
use crate::auth::Scope;
use crate::blob::{digest_of, verify};
use crate::error::RegistryError;
use crate::manifest::{Descriptor, MAX_MANIFEST_BYTES, Manifest, MediaType};
use crate::reply;
use crate::request::{Call, Reply};

const CONTENT_DIGEST: &str = "docker-content-digest";

/// What became of a manifest that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// Whether the registry said that it lists the manifest as a referrer of its subject.
    pub(crate) subject_listed: bool,
}

impl Repository {
    /// What a tag or digest stands for: media type, digest and size. One `HEAD`, or one `GET`
    /// more where the registry does not say the digest.
    ///
    /// # Errors
    ///
    /// [`RegistryError::NotFound`] where it does not exist.
    pub async fn resolve(&self, reference: &Reference) -> Result<Descriptor, RegistryError> {
        let reply = self
            .send(self.manifest_call(Method::HEAD, reference)?)
            .await?;
        let named = reply.header(CONTENT_DIGEST).map(str::parse::<Digest>);
        let media_type = reply
            .header(CONTENT_TYPE)
            .map(|text| text.split(';').next().unwrap_or_default().trim())
            .filter(|text| MediaType::parse(text).is_some())
            .map(str::to_owned);
        let size = reply
            .header(CONTENT_LENGTH)
            .and_then(|text| text.parse::<u64>().ok());
        match (named, media_type, size) {
            (Some(Ok(digest)), Some(media_type), Some(size)) => {
                if let Reference::Digest(asked) = reference
                    && *asked != digest
                {
                    return Err(RegistryError::DigestMismatch {
                        subject: format!("{self}@{asked}"),
                        expected: asked.clone(),
                        found: digest.to_string(),
                    });
                }
                Ok(Descriptor::new(media_type, digest, size))
            }
            _ => Ok(self.manifest(reference).await?.descriptor()),
        }
    }

    /// As [`Repository::resolve`], where "does not exist" is an answer and no error.
    ///
    /// # Errors
    ///
    /// Whatever else goes wrong.
    pub async fn find(&self, reference: &Reference) -> Result<Option<Descriptor>, RegistryError> {
        match self.resolve(reference).await {
            Ok(descriptor) => Ok(Some(descriptor)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a manifest. By digest, its bytes are checked against that; by tag, the digest is the
    /// one of the bytes, and the registry must not claim another.
    ///
    /// # Errors
    ///
    /// [`RegistryError::NotFound`], [`RegistryError::DigestMismatch`],
    /// [`RegistryError::TooLarge`] above 4 MiB, [`RegistryError::Manifest`].
    pub async fn manifest(&self, reference: &Reference) -> Result<Manifest, RegistryError> {
        let mut attempt = 1;
        loop {
            let call = self.manifest_call(Method::GET, reference)?;
            // What keeps a reply from coming is tried again in there.
            let reply = self.send(call).await?;
            let error = match self.read_manifest(reply, reference).await {
                Ok(manifest) => return Ok(manifest),
                Err(error) => error,
            };
            let again = error.is_transient() || error.is_wrong_bytes() && attempt == 1;
            let pause = self.client().retry_policy().pause(attempt, None);
            let Some(pause) = pause.filter(|_| again) else {
                return Err(error);
            };
            tracing::debug!(attempt, ?pause, %error, "reading a manifest again");
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn read_manifest(
        &self,
        reply: Reply,
        reference: &Reference,
    ) -> Result<Manifest, RegistryError> {
        let content_type = reply.header(CONTENT_TYPE).map(str::to_owned);
        let claimed = reply
            .header(CONTENT_DIGEST)
            .and_then(|text| text.parse::<Digest>().ok());
        let limit = usize::try_from(MAX_MANIFEST_BYTES).unwrap_or(usize::MAX);
        let bytes = reply::body(reply.response, &reply.exchange, limit).await?;
        let subject = || match reference {
            Reference::Tag(tag) => format!("{self}:{tag}"),
            Reference::Digest(digest) => format!("{self}@{digest}"),
        };
        let expected = match reference {
            Reference::Digest(digest) => Some(digest.clone()),
            Reference::Tag(_) => claimed,
        };
        if let Some(expected) = &expected {
            verify(&bytes, expected).map_err(|found| RegistryError::DigestMismatch {
                subject: subject(),
                expected: expected.clone(),
                found,
            })?;
        }
        let manifest = Manifest::parse(bytes, content_type.as_deref()).map_err(|source| {
            RegistryError::Manifest {
                subject: subject(),
                source,
            }
        })?;
        Ok(match expected {
            Some(digest) => manifest.with_digest(digest),
            None => manifest,
        })
    }

    /// Writes a manifest's raw bytes under a tag or its digest. A tag that may not be moved but
    /// points at this very manifest already is a success: ECR refuses even the identical push.
    ///
    /// # Errors
    ///
    /// [`RegistryError::ImmutableTag`] where the tag stands for another image and may not be moved.
    pub async fn put_manifest(
        &self,
        reference: &Reference,
        manifest: &Manifest,
    ) -> Result<(), RegistryError> {
        self.write_manifest(reference, manifest).await.map(drop)
    }

    pub(crate) async fn write_manifest(
        &self,
        reference: &Reference,
        manifest: &Manifest,
    ) -> Result<Written, RegistryError> {
        if manifest.bytes().len() as u64 > MAX_MANIFEST_BYTES {
            return Err(RegistryError::TooLarge {
                subject: format!("{self}@{}", manifest.digest()),
                limit: MAX_MANIFEST_BYTES,
            });
        }
        let mut call = Call::new(
            Method::PUT,
            self.hop(&format!("manifests/{reference}"))?,
            self.write_scope(),
        )
        .header(
            CONTENT_TYPE,
            HeaderValue::from_static(manifest.media_type().as_str()),
        );
        call.body = Some(manifest.bytes().clone());
        match self.send_verified(&call).await {
            Ok(reply) => self.written(&reply, manifest),
            Err(error) => self.after_refusal(error, reference, manifest).await,
        }
    }

    /// Sends bytes that are known to be right. That they are not (`DIGEST_INVALID`) is then the
    /// registry's trouble, and passes: see [`RegistryError::Unsettled`].
    async fn send_verified(&self, call: &Call) -> Result<Reply, RegistryError> {
        let mut attempt = 1;
        loop {
            let exchange = match self.send(call.clone()).await {
                Err(RegistryError::Refused(exchange)) if exchange.has_code("DIGEST_INVALID") => {
                    exchange
                }
                result => return result,
            };
            let Some(pause) = self.client().retry_policy().pause(attempt, None) else {
                return Err(RegistryError::Unsettled(exchange));
            };
            tracing::debug!(attempt, ?pause, %exchange, "trying again");
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    fn written(&self, reply: &Reply, manifest: &Manifest) -> Result<Written, RegistryError> {
        if let Some(found) = reply.header(CONTENT_DIGEST)
            && let Ok(found) = found.parse::<Digest>()
            && found != *manifest.digest()
            // A registry may name by SHA-256 what is written under SHA-512.
            && found != digest_of(manifest.bytes())
        {
            return Err(RegistryError::DigestMismatch {
                subject: self.to_string(),
                expected: manifest.digest().clone(),
                found: found.to_string(),
            });
        }
        Ok(Written {
            subject_listed: reply.header("oci-subject").is_some(),
        })
    }

    /// A refused write of a tag that already says what it should say is no failure.
    async fn after_refusal(
        &self,
        error: RegistryError,
        reference: &Reference,
        manifest: &Manifest,
    ) -> Result<Written, RegistryError> {
        let Reference::Tag(tag) = reference else {
            return Err(error);
        };
        let Some(exchange) = error.exchange().filter(|e| is_immutable(e)).cloned() else {
            return Err(error);
        };
        let existing = self.find(reference).await?.map(|found| found.digest);
        if existing.as_ref() == Some(manifest.digest()) {
            return Ok(Written {
                subject_listed: false,
            });
        }
        Err(RegistryError::ImmutableTag {
            tag: tag.clone(),
            existing,
            exchange: Box::new(exchange),
        })
    }

    /// Deletes a manifest (by digest) or a tag, where the registry can.
    ///
    /// # Errors
    ///
    /// [`RegistryError::NotFound`] where it does not exist, [`RegistryError::Refused`] where the
    /// registry does not delete.
    pub async fn delete_manifest(&self, reference: &Reference) -> Result<(), RegistryError> {
        let call = Call::new(
            Method::DELETE,
            self.hop(&format!("manifests/{reference}"))?,
            Scope::delete(self.path()),
        );
        self.send(call).await.map(drop)
    }

    fn manifest_call(&self, method: Method, reference: &Reference) -> Result<Call, RegistryError> {
        Ok(Call::new(
            method,
            self.hop(&format!("manifests/{reference}"))?,
            self.read_scope(),
        )
        .header(ACCEPT, HeaderValue::from_static(MediaType::ACCEPT)))
    }
}

/// Whether a refusal says that the tag may not be moved: ECR (`TAG_INVALID`,
/// `ImageTagAlreadyExistsException`), Quay (`TAG_IMMUTABLE`), Harbor (`PRECONDITION`, 412), Artifact
/// Registry and others in words.
fn is_immutable(exchange: &crate::error::Exchange) -> bool {
    let says = |word: &str| {
        exchange
            .message
            .as_deref()
            .is_some_and(|message| message.to_ascii_lowercase().contains(word))
    };
    let code = exchange.code.as_deref().unwrap_or_default();
    matches!(exchange.status, Some(400..=499))
        && (matches!(
            code,
            "TAG_IMMUTABLE" | "ImageTagAlreadyExistsException" | "PRECONDITION"
        ) || says("immutable")
            || says("already exists"))
}
