//! A request from its first byte to the last of its reply.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::json;

use super::{Answer, Cut, Logged, State, What};

pub(crate) type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Cut>;
type Shared = Arc<Mutex<State>>;

/// What a route answers before it becomes bytes on a connection.
pub(super) struct Plain {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Plain {
    pub(super) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = json!({ "errors": [{ "code": code, "message": message }] });
        Self::new(status).body(body.to_string())
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    fn without_length(mut self) -> Self {
        self.headers.retain(|(name, _)| name != "content-length");
        self
    }

    pub(super) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// A request whose body has arrived, as far as it was let through.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    query: Vec<(String, String)>,
    headers: http::HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn parameters(&self) -> &[(String, String)] {
        &self.query
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
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
    let throttled = state.lock().unwrap().throttled(&parts.method, &path);
    let delay = state.lock().unwrap().quirks.delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let (cut_request, hangs) = match fault {
        Some(What::CutRequest(after)) => (Some(after), false),
        Some(What::HangRequest(after)) => (Some(after), true),
        _ => (None, false),
    };
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(frame) = frame else {
            state.lock().unwrap().keep_partial(&path, &body);
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
            if hangs {
                std::future::pending::<()>().await;
            }
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
        _ if throttled.is_some() => throttled.unwrap(),
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
        Some(What::LoseReply) => {
            state.lock().unwrap().route(&asked);
            return Err(Cut);
        }
        Some(What::Redirect(to)) => Plain::new(307).header("location", to),
        Some(What::Bytes(bytes)) => {
            let mut plain = state.lock().unwrap().route(&asked).without_length();
            plain.body = bytes;
            plain
        }
        Some(What::Header(name, value)) => state.lock().unwrap().route(&asked).header(name, value),
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
    if fault.spared > 0 {
        fault.spared -= 1;
        return None;
    }
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
    /// The refusal of a request that is one too many.
    fn throttled(&mut self, method: &Method, path: &str) -> Option<Plain> {
        let throttle = self.quirks.throttle.as_mut()?;
        if throttle.method != method.as_str() || !path.contains(throttle.path) {
            return None;
        }
        let now = Instant::now();
        let second = Duration::from_secs(1);
        throttle
            .served
            .retain(|at| now.duration_since(*at) < second);
        if throttle.served.len() < throttle.per_second {
            throttle.served.push(now);
            return None;
        }
        let refusal = Plain::error(429, "TOOMANYREQUESTS", "slow down");
        Some(match &throttle.retry_after {
            Some(seconds) => refusal.header("retry-after", seconds),
            None => refusal,
        })
    }
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
}
