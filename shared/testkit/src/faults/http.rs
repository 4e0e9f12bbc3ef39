//! A proxy that understands HTTP and makes requests fail at random, the same way for the same seed.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::dice::{Dice, HttpFault, key};
use super::tampered::{Tamper, Tampered};
use super::wire::Wire;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, BoxError>;

/// A running proxy in front of one HTTP server. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct HttpFaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: JoinHandle<()>,
}

/// A request that went through the proxy, or was stopped by it.
#[derive(Clone, Debug)]
pub struct Passed {
    /// The request's method.
    pub method: Method,
    /// The request's path with its query.
    pub path: String,
    /// What the proxy did to it.
    pub fault: Option<HttpFault>,
    /// Bytes of its body that were passed on.
    pub body: u64,
    /// What the server answered, whether or not the client learned it.
    pub status: Option<u16>,
    /// When it came.
    pub began: Instant,
    /// When the server's answer began.
    pub answered: Option<Instant>,
}

impl HttpFaultProxy {
    /// Listens on a free loopback port and forwards to `target`.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(target: SocketAddr, dice: Dice) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target,
            // A connection that the server is just closing would be a fault that nobody counts.
            client: Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build_http(),
            dice: Mutex::new(dice),
            replace: Mutex::default(),
            seen: Mutex::default(),
            records: Mutex::default(),
        });
        let acceptor = tokio::spawn(accept(Arc::clone(&shared), listener));
        Ok(Self {
            address,
            shared,
            acceptor,
        })
    }

    /// The address that clients connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Requests meet no fault from now on.
    pub fn calm(&self) {
        locked(&self.shared.dice).rate = 0.0;
    }

    /// Requests whose path and query hold `from` are passed on with `to` in its place.
    pub fn replace(&self, from: &str, to: &str) {
        *locked(&self.shared.replace) = Some((from.to_owned(), to.to_owned()));
    }

    /// Every request so far, in the order in which they came.
    #[must_use]
    pub fn passed(&self) -> Vec<Passed> {
        locked(&self.shared.records)
            .iter()
            .map(|record| record.read())
            .collect()
    }
}

impl Drop for HttpFaultProxy {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    client: Client<HttpConnector, Body>,
    dice: Mutex<Dice>,
    replace: Mutex<Option<(String, String)>>,
    /// How many requests of a kind there were.
    seen: Mutex<HashMap<String, u32>>,
    records: Mutex<Vec<Arc<Record>>>,
}

/// A request while it is under way: its client may go, so every part is written when it is known.
#[derive(Debug)]
struct Record {
    method: Method,
    path: String,
    fault: Option<HttpFault>,
    body: Arc<AtomicU64>,
    status: AtomicU16,
    began: Instant,
    answered: OnceLock<Instant>,
}

