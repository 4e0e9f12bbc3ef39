//! The published schemas, and every event against its own.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use steward_core::event::{DetailType, schema, schema_file_name};

use crate::fixtures::{self, root};
use crate::samples;

/// The schema, with members refused that it does not describe: what we write must be described.
fn strict(detail_type: DetailType) -> Value {
    let mut schema = schema(detail_type);
    schema["unevaluatedProperties"] = false.into();
    for definition in ["violation", "action"] {
        schema["$defs"][definition]["unevaluatedProperties"] = false.into();
    }
    schema
}

fn mistakes(schema: &Value, detail: &Value) -> Vec<String> {
    jsonschema::draft202012::new(schema)
        .unwrap()
        .iter_errors(detail)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// `STEWARD_UPDATE=1 cargo test -p steward-core` writes the files anew.
#[test]
fn the_files_are_what_the_code_says() {
    let folder = root().join("infra/schemas");
    if std::env::var_os("STEWARD_UPDATE").is_some_and(|x| x == "1") {
        fs::create_dir_all(&folder).unwrap();
        for detail_type in DetailType::ALL {
            let text = serde_json::to_string_pretty(&schema(detail_type)).unwrap();
            fs::write(folder.join(schema_file_name(detail_type)), text + "\n").unwrap();
        }
    }
    for detail_type in DetailType::ALL {
        let name = schema_file_name(detail_type);
        let text = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        let file: Value = serde_json::from_str(&text).unwrap_or_default();
        assert!(
            file == schema(detail_type),
            "infra/schemas/{name} is out of date; run STEWARD_UPDATE=1 cargo test -p steward-core"
        );
    }
    let events: BTreeSet<String> = DetailType::ALL.into_iter().map(schema_file_name).collect();
    for entry in fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        let text = fs::read_to_string(entry.path()).unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert!(
            !text.contains("urn:ecr-steward:event:") || events.contains(&name),
            "infra/schemas/{name} describes an event that does not exist"
        );
    }
}

#[test]
fn every_schema_is_one() {
    let mut ids = BTreeSet::new();
    for detail_type in DetailType::ALL {
        let schema = schema(detail_type);
        jsonschema::draft202012::meta::validate(&schema).unwrap();
        assert!(ids.insert(schema["$id"].as_str().unwrap().to_owned()));
        for name in schema["required"].as_array().unwrap() {
            let property = &schema["properties"][name.as_str().unwrap()];
            assert!(
                property.is_object(),
                "{detail_type} requires {name} and does not describe it"
            );
        }
        for (name, property) in schema["properties"].as_object().unwrap() {
            let described = property["description"]
                .as_str()
                .is_some_and(|x| x.ends_with('.'));
            assert!(described, "{detail_type}: {name} has no description");
        }
    }
}

#[test]
fn every_sample_follows_its_schema() {
    let mut seen = BTreeSet::new();
    for event in samples::all() {
        seen.insert(event.detail_type);
        let detail = serde_json::from_str(&event.to_put_events_detail()).unwrap();
        let mistakes = mistakes(&strict(event.detail_type), &detail);
        assert!(
            mistakes.is_empty(),
            "{}: {mistakes:#?}\n{detail:#}",
            event.detail_type
        );
    }
    assert_eq!(
        seen.len(),
        DetailType::ALL.len(),
        "a detail-type has no sample"
    );
}

#[test]
fn the_fixtures_of_our_own_events_follow_their_schemas() {
    let mut seen = 0;
    for fixture in fixtures::well_formed() {
        let event: Value = serde_json::from_slice(&fixture.bytes).unwrap();
        let Some(name) = event["detail-type"].as_str() else {
            continue;
        };
        let Some(detail_type) = DetailType::from_name(name) else {
            continue;
        };
        let mistakes = mistakes(&strict(detail_type), &event["detail"]);
        assert!(mistakes.is_empty(), "{}: {mistakes:#?}", fixture.name);
        seen += 1;
    }
    assert!(seen >= 3, "only {seen} fixtures");
}

#[test]
fn a_missing_member_breaks_the_schema() {
    for event in samples::all() {
        let schema = schema(event.detail_type);
        let detail = event.to_detail();
        for name in schema["required"].as_array().unwrap() {
            let mut broken = detail.clone();
            let removed = broken
                .as_object_mut()
                .unwrap()
                .remove(name.as_str().unwrap());
            assert!(removed.is_some());
            let mistakes = mistakes(&schema, &broken);
            assert_eq!(
                mistakes.len(),
                1,
                "{}, {name}: {mistakes:#?}",
                event.detail_type
            );
        }
    }
}

#[test]
fn a_wrong_value_breaks_the_schema() {
    for event in samples::all() {
        let schema = schema(event.detail_type);
        let detail = event.to_detail();
        for (pointer, wrong) in [
            ("/account", json!("1111")),
            ("/region", json!("EU West")),
            ("/repository", json!("")),
            ("/tag", json!("-x")),
            ("/tag", json!("a/b")),
            ("/digest", json!("sha256:xyz")),
            ("/rule", json!("")),
            ("/severity", json!("dire")),
            ("/severity", json!("HIGH")),
            ("/mode", json!("dry-run")),
            ("/violations", json!({})),
            ("/violations", json!(["text"])),
            ("/violations", json!([{ "rule": "r" }])),
            ("/violations_omitted", json!(0)),
            ("/actions", json!(null)),
            ("/actions", json!([{ "action": "copy" }])),
            (
                "/actions",
                json!([{ "action": "copy", "outcome": "perhaps" }]),
            ),
            ("/actions", json!([{ "action": "", "outcome": "done" }])),
            (
                "/actions",
                json!([{ "action": "copy", "outcome": "done", "bytes": -1 }]),
            ),
            (
                "/actions",
                json!([{ "action": "copy", "outcome": "done", "duration_ms": 1.5 }]),
            ),
            ("/actions_omitted", json!("many")),
            ("/cause", json!(7)),
            ("/explain", json!(["text"])),
            ("/dedupe_key", json!("")),
            ("/error_type", json!("")),
            ("/links", json!({ "console": 1 })),
        ] {
            let mut broken = detail.clone();
            let key = pointer.trim_start_matches('/').to_owned();
            broken.as_object_mut().unwrap().insert(key, wrong.clone());
            assert!(
                !mistakes(&schema, &broken).is_empty(),
                "{} accepts {wrong} at {pointer}",
                event.detail_type
            );
        }
    }
}

#[test]
fn lists_that_carry_the_story_are_not_empty() {
    for (detail_type, list) in [
        (DetailType::TagRuleViolated, "violations"),
        (DetailType::ScanThresholdExceeded, "violations"),
        (DetailType::TagRuleEnforced, "actions"),
        (DetailType::ImageReplicated, "actions"),
        (DetailType::ImageReplicationFailed, "actions"),
        (DetailType::ImageQuarantined, "actions"),
    ] {
        let event = samples::all()
            .into_iter()
            .find(|x| x.detail_type == detail_type)
            .unwrap();
        let mut detail = event.to_detail();
        detail[list] = json!([]);
        assert!(
            !mistakes(&schema(detail_type), &detail).is_empty(),
            "{detail_type}"
        );
    }
}
