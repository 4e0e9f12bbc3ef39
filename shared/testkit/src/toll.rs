//! A reverse proxy on loopback that counts what passes, and can make a registry slow or strict: for
//! benchmarks, where every program has to pay the same.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, Uri, header};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// What passing costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Toll {
    /// Every request waits so long before it is passed on.
    pub latency: Duration,
    /// How many requests pass in a second, and how many at once after a pause; the others are
    /// answered with 429 and `Retry-After: 1`. None: all of them.
    pub per_second: Option<u32>,
}

/// What has passed so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Requests that reached the registry.
    pub requests: u64,
    /// Requests that were answered with 429.
    pub refused: u64,
    /// Bytes of bodies to the registry.
    pub to_registry: u64,
    /// Bytes of bodies from the registry.
    pub from_registry: u64,
}

/// A running proxy; it ends with this value.
#[derive(Debug)]
pub struct TollGate {
    address: SocketAddr,
    gate: Arc<Gate>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Gate {
    registry: SocketAddr,
    toll: Toll,
    client: Client<HttpConnector, Body>,
    bucket: Mutex<Bucket>,
    requests: AtomicU64,
    refused: AtomicU64,
    to_registry: Arc<AtomicU64>,
    from_registry: Arc<AtomicU64>,
}

impl TollGate {
    /// Listens on a free port and passes on to `registry`.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn start(registry: SocketAddr, toll: Toll) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let gate = Arc::new(Gate {
            registry,
            toll,
            client: Client::builder(TokioExecutor::new()).build_http(),
            bucket: Mutex::new(Bucket::full(toll.per_second.unwrap_or(0), Instant::now())),
            requests: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            to_registry: Arc::default(),
            from_registry: Arc::default(),
        });
        let router = axum::Router::new()
            .fallback(pass)
            .with_state(Arc::clone(&gate));
        let task = tokio::spawn(async move {
            // It ends when the task is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            gate,
            task,
        })
    }

    /// Where clients connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// What has passed since the start.
    #[must_use]
    pub fn passed(&self) -> Passed {
        let read = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Passed {
            requests: read(&self.gate.requests),
            refused: read(&self.gate.refused),
            to_registry: read(&self.gate.to_registry),
            from_registry: read(&self.gate.from_registry),
        }
    }
}

impl Drop for TollGate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    tokio::time::sleep(gate.toll.latency).await;
    if gate.toll.per_second.is_some() && !gate.bucket.lock().await.take(Instant::now()) {
        gate.refused.fetch_add(1, Ordering::SeqCst);
        return refusal();
    }
    gate.requests.fetch_add(1, Ordering::SeqCst);
    let (mut head, body) = request.into_parts();
    let path = head
        .uri
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    // The `Host` header stays: the registry makes its `Location`s of it, and those have to lead here.
    let Ok(uri) = format!("http://{}{path}", gate.registry).parse::<Uri>() else {
        return status(StatusCode::BAD_REQUEST);
    };
    head.uri = uri;
    let body = Body::new(counted(body, &gate.to_registry));
    match gate.client.request(Request::from_parts(head, body)).await {
        Ok(answer) => {
            let (head, body) = answer.into_parts();
            Response::from_parts(head, Body::new(counted(body, &gate.from_registry)))
        }
        Err(_) => status(StatusCode::BAD_GATEWAY),
    }
}

/// The body, with its bytes added up while they pass. The length that it knows stays known.
fn counted<B>(
    body: B,
    counter: &Arc<AtomicU64>,
) -> impl http_body::Body<Data = bytes::Bytes, Error = B::Error> + use<B>
where
    B: http_body::Body<Data = bytes::Bytes>,
{
    let counter = Arc::clone(counter);
    body.map_frame(move |frame| {
        if let Some(data) = frame.data_ref() {
            counter.fetch_add(data.len() as u64, Ordering::SeqCst);
        }
        frame
    })
}

fn refusal() -> Response {
    let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"too many requests"}]}"#;
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = answer.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    answer
}

fn status(status: StatusCode) -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

/// A token bucket that holds one second's worth.
#[derive(Debug)]
struct Bucket {
    per_second: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn full(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second);
        Self {
            per_second,
            tokens: per_second,
            at: now,
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.per_second);
        self.at = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_so_many_and_no_more() {
        let start = Instant::now();
        let mut bucket = Bucket::full(3, start);
        assert_eq!((0..5).filter(|_| bucket.take(start)).count(), 3);
        let later = start + Duration::from_millis(700);
        assert_eq!((0..5).filter(|_| bucket.take(later)).count(), 2);
        let much_later = start + Duration::from_secs(60);
        assert_eq!((0..9).filter(|_| bucket.take(much_later)).count(), 3);
    }

    #[tokio::test]
    async fn what_passes_is_counted_and_the_rest_is_refused() {
        let echo = axum::Router::new().fallback(|request: Request| async move {
            let host = request.headers().get(header::HOST).cloned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let mut answer = Response::new(Body::from(body));
            if let Some(host) = host {
                answer.headers_mut().insert("x-host", host);
            }
            answer
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let registry = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, echo).await });
        let open = Toll {
            latency: Duration::from_millis(5),
            per_second: None,
        };
        let shut = Toll {
            per_second: Some(0),
            ..Toll::default()
        };
        let client: Client<HttpConnector, Body> =
            Client::builder(TokioExecutor::new()).build_http();
        let post = async |gate: &TollGate| {
            let request = Request::post(format!("http://{}/v2/?a=b", gate.addr()))
                .body(Body::from("seven b"))
                .unwrap();
            client.request(request).await.unwrap()
        };

        let gate = TollGate::start(registry, open).await.unwrap();
        let answer = post(&gate).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let host = answer.headers().get("x-host").unwrap().to_str().unwrap();
        assert_eq!(host, gate.addr().to_string());
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "seven b");
        let passed = Passed {
            requests: 1,
            refused: 0,
            to_registry: 7,
            from_registry: 7,
        };
        assert_eq!(gate.passed(), passed);

        let gate = TollGate::start(registry, shut).await.unwrap();
        let answer = post(&gate).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers().get(header::RETRY_AFTER).unwrap(), "1");
        let passed = Passed {
            refused: 1,
            ..Passed::default()
        };
        assert_eq!(gate.passed(), passed);
    }
}
