//! What holds for any input.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::Value;
use steward_core::event::incoming::{parse, parse_value};
use steward_core::event::outgoing::MAX_DETAIL_BYTES;
use steward_core::event::{
    ActionReport, Detail, DetailType, Outcome, StewardEvent, Violation, schema,
};
use steward_core::facts::Pusher;
use steward_core::{Mode, Severity};

use crate::fixtures;
use crate::outgoing::delivered;

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "sha256:[0-9a-f]{64}".prop_map(Value::from),
        "arn:aws[a-z-]{0,4}:ecr:[a-z0-9-]{0,12}:[0-9]{11,13}:repository/[a-z/]{0,12}"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Every place in a document.
fn places(value: &Value, here: String, found: &mut Vec<String>) {
    found.push(here.clone());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, format!("{here}/{index}"), found);
            }
        }
        Value::Object(members) => {
            for (key, item) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(item, format!("{here}/{key}"), found);
            }
        }
        _ => {}
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![2 => any::<String>(), 1 => "[a-z ]{0,40}"]
}

/// A text that may be far too long, with characters that grow in JSON.
fn long_text() -> impl Strategy<Value = String> {
    (any::<String>(), 0_usize..20_000).prop_map(|(part, length)| {
        let times = length / part.len().max(1);
        part.repeat(times)
    })
}

fn violation() -> impl Strategy<Value = Violation> {
    let weight = option::of(proptest::sample::select(Severity::ALL.to_vec()));
    (text(), text(), option::of(text()), weight).prop_map(|(rule, message, accepted, severity)| {
        Violation {
            rule,
            message,
            accepted,
            severity,
            mode: severity.map(|_| Mode::Enforce),
        }
    })
}

fn action() -> impl Strategy<Value = ActionReport> {
    (
        "[a-z-]{1,20}",
        proptest::sample::select(Outcome::ALL.to_vec()),
        (
            option::of(text()),
            option::of(text()),
            option::of(text()),
            option::of("[a-z_]{1,20}"),
        ),
        (any::<Option<u64>>(), any::<Option<u64>>()),
    )
        .prop_map(
            |(action, outcome, (target, detail, remedy, error_type), (bytes, duration_ms))| {
                ActionReport {
                    action,
                    outcome,
                    target,
                    detail,
                    remedy,
                    error_type,
                    bytes,
                    duration_ms,
                }
            },
        )
}

