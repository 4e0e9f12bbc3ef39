//! One request to a registry: authentication, retries, redirects.

use std::sync::atomic::Ordering;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, HeaderMap, LOCATION};
use http::{HeaderValue, Method, StatusCode};

use crate::auth::Scope;
use crate::error::{Exchange, RegistryError};
use crate::limit::{Action, Pass};
use crate::origin::{Hop, Purpose};
use crate::reply;
use crate::repository::Repository;
use crate::retry::retry_after;

/// No chain of redirects is longer than this.
const MAX_REDIRECTS: usize = 5;

/// A request whose body, if any, is at hand, so that it can be sent again.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) hop: Hop,
    pub(crate) scope: Scope,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
}

impl Call {
    pub(crate) fn new(method: Method, hop: Hop, scope: Scope) -> Self {
        Self {
            method,
            hop,
            scope,
            headers: HeaderMap::new(),
            body: None,
        }
    }

    pub(crate) fn header(mut self, name: http::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn exchange(&self) -> Box<Exchange> {
        Exchange::new(&self.method, &self.hop.url)
    }
}

/// A reply with a success status.
pub(crate) struct Reply {
    pub(crate) response: reqwest::Response,
    pub(crate) exchange: Box<Exchange>,
}

impl Reply {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    pub(crate) fn protocol(&self, reason: impl Into<String>) -> RegistryError {
        reply::protocol(&self.exchange, reason)
    }
}

/// A reply that has arrived whole.
pub(crate) struct Whole {
    pub(crate) headers: HeaderMap,
    pub(crate) exchange: Box<Exchange>,
    /// Nothing where the body was not wanted.
    pub(crate) body: Option<Bytes>,
}

impl Repository {
    /// Sends a request, with retries and after authentication where the registry wants some. Any
    /// status that is no success is an error.
    pub(crate) async fn send(&self, call: Call) -> Result<Reply, RegistryError> {
        let mut attempt = 1;
        loop {
            match self.follow(&call).await {
                Ok(reply) => return Ok(reply),
                Err(error) => self.pause(attempt, error).await?,
            }
            attempt += 1;
        }
    }

    /// As [`Repository::send`], and the body of the reply, of at most `limit` bytes. A body that
    /// breaks off is asked for again, within the same number of attempts. The body of a reply that
    /// is not `wanted` is left alone.
    pub(crate) async fn read(
        &self,
        call: &Call,
        limit: usize,
        wanted: fn(&Reply) -> bool,
    ) -> Result<Whole, RegistryError> {
        let mut attempt = 1;
        loop {
            match self.read_once(call, limit, wanted).await {
                Ok(whole) => return Ok(whole),
                Err(error) => self.pause(attempt, error).await?,
            }
            attempt += 1;
        }
    }

    async fn read_once(
        &self,
        call: &Call,
        limit: usize,
        wanted: fn(&Reply) -> bool,
    ) -> Result<Whole, RegistryError> {
        let reply = self.follow(call).await?;
        let headers = reply.response.headers().clone();
        let body = match wanted(&reply) {
            true => Some(reply::body(reply.response, &reply.exchange, limit).await?),
            false => None,
        };
        Ok(Whole {
            headers,
            exchange: reply.exchange,
            body,
        })
    }

