//! The page in a real browser.

use serde_json::json;
use steward_testkit::faults::FaultProxy;
use steward_testkit::inbox::{Inbox, InboxConfig};

use super::browser;
use super::http::{get, post, send};

/// Runs if any of it is taken for HTML: it would change the title of the page.
const HOSTILE: &str = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\
    </pre></script><svg onload=document.title='owned'>";

/// A story in three messages, each from its own receiver's point of view.
async fn tell(inbox: &Inbox) {
    let address = inbox.addr();
    for event in [
        json!({"id": "ecr-event-0001", "detail-type": "ECR Image Action", "source": "ecr-steward",
            "account": "111122223333", "region": "eu-west-1",
            "detail": {"repository-name": "prod/app", "image-tag": "v1.2.3", "action-type": "PUSH", "result": "SUCCESS"}}),
        json!({"id": "steward-event-0002", "detail-type": "Image Replicated", "source": "ecr-steward",
            "detail": {"repository": "prod/app", "tag": "v1.2.3", "cause": "ecr-event-0001",
                "explain": "prod/app:v1.2.3 was copied to two registries by the rule disaster-recovery."}}),
    ] {
        assert_eq!(post(address, "/events", &event).await.status, 204);
    }
    let email = json!({"Type": "Notification", "MessageId": "m", "Subject": "[info] prod/app:v1.2.3 was replicated",
        "TopicArn": "arn:aws:sns:eu-west-1:111122223333:security",
        "Message": "prod/app:v1.2.3 was copied to two registries.\n\nRule       disaster-recovery\nMode       enforce\nLinks: https://example.com/runbook",
        "UnsubscribeURL": "http://127.0.0.1:1/?Action=Unsubscribe",
        "MessageAttributes": {"event_id": {"Type": "String", "Value": "steward-event-0002"}}});
    let headers = [("x-amz-sns-message-type", "Notification")];
    let path = "/sns?to=security@example.com";
    assert_eq!(
        send(
            address,
            "POST",
            path,
            &headers,
            email.to_string().as_bytes()
        )
        .await
        .status,
        200
    );
    let webhook = json!({"specversion": "1.0", "id": "steward-event-0002", "type": "ecr-steward.image-replicated",
        "source": "urn:ecr-steward:eu-west-1:111122223333", "subject": "prod/app:v1.2.3",
        "data": {"repository": "prod/app", "tag": "v1.2.3", "severity": "info", "mode": "enforce",
            "actions": [{"action": "copy", "outcome": "done", "target": "mirror.example.com/mirror/app:v1.2.3"}]}});
    assert_eq!(
        post(address, "/webhook/automation", &webhook).await.status,
        204
    );
    let slack = json!({"text": "prod/app:v1.2.3 was replicated", "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": ":package: prod/app:v1.2.3 was replicated", "emoji": true}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "Copied to *two* registries; _nothing_ to do. See <https://example.com/runbook?a=1&amp;b=2|the runbook>."},
         "accessory": {"type": "button", "text": {"type": "plain_text", "text": "Open in ECR"}, "url": "https://example.com/ecr"}},
        {"type": "section", "fields": [
            {"type": "mrkdwn", "text": "*Severity*\ninfo"}, {"type": "mrkdwn", "text": "*Rule*\n`disaster-recovery`"},
            {"type": "mrkdwn", "text": "*Mode*\nenforce"}, {"type": "mrkdwn", "text": "*Digest*\n`0123456789ab`"}]},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*What was done*\n• copied to `444455556666` as `dr/prod/app:v1.2.3` :white_check_mark:\n• copied to `mirror.example.com/mirror/app:v1.2.3` :white_check_mark:\n&gt; 3 &lt; 4 blobs mounted"}},
        {"type": "divider"},
        {"type": "actions", "elements": [
            {"type": "button", "style": "primary", "text": {"type": "plain_text", "text": "Runbook"}, "url": "https://example.com/runbook"},
            {"type": "button", "text": {"type": "plain_text", "text": "Policy"}, "url": "https://example.com/policy"}]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "ecr-steward · event `steward-event-0002` · cause `ecr-event-0001`"}]}]});
    assert_eq!(post(address, "/slack/platform", &slack).await.status, 200);
}

