//! Answers for programs and for the page's script.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::event::EventRecord;
use super::message::{Kind, Message, Rejection};
use super::store::Store;
use super::view::View;

/// How many messages and events the page shows.
const SHOWN: usize = 200;

/// The filters of `GET /messages`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    kind: Option<Kind>,
    channel: Option<String>,
    contains: Option<String>,
    cause: Option<String>,
    since: Option<Timestamp>,
    limit: Option<usize>,
}

impl Filter {
    fn accepts(&self, message: &Message) -> bool {
        self.kind.is_none_or(|kind| message.kind == kind)
            && self
                .channel
                .as_ref()
                .is_none_or(|channel| message.channel == *channel)
            && self
                .cause
                .as_ref()
                .is_none_or(|cause| message.cause.as_ref() == Some(cause))
            && self.since.is_none_or(|since| message.received_at >= since)
            && self
                .contains
                .as_ref()
                .is_none_or(|text| contains(message, text))
    }
}

fn contains(message: &Message, text: &str) -> bool {
    let text = text.to_lowercase();
    [&message.title, &message.text]
        .into_iter()
        .any(|held| held.to_lowercase().contains(&text))
        || message.payload.to_string().to_lowercase().contains(&text)
}

pub(crate) async fn messages(
    State(store): State<Arc<Store>>,
    filter: Result<Query<Filter>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let filter = match filter {
        Ok(Query(filter)) => filter,
        Err(error) => {
            return problem(
                StatusCode::BAD_REQUEST,
                &format!(
                    "{}; filters are kind (slack, email, webhook), channel, contains, cause, \
                     since (RFC 3339) and limit",
                    error.body_text()
                ),
            );
        }
    };
    let messages: Vec<Arc<Message>> = store
        .messages()
        .into_iter()
        .filter(|message| filter.accepts(message))
        .take(filter.limit.unwrap_or(usize::MAX))
        .collect();
    let messages: Vec<&Message> = messages.iter().map(Arc::as_ref).collect();
    Json(json!(messages)).into_response()
}

pub(crate) async fn message(State(store): State<Arc<Store>>, Path(id): Path<String>) -> Response {
    match store.message(&id) {
        Some(message) => Json(message.as_ref()).into_response(),
        None => problem(StatusCode::NOT_FOUND, &format!("no message {id}")),
    }
}

pub(crate) async fn events(State(store): State<Arc<Store>>) -> Response {
    let events = store.events();
    let events: Vec<&EventRecord> = events.iter().map(Arc::as_ref).collect();
    Json(json!(events)).into_response()
}

pub(crate) async fn event(State(store): State<Arc<Store>>, Path(id): Path<String>) -> Response {
    match store.event(&id) {
        Some(event) => Json(&event.event).into_response(),
        None => problem(
            StatusCode::NOT_FOUND,
            &format!("no event {id} among those seen here"),
        ),
    }
}

pub(crate) async fn rejections(State(store): State<Arc<Store>>) -> Response {
    Json(store.rejections()).into_response()
}

pub(crate) async fn clear(State(store): State<Arc<Store>>) -> StatusCode {
    store.clear();
    StatusCode::NO_CONTENT
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Seen {
    seen: Option<u64>,
}

#[derive(Serialize)]
struct Feed<'a> {
    version: u64,
    now: Timestamp,
    messages_held: usize,
    messages: Vec<Shown<'a>>,
    events: Vec<&'a EventRecord>,
    rejections: Vec<Rejection>,
}

#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    received_at: Timestamp,
    channel: &'a str,
    kind: Kind,
    text: &'a str,
    cause: Option<&'a str>,
    headers: &'a BTreeMap<String, String>,
    body: &'a str,
    view: &'a View,
}

impl<'a> From<&'a Arc<Message>> for Shown<'a> {
    fn from(message: &'a Arc<Message>) -> Self {
        Self {
            id: &message.id,
            received_at: message.received_at,
            channel: &message.channel,
            kind: message.kind,
            text: &message.text,
            cause: message.cause.as_deref(),
            headers: &message.headers,
            body: &message.body,
            view: &message.view,
        }
    }
}

/// What the page shows; 204 when it has not changed since the version that the page has seen.
pub(crate) async fn feed(State(store): State<Arc<Store>>, Query(seen): Query<Seen>) -> Response {
    // Read before the contents: a change in between is fetched twice rather than never.
    let version = store.version();
    if seen.seen == Some(version) {
        return StatusCode::NO_CONTENT.into_response();
    }
    let messages = store.messages();
    let events = store.events();
    Json(Feed {
        version,
        now: store.now(),
        messages_held: messages.len(),
        messages: messages.iter().take(SHOWN).map(Shown::from).collect(),
        events: events.iter().take(SHOWN).map(Arc::as_ref).collect(),
        rejections: store.rejections().into_iter().take(20).collect(),
    })
    .into_response()
}

pub(crate) fn problem(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}
