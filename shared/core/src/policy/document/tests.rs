use proptest::prelude::*;

use super::*;

/// The document as JSON, for comparison with the JSON Schema.
pub(in crate::policy) fn to_json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(text) => match text.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => text.parse::<f64>().unwrap_or(0.5).into(),
        },
        Value::Text(text) => text.clone().into(),
        Value::List(nodes) => nodes.iter().map(to_json).collect(),
        Value::Map(entries) => serde_json::Value::Object(
            entries
                .iter()
                .map(|entry| (entry.key.clone(), to_json(&entry.value)))
                .collect(),
        ),
    }
}

fn message(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn nodes_know_their_places() {
    let root = read("version: 1\nlist:\n  - {a: \"x\"}\n  - no\n").unwrap();
    let Value::Map(entries) = &root.value else {
        panic!("{root:?}")
    };
    let list = &entries[1];
    assert_eq!((list.location.line, list.location.column), (2, 1));
    let Value::List(nodes) = &list.value.value else {
        panic!("{list:?}")
    };
    assert_eq!(nodes[0].location, Location { line: 3, column: 5 });
    assert_eq!(nodes[1].location, Location { line: 4, column: 5 });
    let Value::Map(inner) = &nodes[0].value else {
        panic!("{nodes:?}")
    };
    assert_eq!(inner[0].value.location, Location { line: 3, column: 9 });
}

#[test]
fn columns_count_characters() {
    let root = read("a: \"äöü\"\nä: {\"ö\": x}").unwrap();
    let Value::Map(entries) = &root.value else {
        panic!("{root:?}")
    };
    let Value::Map(inner) = &entries[1].value.value else {
        panic!("{entries:?}")
    };
    assert_eq!(
        inner[0].value.location,
        Location {
            line: 2,
            column: 10
        }
    );
}

#[test]
fn scalars_follow_the_core_schema() {
    let kinds = |text: &str| resolve(text).describe();
    for number in [
        "1", "-1", "+1", "1.0", "1.", ".5", "1e3", "-1.5E-3", "0x1F", "0o17", ".inf", ".nan",
    ] {
        assert_eq!(kinds(number), format!("the number `{number}`"));
    }
    for text in [
        "1.2.3",
        "v1",
        "yes",
        "no",
        "on",
        "0x",
        "1e",
        ".",
        "-",
        "1_000",
        "2026-11-23",
        "e3",
    ] {
        assert_eq!(kinds(text), "a text", "{text}");
    }
    for null in ["", "~", "null"] {
        assert_eq!(kinds(null), "nothing");
    }
    assert_eq!(kinds("true"), "the truth value `true`");
    let quoted = read("'1'").unwrap();
    assert_eq!(quoted.value.describe(), "a text");
}

#[test]
fn what_a_policy_does_not_use_is_refused_with_its_place() {
    assert_eq!(
        message("a: &x 1\n"),
        "1:4: anchors (`&name`) are not supported in a policy"
    );
    let alias =
        "aliases (`*name`) are not supported in a policy; quote a glob that begins with `*`";
    assert!(
        message("repositories: [**]").ends_with(alias),
        "{}",
        message("repositories: [**]")
    );
    assert!(message("a: *b").ends_with(alias), "{}", message("a: *b"));
    assert!(message("a: !x 1").contains("YAML tags are not supported"));
    assert!(message("a: 1\n---\nb: 1\n").contains("more than one document"));
    assert!(message("").contains("the policy is empty"));
    assert!(message("# nothing\n").contains("the policy is empty"));
    assert!(message("{a: 1}: x").contains("quote a text that begins with `{`"));
}

#[test]
fn broken_yaml_says_where() {
    let error = read("version: 1\ntag_rules:\n  - name: [a\n").unwrap_err();
    assert_eq!(error.kind, PolicyErrorKind::Syntax);
    assert!(error.line >= 3, "{error}");
    assert!(error.message.starts_with("not valid YAML: "), "{error}");
    let error = read("a: b\n\tc: d\n").unwrap_err();
    assert!(error.message.contains("tab"), "{error}");
}

#[test]
fn bombs_are_refused_quickly() {
    let laughs = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n";
    assert!(message(laughs).contains("anchors"));
    for open in ["[", "{a: ", "- ", "? "] {
        let deep = open.repeat(Policy::MAX_BYTES / open.len());
        let text = message(&deep);
        assert!(
            text.contains("too deep") || text.contains("YAML"),
            "{open}: {text}"
        );
    }
    let error = read(&"a".repeat(Policy::MAX_BYTES + 1)).unwrap_err();
    assert_eq!(error.kind, PolicyErrorKind::TooLarge);
    let nested = format!("{}1{}", "[".repeat(32), "]".repeat(32));
    assert!(read(&nested).is_ok());
    assert!(read(&format!("[{nested}]")).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn yaml_like_texts_do_not_panic(text in "[a-c:\\-\\n \\[\\]{},?&*!|>'\"#%@`~\\t\\r0-9.]{0,200}") {
        let _ = read(&text);
    }
}
