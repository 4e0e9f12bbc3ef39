//! The proxy does to each request what its seed says, and notes it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::get;
use http::Method;
use steward_testkit::faults::{Dice, HttpFault, HttpFaultProxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const BODY: &str = "0123456789";
const PATH: &str = "/v2/team/blobs/uploads/session?digest=sha256:00";

/// Answers `GET` with ten digits and `PUT` with what it got.
async fn target() -> SocketAddr {
    let echo = get(|| async { BODY }).put(|body: Bytes| async move { body });
    let app = Router::new().fallback(echo);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// What a client sees: all that comes before the connection ends.
async fn ask(proxy: &HttpFaultProxy, method: &Method) -> String {
    let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
    let body = if method == Method::PUT { BODY } else { "" };
    let request = format!(
        "{method} {PATH} HTTP/1.1\r\nHost: registry.example.com\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    // A reset ends it as well.
    let reading = stream.read_to_end(&mut seen);
    let _ = tokio::time::timeout(Duration::from_secs(20), reading)
        .await
        .unwrap();
    String::from_utf8(seen).unwrap().to_lowercase()
}

/// The body, and the length that the head states for it.
fn parts(reply: &str) -> (&str, Option<usize>) {
    let (head, body) = reply.split_once("\r\n\r\n").unwrap_or((reply, ""));
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    (body, length.and_then(|length| length.trim().parse().ok()))
}

fn differs_in_one(body: &str) -> bool {
    let others = body.bytes().zip(BODY.bytes()).filter(|(is, was)| is != was);
    body.len() == BODY.len() && others.count() == 1
}

#[tokio::test]
async fn each_request_meets_its_fault() {
    let target = target().await;
    let dice = Dice { seed: 4, rate: 0.9 };
    let proxy = HttpFaultProxy::start(target, dice).await.unwrap();
    let mut kinds = std::collections::HashSet::new();
    for method in [Method::GET, Method::PUT] {
        for nth in 0..80 {
            let fault = dice.throw(&method, PATH, nth);
            let reply = ask(&proxy, &method).await;
            let (body, length) = parts(&reply);
            let passed = proxy.passed().pop().unwrap();
            assert_eq!(passed.fault, fault);
            let holds = match fault {
                None | Some(HttpFault::Delay(_)) => body == BODY && passed.status == Some(200),
                Some(HttpFault::CutRequest(_)) => {
                    reply.is_empty() && passed.body < 10 && passed.status.is_none()
                }
                Some(HttpFault::CorruptRequest(_)) => differs_in_one(body),
                Some(HttpFault::LoseReply) => reply.is_empty() && passed.status == Some(200),
                // Less than was announced, or nothing where the reset overtook it.
                Some(HttpFault::CutReply(_)) => {
                    body.len() < BODY.len() && length.is_none_or(|length| length == BODY.len())
                }
                Some(HttpFault::TruncateReply(_)) => {
                    body.len() < BODY.len() && length == Some(body.len())
                }
                Some(HttpFault::CorruptReply(_)) => differs_in_one(body),
                Some(HttpFault::Throttle(pause)) => {
                    reply.contains(" 429 ") && reply.contains("retry-after") == pause.is_some()
                }
                Some(HttpFault::Unavailable) => reply.contains(" 503 "),
                Some(HttpFault::Redirect) => {
                    reply.contains(&format!("location: http://{target}{PATH}"))
                }
            };
            assert!(holds, "{method} {nth} {fault:?}: {reply}");
            kinds.insert(fault.map(|fault| std::mem::discriminant(&fault)));
        }
    }
    assert_eq!(kinds.len(), 11, "a kind of fault was not met");
}

#[tokio::test]
async fn it_calms_down_and_can_ask_for_something_else() {
    let dice = Dice { seed: 4, rate: 1.0 };
    let proxy = HttpFaultProxy::start(target().await, dice).await.unwrap();
    proxy.calm();
    proxy.replace("session", "another");
    for _ in 0..20 {
        let reply = ask(&proxy, &Method::GET).await;
        assert_eq!(parts(&reply), (BODY, Some(BODY.len())));
    }
    let passed = proxy.passed();
    assert_eq!(passed.len(), 20);
    assert!(
        passed
            .iter()
            .all(|passed| passed.fault.is_none() && passed.path == PATH)
    );
}
