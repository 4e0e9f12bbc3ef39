//! Making events, and keeping them within their size.

use serde_json::{Value, json};
use steward_core::event::incoming::parse_value;
use steward_core::event::outgoing::MAX_DETAIL_BYTES;
use steward_core::event::{
    ActionReport, Detail, DetailType, Outcome, SOURCE, StewardEvent, Violation,
};
use steward_core::{Digest, Mode};

use crate::samples::{self, begin, push};

/// The event as EventBridge delivers it.
pub(crate) fn delivered(detail_type: DetailType, detail: &Value) -> Value {
    json!({
        "version": "0",
        "id": "5f0c2f1e-0d7a-4d8b-9f0e-3a1f5f1f0a11",
        "detail-type": detail_type.as_str(),
        "source": SOURCE,
        "account": "111122223333",
        "time": "2026-08-01T10:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": detail,
    })
}

fn read_back(event: &StewardEvent) -> StewardEvent {
    let detail = serde_json::from_str(&event.to_put_events_detail()).unwrap();
    match parse_value(&delivered(event.detail_type, &detail))
        .unwrap()
        .detail
    {
        Detail::Steward(read) => *read,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_sample_comes_back_as_it_went() {
    for event in samples::all() {
        assert_eq!(read_back(&event), event);
    }
}

#[test]
fn the_form_of_an_event_stays() {
    let written: Vec<Value> = samples::all()
        .iter()
        .map(|event| json!({ "detail-type": event.detail_type, "detail": event }))
        .collect();
    insta::assert_json_snapshot!("written", written);
}

#[test]
fn the_parts_also_come_back_by_themselves() {
    for event in samples::all() {
        for action in &event.actions {
            let json = serde_json::to_value(action).unwrap();
            assert_eq!(
                &serde_json::from_value::<ActionReport>(json).unwrap(),
                action
            );
        }
        for violation in &event.violations {
            let json = serde_json::to_value(violation).unwrap();
            assert_eq!(
                &serde_json::from_value::<Violation>(json).unwrap(),
                violation
            );
        }
        let json = serde_json::to_value(event.detail_type).unwrap();
        assert_eq!(
            serde_json::from_value::<DetailType>(json).unwrap(),
            event.detail_type
        );
    }
}

#[test]
fn place_image_and_cause_come_from_the_event_before() {
    let cause = push();
    let event = begin(DetailType::ImageReplicated).build();
    assert_eq!(event.account.as_ref(), Some(&cause.envelope.account));
    assert_eq!(event.region.as_ref(), Some(&cause.envelope.region));
    assert_eq!(event.repository, "team/app");
    assert_eq!(event.tag.as_ref(), cause.tag());
    assert_eq!(event.digest.as_ref(), cause.digest());
    assert_eq!(event.cause, cause.id());

    let detail = event.to_detail();
    let next = parse_value(&delivered(event.detail_type, &detail)).unwrap();
    let after = StewardEvent::caused_by(DetailType::DeploymentStarted, &next).build();
    assert_eq!(after.repository, "team/app");
    assert_eq!(after.digest, event.digest);
    assert_eq!(after.cause, next.id());
}

#[test]
fn what_was_not_told_is_filled_in() {
    let event = begin(DetailType::TagRuleViolated)
        .violation(Violation::new("a", "first"))
        .violation(Violation::new("b", "second"))
        .violation(Violation::new("a", "third"))
        .build();
    assert_eq!(event.rule, "a, b");
    assert_eq!(event.explain, "team/app:v1.2.3: first (and 2 more)");
    assert_eq!(event.error_type, None);

    let bare = StewardEvent::builder(DetailType::StewardUnhealthy, "", "x").build();
    assert_eq!(bare.rule, "steward-unhealthy");
    assert_eq!(bare.explain, "Steward Unhealthy");
    assert_eq!(bare.error_type.as_deref(), Some("unspecified"));

    let failed = begin(DetailType::ImageReplicationFailed)
        .action(ActionReport::new("copy", Outcome::Done).error_type("not-this"))
        .action(ActionReport::new("copy", Outcome::Failed).error_type("denied"))
        .build();
    assert_eq!(failed.error_type.as_deref(), Some("denied"));
    assert!(failed.has_failed_actions());
}

#[test]
fn the_same_story_has_the_same_key() {
    let first = begin(DetailType::ImageReplicated).rule("r");
    let key = |b: steward_core::event::StewardEventBuilder| b.build().dedupe_key;
    let base = key(first.clone());

    // Told again, by another event, with other words.
    assert_eq!(key(first.clone().explain("other words")), base);
    let mut again = push();
    again.envelope.id = "another".to_owned();
    let again = StewardEvent::caused_by(DetailType::ImageReplicated, &again).rule("r");
    assert_eq!(key(again), base);
    // An action that changed nothing is no news.
    let idle = ActionReport::new("copy", Outcome::Unchanged).target("x");
    assert_eq!(key(first.clone().action(idle)), base);
    // Nor is the order in which parallel copies ended.
    let copy = |target: &str| ActionReport::new("copy", Outcome::Done).target(target);
    assert_eq!(
        key(first.clone().action(copy("x")).action(copy("y"))),
        key(first.clone().action(copy("y")).action(copy("x")))
    );

    let other: Digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    for different in [
        first.clone().mode(Mode::Enforce),
        first.clone().rule("s"),
        first.clone().tag(None),
        first.clone().digest(other),
        first.clone().account(None),
        first.clone().error_type("x".to_owned()),
        first.clone().action(copy("x")),
    ] {
        assert_ne!(key(different.clone()), base, "{different:?}");
    }
    assert_eq!(key(first.dedupe_key("mine")), "mine");
}

#[test]
fn long_keys_stay_short_and_apart() {
    let long = |last: &str| {
        let rule = format!("{}{last}", "ü".repeat(3000));
        begin(DetailType::ImageReplicated)
            .rule(rule)
            .build()
            .dedupe_key
    };
    assert!(long("a").len() <= 1024);
    assert_ne!(long("a"), long("b"));
    assert_eq!(long("a"), long("a"));
}

#[test]
fn long_lists_are_cut_and_counted() {
    let action = |n: usize| {
        ActionReport::new("archive", Outcome::Done)
            .target(format!("team/app@{n}"))
            .detail("d")
    };
    let event = begin(DetailType::ImageCleanedUp)
        .actions((0..20_000).map(action))
        .violations((0..20_000).map(|n| Violation::new(format!("rule-{n}"), "m")))
        .rule("many")
        .dedupe_key("k")
        .build();
    let text = event.to_put_events_detail();
    assert!(text.len() <= MAX_DETAIL_BYTES);
    assert!(
        text.len() > MAX_DETAIL_BYTES - 512,
        "wastes room: {}",
        text.len()
    );

    let read = read_back(&event);
    assert_eq!(read.actions.len() as u64 + read.actions_omitted, 20_000);
    assert_eq!(
        read.violations.len() as u64 + read.violations_omitted,
        20_000
    );
    assert!(read.actions.len() > 1000 && read.violations.len() > 1000);
    assert_eq!(
        read.actions.as_slice(),
        event.actions.get(..read.actions.len()).unwrap()
    );
}

#[test]
fn a_short_list_is_not_cut_for_a_long_one() {
    let event = begin(DetailType::ImageCleanedUp)
        .actions([ActionReport::new("archive", Outcome::Done).detail("d".repeat(1000))])
        .violations((0..20_000).map(|n| Violation::new(format!("rule-{n}"), "m")))
        .rule("many")
        .dedupe_key("k")
        .build();
    let read = read_back(&event);
    assert_eq!(read.actions, event.actions);
    assert_eq!(read.actions_omitted, 0);
    assert!(event.to_put_events_detail().len() > MAX_DETAIL_BYTES - 512);
}

#[test]
fn long_texts_are_cut_at_a_character() {
    let event = begin(DetailType::TagRuleViolated)
        .violation(Violation::new("r", "\u{1}é".repeat(200_000)))
        .rule("r")
        .explain("ü".repeat(400_000))
        .link("long", "x".repeat(300_000))
        .link("short", "https://example.com/")
        .build();
    let text = event.to_put_events_detail();
    assert!(text.len() < 8 * 1024, "{}", text.len());
    let read = read_back(&event);
    assert!(read.explain.ends_with("ü…"), "{}", read.explain);
    assert!(read.violations.first().unwrap().message.ends_with('…'));
    assert_eq!(read.links.keys().collect::<Vec<_>>(), ["short"]);
}

#[test]
fn names_work_both_ways() {
    for detail_type in DetailType::ALL {
        assert_eq!(
            DetailType::from_name(detail_type.as_str()),
            Some(detail_type)
        );
        assert_eq!(
            DetailType::from_name(detail_type.kebab()),
            Some(detail_type)
        );
        assert_eq!(
            detail_type.as_str().to_lowercase().replace(' ', "-"),
            detail_type.kebab()
        );
    }
    assert_eq!(DetailType::from_name("tag rule violated"), None);
}
