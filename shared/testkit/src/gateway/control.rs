//! The gateway's own pages, under `/_gateway/`.

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    events::EventOptions,
    outage::Outage,
    reply::{self, Body},
    server::Shared,
};

const INPUT_LIMIT: usize = 64 << 10;

/// Answers a request under `/_gateway/`.
pub(crate) async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let (status, body) = match (method, path.as_str()) {
        (Method::GET, "/_gateway/log") => (StatusCode::OK, shared.images.log.to_json()),
        (Method::GET, "/_gateway/events") => {
            (StatusCode::OK, json!(shared.images.emitter.options()))
        }
        (Method::POST, "/_gateway/events") => match read(request).await {
            Ok(change) => match changed(&shared.images.emitter.options(), change) {
                Ok(options) => {
                    shared.images.emitter.set_options(options.clone());
                    (StatusCode::OK, json!(options))
                }
                Err(error) => wrong(&error),
            },
            Err(error) => wrong(&error),
        },
        (Method::GET, "/_gateway/faults") => (StatusCode::OK, json!(shared.outages.current())),
        (Method::DELETE, "/_gateway/faults") => {
            shared.outages.clear();
            (StatusCode::OK, json!([]))
        }
        (Method::POST, "/_gateway/faults") => {
            let outage = match read(request).await {
                Ok(value) => serde_json::from_value::<Outage>(value).map_err(|e| e.to_string()),
                Err(error) => Err(error),
            };
            match outage {
                Ok(outage) => {
                    shared.outages.add(outage);
                    (StatusCode::OK, json!(shared.outages.current()))
                }
                Err(error) => wrong(&error),
            }
        }
        (Method::POST, "/_gateway/age") => match age(shared, request).await {
            Ok(aged) => (StatusCode::OK, aged),
            Err(error) => wrong(&error),
        },
        (_, "/_gateway/log" | "/_gateway/events" | "/_gateway/faults" | "/_gateway/age") => (
            StatusCode::METHOD_NOT_ALLOWED,
            json!({ "error": "this page does not take that method" }),
        ),
        _ => (
            StatusCode::NOT_FOUND,
            json!({ "error": "the gateway has the pages /_gateway/log, /_gateway/events, /_gateway/faults and /_gateway/age" }),
        ),
    };
    reply::json(status, "application/json", &body)
}

/// What is asked of `/_gateway/age`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Age {
    repository: String,
    /// A tag or a digest.
    image: String,
    older_by_seconds: u64,
}

/// Makes an image of the home registry older than it is.
async fn age(shared: &Shared, request: Request<Incoming>) -> Result<Value, String> {
    let age: Age = serde_json::from_value(read(request).await?).map_err(|e| e.to_string())?;
    let images = &shared.images;
    let at = images.repository(&shared.home, &age.repository).await;
    let at = at.map_err(|refusal| refusal.to_string())?;
    let digest = images.age(&at, &age.image, age.older_by_seconds).await;
    let digest = digest.map_err(|refusal| refusal.to_string())?;
    Ok(json!({ "digest": digest }))
}

fn wrong(error: &str) -> (StatusCode, Value) {
    (StatusCode::BAD_REQUEST, json!({ "error": error }))
}

async fn read(request: Request<Incoming>) -> Result<Value, String> {
    let bytes = Limited::new(request.into_body(), INPUT_LIMIT)
        .collect()
        .await
        .map_err(|error| error.to_string())?
        .to_bytes();
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

/// The options with the fields of `change` laid over them.
fn changed(options: &EventOptions, change: Value) -> Result<EventOptions, String> {
    let Value::Object(change) = change else {
        return Err("expected an object such as {\"duplicate\": 1}".to_owned());
    };
    let mut merged = json!(options);
    if let Some(object) = merged.as_object_mut() {
        object.extend(change);
    }
    serde_json::from_value(merged).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_keep_what_a_change_does_not_name() {
        let options = EventOptions {
            duplicate: 2,
            delay_ms: 10,
            ..EventOptions::default()
        };
        let new = changed(&options, json!({"delay_ms": 500, "drop": true})).unwrap();
        assert_eq!(
            new,
            EventOptions {
                duplicate: 2,
                delay_ms: 500,
                drop: true,
                referrer_action: false,
                pusher: None
            }
        );
        assert!(
            changed(&options, json!({"delay": 1}))
                .unwrap_err()
                .contains("delay")
        );
        changed(&options, json!(1)).unwrap_err();
    }
}
