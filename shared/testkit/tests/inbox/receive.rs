//! What the inbox accepts, refuses and answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use steward_testkit::inbox::{Clock, Inbox, InboxConfig, InboxError, Kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::http::{get, post, send};

const SOON: Duration = Duration::from_secs(10);

async fn start() -> Inbox {
    Inbox::start(InboxConfig::default())
        .await
        .expect("the inbox starts")
}

fn titles(messages: &Value) -> String {
    let titles = messages.as_array().expect("a list").iter();
    titles
        .map(|message| message["title"].as_str().unwrap_or("?"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[tokio::test]
async fn messages_are_listed_newest_first_and_filtered() {
    let second = Arc::new(AtomicI64::new(1_800_000_000));
    let clock = Clock::from_fn(move || {
        jiff::Timestamp::from_second(second.fetch_add(1, Ordering::SeqCst)).expect("a time")
    });
    let inbox = Inbox::start(InboxConfig {
        clock,
        ..InboxConfig::default()
    })
    .await
    .expect("the inbox starts");
    let address = inbox.addr();
    assert_eq!(get(address, "/healthz").await.body, "ok");
    let slack = post(
        address,
        "/slack/platform",
        &json!({"text": "*one* &amp; only"}),
    )
    .await;
    assert_eq!((slack.status, slack.body.as_str()), (200, "ok"));
    let webhook = post(
        address,
        "/webhook/ops",
        &json!({"title": "two", "id": "evt-00000002"}),
    )
    .await;
    assert_eq!(webhook.status, 204);

    let all = get(address, "/messages").await;
    assert_eq!(titles(&all.json()), "two, one & only");
    let newest = &all.json()[0];
    assert_eq!(newest["kind"], "webhook");
    assert_eq!(newest["channel"], "ops");
    assert_eq!(newest["cause"], "evt-00000002");
    assert_eq!(
        newest["payload"],
        json!({"title": "two", "id": "evt-00000002"})
    );
    assert_eq!(newest["headers"]["content-type"], "application/json");
    assert_eq!(newest["received_at"], "2027-01-15T08:00:01Z");

    for (query, expected) in [
        ("kind=slack", "one & only"),
        ("contains=ONLY", "one & only"),
        ("contains=nothing", ""),
        ("channel=ops", "two"),
        ("cause=evt-00000002", "two"),
        ("since=2027-01-15T08:00:01Z", "two"),
        ("limit=1", "two"),
    ] {
        let found = get(address, &format!("/messages?{query}")).await;
        assert_eq!(titles(&found.json()), expected, "{query}");
    }
    for query in ["kind=fax", "since=yesterday", "limt=1"] {
        let refused = get(address, &format!("/messages?{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
        assert!(
            refused.body.contains("filters are kind"),
            "{}",
            refused.body
        );
    }

    assert_eq!(
        get(address, "/messages/1").await.json()["title"],
        "one & only"
    );
    assert_eq!(get(address, "/messages/99").await.status, 404);
    assert_eq!(
        send(address, "DELETE", "/messages", &[], b"").await.status,
        204
    );
    assert_eq!(get(address, "/messages").await.json(), json!([]));
}

#[tokio::test]
async fn slack_refuses_what_slack_would_refuse() {
    let inbox = start().await;
    let address = inbox.addr();
    let long = json!({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x".repeat(3_001)}}]});
    for (body, code) in [
        (b"{not json".to_vec(), "invalid_payload"),
        (b"{}".to_vec(), "no_text"),
        (long.to_string().into_bytes(), "invalid_blocks"),
    ] {
        let refused = send(address, "POST", "/slack/platform", &[], &body).await;
        assert_eq!((refused.status, refused.body.as_str()), (400, code));
        assert!(refused.header("x-inbox-reason").is_some());
    }
    assert!(inbox.messages().is_empty());
    let rejections = get(address, "/rejections").await.json();
    assert_eq!(
        rejections[0]["reason"],
        "blocks[0].text.text: has 3001 characters, expected 1 to 3000"
    );
    assert_eq!(rejections.as_array().map(Vec::len), Some(3));

    let form = b"payload=%7B%22text%22%3A%22from+a+form%22%7D";
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(
        send(address, "POST", "/slack/platform", &kind, form)
            .await
            .status,
        200
    );
    assert_eq!(inbox.messages()[0].title, "from a form");
}

#[tokio::test]
async fn a_body_over_one_mebibyte_is_refused() {
    let inbox = start().await;
    let body = json!({"text": "x".repeat(1 << 20)}).to_string();
    let refused = send(inbox.addr(), "POST", "/webhook/ops", &[], body.as_bytes()).await;
    assert_eq!(refused.status, 413);
    assert!(inbox.messages().is_empty());
}

#[tokio::test]
async fn an_sns_notification_is_an_email() {
    let inbox = start().await;
    let body = json!({"Type": "Notification", "MessageId": "m", "Subject": "Image replicated",
        "TopicArn": "arn:aws:sns:eu-west-1:111122223333:security", "Message": "prod/app was copied.",
        "UnsubscribeURL": "http://127.0.0.1:1/?Action=Unsubscribe",
        "MessageAttributes": {"event_id": {"Type": "String", "Value": "evt-00000007"}}});
    let headers = [
        ("x-amz-sns-message-type", "Notification"),
        ("content-type", "text/plain; charset=UTF-8"),
    ];
    let path = "/sns?to=security@example.com";
    let taken = send(
        inbox.addr(),
        "POST",
        path,
        &headers,
        body.to_string().as_bytes(),
    )
    .await;
    assert_eq!(taken.status, 200);
    let raw = send(
        inbox.addr(),
        "POST",
        "/sns",
        &headers[..1],
        b"only text\nevent evt-00000008",
    )
    .await;
    assert_eq!(raw.status, 200);
    let messages = get(inbox.addr(), "/messages?kind=email").await.json();
    assert_eq!(
        titles(&messages),
        "AWS Notification Message, Image replicated"
    );
    assert_eq!(messages[0]["cause"], "evt-00000008");
    assert_eq!(messages[0]["payload"], "only text\nevent evt-00000008");
    assert_eq!(messages[1]["cause"], "evt-00000007");
    assert_eq!(messages[1]["channel"], "security");
    assert_eq!(
        messages[1]["text"],
        "Image replicated\nprod/app was copied."
    );
    assert_eq!(
        send(inbox.addr(), "POST", "/sns", &[], b"hello")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_subscription_is_confirmed_by_a_visit_to_this_machine_only() {
    let inbox = start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("listen");
    let port = listener.local_addr().expect("address").port();
    let visit = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a visit");
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.expect("a request");
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .expect("answer");
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    let confirmation = |url: &str| {
        json!({"Type": "SubscriptionConfirmation", "Token": "t", "Message": "m", "SubscribeURL": url,
            "TopicArn": "arn:aws:sns:eu-west-1:111122223333:security"})
    };
    // `localhost`, as the emulator says it.
    let url = format!("http://localhost:{port}/?Action=ConfirmSubscription&Token=t");
    assert_eq!(
        post(inbox.addr(), "/sns", &confirmation(&url)).await.status,
        200
    );
    let request = tokio::time::timeout(SOON, visit)
        .await
        .expect("in time")
        .expect("visited");
    assert!(
        request.starts_with("GET /?Action=ConfirmSubscription&Token=t HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains(&format!("host: localhost:{port}\r\n")),
        "{request}"
    );

    let elsewhere = confirmation("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription");
    assert_eq!(post(inbox.addr(), "/sns", &elsewhere).await.status, 400);
    assert!(inbox.rejections()[0].reason.contains("not visited"));
    assert!(inbox.messages().is_empty());
}

#[tokio::test]
async fn events_are_kept_plain_and_from_sns() {
    let inbox = start().await;
    let event = json!({"id": "evt-00000001", "detail-type": "Image Replicated", "source": "ecr-steward",
        "detail": {"repository": "prod/app", "tag": "v1", "cause": "evt-00000000"}});
    assert_eq!(post(inbox.addr(), "/events", &event).await.status, 204);
    let envelope = json!({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:111122223333:events",
        "Message": json!({"id": "evt-00000002"}).to_string()});
    let headers = [("x-amz-sns-message-type", "Notification")];
    let body = envelope.to_string();
    assert_eq!(
        send(inbox.addr(), "POST", "/events", &headers, body.as_bytes())
            .await
            .status,
        204
    );
    assert_eq!(
        get(inbox.addr(), "/events/evt-00000001").await.json(),
        event
    );
    assert_eq!(
        get(inbox.addr(), "/events/evt-00000002").await.json(),
        json!({"id": "evt-00000002"})
    );
    assert_eq!(
        get(inbox.addr(), "/events").await.json()[1]["subject"],
        "prod/app:v1"
    );
    assert_eq!(get(inbox.addr(), "/events/none").await.status, 404);
    assert_eq!(
        post(inbox.addr(), "/events", &json!({"no": "id"}))
            .await
            .status,
        400
    );
    assert_eq!(
        send(inbox.addr(), "POST", "/events", &[], b"no json")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn faults_are_met_as_often_as_asked() {
    let inbox = start().await;
    let address = inbox.addr();
    let set = post(
        address,
        "/_inbox/faults",
        &json!({"slack": {"status": 500, "times": 2, "retry_after": 1}}),
    )
    .await;
    assert_eq!(set.status, 204);
    let hello = json!({"text": "hello"});
    let first = post(address, "/slack/platform", &hello).await;
    assert_eq!(
        (first.status, first.header("retry-after")),
        (500, Some("1"))
    );
    assert_eq!(
        get(address, "/_inbox/faults").await.json()["slack"]["times"],
        1
    );
    assert_eq!(post(address, "/webhook/ops", &hello).await.status, 204);
    assert_eq!(post(address, "/slack/platform", &hello).await.status, 500);
    assert_eq!(post(address, "/slack/platform", &hello).await.status, 200);
    assert_eq!(inbox.messages().len(), 2);

    inbox.fail(Kind::Webhook, steward_testkit::inbox::Fault::status(429, 1));
    assert_eq!(post(address, "/webhook/ops", &hello).await.status, 429);
    for wrong in [
        json!({"fax": {"status": 500}}),
        json!({"slack": {"status": 42}}),
        json!([]),
    ] {
        assert_eq!(
            post(address, "/_inbox/faults", &wrong).await.status,
            400,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn waiting_ends_with_the_message_or_says_what_there_is() {
    let inbox = start().await;
    let address = inbox.addr();
    let sender = tokio::spawn(async move {
        post(address, "/slack/a", &json!({"text": "first"})).await;
        post(address, "/slack/a", &json!({"text": "second"})).await;
    });
    let found = inbox
        .wait_for(|message| message.title == "second", SOON)
        .await
        .expect("it comes");
    assert_eq!(found.text, "second");
    sender.await.expect("both sent");
    let missed = inbox
        .wait_for(
            |message| message.title == "third",
            Duration::from_millis(50),
        )
        .await;
    let missed = missed.expect_err("it never comes");
    assert_eq!(
        missed.to_string(),
        "no such message within 50 ms; the inbox holds 2: second / first"
    );
}

#[tokio::test]
async fn the_inbox_stays_on_this_machine_and_ends_with_its_owner() {
    let everywhere = InboxConfig {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..InboxConfig::default()
    };
    let refused = Inbox::start(everywhere).await;
    assert!(
        matches!(refused, Err(InboxError::NotLoopback { .. })),
        "{refused:?}"
    );

    let inbox = start().await;
    let address = inbox.addr();
    drop(inbox);
    let begun = std::time::Instant::now();
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        assert!(begun.elapsed() < SOON, "still listening on {address}");
        tokio::task::yield_now().await;
    }
}