async fn tell_lies(inbox: &Inbox) {
    let address = inbox.addr();
    let slack = json!({"text": HOSTILE, "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": &HOSTILE[..40]}},
        {"type": "section", "text": {"type": "mrkdwn", "text": format!("{HOSTILE} <javascript:document.title='owned'|click> <!channel>")}},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "event `hostile-0001`"}]}]});
    assert_eq!(
        post(address, "/slack/<b>x", &slack).await.status,
        400,
        "a space or < needs escaping in a path"
    );
    assert_eq!(
        post(
            address,
            "/slack/%3Cimg%20src=x%20onerror=alert(1)%3E",
            &slack
        )
        .await
        .status,
        200
    );
    let webhook =
        json!({"id": "hostile-0002", "title": HOSTILE, HOSTILE: HOSTILE, "__proto__": {"x": 1}});
    let headers = [("x-hostile", HOSTILE), ("content-type", "application/json")];
    let sent = send(
        address,
        "POST",
        "/webhook/ops",
        &headers,
        webhook.to_string().as_bytes(),
    )
    .await;
    assert_eq!(sent.status, 204);
    let headers = [("x-amz-sns-message-type", "Notification")];
    let email = json!({"Type": "Notification", "TopicArn": HOSTILE, "Subject": HOSTILE, "Message": HOSTILE,
        "UnsubscribeURL": "javascript:document.title='owned'",
        "MessageAttributes": {"event_id": {"Type": "String", "Value": HOSTILE}}});
    assert_eq!(
        send(
            address,
            "POST",
            "/sns",
            &headers,
            email.to_string().as_bytes()
        )
        .await
        .status,
        200
    );
    let event = json!({"id": HOSTILE, "detail-type": HOSTILE, "detail": {"repository": HOSTILE, "cause": "javascript:1"}});
    assert_eq!(post(address, "/events", &event).await.status, 204);
    assert_eq!(
        send(address, "POST", "/slack/refused", &[], HOSTILE.as_bytes())
            .await
            .status,
        400
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_each_message_as_its_receiver_sees_it() {
    let inbox = Inbox::start(InboxConfig::default())
        .await
        .expect("the inbox starts");
    tell(&inbox).await;
    let dom = browser::dom(&format!("{}/", inbox.url()), 4_000).await;
    for part in [
        // Slack.
        "<h3 class=\"header\">📦 prod/app:v1.2.3 was replicated</h3>",
        "Copied to <strong>two</strong> registries; <em>nothing</em> to do.",
        "<a href=\"https://example.com/runbook?a=1&amp;b=2\" target=\"_blank\" rel=\"noopener noreferrer\">the runbook</a>",
        "<code>disaster-recovery</code>",
        "<blockquote>3 &lt; 4 blobs mounted</blockquote>",
        "class=\"button primary\">Runbook</a>",
        // E-mail.
        "<h3 class=\"subject\">[info] prod/app:v1.2.3 was replicated</h3>",
        "<dd>AWS Notifications &lt;no-reply@sns.amazonaws.com&gt;</dd>",
        "<dd>security@example.com</dd>",
        "If you wish to stop receiving notifications from this topic",
        // Webhook.
        "<caption>CloudEvent, structured mode</caption>",
        "<td>ecr-steward.image-replicated</td>",
        // The raw payload, and the events.
        "\"text\": \"prod/app:v1.2.3 was replicated\"",
        "href=\"#event-steward-event-0002\" class=\"event\"",
        "Image Replicated · prod/app:v1.2.3</a><span class=\"arrow\" title=\"caused by\">←</span><a href=\"#event-ecr-event-0001\"",
        "id=\"event-steward-event-0002\"",
        "<span id=\"live-text\">live</span>",
    ] {
        assert!(dom.contains(part), "no {part} in\n{dom}");
    }
    let place = |part: &str| {
        dom.find(part)
            .unwrap_or_else(|| panic!("no {part} in\n{dom}"))
    };
    assert!(
        place("id=\"message-3\"") < place("id=\"message-2\""),
        "newest first"
    );
    assert!(
        place("id=\"message-2\"") < place("id=\"message-1\""),
        "newest first"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_a_message_becomes_a_part_of_the_page() {
    let inbox = Inbox::start(InboxConfig::default())
        .await
        .expect("the inbox starts");
    tell_lies(&inbox).await;
    let dom = browser::dom(&format!("{}/", inbox.url()), 4_000).await;
    assert!(
        dom.contains("<title>Inbox · ecr-steward local cloud</title>"),
        "the title was changed"
    );
    assert!(
        dom.contains("&lt;script&gt;document.title='owned'&lt;/script&gt;"),
        "not shown:\n{dom}"
    );
    assert_eq!(
        dom.matches("<script").count(),
        1,
        "only the page's own script:\n{dom}"
    );
    assert_eq!(
        dom.matches("<img").count(),
        1,
        "only the page's own picture:\n{dom}"
    );
    assert_eq!(dom.matches("<svg").count(), 0);
    assert_eq!(dom.matches("href=\"javascript:").count(), 0);
    assert!(dom.contains(
        "<span class=\"mention\" title=\"a mention: Slack notifies people\">@channel</span>"
    ));
    assert!(dom.contains("Refused requests: 1"));

    let page = get(inbox.addr(), "/").await;
    let policy = page
        .header("content-security-policy")
        .expect("a content security policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    let messages = get(inbox.addr(), "/messages").await;
    assert_eq!(messages.header("content-type"), Some("application/json"));
    assert_eq!(messages.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_appears_without_a_reload() {
    let inbox = Inbox::start(InboxConfig::default())
        .await
        .expect("the inbox starts");
    let proxy = FaultProxy::start(inbox.addr())
        .await
        .expect("the proxy starts");
    // Ten minutes of the page's time: hundreds of requests, of which the first few load it.
    let url = format!("http://{}/", proxy.addr());
    let page = tokio::spawn(async move { browser::dom(&url, 600_000).await });
    while proxy.counts().requests < 8 {
        assert!(
            !page.is_finished(),
            "the page does not ask for news: {:?}",
            page.await
        );
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let late = post(
        inbox.addr(),
        "/slack/platform",
        &json!({"text": "*late* news"}),
    )
    .await;
    assert_eq!(late.status, 200);
    let dom = page.await.expect("the page");
    assert!(dom.contains("<strong>late</strong> news"), "{dom}");
    assert!(
        dom.contains("class=\"message slack new\""),
        "not marked as new:\n{dom}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_can_be_photographed_wide_and_narrow() {
    let inbox = Inbox::start(InboxConfig::default())
        .await
        .expect("the inbox starts");
    tell(&inbox).await;
    let folder = tempfile::tempdir().expect("a folder");
    for (name, width, height) in [("wide", 1400, 1800), ("phone", 500, 2400)] {
        let file = folder.path().join(format!("{name}.png"));
        browser::screenshot(&format!("{}/", inbox.url()), &file, width, height).await;
        let picture = std::fs::read(&file).expect("a picture");
        assert!(picture.starts_with(b"\x89PNG"), "{name} is no PNG");
        let size = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().expect("4 bytes"));
        assert_eq!((size(16), size(20)), (width, height), "{name}");
        // An empty page compresses to a few kilobytes.
        assert!(
            picture.len() > 30_000,
            "{name} shows nothing: {} bytes",
            picture.len()
        );
    }
}
