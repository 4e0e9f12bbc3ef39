//! The routes that receive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::Fault;
use super::message::Kind;
use super::sns::{self, Delivery};
use super::store::Store;
use super::{feed, page, slack, subscription, webhook};

/// The largest body that is read.
const BODY: usize = 1 << 20;
/// The longest name in a path.
const NAME: usize = 80;

pub(crate) fn router(store: Arc<Store>) -> Router {
    Router::new()
        .route("/", get(page::html))
        .route("/page.js", get(page::script))
        .route("/page.css", get(page::style))
        .route("/icon.svg", get(page::icon))
        .route("/feed", get(feed::feed))
        .route("/messages", get(feed::messages).delete(feed::clear))
        .route("/messages/{id}", get(feed::message))
        .route("/events", get(feed::events).post(receive_event))
        .route("/events/{id}", get(feed::event))
        .route("/rejections", get(feed::rejections))
        .route("/healthz", get(|| async { "ok" }))
        .route("/slack/{name}", post(receive_slack))
        .route("/webhook/{name}", post(receive_webhook))
        .route("/sns", post(receive_sns))
        .route("/_inbox/faults", get(show_faults).post(set_faults))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn(harden))
        .with_state(store)
}

/// Headers of every answer: what was sent here is shown as text and as nothing else.
async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        page::CONTENT_SECURITY_POLICY,
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

async fn receive_slack(
    State(store): State<Arc<Store>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let channel = channel(name);
    if let Some(failed) = meet_fault(&store, Kind::Slack, &channel).await {
        return failed;
    }
    let checked = read_slack(&headers, &body).and_then(|payload| {
        slack::check(&payload)?;
        Ok(payload)
    });
    match checked {
        Ok(payload) => {
            store.add(slack::draft(channel, payload), readable(&headers), &body);
            "ok".into_response()
        }
        Err(refusal) => refuse(
            &store,
            Kind::Slack,
            channel,
            refusal.code(),
            refusal.to_string(),
        ),
    }
}

/// Slack takes JSON, or a form whose field `payload` is JSON.
fn read_slack(headers: &HeaderMap, body: &[u8]) -> Result<Value, slack::SlackRefusal> {
    let form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let field = form
        .then(|| url::form_urlencoded::parse(body).find(|(name, _)| name == "payload"))
        .flatten()
        .map(|(_, value)| value.into_owned().into_bytes());
    serde_json::from_slice(field.as_deref().unwrap_or(body)).map_err(|error| {
        slack::SlackRefusal::InvalidPayload {
            reason: error.to_string(),
        }
    })
}

async fn receive_webhook(
    State(store): State<Arc<Store>>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let channel = channel(name);
    if let Some(failed) = meet_fault(&store, Kind::Webhook, &channel).await {
        return failed;
    }
    match serde_json::from_slice::<Value>(&body) {
        Ok(payload) => {
            let readable = readable(&headers);
            let draft = webhook::draft(channel, uri.path().to_owned(), &readable, payload);
            store.add(draft, readable, &body);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => {
            let reason = format!("the body is no JSON: {error}");
            refuse(&store, Kind::Webhook, channel, "invalid JSON", reason)
        }
    }
}

#[derive(Deserialize)]
struct Subscriber {
    to: Option<String>,
}

async fn receive_sns(
    State(store): State<Arc<Store>>,
    Query(subscriber): Query<Subscriber>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(failed) = meet_fault(&store, Kind::Email, "sns").await {
        return failed;
    }
    match read_sns(&headers, &body) {
        Ok(Delivery::Notification(notification)) => {
            let payload = serde_json::from_slice(&body)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
            let draft = notification.into_draft(subscriber.to.as_deref(), payload);
            store.add(draft, readable(&headers), &body);
            StatusCode::OK.into_response()
        }
        Ok(Delivery::Confirmation {
            subscribe_url,
            topic_arn,
        }) => confirm(&store, &subscribe_url, topic_arn),
        Ok(Delivery::Unsubscribed) => StatusCode::OK.into_response(),
        Err(reason) => refuse(
            &store,
            Kind::Email,
            "sns".to_owned(),
            "invalid delivery",
            reason,
        ),
    }
}

fn read_sns(headers: &HeaderMap, body: &[u8]) -> Result<Delivery, String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let text =
        std::str::from_utf8(body).map_err(|error| format!("the body is no UTF-8: {error}"))?;
    sns::read(
        header("x-amz-sns-message-type"),
        header("x-amz-sns-topic-arn"),
        text,
    )
}

