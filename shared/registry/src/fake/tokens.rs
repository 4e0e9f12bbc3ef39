//! Token services, and what registries do with the tokens. A token here says itself what it is good
//! for, as the ones of real services do, so that a service on another host needs no common memory.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::answer::{Asked, Plain};
use super::routes::base64;
use super::{Access, State};

/// A maker's token service, and how its registry speaks of it.
#[derive(Clone, Debug)]
pub(crate) struct TokenService {
    /// A name of a registry of this make.
    pub(crate) registry: &'static str,
    /// Where the service answers, on the registry's own host or on the one of `origin`.
    pub(crate) path: &'static str,
    pub(crate) origin: Option<String>,
    /// Whether it is on another host than the registry.
    pub(crate) elsewhere: bool,
    /// What the registry calls itself there.
    pub(crate) service: Option<&'static str>,
    /// `user:password` pairs that it takes.
    pub(crate) pairs: Vec<&'static str>,
    /// The refresh token that it takes by `POST`; without one, there is no `POST`.
    pub(crate) refresh: Option<&'static str>,
    /// A token that the registry takes without any service.
    pub(crate) permanent: Option<String>,
    /// The names under which its answer has the token.
    pub(crate) fields: &'static [&'static str],
    pub(crate) expires_in: Option<u64>,
    /// Actions that a scope may name; others make it a bad request.
    pub(crate) actions: &'static [&'static str],
    /// Whether it refuses what is not allowed, where others give a token that is good for less.
    pub(crate) refuses: bool,
    /// Whether it takes unknown credentials for none.
    pub(crate) takes_unknown_for_anonymous: bool,
    /// The path on its own host to which the registry redirects readers of blobs.
    pub(crate) downloads: Option<&'static str>,
    /// What the registry answers to a token that is not good for a request.
    pub(crate) lacking: Lacking,
}

/// How a registry says that a token is good, but not for this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lacking {
    /// 401 with the challenge again.
    Challenge,
    /// 401 that asks for Basic, as to every request with a token.
    Basic,
    /// 403.
    Denied,
}

/// What a token is good for.
#[derive(Serialize, Deserialize)]
struct Grant {
    /// The how many-th token.
    number: u64,
    scopes: Vec<(String, Vec<String>)>,
}

/// Whether somebody may do something. Everybody may read `open/…`, nobody may enter `other/…`.
fn is_allowed(known: bool, repository: &str, action: &str) -> bool {
    let reads = action == "pull";
    (reads && repository.starts_with("open/")) || (known && !repository.starts_with("other/"))
}

impl Grant {
    fn token(&self) -> String {
        hex::encode(serde_json::to_vec(self).unwrap())
    }

    fn read(token: &str) -> Option<Self> {
        serde_json::from_slice(&hex::decode(token).ok()?).ok()
    }

    fn covers(&self, repository: &str, action: &str) -> bool {
        self.scopes
            .iter()
            .any(|(name, actions)| name == repository && actions.iter().any(|a| a == action))
    }
}

impl State {
    /// The answer of the token service, where the request is for one.
    pub(super) fn serve_token(&mut self, asked: &Asked) -> Option<Plain> {
        let Access::Service(service) = &self.quirks.access else {
            return None;
        };
        let service = service.clone();
        (asked.path == service.path && service.origin.is_none())
            .then(|| self.issue(&service, asked))
    }

