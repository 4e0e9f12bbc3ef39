use http::Method;
use serde_json::{Value, json};

use super::answer::{Asked, Plain};
use super::{Access, State, digest};

impl State {
    pub(super) fn route(&mut self, asked: &Asked) -> Plain {
        if let Some(answer) = self.serve_token(asked) {
            return answer;
        }
        if asked.path == "/token" {
            return self.token(asked);
        }
        if let Some(digest) = self.at_blob_path(asked) {
            return self.blob_bytes(asked, &digest);
        }
        if let Some(refusal) = self.refuse(asked) {
            return refusal;
        }
        if asked.path == "/v2/" {
            return Plain::new(200).body("{}");
        }
        if asked.path == "/v2/_catalog" {
            return self.catalog(asked);
        }
        let Some(rest) = asked.path.strip_prefix("/v2/") else {
            return Plain::error(404, "NOT_FOUND", "no such page");
        };
        for (marker, route) in ROUTES {
            if let Some((name, tail)) = rest.split_once(marker) {
                let writes = asked.method != Method::HEAD && marker == "/blobs/uploads/"
                    || asked.method == Method::PUT;
                let is_unknown = !self.store.repositories.contains_key(name);
                if is_unknown && (self.quirks.must_create || !writes) {
                    return Plain::error(404, "NAME_UNKNOWN", "repository name not known");
                }
                return route(self, asked, name, tail);
            }
        }
        Plain::error(404, "NOT_FOUND", "no such page")
    }

    fn refuse(&mut self, asked: &Asked) -> Option<Plain> {
        let shown = asked.header("authorization");
        match &self.quirks.access {
            Access::Open => None,
            Access::Service(service) => self.judge_token(service, asked),
            Access::Basic(pair) => {
                let expected = format!("Basic {}", base64(pair));
                (shown != Some(&expected)).then(|| {
                    Plain::error(401, "UNAUTHORIZED", "authentication required")
                        .header("www-authenticate", "Basic realm=\"fake\"")
                })
            }
            Access::Bearer { realm, .. } => {
                let token = shown.and_then(|shown| shown.strip_prefix("Bearer "));
                let known = self
                    .tokens
                    .iter_mut()
                    .find(|(known, uses)| Some(known.as_str()) == token && *uses > 0);
                if let Some((_, uses)) = known {
                    *uses -= 1;
                    return None;
                }
                let realm = realm
                    .clone()
                    .unwrap_or_else(|| format!("http://{}/token", self.address));
                Some(
                    Plain::error(401, "UNAUTHORIZED", "authentication required").header(
                        "www-authenticate",
                        format!("Bearer realm=\"{realm}\",service=\"fake\""),
                    ),
                )
            }
        }
    }

    fn token(&mut self, asked: &Asked) -> Plain {
        let Access::Bearer {
            pair,
            uses,
            refresh,
            ..
        } = self.quirks.access.clone()
        else {
            return Plain::error(404, "NOT_FOUND", "no token service");
        };
        if asked.method == Method::POST {
            let form: Vec<(String, String)> = url::form_urlencoded::parse(&asked.body)
                .into_owned()
                .collect();
            let given = form.iter().find(|(name, _)| name == "refresh_token");
            if refresh.is_none() || given.map(|(_, value)| value) != refresh.as_ref() {
                return Plain::error(401, "UNAUTHORIZED", "wrong refresh token");
            }
        } else if let Some(pair) = pair {
            let expected = format!("Basic {}", base64(&pair));
            if asked.header("authorization") != Some(&expected) {
                return Plain::error(401, "UNAUTHORIZED", "wrong credentials");
            }
        }
        let token = format!("token-{}", self.tokens.len());
        self.tokens.push((token.clone(), uses));
        let body = json!({ "token": token, "expires_in": 300 });
        Plain::new(200).body(body.to_string())
    }

