//! The Lambda runtime API: the protocol from a hand-made client, and a function as a process.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation fails the test"
)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use steward_testkit::runtime_api::{
    FunctionError, FunctionOptions, FunctionProcess, Invocation, RuntimeApi, RuntimeError,
    first_poll,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(20);

/// One exchange; returns the whole answer.
async fn exchange(api: &RuntimeApi, method: &str, path: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(api.addr()).await.expect("connect");
    let length = body.len();
    let request = format!(
        "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("send");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("receive");
    answer
}

fn header(answer: &str, name: &str) -> String {
    let lines = answer.lines().take_while(|line| !line.is_empty());
    let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    values
        .next()
        .unwrap_or_else(|| panic!("no {name} in {answer}"))
        .to_owned()
}

/// Polls once and answers with `make(id) -> (path, headers, body)`.
async fn serve_one(api: &RuntimeApi, end: &str, headers: &str, body: &str) -> String {
    let next = exchange(api, "GET", "invocation/next", "", "").await;
    let id = header(&next, "lambda-runtime-aws-request-id");
    let answer = exchange(
        api,
        "POST",
        &format!("invocation/{id}/{end}"),
        headers,
        body,
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    next
}

#[tokio::test]
async fn an_event_is_handed_over_with_its_deadline() {
    let api = RuntimeApi::start("tag-guard").await.expect("starts");
    let event = json!({"a": 1});
    let (result, next) = tokio::join!(
        api.invoke(&event, Duration::from_secs(20)),
        serve_one(&api, "response", "", "{\"b\":2}")
    );
    assert_eq!(result, Ok(Invocation::Response(json!({"b": 2}))));
    assert!(next.ends_with("{\"a\":1}"), "{next}");
    assert!(header(&next, "lambda-runtime-invoked-function-arn").ends_with(":function:tag-guard"));
    let deadline: u128 = header(&next, "lambda-runtime-deadline-ms")
        .parse()
        .expect("a number");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("now")
        .as_millis();
    assert!(
        deadline > now && deadline <= now + 20_000,
        "{deadline} at {now}"
    );
    assert!(api.first_poll().await.expect("polled") < Instant::now());
}

#[tokio::test]
async fn an_error_has_its_type_from_the_body_or_the_header() {
    let api = RuntimeApi::start("f").await.expect("starts");
    let timeout = Duration::from_secs(20);
    for (headers, body, expected) in [
        ("", r#"{"errorType":"A","errorMessage":"m"}"#, ("A", "m")),
        ("lambda-runtime-function-error-type: B\r\n", "", ("B", "")),
        (
            "lambda-runtime-function-error-type: B\r\n",
            r#"{"errorType":"A"}"#,
            ("A", ""),
        ),
    ] {
        let event = json!({});
        let (result, _) = tokio::join!(
            api.invoke(&event, timeout),
            serve_one(&api, "error", headers, body)
        );
        let (error_type, message) = (expected.0.to_owned(), expected.1.to_owned());
        assert_eq!(
            result,
            Ok(Invocation::Error {
                error_type,
                message
            })
        );
    }
}

#[tokio::test]
async fn an_event_that_nobody_waits_for_is_not_handed_over() {
    let api = RuntimeApi::start("f").await.expect("starts");
    let missed = api.invoke(&json!("missed"), Duration::ZERO).await;
    assert!(
        matches!(missed, Err(RuntimeError::TimedOut { .. })),
        "{missed:?}"
    );
    let event = json!("taken");
    let (result, next) = tokio::join!(
        api.invoke(&event, Duration::from_secs(20)),
        serve_one(&api, "response", "", "1")
    );
    assert_eq!(result, Ok(Invocation::Response(json!(1))));
    assert!(next.ends_with("\"taken\""), "{next}");
    let unknown = exchange(&api, "POST", "invocation/none/response", "", "1").await;
    assert!(
        unknown.starts_with("HTTP/1.1 400 ") && unknown.contains("InvalidRequestID"),
        "{unknown}"
    );
}

fn function() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/runtime_api/function.py")
}

fn options(variables: &[(&str, &str)]) -> FunctionOptions {
    // The script needs a Python, wherever the machine has it.
    let path = std::env::var("PATH").expect("PATH is set");
    let mut environment = BTreeMap::from([("PATH".to_owned(), path)]);
    environment.extend(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    FunctionOptions {
        environment,
        init_timeout: SOON,
        timeout: SOON,
        ..FunctionOptions::default()
    }
}

async fn start(variables: &[(&str, &str)]) -> FunctionProcess {
    FunctionProcess::start_with(&function(), options(variables))
        .await
        .expect("the function starts")
}

async fn respond(function: &mut FunctionProcess, event: Value) -> Value {
    match function.invoke(&event).await {
        Ok(Invocation::Response(response)) => response,
        other => panic!("{event}: {other:?}"),
    }
}

#[tokio::test]
async fn a_function_is_started_measured_and_invoked() {
    let mut function = start(&[("GREETING", "hello")]).await;
    let startup = function.startup().until_first_poll;
    // No interpreter starts in a millisecond, so this was measured and not made up.
    assert!(
        startup > Duration::from_millis(1) && startup < SOON,
        "{startup:?}"
    );
    let rss = function.rss_bytes().expect("runs");
    assert!((1 << 20..1 << 30).contains(&rss), "{rss}");
    assert!(function.peak_rss_bytes().expect("runs") >= rss / 2);

    let echoed = respond(&mut function, json!({"do": "echo", "n": 1})).await;
    assert_eq!(echoed["event"]["n"], 1);
    let left = echoed["left_ms"].as_i64().expect("a number");
    assert!((1..=20_000).contains(&left), "{left}");
    let (failed, took) = function
        .invoke_timed(&json!({"do": "fail"}))
        .await
        .expect("answers");
    assert!(took > Duration::ZERO && took < SOON);
    let Invocation::Error {
        error_type,
        message,
    } = failed
    else {
        panic!("{failed:?}")
    };
    assert_eq!(
        (error_type.as_str(), message.as_str()),
        ("RegistryUnavailable", "mirror is down")
    );
    let garbage = function.invoke(&json!({"do": "garbage"})).await;
    assert!(
        matches!(
            garbage,
            Err(FunctionError::Runtime(RuntimeError::NoJson { .. }))
        ),
        "{garbage:?}"
    );

    let environment = respond(&mut function, json!({"do": "environment"})).await;
    assert_eq!(environment["GREETING"], "hello");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "128");
    assert_eq!(
        environment["HOME"],
        Value::Null,
        "the environment of the test is not passed on"
    );

    let logs = function.stop().await.expect("stops");
    assert!(
        logs.contains(&"ready".to_owned()) && logs.contains(&"event fail".to_owned()),
        "{logs:?}"
    );
}

#[tokio::test]
async fn a_function_that_ends_says_how_and_what_it_wrote() {
    let broken = FunctionProcess::start_with(&function(), options(&[("BREAK", "exit")])).await;
    let Err(FunctionError::Exited { status, output }) = broken else {
        panic!("{broken:?}")
    };
    assert_eq!((status.code(), output.as_str()), (Some(3), "cannot start"));

    let mut function = start(&[]).await;
    let ended = function.invoke(&json!({"do": "exit"})).await;
    let Err(FunctionError::Exited { status, output }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(status.code(), Some(7));
    assert!(output.contains("event exit"), "{output}");
    assert!(function.rss_bytes().is_err());
}

#[tokio::test]
async fn a_function_that_cannot_start_is_told_apart() {
    let failed = FunctionProcess::start_with(&function(), options(&[("BREAK", "init")])).await;
    let Err(FunctionError::Runtime(RuntimeError::InitFailed {
        error_type,
        message,
    })) = failed
    else {
        panic!("{failed:?}")
    };
    assert_eq!(
        (error_type.as_str(), message.as_str()),
        ("Config", "no policy")
    );

    let impatient = FunctionOptions {
        init_timeout: Duration::from_secs(2),
        ..options(&[("BREAK", "hang")])
    };
    let hung = FunctionProcess::start_with(&function(), impatient).await;
    assert!(
        matches!(hung, Err(FunctionError::NeverPolled { .. })),
        "{hung:?}"
    );

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("not-executable");
    std::fs::write(&file, "").expect("write");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("permissions");
    let refused = FunctionProcess::start(&file, [("A", "b")]).await;
    assert!(
        matches!(refused, Err(FunctionError::Execute { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_slow_function_runs_into_its_timeout() {
    let slow = FunctionOptions {
        timeout: Duration::from_millis(200),
        ..options(&[])
    };
    let mut function = FunctionProcess::start_with(&function(), slow)
        .await
        .expect("starts");
    let late = function.invoke(&json!({"do": "sleep"})).await;
    assert!(
        matches!(
            late,
            Err(FunctionError::Runtime(RuntimeError::TimedOut { .. }))
        ),
        "{late:?}"
    );
}

#[tokio::test]
async fn a_dropped_function_is_killed() {
    let function = start(&[]).await;
    let id = function.id().expect("it runs");
    let process = PathBuf::from(format!("/proc/{id}/stat"));
    assert!(process.exists());
    drop(function);
    let begun = Instant::now();
    // Gone, or a zombie until the runtime has collected it.
    while std::fs::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(begun.elapsed() < SOON, "process {id} still runs");
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_start_is_measured_and_its_process_ends() {
    let start = first_poll(&function(), &options(&[])).expect("the function starts");
    assert!(start.after > Duration::ZERO);
    assert!(start.resident > 1 << 20, "{start:?}");
    let broken = first_poll(&function(), &options(&[("BREAK", "exit")]));
    assert!(
        matches!(broken, Err(FunctionError::Exited { .. })),
        "{broken:?}"
    );
}