    /// Waits before the next attempt, where the error may pass and there is one left.
    async fn pause(&self, attempt: u32, error: RegistryError) -> Result<(), RegistryError> {
        let policy = self.client().retry_policy();
        let pause = error
            .is_transient()
            .then(|| policy.pause(attempt, error.retry_after()))
            .flatten();
        let Some(pause) = pause else {
            return Err(error);
        };
        tracing::debug!(attempt, ?pause, %error, "trying again");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// As [`Repository::send`], without retries.
    pub(crate) async fn send_once(&self, call: &Call) -> Result<Reply, RegistryError> {
        self.follow(call).await
    }

    /// One attempt. What only reads follows redirects, without credentials once it has left the
    /// registry.
    async fn follow(&self, call: &Call) -> Result<Reply, RegistryError> {
        let asked = call;
        let mut call = asked.clone();
        let action = Action::of(&call.method, call.hop.url.path());
        let mut refused_elsewhere = false;
        for _ in 0..=MAX_REDIRECTS {
            let reply = match self.authenticated(&call, action).await {
                // An address that was signed for a time may have come late, or out of a cache. The
                // registry has another one.
                Err(RegistryError::Denied(_) | RegistryError::Unauthorized(_))
                    if !call.hop.own && asked.hop.own && !refused_elsewhere =>
                {
                    refused_elsewhere = true;
                    call = asked.clone();
                    continue;
                }
                reply => reply?,
            };
            if !reply.status().is_redirection() {
                return Ok(reply);
            }
            if !matches!(call.method, Method::GET | Method::HEAD) {
                return Err(reply.protocol("a redirect that cannot be followed"));
            }
            let location = reply
                .header(LOCATION)
                .ok_or_else(|| reply.protocol("a redirect without a location"))?;
            let left = !call.hop.own;
            call.hop = Hop::follow(self.endpoint(), &call.hop.url, location, Purpose::Read)?;
            // Once a request has left the registry, whoever it met must not be able to send it back
            // with credentials.
            call.hop.own &= !left;
        }
        Err(reply::protocol(&call.exchange(), "too many redirects"))
    }

    /// One request, and the same once more where the registry wants other credentials.
    async fn authenticated(&self, call: &Call, action: Action) -> Result<Reply, RegistryError> {
        let mut shown = self.authorization(&call.hop, &call.scope).await?;
        let mut renewed = false;
        loop {
            let exchange = call.exchange();
            let mut request = self
                .prepare(call.method.clone(), &call.hop, shown.clone())
                .headers(call.headers.clone());
            if let Some(body) = &call.body {
                request = request.body(body.clone());
            }
            let pass = self.client().gate(self.endpoint(), action).enter().await;
            self.count();
            let transport = self.client().transport();
            let response = transport.send(request, &exchange, &call.hop.url).await?;
            let status = response.status();
            if status.is_success() || is_redirect(status) {
                pass.answered();
                return Ok(Reply { response, exchange });
            }
            let headers = response.headers().clone();
            let error = reply::refused(response, *exchange).await;
            self.tell(pass, &error, &headers);
            let asks =
                matches!(error, RegistryError::Unauthorized(_)) || reply::is_expired_token(&error);
            if renewed || !call.hop.own || !asks {
                return Err(error);
            }
            renewed = true;
            if !self.learn(&call.scope, &headers, shown.as_ref()).await? {
                return Err(error);
            }
            shown = self.authorization(&call.hop, &call.scope).await?;
        }
    }

    /// Learns from a refusal; whether there is something new to show.
    pub(crate) async fn learn(
        &self,
        scope: &Scope,
        headers: &HeaderMap,
        shown: Option<&HeaderValue>,
    ) -> Result<bool, RegistryError> {
        let client = self.client();
        client
            .session()
            .refused(client.transport(), self.endpoint(), scope, headers, shown)
            .await
    }

    /// The credentials for an address; none for any other address than the registry's own.
    pub(crate) async fn authorization(
        &self,
        hop: &Hop,
        scope: &Scope,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        if !hop.own {
            return Ok(None);
        }
        let client = self.client();
        client
            .session()
            .authorization(client.transport(), self.endpoint(), scope)
            .await
    }

    /// Counts a request that is about to be sent.
    pub(crate) fn count(&self) {
        self.meter().fetch_add(1, Ordering::Relaxed);
    }

    /// Tells everybody who speaks to the registry what a refusal says about how much it takes.
    pub(crate) fn tell(&self, pass: Pass, error: &RegistryError, headers: &HeaderMap) {
        let overloaded = |exchange: &Exchange| exchange.status == Some(503);
        let is_too_much = match error {
            RegistryError::RateLimited { .. } => true,
            RegistryError::Unavailable(exchange) => overloaded(exchange),
            _ => false,
        };
        if !is_too_much {
            return pass.answered();
        }
        // Who asks for more patience than there is, is not waited for: the request fails.
        let longest = self.client().retry_policy().max;
        let asked = retry_after(headers, SystemTime::now());
        pass.refused(asked.filter(|asked| *asked <= longest));
    }

    /// A request with the headers that every request has.
    pub(crate) fn prepare(
        &self,
        method: Method,
        hop: &Hop,
        authorization: Option<HeaderValue>,
    ) -> reqwest::RequestBuilder {
        let mut request = self.client().transport().request(method, hop);
        if hop.own {
            if let Some(host) = &self.endpoint().host_header {
                request = request.header(HOST, host.clone());
            }
            if let Some(authorization) = authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
        }
        request
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
