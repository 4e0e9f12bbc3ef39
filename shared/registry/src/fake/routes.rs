use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::{Value, json};

use super::{Access, Answer, Cut, Logged, Mounts, State, What, digest};

pub(crate) type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Cut>;
type Shared = Arc<Mutex<State>>;

/// What a route answers before it becomes bytes on a connection.
struct Plain {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Plain {
    fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    fn error(status: u16, code: &str, message: &str) -> Self {
        let body = json!({ "errors": [{ "code": code, "message": message }] });
        Self::new(status).body(body.to_string())
    }

    fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    fn without_length(mut self) -> Self {
        self.headers.retain(|(name, _)| name != "content-length");
        self
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// A request whose body has arrived, as far as it was let through.
struct Asked {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

impl Asked {
    fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

pub(super) async fn answer(state: Shared, request: Request<Incoming>) -> Answer {
    let (parts, mut incoming) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let number = {
        let mut state = state.lock().unwrap();
        state.log.push(Logged {
            method: parts.method.to_string(),
            path: path.clone(),
            query: query.clone(),
            headers: parts.headers.clone(),
            received: 0,
            sent: 0,
            status: 0,
        });
        state.log.len() - 1
    };
    let fault = take_fault(&state, &parts.method, &path);
    let cut_request = match fault {
        Some(What::CutRequest(after)) => Some(after),
        _ => None,
    };
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(frame) = frame else {
            return Err(Cut);
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        body.extend_from_slice(&data);
        if let Some(logged) = state.lock().unwrap().log.get_mut(number) {
            logged.received += data.len() as u64;
        }
        if cut_request.is_some_and(|after| body.len() as u64 >= after) {
            body.truncate(usize::try_from(cut_request.unwrap()).unwrap());
            state.lock().unwrap().keep_partial(&path, &body);
            return Err(Cut);
        }
    }
    if cut_request.is_some() {
        return Err(Cut);
    }
    let asked = Asked {
        method: parts.method,
        path,
        query: url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        headers: parts.headers,
        body,
    };
    let mut cut = None;
    let mut endless = false;
    let plain = match fault {
        Some(What::Status(status, headers, code)) => {
            let (code, message) = code.split_once(": ").unwrap_or((code, "as the test wants"));
            let mut plain = Plain::error(status, code, message);
            plain.headers.extend(
                headers
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value)),
            );
            plain
        }
        Some(What::Redirect(to)) => Plain::new(307).header("location", to),
        Some(What::Bytes(bytes)) => {
            let mut plain = state.lock().unwrap().route(&asked).without_length();
            plain.body = bytes;
            plain
        }
        Some(What::Endless) => {
            endless = true;
            state.lock().unwrap().route(&asked).without_length()
        }
        other => {
            if let Some(What::CutReply(after)) = other {
                cut = Some(usize::try_from(after).unwrap());
            }
            state.lock().unwrap().route(&asked)
        }
    };
    if let Some(logged) = state.lock().unwrap().log.get_mut(number) {
        logged.status = plain.status;
    }
    Ok(reply(state, number, &asked.method, plain, cut, endless))
}

fn take_fault(state: &Shared, method: &Method, path: &str) -> Option<What> {
    let mut state = state.lock().unwrap();
    let fault = state.quirks.faults.iter_mut().find(|fault| {
        fault.times > 0 && fault.method == method.as_str() && path.contains(&fault.path)
    })?;
    fault.times -= 1;
    Some(fault.what.clone())
}

fn reply(
    state: Shared,
    number: usize,
    method: &Method,
    plain: Plain,
    cut: Option<usize>,
    endless: bool,
) -> Response<Body> {
    let mut response = Response::builder().status(plain.status);
    for (name, value) in &plain.headers {
        response = response.header(name, value);
    }
    let is_head = *method == Method::HEAD;
    let has_length = plain
        .headers
        .iter()
        .any(|(name, _)| name == "content-length");
    if !has_length && !endless && plain.status != 204 {
        response = response.header("content-length", plain.body.len());
    }
    let whole = if is_head { Vec::new() } else { plain.body };
    let end = cut.unwrap_or(whole.len()).min(whole.len());
    let chunks: Vec<Bytes> = whole[..end]
        .chunks(64 * 1024)
        .map(Bytes::copy_from_slice)
        .collect();
    let frames = stream::iter(chunks).map(move |chunk| {
        if let Some(logged) = state.lock().unwrap().log.get_mut(number) {
            logged.sent += chunk.len() as u64;
        }
        Ok(Frame::data(chunk))
    });
    let is_cut = cut.is_some();
    // What was sent has to be on its way before the connection ends.
    let last = stream::iter(is_cut.then_some(())).then(|()| async {
        tokio::task::yield_now().await;
        Err(Cut)
    });
    let body = if endless {
        let zeroes = stream::repeat_with(|| Ok(Frame::data(Bytes::from(vec![b' '; 64 * 1024]))));
        StreamBody::new(zeroes).boxed_unsync()
    } else {
        StreamBody::new(frames.chain(last)).boxed_unsync()
    };
    response.body(body).unwrap()
}

impl State {
    fn keep_partial(&mut self, path: &str, body: &[u8]) {
        if self.quirks.forgets_uploads {
            return;
        }
        if let Some(id) = path.rsplit('/').next()
            && let Some(upload) = self.store.uploads.get_mut(id)
        {
            upload.extend_from_slice(body);
        }
    }

    fn route(&mut self, asked: &Asked) -> Plain {
        if asked.path == "/token" {
            return self.token(asked);
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
        let bytes = self.store.blobs[digest].clone();
        let range = asked
            .header("range")
            .filter(|_| !self.quirks.ignores_range)
            .and_then(|range| range.strip_prefix("bytes="))
            .and_then(|range| range.strip_suffix('-'))
            .and_then(|start| start.parse::<usize>().ok());
        match range {
            Some(start) if start < bytes.len() => Plain::new(206)
                .header(
                    "content-range",
                    format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len()),
                )
                .body(&bytes[start..]),
            Some(_) => Plain::error(416, "RANGE_INVALID", "beyond the end"),
            None => Plain::new(200)
                .header("content-length", bytes.len().to_string())
                .body(bytes),
        }
    }

    fn uploads(&mut self, asked: &Asked, name: &str, id: &str) -> Plain {
        match asked.method {
            Method::POST => self.open_upload(asked, name),
            Method::GET if self.quirks.ecr => {
                Plain::error(404, "BLOB_UPLOAD_UNKNOWN", "no status here")
            }
            Method::GET => match self.store.uploads.get(id) {
                Some(upload) => {
                    let last = upload.len().saturating_sub(1);
                    Plain::new(204)
                        .header("location", self.location(name, id))
                        .header("range", format!("0-{last}"))
                }
                None => Plain::error(404, "BLOB_UPLOAD_UNKNOWN", "unknown upload"),
            },
            Method::PATCH => {
                let has = self.store.uploads.get(id).map_or(0, Vec::len);
                let range = asked.header("content-range").unwrap_or_default();
                if !range.starts_with(&format!("{has}-")) {
                    return Plain::error(416, "BLOB_UPLOAD_INVALID", "wrong first byte");
                }
                let Some(upload) = self.store.uploads.get_mut(id) else {
                    return Plain::error(404, "BLOB_UPLOAD_UNKNOWN", "unknown upload");
                };
                upload.extend_from_slice(&asked.body);
                let status = if self.quirks.ecr { 201 } else { 202 };
                let last = if self.quirks.ecr { 0 } else { upload.len() - 1 };
                Plain::new(status)
                    .header("location", self.location(name, id))
                    .header("range", format!("0-{last}"))
            }
            Method::PUT => self.close_upload(asked, name, id),
            _ => Plain::error(405, "UNSUPPORTED", "not here"),
        }
    }

    fn open_upload(&mut self, asked: &Asked, name: &str) -> Plain {
        if let (Some(digest), Some(from)) = (asked.query("mount"), asked.query("from")) {
            match self.quirks.mounts {
                Mounts::Denied if from != name => {
                    return Plain::error(403, "DENIED", "not yours");
                }
                Mounts::Work if self.store.has_blob(from, digest) => {
                    let bytes = self.store.blobs[digest].clone();
                    self.store.add_blob(name, digest, bytes);
                    return Plain::new(201).header("docker-content-digest", digest);
                }
                _ => {}
            }
        }
        self.store.next_upload += 1;
        let id = format!("upload-{}", self.store.next_upload);
        self.store.uploads.insert(id.clone(), Vec::new());
        Plain::new(202).header("location", self.location(name, &id))
    }

    fn close_upload(&mut self, asked: &Asked, name: &str, id: &str) -> Plain {
        if let Some(wanted) = &self.quirks.location_query {
            let (key, value) = wanted.split_once('=').unwrap();
            if asked.query(key).map(|v| v == value) != Some(true) {
                return Plain::error(400, "BLOB_UPLOAD_INVALID", "the query is gone");
            }
        }
        if self.quirks.parts_only && !asked.body.is_empty() {
            return Plain::error(413, "SIZE_INVALID", "too large");
        }
        let Some(mut upload) = self.store.uploads.remove(id) else {
            return Plain::error(404, "BLOB_UPLOAD_UNKNOWN", "unknown upload");
        };
        let start: usize = asked
            .header("content-range")
            .and_then(|range| range.split('-').next())
            .and_then(|start| start.parse().ok())
            .unwrap_or(0);
        if start != upload.len() {
            return Plain::error(416, "BLOB_UPLOAD_INVALID", "wrong first byte");
        }
        upload.extend_from_slice(&asked.body);
        let wanted = asked.query("digest").unwrap_or_default().to_owned();
        if digest(&upload) != wanted {
            return Plain::error(400, "DIGEST_INVALID", "other bytes");
        }
        self.store.add_blob(name, &wanted, upload);
        Plain::new(201).header("docker-content-digest", wanted)
    }

    fn location(&self, name: &str, id: &str) -> String {
        let query = self
            .quirks
            .location_query
            .as_ref()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let path = format!("/v2/{name}/blobs/uploads/{id}{query}");
        match &self.quirks.location_origin {
            Some(origin) => format!("{origin}{path}"),
            None if self.quirks.relative_location => path,
            None => format!("http://{}{path}", self.address),
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

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
