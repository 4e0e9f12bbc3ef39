//! The token services of six makers. Every field says something that the maker documents, or that
//! stands in its source; what could not be found is left at what the specification says.

use super::routes::base64;
use super::tokens::{Lacking, TokenService};

const ALL: &[&str] = &["pull", "push", "delete", "*"];

/// As Distribution specifies it (`docs/content/spec/auth/token.md`, `oauth.md`).
fn specified() -> TokenService {
    TokenService {
        registry: "registry.example.com",
        path: "/token",
        origin: None,
        elsewhere: false,
        service: Some("registry.example.com"),
        pairs: vec!["robot:hush-hush"],
        refresh: None,
        permanent: None,
        fields: &["token"],
        expires_in: None,
        actions: ALL,
        refuses: false,
        takes_unknown_for_anonymous: false,
        downloads: None,
        lacking: Lacking::Challenge,
    }
}

/// The service is on another host; its answer may have the token under both names, and says how long
/// it lives (docs.docker.com/reference/api/registry/auth).
pub(crate) fn docker_hub() -> TokenService {
    TokenService {
        registry: "docker.io",
        elsewhere: true,
        service: Some("registry.docker.io"),
        fields: &["token", "access_token"],
        expires_in: Some(300),
        ..specified()
    }
}

/// Public images need an anonymous token too (github.com/orgs/community/discussions/204710), private
/// ones get no anonymous token at all (openai/tunnel-client#75). `user:token` in base64 is taken as a
/// bearer token, and Basic is not taken (argocd-image-updater#303, updatecli#245). Denials are 403
/// `DENIED` (oblien/openship#255, charmbracelet/catwalk#518).
pub(crate) fn github() -> TokenService {
    TokenService {
        registry: "ghcr.io",
        service: Some("ghcr.io"),
        permanent: Some(base64("robot:hush-hush")),
        refuses: true,
        lacking: Lacking::Denied,
        ..specified()
    }
}

/// The user name says what the password is: an access token, a key file, or one in base64
/// (cloud.google.com/artifact-registry/docs/docker/authentication). The challenge need not name a
/// service (apple/container#1026). Downloads are redirected to a path on the same host
/// (`/artifacts-downloads/…`, astral-sh/uv#13041).
pub(crate) fn google() -> TokenService {
    TokenService {
        registry: "europe-west1-docker.pkg.dev",
        path: "/v2/token",
        service: None,
        pairs: vec![
            "oauth2accesstoken:hush-hush",
            "_json_key:{\"type\": \"service_account\", \"private_key\": \"hush:hush\"}",
            "_json_key_base64:aHVzaC1odXNo",
        ],
        downloads: Some("/artifacts-downloads"),
        ..specified()
    }
}

/// A refresh token is exchanged by `POST`, or shown as the password of the user that is all zeroes;
/// the answer has nothing but `access_token` (Azure/acr, `docs/AAD-OAuth.md`).
pub(crate) fn azure() -> TokenService {
    TokenService {
        registry: "contoso.azurecr.io",
        path: "/oauth2/token",
        service: Some("contoso.azurecr.io"),
        pairs: vec![
            "00000000-0000-0000-0000-000000000000:hush-refresh",
            "robot:hush-hush",
        ],
        refresh: Some("hush-refresh"),
        fields: &["access_token"],
        ..specified()
    }
}

/// Robots are called `organisation+robot`. A scope may name `pull`, `push` and `*`, nothing else.
/// Whoever asks for too much gets a token for less, whose use is refused with the challenge; who
/// shows wrong credentials, or none and no scope, gets 401 (quay/quay, `endpoints/v2/v2auth.py`).
pub(crate) fn quay() -> TokenService {
    TokenService {
        registry: "quay.io",
        path: "/v2/auth",
        service: Some("quay.io"),
        pairs: vec!["team+robot:hush-hush"],
        actions: &["pull", "push", "*"],
        ..specified()
    }
}

/// Robots are called `robot$name` (goharbor.io/docs, "Create System Robot Accounts"). The service has
/// no `POST` (bitnami/charts#8354) and takes unknown credentials for none (goharbor/harbor,
/// `core/service/token/creator.go`); its answer says how long the token lives (goharbor/harbor#714).
/// A request with a token that is not good is asked for Basic, whatever is wrong, and Basic is taken
/// (`server/middleware/v2auth/auth.go`).
pub(crate) fn harbor() -> TokenService {
    TokenService {
        registry: "harbor.example.com",
        path: "/service/token",
        service: Some("harbor-registry"),
        pairs: vec!["robot$team+deploy:hush-hush"],
        expires_in: Some(300),
        takes_unknown_for_anonymous: true,
        lacking: Lacking::Basic,
        ..specified()
    }
}

pub(crate) fn all() -> Vec<TokenService> {
    vec![docker_hub(), github(), google(), azure(), quay(), harbor()]
}