impl Record {
    fn read(&self) -> Passed {
        let status = self.status.load(Ordering::Relaxed);
        Passed {
            method: self.method.clone(),
            path: self.path.clone(),
            fault: self.fault,
            body: self.body.load(Ordering::Relaxed),
            status: (status != 0).then_some(status),
            began: self.began,
            answered: self.answered.get().copied(),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    // The connections end with this task.
    let mut connections = JoinSet::new();
    loop {
        // A failed accept concerns one client, which sees its connection fail.
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(Arc::clone(&shared), stream));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    // Small pieces pass at once; a failure costs only time.
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let wire = TokioIo::new(Wire::new(stream, Arc::clone(&reset)));
    let service = service_fn(|request| {
        let (shared, reset) = (Arc::clone(&shared), Arc::clone(&reset));
        async move { shared.answer(request, &reset).await }
    });
    // A connection that ends early is what this proxy is for.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(wire, service)
        .await;
}

/// The connection is to end without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut by the proxy")]
struct Cut;

impl Shared {
    async fn answer(
        &self,
        request: Request<Incoming>,
        reset: &AtomicBool,
    ) -> Result<Response<Body>, Cut> {
        let (record, fault) = self.record(&request);
        // Half of the connections that are cut end in a reset, and half in order.
        let cut = || {
            reset.store(record.path.len() % 2 == 0, Ordering::Relaxed);
            Cut
        };
        let mut tamper = Tamper::Nothing;
        let length = content_length(request.headers()).unwrap_or(0);
        match fault {
            Some(HttpFault::Delay(pause)) => tokio::time::sleep(pause).await,
            Some(HttpFault::CutRequest(share)) if length == 0 || share == 0.0 => return Err(cut()),
            Some(HttpFault::CutRequest(share)) => tamper = Tamper::Break(part(length, share)),
            Some(HttpFault::CorruptRequest(share)) => tamper = Tamper::Flip(part(length, share)),
            Some(HttpFault::Throttle(pause)) => return Ok(throttle(pause)),
            Some(HttpFault::Unavailable) => {
                return Ok(plain(StatusCode::SERVICE_UNAVAILABLE));
            }
            Some(HttpFault::Redirect) => return Ok(self.redirect(&record.path)),
            _ => {}
        }
        let is_head = request.method() == Method::HEAD;
        let forwarded = self
            .forward(request, tamper, &record)
            .await
            .map_err(|_| cut())?;
        record
            .status
            .store(forwarded.status().as_u16(), Ordering::Relaxed);
        let _ = record.answered.set(Instant::now());
        let (mut head, body) = forwarded.into_parts();
        let length = content_length(&head.headers).filter(|_| !is_head);
        let tamper = match (fault, length) {
            (Some(HttpFault::LoseReply), _) => return Err(cut()),
            (Some(HttpFault::CutReply(_)), None | Some(0)) => return Err(cut()),
            (Some(HttpFault::CutReply(share)), Some(length)) => {
                let _ = cut();
                Tamper::Break(part(length, share))
            }
            (Some(HttpFault::TruncateReply(share)), Some(length)) => {
                let left = part(length, share);
                head.headers.insert(CONTENT_LENGTH, left.into());
                Tamper::End(left)
            }
            (Some(HttpFault::CorruptReply(share)), Some(length)) => {
                Tamper::Flip(part(length, share))
            }
            _ => Tamper::Nothing,
        };
        let body = Tampered::new(body, tamper, Arc::default()).boxed_unsync();
        Ok(Response::from_parts(head, body))
    }

    fn record(&self, request: &Request<Incoming>) -> (Arc<Record>, Option<HttpFault>) {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let nth = {
            let mut seen = locked(&self.seen);
            let count = seen.entry(key(request.method(), path)).or_default();
            *count += 1;
            *count - 1
        };
        let dice = *locked(&self.dice);
        let fault = dice.throw(request.method(), path, nth);
        let record = Arc::new(Record {
            method: request.method().clone(),
            path: path.to_owned(),
            fault,
            body: Arc::default(),
            status: AtomicU16::new(0),
            began: Instant::now(),
            answered: OnceLock::new(),
        });
        locked(&self.records).push(Arc::clone(&record));
        (record, fault)
    }

    async fn forward(
        &self,
        request: Request<Incoming>,
        tamper: Tamper,
        record: &Record,
    ) -> Result<Response<Incoming>, BoxError> {
        let (mut head, body) = request.into_parts();
        // `Host` stays as the client wrote it, so that the server's `Location`s lead here again.
        let path = match &*locked(&self.replace) {
            Some((from, to)) => record.path.replace(from, to),
            None => record.path.clone(),
        };
        head.uri = format!("http://{}{path}", self.target).parse::<Uri>()?;
        head.headers.remove(http::header::CONNECTION);
        let body = Tampered::new(body, tamper, Arc::clone(&record.body)).boxed_unsync();
        Ok(self.client.request(Request::from_parts(head, body)).await?)
    }

    fn redirect(&self, path: &str) -> Response<Body> {
        let mut response = plain(StatusCode::TEMPORARY_REDIRECT);
        if let Ok(location) = HeaderValue::from_str(&format!("http://{}{path}", self.target)) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a share of a length need not be exact"
)]
fn part(length: u64, share: f64) -> u64 {
    ((length as f64 * share) as u64).min(length.saturating_sub(1))
}

fn throttle(pause: Option<u32>) -> Response<Body> {
    let mut response = plain(StatusCode::TOO_MANY_REQUESTS);
    if let Some(seconds) = pause {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn plain(status: StatusCode) -> Response<Body> {
    let text = format!("{status}\n");
    let body = Full::new(Bytes::from(text)).map_err(|never: Infallible| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}