fn steward_event() -> impl Strategy<Value = StewardEvent> {
    (
        proptest::sample::select(DetailType::ALL.to_vec()),
        (
            option::of("[0-9]{12}"),
            option::of("[a-z]{2}-[a-z]{4,9}-[1-9]"),
            "[a-z0-9]{2,8}(/[a-z0-9]{1,8}){0,3}",
            option::of("[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"),
            option::of("sha256:[0-9a-f]{64}"),
        ),
        (
            proptest::sample::select(Severity::ALL.to_vec()),
            proptest::sample::select(vec![Mode::Observe, Mode::Enforce]),
            option::of("[a-z_]{1,20}"),
        ),
        (vec(violation(), 1..4), vec(action(), 1..4)),
        (
            text(),
            text(),
            text(),
            btree_map(text(), text(), 0..3),
            option::of(("[a-z]{1,9}", long_text(), option::of(text()))),
        ),
    )
        .prop_map(|(detail_type, image, kind, (violations, actions), words)| {
            let (account, region, repository, tag, digest) = image;
            let (severity, mode, error_type) = kind;
            let (rule, cause, explain, links, people) = words;
            let owner = people.as_ref().map(|(owner, ..)| owner.clone());
            let pusher = people.map(|(_, arn, source_ip)| Pusher {
                arn,
                source_ip,
                user_agent: None,
            });
            let mut builder = StewardEvent::builder(detail_type, repository, cause)
                .account(account.map(|x| x.parse().unwrap()))
                .region(region.map(|x| x.parse().unwrap()))
                .tag(tag.map(|x| x.parse().unwrap()))
                .digest(digest.map(|x| x.parse().unwrap()))
                .owner(owner)
                .pusher(pusher)
                .rule(rule)
                .severity(severity)
                .mode(mode)
                .error_type(error_type)
                .violations(violations)
                .actions(actions)
                .explain(explain);
            for (label, address) in links {
                builder = builder.link(label, address);
            }
            builder.build()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..512)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn any_json_is_read_or_refused(value in json()) {
        if let Err(error) = parse_value(&value) {
            prop_assert!(!error.to_string().contains(char::is_control));
        }
        let _ = parse(value.to_string());
    }

    #[test]
    fn anything_in_any_place_of_a_real_event_is_read_or_refused(
        fixture in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        put in json(),
    ) {
        let all = fixtures::well_formed();
        let mut event: Value = serde_json::from_slice(&fixture.get(&all).bytes).unwrap();
        let mut found = Vec::new();
        places(&event, String::new(), &mut found);
        *event.pointer_mut(place.get::<String>(&found)).unwrap() = put;
        if let Err(error) = parse_value(&event) {
            let shown = error.to_string();
            prop_assert!(!shown.contains(char::is_control), "{shown:?}");
            prop_assert!(shown.len() < 2000, "{} bytes", shown.len());
        }
    }

    #[test]
    fn a_real_event_cut_anywhere_is_refused(
        fixture in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
    ) {
        let all = fixtures::well_formed();
        let bytes = fixture.get(&all).bytes.trim_ascii_end();
        prop_assert!(parse(&bytes[..at.index(bytes.len())]).is_err());
    }

    #[test]
    fn a_steward_event_comes_back_equal(event in steward_event()) {
        let whole = event.to_detail();
        let read = StewardEvent::from_detail(event.detail_type, &whole).unwrap();
        prop_assert_eq!(&read, &event);

        let text = event.to_put_events_detail();
        prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), whole.clone());
        let incoming = parse_value(&delivered(event.detail_type, &whole)).unwrap();
        prop_assert_eq!(incoming.detail, Detail::Steward(Box::new(event)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_steward_event_follows_its_schema(event in steward_event()) {
        let mut event = event;
        // What the functions always know for these types.
        event.tag.get_or_insert_with(|| "v1".parse().unwrap());
        event.digest.get_or_insert_with(|| {
            format!("sha256:{}", "0".repeat(64)).parse().unwrap()
        });
        let detail: Value = serde_json::from_str(&event.to_put_events_detail()).unwrap();
        let validator = jsonschema::draft202012::new(&schema(event.detail_type)).unwrap();
        if let Err(error) = validator.validate(&detail) {
            return Err(TestCaseError::fail(error.to_string()));
        }
    }

    #[test]
    fn no_event_is_too_long_to_send(
        event in steward_event(),
        entries in 1_usize..400,
        words in vec(long_text(), 4),
    ) {
        let [explain, rule, message, address] = words.as_slice() else { panic!("four") };
        let mut event = event;
        event.explain.clone_from(explain);
        event.rule = format!("r{rule}");
        event.links.insert("long".to_owned(), address.clone());
        event.violations.insert(0, Violation::new("long", message));
        event.violations = event.violations.iter().cloned().cycle().take(entries).collect();

        let text = event.to_put_events_detail();
        prop_assert!(text.len() <= MAX_DETAIL_BYTES, "{} bytes", text.len());
        let detail: Value = serde_json::from_str(&text).unwrap();
        let incoming = parse_value(&delivered(event.detail_type, &detail)).unwrap();
        let Detail::Steward(sent) = incoming.detail else { panic!("not ours") };
        prop_assert_eq!(
            sent.violations.len() as u64 + sent.violations_omitted,
            event.violations.len() as u64
        );
        prop_assert_eq!(
            sent.actions.len() as u64 + sent.actions_omitted,
            event.actions.len() as u64
        );
    }
}
