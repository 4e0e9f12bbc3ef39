use std::collections::BTreeSet;
use std::path::Path;

use jsonschema::Validator;

use super::*;
use crate::policy::{ActionKind, TagRule, document};

const EXAMPLE: &str = include_str!("../../../../../infra/policy.example.yaml");
const FULL: &str = include_str!("../../../../../infra/policy.full.example.yaml");
const MANUAL: &str = include_str!("../../../../../docs/POLICY.md");

/// Parts that several places share and that are documented once, with the path they have there.
const SHARED: [(&str, &str); 2] = [
    ("repository_set", "repositories"),
    ("tag_pattern", "pattern"),
];

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

fn to_json(text: &str) -> Value {
    document::tests::to_json(&document::read(text).unwrap())
}

/// The fenced YAML blocks of the manual, each as a whole policy, with the line it begins on.
fn manual_examples() -> Vec<(usize, String)> {
    let mut examples = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (i, line) in MANUAL.lines().enumerate() {
        match &mut open {
            None if line == "```yaml" => open = Some((i + 2, String::new())),
            Some(_) if line == "```" => examples.extend(open.take()),
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    for (_, text) in &mut examples {
        if !text.lines().any(|line| line.starts_with("version:")) {
            text.insert_str(0, "version: 1\n");
        }
    }
    examples
}

#[test]
fn the_schema_file_is_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/schemas/policy.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if std::env::var_os("STEWARD_UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    // As values: the order of members depends on what else is built along.
    let found: Value = serde_json::from_str(&found).unwrap_or_default();
    assert_eq!(
        found,
        schema(),
        "infra/schemas/policy.json is old: run again with STEWARD_UPDATE=1"
    );
}

#[test]
fn the_schema_is_a_schema() {
    jsonschema::meta::validate(&schema()).unwrap();
}

#[test]
fn the_example_policy_is_valid() {
    let policy = Policy::parse(EXAMPLE, "policy.example.yaml").unwrap_or_else(|e| panic!("{e}"));
    validator().validate(&to_json(EXAMPLE)).unwrap();
    let home = (
        "111122223333".parse().unwrap(),
        "eu-west-1".parse().unwrap(),
    );
    assert_eq!(policy.check_home(&home.0, &home.1), []);
}

/// The keys of a policy by their path, as [`paths`] names those of the schema.
fn used(node: &Value, path: &str, found: &mut BTreeSet<String>) {
    match node {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                used(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(entries) => {
            for entry in entries {
                used(entry, &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn the_full_example_is_valid_and_uses_every_field_and_action_of_rules() {
    let policy = Policy::parse(FULL, "policy.full.example.yaml").unwrap_or_else(|e| panic!("{e}"));
    validator().validate(&to_json(FULL)).unwrap();
    let mut found = BTreeSet::new();
    used(&to_json(FULL), "", &mut found);
    let missing: Vec<_> = paths(&schema())
        .into_iter()
        .filter(|path| path.starts_with("tag_rules") || path.starts_with("replication"))
        .filter(|path| !found.contains(path))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
    for action in ActionKind::ALL {
        let is_used = |rule: &TagRule| rule.on_violation.contains(&action);
        assert!(policy.tag_rules.iter().any(is_used), "{action} is not used");
    }
}

#[test]
fn every_example_of_the_manual_is_valid() {
    let validator = validator();
    let examples = manual_examples();
    assert!(
        examples.len() > 50,
        "only {} examples found",
        examples.len()
    );
    for (line, text) in examples {
        if let Err(errors) = Policy::parse(&text, "example") {
            panic!("docs/POLICY.md, line {line}:\n{errors}\n{text}");
        }
        if let Err(error) = validator.validate(&to_json(&text)) {
            panic!(
                "docs/POLICY.md, line {line}: {error} at {}\n{text}",
                error.instance_path()
            );
        }
    }
}

/// Every field of the schema by its path, such as `tag_rules[].allow`.
fn paths(root: &Value) -> BTreeSet<String> {
    fn walk(root: &Value, schema: &Value, path: &str, found: &mut BTreeSet<String>) {
        if let Some(name) = schema["$ref"]
            .as_str()
            .and_then(|r| r.strip_prefix("#/$defs/"))
        {
            let shared = SHARED.iter().find(|(shared, _)| *shared == name);
            let path = shared.map_or(path, |(_, path)| path);
            return walk(root, &root["$defs"][name], path, found);
        }
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            walk(root, field, &path, found);
            found.insert(path);
        }
        for branch in schema["anyOf"].as_array().into_iter().flatten() {
            walk(root, branch, path, found);
        }
        if schema["items"].is_object() {
            walk(root, &schema["items"], &format!("{path}[]"), found);
        }
        if schema["additionalProperties"].is_object() {
            walk(
                root,
                &schema["additionalProperties"],
                &format!("{path}.*"),
                found,
            );
        }
    }
    let mut found = BTreeSet::new();
    walk(root, root, "", &mut found);
    found
}

#[test]
fn every_field_has_its_section_with_an_example() {
    let mut sections: Vec<(&str, String)> = Vec::new();
    for line in MANUAL.lines() {
        if let Some(path) = line
            .strip_prefix("### `")
            .and_then(|line| line.strip_suffix('`'))
        {
            sections.push((path, String::new()));
        } else if line.starts_with("## ") {
            sections.push(("", String::new()));
        } else if let Some((_, text)) = sections.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    let documented: BTreeSet<String> = sections
        .iter()
        .filter(|(path, _)| !path.is_empty())
        .map(|(p, _)| (*p).to_owned())
        .collect();
    let fields = paths(&schema());
    let missing: Vec<_> = fields.difference(&documented).collect();
    let unknown: Vec<_> = documented.difference(&fields).collect();
    assert!(
        missing.is_empty(),
        "docs/POLICY.md has no section for {missing:?}"
    );
    assert!(
        unknown.is_empty(),
        "docs/POLICY.md has sections for what is no field: {unknown:?}"
    );
    for (path, text) in sections.iter().filter(|(path, _)| !path.is_empty()) {
        let field = path.rsplit('.').next().unwrap_or(path);
        let example = text
            .split("```yaml")
            .nth(1)
            .and_then(|text| text.split("```").next());
        let shows = example.is_some_and(|example| example.contains(&format!("{field}:")));
        assert!(
            shows,
            "the section of `{path}` has no example that shows it"
        );
    }
}

#[test]
fn every_field_is_described() {
    fn walk(schema: &Value, path: &str, missing: &mut Vec<String>) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            if field["description"].as_str().is_none_or(str::is_empty) {
                missing.push(path.clone());
            }
            walk(field, &path, missing);
        }
        for branch in schema["anyOf"].as_array().into_iter().flatten() {
            walk(branch, path, missing);
        }
    }
    let schema = schema();
    let mut missing = Vec::new();
    walk(&schema, "", &mut missing);
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        walk(definition, name, &mut missing);
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// Policies that both the schema and the decoder refuse; `{rule}` and `{to}` are filled in.
const BROKEN: [&str; 93] = [
    "version: 1\nnotifications: {channels: {a: {sns: \"arn:aws:sns:eu-west-1:111122223333:x\"}}, routes: [{match: {owner: []}, to: [a]}]}",
    "mode: enforce",
    "version: 2",
    "version: \"1\"",
    "version: 1\nmode: enforced",
    "version: 1\nscans: []",
    "version: 1\nrepositories: prod",
    "version: 1\nrepositories: [\"Prod/**\"]",
    "version: 1\nrepositories: [\"/prod\"]",
    "version: 1\nrepositories: {includes: [a1]}",
    "version: 1\nignore_tags: latest",
    "version: 1\nignore_tags: [1.0]",
    "version: 1\nignore_tags: [{semver: {range: 1}}]",
    "version: 1\nignore_tags: [{semver: {}, glob: a}]",
    "version: 1\nignore_tags: [{}]",
    "version: 1\nignore_tags: [{calver: {scheme: yyyy}}]",
    "version: 1\nignore_tags: [\"\"]",
    "version: 1\nquarantine: {repository: \"q/{tag}\"}",
    "version: 1\nquarantine: quarantine",
    "version: 1\ntag_rules: {}",
    "version: 1\ntag_rules: [{repositories: [\"**\"], allow: [semver]}]",
    "version: 1\ntag_rules: [{name: a b, repositories: [\"**\"], allow: [semver]}]",
    "version: 1\ntag_rules: [{name: a, allow: [semver]}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"]}]",
    "version: 1\ntag_rules: [{name: a, repositories: [], allow: [semver]}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], allow: []}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], allow: [semver], on_violation: [erase]}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], allow: [semver], on_violation: [notify, notify]}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], allow: [semver], severity: urgent}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], allow: [semver], message: 1}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], to: []}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], to: [{registry: \"https://a.example\", repository: \"{repository}\"}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], to: [{registry: a.example, repository: \"{repo}\"}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], to: [{registry: a.example, repository: \"{repository}\", tag: x}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], to: [{registry: a.example, repository: \"{repository}\", credentials: hunter2}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], tags: {}, to: [{registry: a.example, repository: \"{repository}\"}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], platforms: [linux], to: [{registry: a.example, repository: \"{repository}\"}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], platforms: [], to: [{registry: a.example, repository: \"{repository}\"}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], tags: {newest: 0}, to: [{registry: a.example, repository: \"{repository}\"}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], tags: {newest: all}, to: [{registry: a.example, repository: \"{repository}\"}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], deletes: forward, to: [{registry: a.example, repository: \"{repository}\"}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], deletes: {}, to: [{registry: a.example, repository: \"{repository}\"}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], deletes: {propagate: {after: 1w}}, to: [{registry: a.example, repository: \"{repository}\"}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], deletes: {propagate: {max_per_hour: 0}}, to: [{registry: a.example, repository: \"{repository}\"}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], to: [{registry: 444455556666.dkr.ecr.eu-west-1.amazonaws.com, repository: \"{repository}\", create: {immutable: true, immutable_except: []}}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], to: [{registry: 444455556666.dkr.ecr.eu-west-1.amazonaws.com, repository: \"{repository}\", create: {immutable: true, immutable_except: [\"a b\"]}}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], to: [{registry: 444455556666.dkr.ecr.eu-west-1.amazonaws.com, repository: \"{repository}\", create: {encryption: {}}}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], to: [{registry: 444455556666.dkr.ecr.eu-west-1.amazonaws.com, repository: \"{repository}\", create: {encryption: {kms_key: \"a b\"}}}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], to: [{registry: 444455556666.dkr.ecr.eu-west-1.amazonaws.com, repository: \"{repository}\", create: {lifecycle_policy: [a]}}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], to: [{registry: 444455556666.dkr.ecr.eu-west-1.amazonaws.com, repository: \"{repository}\", create: {lifecycle_policy: {rule: []}}}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], to: [{registry: 444455556666.dkr.ecr.eu-west-1.amazonaws.com, repository: \"{repository}\", create: {repository_policy: {}}}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], to: [{registry: 444455556666.dkr.ecr.eu-west-1.amazonaws.com, repository: \"{repository}\", assume_role: writer}]}]",
    "version: 1\nreplication: [{name: a, repositories: [\"**\"], to: [{registry: 444455556666.dkr.ecr.eu-west-1.amazonaws.com, repository: \"{repository}\", external_id: ab}]}]",
    "version: 1\nnotifications: {channels: {a: {teams: x}}}",
    "version: 1\nnotifications: {channels: {a: {sns: topic}}}",
    "version: 1\nnotifications: {channels: {a: {slack: {webhook: hooks.example.com}}}}",
    "version: 1\nnotifications: {channels: {a: {sns: \"arn:aws:sns:eu-west-1:111122223333:x\"}}, routes: [{match: {severity: [urgent]}, to: [a]}]}",
    "version: 1\nnotifications: {repeat_after: 24}",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], tags: {}, allow: [semver]}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], immutable: []}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], protected: semver}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], derive: {from: semver}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], derive: {from: semver, tags: []}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], derive: {from: semver, tags: [\"{minro}\"]}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], derive: {from: semver, tags: [a, a]}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], companion: {floating: [a]}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], when: 1}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], when: \"\"}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], allow: [a1], mark: \"x-{short_digest}\"}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], allow: [a1], on_violation: [tag], mark: rejected}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], allow: [a1], delete_after: 30d}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], allow: [a1], on_violation: [delete], delete_after: 30}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], allow: [a1], exempt: [{until: 2027-01-31}]}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], allow: [a1], exempt: [{until: tomorrow, reason: x}]}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {labels: {}}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {labels: {required: []}}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {labels: {match: {a: 1}}}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {platforms: [linux]}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {max_size: 2gigs}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {max_size: 0}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {user: root}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {created_within: 90}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {base_images: []}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {foreign_layers: allow}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {max_layers: 0}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {exposed_ports: [http]}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {exposed_ports: [0]}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {signed: {}}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {sbom: true}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {referrers: [{artifact_type: a}]}}]",
    "version: 1\ntag_rules: [{name: a, repositories: [\"**\"], image: {user: non-root, index: all}}]",
];

#[test]
fn what_the_schema_refuses_the_decoder_refuses() {
    let validator = validator();
    for text in BROKEN {
        assert!(
            Policy::parse(text, "x").is_err(),
            "the decoder accepts\n{text}"
        );
        assert!(
            !validator.is_valid(&to_json(text)),
            "the schema accepts\n{text}"
        );
    }
}
