//! Blobs are never collected in the gateway: shown with an emulator of our own that hears the
//! beginning of a body while its end does not exist yet.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{Json, Router, body::Body, extract::Request, routing::any};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use http_body_util::{BodyExt as _, StreamBody};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::json;
use steward_testkit::gateway::{Gateway, GatewayConfig};
use tokio::sync::Notify;

const PATIENCE: Duration = Duration::from_secs(20);

/// A body of two parts, the second of which waits for `go`.
fn halves(go: Arc<Notify>) -> impl stream::Stream<Item = Result<Bytes, Infallible>> + Send {
    stream::iter([None, Some(go)]).then(|gate| async move {
        match gate {
            None => Ok(Bytes::from_static(b"first")),
            Some(go) => {
                go.notified().await;
                Ok(Bytes::from_static(b"second"))
            }
        }
    })
}

async fn before(emulator: Router) -> Gateway {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, emulator).into_future());
    let config = GatewayConfig::new(
        url.parse().unwrap(),
        "111122223333".parse().unwrap(),
        "eu-west-1".parse().unwrap(),
    );
    Gateway::start(config).await.unwrap()
}

/// Every repository exists.
fn repositories() -> Router {
    let answer = json!({ "repositories": [{ "imageTagMutability": "MUTABLE" }] });
    Router::new().route("/", any(move || async { Json(answer) }))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_passed_on_while_it_arrives() {
    let go = Arc::new(Notify::new());
    let heard = Arc::clone(&go);
    let emulator = repositories().fallback(move |request: Request| async move {
        let mut body = request.into_body().into_data_stream();
        let first = body.next().await.unwrap().unwrap();
        heard.notify_one();
        let mut all = first.to_vec();
        while let Some(part) = body.next().await {
            all.extend_from_slice(&part.unwrap());
        }
        assert_eq!(all, b"firstsecond");
        StatusCode::CREATED
    });
    let gateway = before(emulator).await;
    let body = StreamBody::new(halves(go).map(|part| part.map(http_body::Frame::data)));
    let url = format!("{}/v2/team/app/blobs/uploads/1?digest=x", gateway.url());
    let request = http::Request::put(url).body(body.boxed_unsync()).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = tokio::time::timeout(PATIENCE, client.request(request)).await;
    assert_eq!(answer.unwrap().unwrap().status(), StatusCode::CREATED);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_is_passed_on_while_it_arrives() {
    let go = Arc::new(Notify::new());
    let gate = Arc::clone(&go);
    let emulator = repositories().fallback(move |request: Request| async move {
        let length = [("content-length", "11")];
        if request.method() == http::Method::HEAD {
            (length, Body::empty())
        } else {
            (length, Body::from_stream(halves(gate)))
        }
    });
    let gateway = before(emulator).await;
    let url = format!("{}/v2/team/app/blobs/sha256:{:064}", gateway.url(), 0);
    let request = http::Request::get(url).body(String::new()).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let mut body = answer.into_body();
    let first = tokio::time::timeout(PATIENCE, body.frame()).await.unwrap();
    assert_eq!(first.unwrap().unwrap().into_data().unwrap(), "first");
    go.notify_one();
    let rest = body.collect().await.unwrap().to_bytes();
    assert_eq!(rest, "second");
    gateway.stop().await;
}