    fn issue(&mut self, service: &TokenService, asked: &Asked) -> Plain {
        let unknown = || Plain::error(401, "UNAUTHORIZED", "wrong credentials");
        let form: Vec<(String, String)>;
        let (parameters, known): (&[(String, String)], bool) = if asked.method == Method::POST {
            let Some(refresh) = service.refresh else {
                return Plain::error(405, "METHOD_NOT_ALLOWED", "no POST here");
            };
            form = url::form_urlencoded::parse(&asked.body)
                .into_owned()
                .collect();
            let is = |name: &str, value: &str| form.iter().any(|(n, v)| n == name && v == value);
            if !is("grant_type", "refresh_token") || !is("refresh_token", refresh) {
                return unknown();
            }
            (&form, true)
        } else {
            let known = match asked.header("authorization") {
                None => false,
                Some(shown) => {
                    let mut pairs = service.pairs.iter();
                    let known = pairs.any(|pair| shown == format!("Basic {}", base64(pair)));
                    if !known && !service.takes_unknown_for_anonymous {
                        return unknown();
                    }
                    known
                }
            };
            (asked.parameters(), known)
        };
        let all = |name: &'static str| {
            let named = parameters.iter().filter(move |(key, _)| key == name);
            named.map(|(_, value)| value.as_str())
        };
        if all("service").next() != service.service {
            return Plain::error(400, "UNKNOWN_SERVICE", "another service");
        }
        let mut scopes = Vec::new();
        for scope in all("scope").flat_map(|list| list.split(' ')) {
            let Some((repository, actions)) = scope
                .strip_prefix("repository:")
                .and_then(|scope| scope.split_once(':'))
            else {
                return Plain::error(400, "INVALID_REQUEST", "unable to decode the scope");
            };
            let wanted: Vec<&str> = actions.split(',').collect();
            if wanted
                .iter()
                .any(|action| !service.actions.contains(action))
            {
                return Plain::error(400, "INVALID_REQUEST", "unable to decode the actions");
            }
            let may = |action: &&&str| is_allowed(known, repository, action);
            let granted: Vec<String> = wanted.iter().filter(may).map(|a| (*a).to_owned()).collect();
            if service.refuses && granted.len() < wanted.len() {
                return Plain::error(401, "UNAUTHORIZED", "authentication required");
            }
            scopes.push((repository.to_owned(), granted));
        }
        if !known && scopes.is_empty() {
            return unknown();
        }
        self.issued += 1;
        let grant = Grant {
            number: self.issued,
            scopes,
        };
        let mut body = Map::new();
        for field in service.fields {
            body.insert((*field).to_owned(), json!(grant.token()));
        }
        if let Some(seconds) = service.expires_in {
            body.insert("expires_in".to_owned(), json!(seconds));
        }
        Plain::new(200).body(serde_json::to_vec(&body).unwrap())
    }

    /// The refusal of a request to the registry, unless the token that it shows is good for it.
    pub(super) fn judge_token(&self, service: &TokenService, asked: &Asked) -> Option<Plain> {
        let challenge = || self.challenge(service);
        let refusal = |message: &str, challenge: String| {
            Plain::error(401, "UNAUTHORIZED", message).header("www-authenticate", challenge)
        };
        let shown = asked.header("authorization");
        let by_password = service.lacking == Lacking::Basic
            && shown.is_some_and(|shown| {
                let mut pairs = service.pairs.iter();
                pairs.any(|pair| shown == format!("Basic {}", base64(pair)))
            });
        let token = shown.and_then(|shown| shown.strip_prefix("Bearer "));
        if by_password || (token.is_some() && token == service.permanent.as_deref()) {
            let mut needed = service.needs(asked).into_iter();
            let allowed = needed.all(|(name, action)| is_allowed(true, &name, action));
            return (!allowed).then(|| Plain::error(403, "DENIED", "not yours"));
        }
        let again = || match service.lacking {
            Lacking::Basic => "Basic realm=\"harbor\"".to_owned(),
            _ => challenge(),
        };
        if shown.is_none() {
            return Some(refusal("authentication required", challenge()));
        }
        let grant = token
            .and_then(Grant::read)
            .filter(|grant| grant.number > self.refuses_tokens_up_to);
        let Some(grant) = grant else {
            return Some(refusal("invalid token", again()));
        };
        let needed = service.needs(asked);
        if needed
            .iter()
            .all(|(name, action)| grant.covers(name, action))
        {
            return None;
        }
        Some(match service.lacking {
            Lacking::Challenge => refusal(
                "access to the resource is not allowed",
                format!("{},error=\"insufficient_scope\"", challenge()),
            ),
            Lacking::Basic => refusal("unauthorized to access repository", again()),
            Lacking::Denied => Plain::error(403, "DENIED", "requested access is denied"),
        })
    }

    fn challenge(&self, service: &TokenService) -> String {
        let here = format!("http://{}", self.address);
        let origin = service.origin.as_deref().unwrap_or(&here);
        let realm = format!("{origin}{}", service.path);
        match service.service {
            Some(name) => format!("Bearer realm=\"{realm}\",service=\"{name}\""),
            None => format!("Bearer realm=\"{realm}\""),
        }
    }
}

impl TokenService {
    /// What a token has to be good for, as Distribution asks (`registry/handlers/app.go`).
    fn needs(&self, asked: &Asked) -> Vec<(String, &'static str)> {
        let path = asked.path.strip_prefix("/v2/").unwrap_or_default();
        let markers = ["/blobs/", "/manifests/", "/tags/", "/referrers/"];
        let Some(end) = markers.iter().find_map(|marker| path.find(marker)) else {
            return Vec::new();
        };
        let name = path[..end].to_owned();
        match asked.method {
            Method::GET | Method::HEAD => vec![(name, "pull")],
            Method::DELETE if self.actions.contains(&"delete") => vec![(name, "delete")],
            Method::DELETE => vec![(name, "push")],
            _ => {
                let from = asked.query("from").map(str::to_owned);
                let mut needed = vec![(name.clone(), "pull"), (name, "push")];
                needed.extend(from.map(|from| (from, "pull")));
                needed
            }
        }
    }
}