/// Answers at once and visits afterwards, as SNS does not wait for the visit.
fn confirm(store: &Arc<Store>, subscribe_url: &str, topic_arn: String) -> Response {
    let url = match subscription::check(subscribe_url) {
        Ok(url) => url,
        Err(reason) => return refuse(store, Kind::Email, topic_arn, "not confirmed", reason),
    };
    let store = Arc::clone(store);
    tokio::spawn(async move {
        if let Err(reason) = subscription::visit(&url).await {
            store.reject(Kind::Email, topic_arn, 0, reason);
        }
    });
    StatusCode::OK.into_response()
}

async fn receive_event(
    State(store): State<Arc<Store>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let event = if headers.contains_key("x-amz-sns-message-type") {
        match read_sns(&headers, &body) {
            Ok(Delivery::Notification(notification)) => notification.message,
            Ok(Delivery::Confirmation {
                subscribe_url,
                topic_arn,
            }) => {
                return confirm(&store, &subscribe_url, topic_arn);
            }
            Ok(Delivery::Unsubscribed) => return StatusCode::OK.into_response(),
            Err(reason) => return feed::problem(StatusCode::BAD_REQUEST, &reason),
        }
    } else {
        String::from_utf8_lossy(&body).into_owned()
    };
    match serde_json::from_str::<Value>(&event) {
        Ok(event) => {
            if store.record_event(event) {
                StatusCode::NO_CONTENT.into_response()
            } else {
                feed::problem(
                    StatusCode::BAD_REQUEST,
                    "an EventBridge event has a string `id`",
                )
            }
        }
        Err(error) => feed::problem(
            StatusCode::BAD_REQUEST,
            &format!("the event is no JSON: {error}"),
        ),
    }
}

async fn show_faults(State(store): State<Arc<Store>>) -> Response {
    let faults: BTreeMap<&str, Fault> = store
        .faults()
        .current()
        .into_iter()
        .map(|(kind, fault)| (kind.as_str(), fault))
        .collect();
    Json(json!(faults)).into_response()
}

async fn set_faults(State(store): State<Arc<Store>>, body: Bytes) -> Response {
    let faults: BTreeMap<Kind, Fault> = match serde_json::from_slice(&body) {
        Ok(faults) => faults,
        Err(error) => return feed::problem(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    if let Some((kind, fault)) = faults
        .iter()
        .find(|(_, fault)| !(200..=599).contains(&fault.status) || fault.delay_ms > 60_000)
    {
        let kind = kind.as_str();
        return feed::problem(
            StatusCode::BAD_REQUEST,
            &format!("{kind}: {fault:?}: status is 200 to 599, delay_ms at most 60000"),
        );
    }
    for (kind, fault) in faults {
        store.faults().set(kind, fault);
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn meet_fault(store: &Store, kind: Kind, channel: &str) -> Option<Response> {
    let fault = store.faults().take(kind)?;
    tokio::time::sleep(Duration::from_millis(fault.delay_ms.into())).await;
    let reason = format!("a fault on request; {} more to come", fault.times);
    store.reject(kind, channel.to_owned(), fault.status, reason);
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, "fault on request").into_response();
    if let Some(seconds) = fault.retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    Some(response)
}

/// Answers 400 with the receiver's own code; the header says more than the receiver would.
fn refuse(
    store: &Store,
    kind: Kind,
    channel: String,
    code: &'static str,
    reason: String,
) -> Response {
    let shown = reason.replace(|c: char| !(' '..='~').contains(&c), "?");
    store.reject(kind, channel, StatusCode::BAD_REQUEST.as_u16(), reason);
    let mut response = (StatusCode::BAD_REQUEST, code).into_response();
    if let Ok(reason) = HeaderValue::from_str(&shown) {
        response.headers_mut().insert("x-inbox-reason", reason);
    }
    response
}

fn channel(name: String) -> String {
    if name.chars().count() <= NAME {
        name
    } else {
        name.chars().take(NAME).collect()
    }
}

fn readable(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}
