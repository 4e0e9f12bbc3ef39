use proptest::prelude::*;
use serde_json::Value;
use steward_core::event::outgoing::{ActionReport, DetailType, Outcome, StewardEvent, Violation};
use steward_core::{Mode, Severity};

use super::*;
use crate::story::Story;

fn quarantined() -> StewardEvent {
    StewardEvent::builder(DetailType::ImageQuarantined, "prod/app", "e-1")
        .account("111122223333".parse::<steward_core::AccountId>().unwrap())
        .region("eu-west-1".parse::<steward_core::Region>().unwrap())
        .tag("feature-x".parse::<steward_core::Tag>().unwrap())
        .digest(
            format!("sha256:{}", "ab".repeat(32))
                .parse::<steward_core::Digest>()
                .unwrap(),
        )
        .rule("releases-only")
        .severity(Severity::High)
        .mode(Mode::Enforce)
        .violation(
            Violation::new(
                "releases-only",
                "feature-x matches nothing that the rule allows",
            )
            .accepted("a semantic version; for example `v1.2.3`"),
        )
        .action(ActionReport::new("quarantine", Outcome::Done).target("quarantine/prod/app"))
        .action(ActionReport::new("notify", Outcome::Done))
        .explain("prod/app:feature-x violates releases-only.")
        .dedupe_key("k")
        .build()
}

fn failed() -> StewardEvent {
    StewardEvent::builder(DetailType::ImageReplicationFailed, "prod/app", "e-1")
        .tag("v1.2.3".parse::<steward_core::Tag>().unwrap())
        .rule("disaster-recovery")
        .severity(Severity::High)
        .mode(Mode::Enforce)
        .action(
            ActionReport::new("copy", Outcome::Failed)
                .target("mirror.example.com/mirror/app:v1.2.3")
                .detail("cannot write to the target: connection refused")
                .remedy("mend the cause, then send the event again from the dead-letter queue"),
        )
        .error_type(Some("registry_unreachable".to_owned()))
        .explain("prod/app:v1.2.3 could not be copied.")
        .dedupe_key("k")
        .build()
}

fn story(event: &StewardEvent) -> Story<'_> {
    Story {
        event,
        id: "0f0e-77",
        time: "2026-11-23T10:00:00Z",
    }
}

/// With sorted members: their order depends on what else is built along.
fn json_snapshot(name: &str, value: &Value) {
    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!(name, value);
    });
}

#[test]
fn slack_messages() {
    json_snapshot("slack_quarantined", &slack::render(&story(&quarantined())));
    json_snapshot("slack_failed", &slack::render(&story(&failed())));
}

#[test]
fn emails() {
    let email = email::render(&story(&quarantined()));
    insta::assert_snapshot!(
        "email_quarantined",
        format!("{}\n\n{}", email.subject, email.body)
    );
    let email = email::render(&story(&failed()));
    insta::assert_snapshot!(
        "email_failed",
        format!("{}\n\n{}", email.subject, email.body)
    );
}

#[test]
fn webhooks() {
    json_snapshot(
        "webhook_quarantined",
        &webhook::render(&story(&quarantined())),
    );
}

#[test]
fn what_observe_mode_would_do_is_said() {
    let mut event = quarantined();
    event.mode = Mode::Observe;
    event.detail_type = DetailType::TagRuleViolated;
    event.actions[0].outcome = Outcome::WouldDo;
    let text = slack::render(&story(&event)).to_string();
    assert!(text.contains("would be done (mode: observe)"), "{text}");
}

/// Every text of a payload that Slack reads as markup.
fn markup(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if object.get("type").and_then(Value::as_str) == Some("mrkdwn") {
                assert_eq!(object.get("verbatim"), Some(&Value::Bool(true)));
                found.extend(
                    object
                        .get("text")
                        .and_then(Value::as_str)
                        .map(str::to_owned),
                );
            }
            object.values().for_each(|value| markup(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| markup(item, found)),
        _ => {}
    }
}

/// An event with `text` wherever text from outside can stand.
fn with(text: &str) -> StewardEvent {
    let mut event = quarantined();
    event.rule = text.to_owned();
    event.repository = text.to_owned();
    event.explain = text.to_owned();
    event.cause = text.to_owned();
    event.error_type = Some(text.to_owned());
    event.violations = vec![Violation::new(text, text).accepted(text)];
    event.actions = vec![
        ActionReport::new(text, Outcome::Failed)
            .target(text)
            .detail(text)
            .remedy(text),
    ];
    event.links = [(text.to_owned(), text.to_owned())].into();
    event
}

proptest! {
    #[test]
    fn no_text_escapes_its_place_in_a_slack_message(text in "[<>&|!@#`*a-z:/ \\n.;-]{0,60}|\\PC{0,60}") {
        let event = with(&text);
        let rendered = slack::render(&Story { event: &event, id: &text, time: &text });
        let mut found = vec![rendered["text"].as_str().unwrap_or_default().to_owned()];
        markup(&rendered, &mut found);
        for text in found {
            prop_assert!(!text.contains('<') && !text.contains('>'), "{}", text);
            // Every ampersand begins one of the three escapes.
            for (at, _) in text.match_indices('&') {
                let rest = &text[at..];
                let known = ["&amp;", "&lt;", "&gt;"].iter().any(|escape| rest.starts_with(escape));
                prop_assert!(known, "{}", rest);
            }
        }
    }

    #[test]
    fn a_slack_message_keeps_slacks_limits(text in "\\PC{0,4000}") {
        let event = with(&text);
        let rendered = slack::render(&Story { event: &event, id: "id", time: "now" });
        let blocks = rendered["blocks"].as_array().unwrap();
        prop_assert!(blocks.len() <= 50);
        for block in blocks {
            if let Some(text) = block["text"]["text"].as_str() {
                let limit = if block["type"] == "header" { 150 } else { 3000 };
                prop_assert!(text.chars().count() <= limit);
                prop_assert!(!text.is_empty());
            }
            for field in block["fields"].as_array().into_iter().flatten() {
                prop_assert!(field["text"].as_str().unwrap().chars().count() <= 2000);
            }
        }
    }

    #[test]
    fn an_email_has_a_subject_that_sns_takes(text in "\\PC{0,300}|[\\x00-\\x1f]{1,10}") {
        let event = with(&text);
        let email = email::render(&Story { event: &event, id: "id", time: "now" });
        prop_assert!(email.subject.len() < 100);
        prop_assert!(email.subject.chars().all(|c| c.is_ascii_graphic() || c == ' '));
    }
}

#[test]
fn a_link_stands_only_where_it_is_plain_https() {
    let mut event = quarantined();
    event.links = [
        (
            "console".to_owned(),
            "https://console.aws.amazon.com/ecr".to_owned(),
        ),
        ("bad".to_owned(), "javascript:alert(1)".to_owned()),
        ("worse".to_owned(), "https://x|<!channel>".to_owned()),
    ]
    .into();
    let text = slack::render(&story(&event)).to_string();
    assert!(
        text.contains("<https://console.aws.amazon.com/ecr|console>"),
        "{text}"
    );
    assert!(
        !text.contains("javascript") && !text.contains("!channel"),
        "{text}"
    );
}