    fn blobs(&mut self, asked: &Asked, name: &str, digest: &str) -> Plain {
        if !self.store.has_blob(name, digest) {
            return Plain::error(404, "BLOB_UNKNOWN", "blob unknown to registry");
        }
        if let Some(origin) = &self.quirks.blob_origin {
            let to = format!("{origin}/v2/{name}/blobs/{digest}?X-Signature=secret");
            return Plain::new(307).header("location", to);
        }
        if let Some(path) = self.quirks.blob_path {
            return Plain::new(302).header("location", format!("{path}/{digest}"));
        }
        self.blob_bytes(asked, digest)
    }

    /// The blob that a request to the path of blobs is for.
    fn at_blob_path(&self, asked: &Asked) -> Option<String> {
        let digest = asked.path.strip_prefix(self.quirks.blob_path?)?;
        Some(digest.trim_start_matches('/').to_owned())
    }

    fn blob_bytes(&self, asked: &Asked, digest: &str) -> Plain {
        let bytes = self.store.blobs[digest].clone();
        let range = asked
            .header("range")
            .filter(|_| !self.quirks.ignores_range)
            .and_then(|range| range.strip_prefix("bytes="))
            .and_then(|range| range.split_once('-'))
            .and_then(|(start, last)| {
                let last = if last.is_empty() {
                    usize::MAX
                } else {
                    last.parse().ok()?
                };
                Some((start.parse::<usize>().ok()?, last.min(bytes.len() - 1)))
            });
        match range {
            Some((start, last)) if start <= last => Plain::new(206)
                .header(
                    "content-range",
                    format!("bytes {start}-{last}/{}", bytes.len()),
                )
                .body(&bytes[start..=last]),
            Some(_) => Plain::error(416, "RANGE_INVALID", "beyond the end"),
            None => Plain::new(200)
                .header("content-length", bytes.len().to_string())
                .body(bytes),
        }
    }

    fn manifests(&mut self, asked: &Asked, name: &str, reference: &str) -> Plain {
        match asked.method {
            Method::GET | Method::HEAD => {
                let Some((digest, media_type, bytes)) = self.store.manifest(name, reference) else {
                    return Plain::error(404, "MANIFEST_UNKNOWN", "manifest unknown");
                };
                let accept = asked.header("accept").unwrap_or_default();
                if !accept.contains(&media_type) {
                    return Plain::error(406, "UNSUPPORTED", "not acceptable");
                }
                let plain = Plain::new(200)
                    .header("content-type", media_type)
                    .header("content-length", bytes.len().to_string())
                    .body(bytes);
                self.content_digest(plain, &digest)
            }
            Method::PUT => self.put_manifest(asked, name, reference),
            Method::DELETE => {
                let contents = self.store.repositories.get_mut(name).unwrap();
                let known = contents.tags.remove(reference).is_some()
                    || contents.manifests.remove(reference).is_some();
                if known {
                    contents.tags.retain(|_, digest| digest != reference);
                    Plain::new(202)
                } else {
                    Plain::error(404, "MANIFEST_UNKNOWN", "manifest unknown")
                }
            }
            _ => Plain::error(405, "UNSUPPORTED", "not here"),
        }
    }

    fn content_digest(&self, plain: Plain, digest: &str) -> Plain {
        if self.quirks.no_digest_header {
            plain
        } else if self.quirks.wrong_digest_header {
            plain.header(
                "docker-content-digest",
                format!("sha256:{}", "0".repeat(64)),
            )
        } else {
            plain.header("docker-content-digest", digest)
        }
    }

