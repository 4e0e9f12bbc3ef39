use steward_core::event::{DetailType, schema};
use steward_core::policy::Policy;

use crate::files::{Folder, event};
use crate::steward::{Ran, run, steward};

fn schema_of(args: &[&str]) -> Ran {
    let folder = Folder::new();
    run(steward(folder.path()).arg("schema").args(args))
}

#[test]
fn the_schema_of_the_policy_is_the_librarys() {
    assert_eq!(
        schema_of(&["policy"]).expect(0).json(),
        Policy::json_schema()
    );
}

#[test]
fn each_event_has_a_schema_under_both_of_its_names() {
    for detail_type in DetailType::ALL {
        let expected = schema(detail_type);
        assert_eq!(
            schema_of(&["event", detail_type.as_str()]).expect(0).json(),
            expected
        );
        assert_eq!(
            schema_of(&["event", detail_type.kebab()]).expect(0).json(),
            expected
        );
    }
}

#[test]
fn an_event_that_is_not_sent_is_refused_with_those_that_are() {
    let ran = schema_of(&["event", "Tag Rule Bent"]).expect(2);
    assert!(
        ran.stderr
            .contains(r#"ecr-steward sends no event "Tag Rule Bent""#),
        "{}",
        ran.stderr
    );
    for detail_type in DetailType::ALL {
        assert!(ran.stderr.contains(detail_type.kebab()), "{}", ran.stderr);
    }
}

#[test]
fn the_schema_of_all_events_takes_whole_events_and_only_those() {
    let all = schema_of(&["event"]).expect(0).json();
    let validator = jsonschema::validator_for(&all).unwrap();
    let detail = serde_json::json!({
        "actions": [], "cause": "c", "dedupe_key": "k", "explain": "e", "mode": "observe",
        "rule": "r", "severity": "info", "violations": [{"rule": "r", "message": "m"}],
        "repository": "prod/app", "tag": "v1",
    });
    let whole = |source: &str, detail_type: &str, detail: &serde_json::Value| {
        serde_json::from_str::<serde_json::Value>(&event(source, detail_type, detail.clone()))
            .unwrap()
    };
    let good = whole("ecr-steward", "Tag Rule Violated", &detail);
    let mistakes: Vec<_> = validator
        .iter_errors(&good)
        .map(|e| e.to_string())
        .collect();
    assert_eq!(mistakes, Vec::<String>::new());
    assert!(!validator.is_valid(&whole("aws.ecr", "Tag Rule Violated", &detail)));
    assert!(!validator.is_valid(&whole("ecr-steward", "Tag Rule Bent", &detail)));
    let mut poor = detail.clone();
    poor.as_object_mut().unwrap().remove("explain");
    assert!(!validator.is_valid(&whole("ecr-steward", "Tag Rule Violated", &poor)));
}

#[test]
fn the_published_schema_of_cases_is_the_commands() {
    let printed = schema_of(&["cases"]).expect(0);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/schemas/cases.json");
    if std::env::var_os("STEWARD_UPDATE").is_some_and(|x| x == "1") {
        std::fs::write(path, &printed.stdout).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap();
    assert!(
        published == printed.stdout,
        "infra/schemas/cases.json is out of date; run STEWARD_UPDATE=1 cargo test --test cli"
    );
    let schema = printed.json();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::meta::validate(&schema_of(&["inventory"]).expect(0).json()).unwrap();
}

#[test]
fn the_example_cases_follow_the_schema() {
    let schema = schema_of(&["cases"]).expect(0).json();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let infra = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra");
    for entry in std::fs::read_dir(infra).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().ends_with(".cases.yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let cases: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        let mistakes: Vec<String> = schema
            .iter_errors(&cases)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(mistakes, Vec::<String>::new(), "{}", path.display());
    }
}
