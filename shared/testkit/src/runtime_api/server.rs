use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot, watch};

/// The largest answer of a synchronous invocation: 6 MB.
/// Source: "Lambda quotas" in the Lambda developer guide.
const ANSWER: usize = 6 * 1024 * 1024;

/// What a function made of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Invocation {
    /// It returned.
    Response(Value),
    /// It reported an error.
    Error {
        /// `errorType`, which alarms and logs match.
        error_type: String,
        /// `errorMessage`.
        message: String,
    },
}

/// Why there is no [`Invocation`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// The function did not answer before its deadline and half a second of grace.
    #[error("no answer within {} ms", after.as_millis())]
    TimedOut {
        /// How long it was waited.
        after: Duration,
    },
    /// The answer is no JSON.
    #[error("the answer is no JSON: {reason}")]
    NoJson {
        /// Where it stops being JSON.
        reason: String,
    },
    /// The function reported an error of its initialisation.
    #[error("the initialisation failed with {error_type}: {message}")]
    InitFailed {
        /// `errorType`.
        error_type: String,
        /// `errorMessage`.
        message: String,
    },
}

/// The server that a function polls.
#[derive(Debug)]
pub struct RuntimeApi {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: oneshot::Sender<()>,
}

#[derive(Debug)]
struct Shared {
    calls: Mutex<Calls>,
    waiting: Notify,
    /// When the first poll came.
    first_poll: watch::Sender<Option<Instant>>,
    /// Set by a report of a failed initialisation.
    init_error: watch::Sender<Option<RuntimeError>>,
    function_arn: String,
}

#[derive(Debug, Default)]
struct Calls {
    last_id: u64,
    queue: VecDeque<Pending>,
    running: HashMap<String, oneshot::Sender<Result<Invocation, RuntimeError>>>,
}

#[derive(Debug)]
struct Pending {
    id: String,
    event: Vec<u8>,
    timeout: Duration,
    answer: oneshot::Sender<Result<Invocation, RuntimeError>>,
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Pending> {
        let mut calls = self.calls();
        loop {
            let pending = calls.queue.pop_front()?;
            // Whoever asked may have stopped waiting.
            if !pending.answer.is_closed() {
                return Some(pending);
            }
        }
    }
}

impl RuntimeApi {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(function_name: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            calls: Mutex::default(),
            waiting: Notify::new(),
            first_poll: watch::Sender::new(None),
            init_error: watch::Sender::new(None),
            function_arn: format!("arn:aws:lambda:eu-west-1:111122223333:function:{function_name}"),
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(response),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::max(ANSWER))
            .with_state(Arc::clone(&shared));
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            // A function waits in `next` for ever, so the server cannot end in good order.
            tokio::select! {
                _ = axum::serve(listener, router) => {}
                _ = stopped => {}
            }
        });
        Ok(Self {
            address,
            shared,
            _stop: stop,
        })
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the first poll and says when it came.
    ///
    /// # Errors
    /// [`RuntimeError::InitFailed`].
    pub async fn first_poll(&self) -> Result<Instant, RuntimeError> {
        let mut polled = self.shared.first_poll.subscribe();
        let mut failed = self.shared.init_error.subscribe();
        loop {
            if let Some(at) = *polled.borrow_and_update() {
                return Ok(at);
            }
            if let Some(error) = failed.borrow_and_update().clone() {
                return Err(error);
            }
            // Neither sender is dropped while `self` lives.
            tokio::select! {
                _ = polled.changed() => {}
                _ = failed.changed() => {}
            }
        }
    }

    /// Hands an event to the next poll and waits for what becomes of it. `timeout` is the
    /// function's: it makes the deadline header.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub async fn invoke(
        &self,
        event: &Value,
        timeout: Duration,
    ) -> Result<Invocation, RuntimeError> {
        let (answer, answered) = oneshot::channel();
        {
            let mut calls = self.shared.calls();
            calls.last_id += 1;
            let id = format!("00000000-0000-4000-8000-{:012}", calls.last_id);
            let event = event.to_string().into_bytes();
            calls.queue.push_back(Pending {
                id,
                event,
                timeout,
                answer,
            });
        }
        self.shared.waiting.notify_one();
        let patience = timeout + Duration::from_millis(500);
        let timed_out = RuntimeError::TimedOut { after: patience };
        match tokio::time::timeout(patience, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(timed_out),
        }
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let now = Instant::now();
    shared.first_poll.send_if_modified(|first| {
        let is_first = first.is_none();
        first.get_or_insert(now);
        is_first
    });
    let pending = loop {
        // Asked before looking, so that a notification in between is not lost.
        let notified = shared.waiting.notified();
        if let Some(pending) = shared.take() {
            break pending;
        }
        notified.await;
    };
    let deadline = SystemTime::now() + pending.timeout;
    let deadline = deadline
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let response = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &pending.id)
        .header("lambda-runtime-deadline-ms", deadline.to_string())
        .header("lambda-runtime-invoked-function-arn", &shared.function_arn)
        .header(
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
        )
        .body(Body::from(pending.event));
    shared.calls().running.insert(pending.id, pending.answer);
    response.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn answer(shared: &Shared, id: &str, result: Result<Invocation, RuntimeError>) -> Response {
    let Some(waiting) = shared.calls().running.remove(id) else {
        let problem =
            json!({"errorType": "InvalidRequestID", "errorMessage": "no such invocation"});
        return (StatusCode::BAD_REQUEST, Json(problem)).into_response();
    };
    // Whoever asked may have stopped waiting.
    let _ = waiting.send(result);
    accepted()
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response()
}

async fn response(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let result = serde_json::from_slice(&body)
        .map(Invocation::Response)
        .map_err(|error| RuntimeError::NoJson {
            reason: error.to_string(),
        });
    answer(&shared, &id, result)
}

async fn error(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (error_type, message) = read_error(&headers, &body);
    answer(
        &shared,
        &id,
        Ok(Invocation::Error {
            error_type,
            message,
        }),
    )
}

async fn init_error(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (error_type, message) = read_error(&headers, &body);
    shared
        .init_error
        .send_replace(Some(RuntimeError::InitFailed {
            error_type,
            message,
        }));
    accepted()
}

/// The body names the error; the header is the fallback for a body that does not.
fn read_error(headers: &HeaderMap, body: &[u8]) -> (String, String) {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let header = || {
        let header = headers.get("lambda-runtime-function-error-type")?;
        Some(String::from_utf8_lossy(header.as_bytes()).into_owned())
    };
    let error_type = text("errorType").or_else(header).unwrap_or_default();
    (error_type, text("errorMessage").unwrap_or_default())
}
