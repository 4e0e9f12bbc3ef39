//! What is read from real shapes, and what is said about broken ones.

use std::fmt::Write;

use insta::{assert_debug_snapshot, assert_snapshot};
use serde_json::{Value, json};
use steward_core::event::incoming::{ImageAction, parse, parse_value};
use steward_core::event::{Detail, EventError, Incoming, MAX_EVENT_BYTES};

use crate::fixtures::{self, named};

fn fixture(name: &str) -> Incoming {
    parse(named(name)).unwrap()
}

#[test]
fn every_fixture_is_read_as_it_should() {
    let all = fixtures::well_formed();
    assert!(all.len() > 35, "only {} fixtures", all.len());
    for fixture in all {
        match parse(&fixture.bytes) {
            Ok(incoming) => assert_debug_snapshot!(format!("read_{}", fixture.name), incoming),
            Err(error) => panic!("{}: {error}", fixture.name),
        }
    }
}

#[test]
fn every_malformed_event_says_where_what_and_what_would_be_right() {
    let all = fixtures::malformed();
    assert!(all.len() > 40, "only {} fixtures", all.len());
    let mut text = String::new();
    for fixture in all {
        match parse(&fixture.bytes) {
            Ok(incoming) => panic!("{} was understood: {incoming:?}", fixture.name),
            Err(error) => {
                let shown = error.to_string();
                assert!(shown.len() < 700, "{}: {} bytes", fixture.name, shown.len());
                assert!(
                    !shown.contains(char::is_control),
                    "{}: {shown:?}",
                    fixture.name
                );
                writeln!(
                    text,
                    "{}: [{}]\n    {shown}",
                    fixture.name,
                    error.error_type()
                )
                .unwrap();
            }
        }
    }
    assert_snapshot!("malformed", text);
}

#[test]
fn what_the_functions_ask_first() {
    let push = fixture("ecr-image-action-push");
    assert!(push.is_push() && !push.is_delete() && !push.is_from_steward());
    assert_eq!(push.repository().unwrap().as_str(), "team/app");
    assert_eq!(push.tag().unwrap().as_str(), "v1.2.3");
    assert!(push.digest().is_some());

    let untagged = fixture("ecr-image-action-push-untagged");
    assert!(untagged.is_push());
    assert_eq!(untagged.tag(), None);

    let failed = fixture("ecr-image-action-push-failed");
    assert!(!failed.is_push());
    assert!(!failed.image_action().unwrap().succeeded());

    let delete = fixture("ecr-image-action-delete");
    assert!(delete.is_delete() && !delete.is_push());

    let replayed = fixture("ecr-image-action-push-replayed");
    assert!(replayed.is_push() && replayed.is_from_steward());

    let referrer = fixture("ecr-referrer-action-push");
    assert!(referrer.is_referrer_push() && !referrer.is_push());

    assert!(!fixture("ecr-image-action-archive").is_push());
    assert!(!fixture("ecr-image-action-from-the-future").is_push());
}

#[test]
fn every_kind_names_its_repository_the_same_way() {
    for (name, repository) in [
        ("ecr-artifact-action", Some("team/chart")),
        ("ecr-artifact-action-strange", None),
        ("ecr-image-scan-china", Some("team/app")),
        ("ecr-replication-action-failed", Some("team/app")),
        (
            "ecr-pull-through-cache-action-failed",
            Some("docker-hub/alpine"),
        ),
        ("ecr-scan-resource-change", None),
        ("inspector2-scan-image", Some("team/app")),
        ("inspector2-scan-instance", None),
        ("inspector2-finding-image", Some("team/app")),
        ("inspector2-finding-image-2026", Some("team/app")),
        ("inspector2-finding-image-without-details", Some("team/app")),
        ("inspector2-finding-azure-image", None),
        ("inspector2-finding-instance", None),
        ("inspector2-coverage-image", Some("team/app")),
        ("inspector2-coverage-instance", None),
        ("cloudtrail-create-repository", Some("team/app")),
        ("cloudtrail-create-repository-refused", None),
        (
            "cloudtrail-create-repository-by-replication",
            Some("team/app"),
        ),
        ("cloudtrail-get-authorization-token", None),
        ("cloudtrail-lifecycle-run", Some("team/app")),
        ("steward-tag-rule-violated", None),
    ] {
        let incoming = fixture(name);
        assert_eq!(
            incoming.repository().map(|x| x.as_str()),
            repository,
            "{name}"
        );
    }
}