    fn put_manifest(&mut self, asked: &Asked, name: &str, reference: &str) -> Plain {
        let found = digest(&asked.body);
        let is_tag = !reference.contains(':');
        if !is_tag && reference != found {
            return Plain::error(400, "DIGEST_INVALID", "other bytes");
        }
        let Ok(manifest) = serde_json::from_slice::<Value>(&asked.body) else {
            return Plain::error(400, "MANIFEST_INVALID", "not JSON");
        };
        let media_type = asked.header("content-type").unwrap_or_default().to_owned();
        if manifest["mediaType"]
            .as_str()
            .is_some_and(|m| m != media_type)
        {
            return Plain::error(400, "MANIFEST_INVALID", "another media type");
        }
        if let Some(missing) = self.store.missing(name, &manifest) {
            return Plain::error(400, "MANIFEST_BLOB_UNKNOWN", &missing);
        }
        if is_tag && self.quirks.immutable && self.store.tag(name, reference).is_some() {
            return Plain::error(
                400,
                "TAG_INVALID",
                "The image tag already exists in the repository and cannot be overwritten \
                 because the repository is immutable.",
            );
        }
        let contents = self.store.repositories.entry(name.to_owned()).or_default();
        contents
            .manifests
            .insert(found.clone(), (media_type, asked.body.clone()));
        if is_tag {
            contents.tags.insert(reference.to_owned(), found.clone());
        }
        let mut plain = Plain::new(201);
        if let Some(subject) = manifest["subject"]["digest"].as_str()
            && self.quirks.referrers_api
            && !self.quirks.silent_subject
        {
            plain = plain.header("oci-subject", subject);
        }
        self.content_digest(plain, &found)
    }

    fn referrers(&mut self, asked: &Asked, name: &str, subject: &str) -> Plain {
        if !self.quirks.referrers_api {
            return Plain::error(404, "NOT_FOUND", "no such page");
        }
        let mut manifests = self.store.referrers(name, subject);
        if let Some(wanted) = asked.query("artifactType") {
            manifests.retain(|m| m["artifactType"] == wanted);
        }
        let body = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": manifests,
        });
        self.linked(
            Plain::new(200)
                .header("content-type", "application/vnd.oci.image.index.v1+json")
                .body(body.to_string()),
        )
    }

    fn tags(&mut self, asked: &Asked, name: &str) -> Plain {
        let contents = &self.store.repositories[name];
        let after = asked.query("last").unwrap_or_default().to_owned();
        let all: Vec<&String> = contents.tags.keys().filter(|tag| **tag > after).collect();
        // Small pages, whatever is asked for.
        let page: Vec<&String> = all.iter().copied().take(2).collect();
        let body = json!({ "name": name, "tags": page }).to_string();
        let plain = Plain::new(200).body(body);
        match page.last() {
            Some(last) if self.quirks.link.is_none() && all.len() > page.len() => plain.header(
                "link",
                format!("</v2/{name}/tags/list?n=2&last={last}>; rel=\"next\""),
            ),
            _ => self.linked(plain),
        }
    }

    fn catalog(&self, asked: &Asked) -> Plain {
        let after = asked.query("last").unwrap_or_default();
        let names = self.store.repositories.keys();
        let mut names: Vec<&String> = names.filter(|name| name.as_str() > after).collect();
        let more = names.len() > 2;
        names.truncate(2);
        let plain = Plain::new(200).body(json!({ "repositories": names }).to_string());
        match names.last() {
            Some(last) if self.quirks.link.is_none() && more => plain.header(
                "link",
                format!("</v2/_catalog?n=2&last={last}>; rel=\"next\""),
            ),
            _ => self.linked(plain),
        }
    }

    fn linked(&self, plain: Plain) -> Plain {
        match &self.quirks.link {
            Some(link) => plain.header("link", format!("<{link}>; rel=\"next\"")),
            None => plain,
        }
    }
}

type Route = fn(&mut State, &Asked, &str, &str) -> Plain;

const ROUTES: [(&str, Route); 5] = [
    ("/blobs/uploads/", State::uploads),
    ("/blobs/", State::blobs),
    ("/manifests/", State::manifests),
    ("/referrers/", State::referrers),
    ("/tags/list", |state, asked, name, _| {
        state.tags(asked, name)
    }),
];

pub(super) fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
