//! A blob on its way into a registry: the requests of an upload.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use http::{HeaderValue, Method, StatusCode};
use steward_core::{Digest, RepositoryPath};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::loan::{Ended, Loan};
use super::{Download, Flow, flow};
use crate::error::{Exchange, RegistryError};
use crate::limit::Action;
use crate::manifest::Descriptor;
use crate::origin::{Hop, Purpose};
use crate::reply;
use crate::repository::{Repository, escaped};
use crate::request::{Call, Reply};

/// What came of asking to upload a blob.
pub(crate) enum Started {
    /// The repository has the blob now (or had it before): nothing to send.
    Exists,
    /// The blob is to be sent.
    Session(UploadSession),
}

/// An upload in progress at the registry.
#[derive(Clone, Debug)]
pub(crate) struct UploadSession {
    hop: Hop,
}

/// Which bytes of a blob one request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The first byte.
    pub(crate) start: u64,
    /// How many.
    pub(crate) length: u64,
}

impl Repository {
    /// The size of a blob in bytes, where the repository has it.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong other than that the blob or the repository does not exist.
    pub async fn find_blob(&self, digest: &Digest) -> Result<Option<u64>, RegistryError> {
        let hop = self.hop(&format!("blobs/{digest}"))?;
        match self
            .send(Call::new(Method::HEAD, hop, self.read_scope()))
            .await
        {
            Ok(reply) => Ok(reply
                .header(CONTENT_LENGTH)
                .and_then(|length| length.parse().ok())
                .or(Some(0))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a small blob whole, such as a configuration; digest and size are checked.
    ///
    /// # Errors
    ///
    /// [`RegistryError::TooLarge`] where its descriptor states more than `limit` bytes.
    pub async fn blob(&self, descriptor: &Descriptor, limit: u64) -> Result<Bytes, RegistryError> {
        let retry = *self.client().retry_policy();
        Download::new(self.clone().into(), descriptor.clone(), retry)
            .collect(limit)
            .await
    }

    /// Writes a small blob that is at hand.
    ///
    /// # Errors
    ///
    /// Whatever goes wrong; a blob that exists is a success.
    pub async fn put_blob(&self, bytes: Bytes) -> Result<Descriptor, RegistryError> {
        let digest = super::digest_of(&bytes);
        let descriptor = Descriptor::new(
            "application/octet-stream",
            digest.clone(),
            bytes.len() as u64,
        );
        match self.start_upload(Some(&digest), Some(self.path())).await? {
            Started::Exists => {}
            Started::Session(session) => {
                let mut call = Call::new(Method::PUT, session.closing(&digest), self.write_scope())
                    .header(CONTENT_TYPE, octets());
                call.body = Some(bytes);
                self.send(call).await?;
            }
        }
        Ok(descriptor)
    }

    /// Opens an upload. With a digest, the registry is asked to mount the blob from another
    /// repository (or from this one, which tells whether it is here already); one that cannot opens
    /// an upload session with the same reply.
    pub(crate) async fn start_upload(
        &self,
        mount: Option<&Digest>,
        from: Option<&RepositoryPath>,
    ) -> Result<Started, RegistryError> {
        let mut tail = "blobs/uploads/".to_owned();
        let mut scope = self.write_scope();
        if let Some(digest) = mount {
            tail.push_str(&format!("?mount={}", escaped(digest.as_str())));
            if let Some(from) = from {
                tail.push_str(&format!("&from={}", escaped(from.as_str())));
                if from != self.path() {
                    scope = scope.and_pull(from);
                }
            }
        }
        let call = Call::new(Method::POST, self.hop(&tail)?, scope)
            .header(CONTENT_LENGTH, HeaderValue::from_static("0"));
        let reply = self.send(call).await?;
        match reply.status() {
            StatusCode::CREATED => {
                if let Some(digest) = mount {
                    self.check_blob_digest(&reply, digest)?;
                }
                Ok(Started::Exists)
            }
            StatusCode::ACCEPTED => Ok(Started::Session(self.session(&reply, None)?)),
            _ => Err(reply.protocol("expected 201 or 202 for a new upload")),
        }
    }

    /// The session that a reply continues; `current` where a reply need not name it again.
    fn session(
        &self,
        reply: &Reply,
        current: Option<&UploadSession>,
    ) -> Result<UploadSession, RegistryError> {
        let Some(location) = reply.header(LOCATION) else {
            return current
                .cloned()
                .ok_or_else(|| reply.protocol("an upload without a location"));
        };
        let from = reply.response.url();
        let mut hop = Hop::follow(self.endpoint(), from, location, Purpose::Upload)?;
        // A session that has left the registry does not come back with credentials.
        hop.own &= current.is_none_or(|session| session.hop.own);
        Ok(UploadSession { hop })
    }

    /// Sends a blob, or the rest of it, and closes the upload: one streaming `PUT`.
    pub(crate) async fn finish_upload(
        &self,
        session: &UploadSession,
        source: &Arc<Mutex<Download>>,
        part: Part,
        flow: &Arc<Flow>,
    ) -> Result<(), RegistryError> {
        let digest = source.lock().await.descriptor().digest.clone();
        let hop = session.closing(&digest);
        let reply = self.stream(Method::PUT, &hop, source, part, flow).await?;
        match reply.status() {
            StatusCode::CREATED | StatusCode::NO_CONTENT | StatusCode::OK => {
                self.check_blob_digest(&reply, &digest)
            }
            _ => Err(reply.protocol("expected 201 for a finished upload")),
        }
    }

    /// Sends a part of a blob: one streaming `PATCH`. ECR answers 201 where the specification
    /// says 202.
    pub(crate) async fn send_part(
        &self,
        session: &UploadSession,
        source: &Arc<Mutex<Download>>,
        part: Part,
        flow: &Arc<Flow>,
    ) -> Result<UploadSession, RegistryError> {
        let reply = self
            .stream(Method::PATCH, &session.hop, source, part, flow)
            .await?;
        match reply.status() {
            StatusCode::ACCEPTED | StatusCode::CREATED | StatusCode::NO_CONTENT => {
                self.session(&reply, Some(session))
            }
            _ => Err(reply.protocol("expected 202 for a part of an upload")),
        }
    }

    /// How many bytes of an upload the registry has, and where it goes on; nothing where it cannot
    /// tell. One attempt: who asks has a fresh upload to fall back to.
    pub(crate) async fn upload_status(
        &self,
        session: &UploadSession,
    ) -> Result<Option<(u64, UploadSession)>, RegistryError> {
        let call = Call::new(Method::GET, session.hop.clone(), self.write_scope());
        let reply = self.send_once(&call).await?;
        if reply.status() != StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let last = reply
            .header(RANGE)
            .and_then(|range| range.trim_start_matches("bytes=").strip_prefix("0-"))
            .and_then(|last| last.parse::<u64>().ok())
            // `0-0` means one byte to some and none to others.
            .filter(|last| *last > 0);
        match last {
            Some(last) => Ok(Some((last + 1, self.session(&reply, Some(session))?))),
            None => Ok(None),
        }
    }

    fn check_blob_digest(&self, reply: &Reply, expected: &Digest) -> Result<(), RegistryError> {
        match reply
            .header("docker-content-digest")
            .map(str::parse::<Digest>)
        {
            Some(Ok(found)) if found != *expected && found.algorithm() == expected.algorithm() => {
                Err(RegistryError::DigestMismatch {
                    subject: format!("blob of {self}"),
                    expected: expected.clone(),
                    found: found.to_string(),
                })
            }
            _ => Ok(()),
        }
    }

    /// One request whose body comes from a download. Sent once: a stream cannot be sent again.
    async fn stream(
        &self,
        method: Method,
        hop: &Hop,
        source: &Arc<Mutex<Download>>,
        part: Part,
        flow: &Arc<Flow>,
    ) -> Result<Reply, RegistryError> {
        let scope = self.write_scope();
        let gate = self.client().gate(self.endpoint(), Action::UploadSend);
        let pass = gate.enter().await;
        let shown = self.authorization(hop, &scope).await?;
        let exchange = Exchange::new(&method, &hop.url);
        self.count();
        let source = Arc::clone(source).lock_owned().await;
        let (loan, body) = Loan::of(chunks(source, part, Arc::clone(flow)));
        let mut request = self
            .prepare(method.clone(), hop, shown.clone())
            .header(CONTENT_TYPE, octets())
            .header(CONTENT_LENGTH, part.length);
        if method == Method::PATCH || part.start > 0 {
            let last = (part.start + part.length).saturating_sub(1);
            request = request.header(CONTENT_RANGE, format!("{}-{last}", part.start));
        }
        let response = flow::watched(
            request.body(body).send(),
            flow,
            part.start + part.length,
            self.client().transport().idle_timeout(),
        )
        .await
        .ok_or_else(|| RegistryError::Stalled {
            exchange: exchange.clone(),
            idle: flow::patience(self.client().transport().idle_timeout()),
        })?
        .map_err(|e| crate::transport::failed(e, &exchange, &hop.url))?;
        drop(loan);
        if response.status().is_success() {
            pass.answered();
            return Ok(Reply { response, exchange });
        }
        let headers = response.headers().clone();
        let error = reply::refused(response, *exchange).await;
        self.tell(pass, &error, &headers);
        if hop.own
            && (matches!(error, RegistryError::Unauthorized(_)) || reply::is_expired_token(&error))
        {
            // The next attempt has to show something else.
            self.learn(&scope, &headers, shown.as_ref()).await?;
        }
        Err(error)
    }
}

impl UploadSession {
    pub(super) fn at(hop: Hop) -> Self {
        Self { hop }
    }

    pub(super) fn url(&self) -> &url::Url {
        &self.hop.url
    }

    /// Whether the upload is at the registry itself.
    pub(super) fn is_own(&self) -> bool {
        self.hop.own
    }

    /// The address that closes the upload.
    fn closing(&self, digest: &Digest) -> Hop {
        let mut hop = self.hop.clone();
        let query = match hop.url.query() {
            // The registry's own query is kept as it is: it may be signed.
            Some(query) if !query.is_empty() => {
                format!("{query}&digest={}", escaped(digest.as_str()))
            }
            _ => format!("digest={}", escaped(digest.as_str())),
        };
        hop.url.set_query(Some(&query));
        hop
    }
}

fn octets() -> HeaderValue {
    HeaderValue::from_static("application/octet-stream")
}

/// The bytes of one part as the body of a request. Chunks pass through as they arrived: nothing is
/// copied, and nothing waits in a buffer but the one chunk that the download holds back.
fn chunks(
    source: OwnedMutexGuard<Download>,
    part: Part,
    flow: Arc<Flow>,
) -> impl Stream<Item = Result<Bytes, Ended>> + Send + 'static {
    flow.at(part.start);
    let state = (source, part.length, flow);
    stream::try_unfold(state, |(mut source, left, flow)| async move {
        if left == 0 {
            // The last part ends with the blob: only a verified one may end.
            return Ok(None);
        }
        match source.next().await {
            Ok(Some(mut chunk)) => {
                if chunk.len() as u64 > left {
                    let rest = chunk.split_off(usize::try_from(left).unwrap_or(chunk.len()));
                    source.unread(rest);
                }
                let left = left - chunk.len() as u64;
                flow.moved(chunk.len() as u64);
                Ok(Some((chunk, (source, left, flow))))
            }
            Ok(None) => Err(Ended),
            Err(error) => {
                source.fail(error);
                Err(Ended)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Reach;
    use url::Url;

    #[test]
    fn the_digest_is_added_to_whatever_query_there_is() {
        let digest: Digest =
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
                .parse()
                .unwrap();
        for (url, expected) in [
            ("https://a/v2/x", "https://a/v2/x?digest=sha256:e3b0"),
            ("https://a/v2/x?", "https://a/v2/x?digest=sha256:e3b0"),
            (
                "https://a/v2/x?_state=A%2Fb%3D&y",
                "https://a/v2/x?_state=A%2Fb%3D&y&digest=sha256:e3b0",
            ),
        ] {
            let session = UploadSession {
                hop: Hop {
                    url: Url::parse(url).unwrap(),
                    own: true,
                    reach: Reach::Anywhere,
                },
            };
            let closing = session.closing(&digest).url;
            assert!(closing.as_str().starts_with(expected), "{closing}");
        }
    }
}