#[test]
fn a_refused_call_creates_nothing() {
    for (name, created) in [
        ("cloudtrail-create-repository", true),
        ("cloudtrail-create-repository-by-replication", true),
        ("cloudtrail-create-repository-refused", false),
        ("cloudtrail-put-image", false),
    ] {
        let Detail::ApiCall(call) = fixture(name).detail else {
            panic!("{name} is no API call");
        };
        assert_eq!(call.is_repository_created(), created, "{name}");
    }
}

#[test]
fn who_called_is_the_best_name_there_is() {
    let who = |name: &str| match fixture(name).detail {
        Detail::ApiCall(call) => call.who().map(str::to_owned),
        _ => None,
    };
    assert_eq!(
        who("cloudtrail-put-image").unwrap(),
        "arn:aws:sts::111122223333:assumed-role/ci/build-42"
    );
    assert_eq!(
        who("cloudtrail-create-repository-by-replication").unwrap(),
        "replication.ecr.amazonaws.com"
    );
}

#[test]
fn the_body_of_an_sqs_message_is_the_event() {
    let push = fixture("ecr-image-action-push");
    assert_eq!(fixture("sqs-message"), push);

    let text = String::from_utf8(named("ecr-image-action-push")).unwrap();
    let quoted = serde_json::to_string(&text).unwrap();
    assert_eq!(parse(quoted).unwrap(), push);

    // One wrapping is opened, not any number of them: a message cannot make the reader recurse.
    let twice = json!({ "body": json!({ "body": text }).to_string() });
    assert!(matches!(
        parse(twice.to_string()),
        Err(EventError::Missing { path, .. }) if path == "source"
    ));
}

#[test]
fn more_bytes_than_an_event_can_have_are_not_read() {
    let mut event = named("ecr-image-action-push");
    event.resize(MAX_EVENT_BYTES, b' ');
    assert!(parse(&event).is_ok());
    event.push(b' ');
    assert_eq!(
        parse(&event),
        Err(EventError::TooLarge {
            bytes: MAX_EVENT_BYTES + 1,
            limit: MAX_EVENT_BYTES
        })
    );
}

#[test]
fn deep_nesting_is_an_error() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(parse(deep), Err(EventError::NotJson { .. })));
}

#[test]
fn the_kind_is_looked_at_before_anything_else() {
    let other = json!({ "source": "aws.s3", "detail-type": "Object Created", "account": 1 });
    assert_eq!(
        parse_value(&other),
        Err(EventError::UnknownDetailType {
            source_name: "aws.s3".to_owned(),
            detail_type: "Object Created".to_owned(),
        })
    );
}

#[test]
fn everything_aws_sends_can_be_replayed_under_our_source() {
    for fixture in fixtures::well_formed() {
        let Ok(Value::Object(mut event)) = serde_json::from_slice(&fixture.bytes) else {
            panic!("{} is no object", fixture.name);
        };
        if !event.contains_key("detail-type") {
            continue;
        }
        let original = parse(&fixture.bytes).unwrap();
        event.insert("source".to_owned(), "ecr-steward".into());
        let replayed = parse_value(&Value::Object(event)).unwrap();
        assert_eq!(replayed.detail, original.detail, "{}", fixture.name);
        assert!(replayed.is_from_steward());
    }
}

#[test]
fn an_image_action_writes_what_ecr_writes() {
    for name in [
        "ecr-image-action-push",
        "ecr-image-action-push-untagged",
        "ecr-image-action-delete",
        "ecr-image-action-archive",
        "ecr-image-action-restore",
    ] {
        let event: Value = serde_json::from_slice(&named(name)).unwrap();
        let incoming = fixture(name);
        let action = incoming.image_action().unwrap();
        assert_eq!(
            serde_json::to_value(action).unwrap(),
            event["detail"],
            "{name}"
        );
    }

    let push = fixture("ecr-image-action-push");
    let made = ImageAction::pushed(
        push.repository().unwrap().clone(),
        push.digest().unwrap().clone(),
        push.tag().cloned(),
    );
    assert_eq!(push.image_action(), Some(&made));

    let delete = fixture("ecr-image-action-delete");
    let made = ImageAction::deleted(
        delete.repository().unwrap().clone(),
        delete.digest().unwrap().clone(),
        delete.tag().cloned(),
    );
    assert_eq!(delete.image_action(), Some(&made));
}
