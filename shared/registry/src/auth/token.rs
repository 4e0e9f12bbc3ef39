//! The token service (`distribution/docs/spec/auth`): token requests and their answers.

use std::time::{Duration, Instant};

use http::{HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Auth, Scope};
use crate::error::{Exchange, RegistryError};
use crate::origin::Hop;
use crate::reply;
use crate::transport::Transport;

/// The largest answer of a token service that is read.
const MAX_TOKEN_BYTES: usize = 1024 * 1024;
/// How long a token without a stated life is used; the specification's default.
const DEFAULT_LIFE: Duration = Duration::from_secs(60);

/// A token and how long it can be used.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) header: HeaderValue,
    expires: Instant,
}

impl Token {
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        now < self.expires
    }
}

#[derive(Deserialize)]
struct Answer {
    token: Option<SecretString>,
    access_token: Option<SecretString>,
    expires_in: Option<u64>,
}

/// Asks the token service once. No redirect is followed: the answer to credentials comes from where
/// they were sent, or not at all.
pub(super) async fn fetch(
    transport: &Transport,
    realm: &Hop,
    host_header: Option<&HeaderValue>,
    service: Option<&str>,
    scope: &Scope,
    auth: &Auth,
) -> Result<Token, RegistryError> {
    let exchange = Exchange::new(&Method::GET, &realm.url);
    let mut request = match auth {
        Auth::IdentityToken(refresh) => {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.append_pair("grant_type", "refresh_token");
            form.append_pair("client_id", "ecr-steward");
            form.append_pair("refresh_token", refresh.expose_secret());
            if !scope.as_str().is_empty() {
                form.append_pair("scope", scope.as_str());
            }
            if let Some(service) = service {
                form.append_pair("service", service);
            }
            transport
                .request(Method::POST, realm)
                .header(
                    http::header::CONTENT_TYPE,
                    "application/x-www-form-urlencoded",
                )
                .body(form.finish())
        }
        _ => {
            let mut hop = realm.clone();
            {
                let mut query = hop.url.query_pairs_mut();
                if let Some(service) = service {
                    query.append_pair("service", service);
                }
                for part in scope.parts() {
                    query.append_pair("scope", part);
                }
            }
            let request = transport.request(Method::GET, &hop);
            match basic(auth) {
                Some(header) => request.header(http::header::AUTHORIZATION, header),
                None => request,
            }
        }
    };
    if let Some(host) = host_header
        && realm.own
    {
        request = request.header(http::header::HOST, host.clone());
    }
    let response = transport.send(request, &exchange, &realm.url).await?;
    if !response.status().is_success() {
        return Err(reply::refused(response, *exchange).await);
    }
    let bytes = reply::body(response, &exchange, MAX_TOKEN_BYTES).await?;
    let answer: Answer = serde_json::from_slice(&bytes).map_err(|_| {
        // The parser's message could quote the token.
        reply::protocol(&exchange, "the token service's answer is not a token")
    })?;
    // Either name will do, and an empty one beside a good one is none (kubescape/operator #44 met one).
    let token = [answer.token, answer.access_token]
        .into_iter()
        .flatten()
        .find(|token| !token.expose_secret().is_empty())
        .ok_or_else(|| reply::protocol(&exchange, "the token service's answer has no token"))?;
    let header = bearer(&token)
        .ok_or_else(|| reply::protocol(&exchange, "the token cannot be sent in a header"))?;
    Ok(Token {
        header,
        expires: Instant::now() + life(answer.expires_in),
    })
}

/// How long a token is used that the service gives for so many seconds.
fn life(expires_in: Option<u64>) -> Duration {
    let life = expires_in
        .filter(|seconds| *seconds > 0)
        .map_or(DEFAULT_LIFE, Duration::from_secs)
        .min(Duration::from_secs(24 * 3600));
    // A tenth is kept back, so that no request leaves with a token that dies on the way.
    life - life / 10
}

/// The header for Basic authentication, where there is a user name and password.
pub(super) fn basic(auth: &Auth) -> Option<HeaderValue> {
    use base64::Engine as _;
    let Auth::Basic { username, password } = auth else {
        return None;
    };
    let pair = SecretString::from(format!("{username}:{}", password.expose_secret()));
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair.expose_secret());
    sensitive(&format!("Basic {encoded}"))
}

/// The header for a bearer token.
pub(super) fn bearer(token: &SecretString) -> Option<HeaderValue> {
    sensitive(&format!("Bearer {}", token.expose_secret()))
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_do_not_show_their_secret() {
        let auth = Auth::Basic {
            username: "AWS".to_owned(),
            password: "hush".into(),
        };
        let header = basic(&auth).unwrap();
        assert_eq!(header, "Basic QVdTOmh1c2g=");
        assert_eq!(format!("{header:?}"), "Sensitive");
        assert!(!format!("{auth:?}").contains("hush"));
        assert!(bearer(&"with\nnewline".into()).is_none());
    }

    #[test]
    fn a_token_without_a_stated_life_is_used_for_less_than_a_minute() {
        for (expires_in, seconds) in [
            (None, 54),
            (Some(0), 54),
            (Some(300), 270),
            (Some(u64::MAX), 77_760),
        ] {
            assert_eq!(life(expires_in), Duration::from_secs(seconds));
        }
    }

    #[test]
    fn a_token_is_used_until_it_expires() {
        let now = Instant::now();
        let token = Token {
            header: HeaderValue::from_static("Bearer x"),
            expires: now + Duration::from_secs(1),
        };
        assert!(token.is_fresh(now));
        assert!(!token.is_fresh(now + Duration::from_secs(1)));
    }
}
