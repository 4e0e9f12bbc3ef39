//! Conditions and facts that want to do harm.

use std::time::{Duration, Instant};

use super::*;

#[track_caller]
fn refused(text: &str, because: &str) {
    let error = Condition::new(text).expect_err("it must be refused");
    assert!(error.message.contains(because), "{}", error.message);
}

#[test]
fn texts_are_bounded() {
    refused(
        &format!("tag == '{}'", "x".repeat(2048)),
        "longer than 2048 bytes",
    );
    let many = format!("tag in [{}'']", "'',".repeat(300));
    refused(&many, "more than 512 words and signs");
    let fits = format!("tag in [{}'']", "'',".repeat(240));
    assert!(Condition::new(&fits).is_ok());
}

#[test]
fn nesting_is_bounded() {
    let around = |n: usize, open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(n), close.repeat(n))
    };
    let deep = "nested more than 32 deep";
    for text in [
        around(100, "(1 + ", "1", ")"),
        around(200, "[", "1", "]"),
        around(100, "size([", "1", "])"),
        around(120, "{1:", "1", "}"),
        around(250, "!-", "1", ""),
        format!("tag{}", ".a".repeat(250)),
        format!("tag{}", ".trim()".repeat(100)),
        format!("1{} == 1", " + 1".repeat(200)),
    ] {
        refused(&text, deep);
    }
    // As many as there may be words, and of each the worst.
    refused(&around(160, "a[", "1", "]"), deep);
    refused(
        &around(511, "-", "tag", ""),
        "cannot be put before a string",
    );
    refused(&around(255, "(", "tag", ")"), "is a string");
    refused(&around(255, "(", "true", "x"), deep);
    refused(
        &format!("{}true", "true ? true : ".repeat(120)),
        "more than 16 choices",
    );
    let choices = format!("{}true", "tag == 'x' ? true : ".repeat(16));
    assert!(holds(&choices, &facts()));
}

#[test]
fn long_chains_of_and_and_or_are_fine() {
    let text = format!("{}true", "tag != 'x' && ".repeat(100));
    assert!(holds(&text, &facts()));
    let text = format!("{}false", "tag == 'x' || ".repeat(100));
    assert!(!holds(&text, &facts()));
}

#[test]
fn loops_are_bounded() {
    refused(
        "[1, 2, 3].map(x, [1, 2, 3].map(y, x * y)) == [[1]]",
        "loops cannot stand in one another",
    );
    refused(
        "image.tags.all(a, image.tags.all(b, a == b))",
        "loops cannot stand in one another",
    );
    let chain = format!("[1]{} == [1]", ".map(x, x)".repeat(9));
    refused(&chain, "more than 8 loops");
    assert!(holds(
        &format!("[1]{} == [1]", ".map(x, x)".repeat(8)),
        &facts()
    ));
}

#[test]
fn regular_expressions_are_bounded() {
    refused(
        r"tag.matches('(\\w{1,999}){1,999}')",
        "is not a regular expression",
    );
    refused(
        &format!("tag.matches('{}a{}')", "(".repeat(500), ")".repeat(500)),
        "is not a",
    );
    let slow = "image.user.matches('(a|aa)+$')";
    let mut facts = facts();
    let config = facts.image.as_mut().unwrap().config.as_mut().unwrap();
    config.user = format!("{}b", "a".repeat(100_000));
    let start = Instant::now();
    assert!(!holds(slow, &facts));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn facts_are_bounded() {
    let mut facts = facts();
    let image = facts.image.as_mut().unwrap();
    image.tags = (0..1025)
        .map(|n| format!("t{n}").parse().unwrap())
        .collect();
    assert_eq!(
        undecided("image.tags.exists(t, t == 'x')", &facts),
        "`image.tags`: it has 1025 entries, and at most 1024 are looked at"
    );
    let image = facts.image.as_mut().unwrap();
    image.tags.pop();
    let config = image.config.as_mut().unwrap();
    config.labels = texts(&[("long", &"x ".repeat(1 << 20))]);
    for text in [
        "image.tags.all(t, !image.labels.long.contains(t + 'y'))",
        "image.tags.map(t, image.labels.long + t).size() == 1024",
        "image.tags.map(t, image.labels.long.split(' ')).size() == 1024",
        "image.tags.all(t, !image.labels.long.matches('y$'))",
        "image.tags.map(t, image.labels.long.upperAscii()).join('') == ''",
        "image.labels.long.split('') == []",
    ] {
        let start = Instant::now();
        let reason = undecided(text, &facts);
        assert!(
            reason.contains("cost too much") || reason.contains("splits into too many"),
            "{text}: {reason}"
        );
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{text}: {:?}",
            start.elapsed()
        );
    }
}

/// Text made of the pieces of conditions: most of it is nonsense, some of it is not.
#[test]
fn no_text_breaks_the_compiler_or_the_evaluation() {
    const PIECES: [&str; 60] = [
        "tag",
        "image",
        "image.tags",
        "image.labels",
        "event.time",
        "now",
        "repository",
        "previous",
        "pusher.arn",
        ".",
        ",",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "?",
        ":",
        "&&",
        "||",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "==",
        "!=",
        "<",
        ">=",
        "in",
        "true",
        "null",
        "0",
        "1",
        "-9223372036854775808",
        "1.5",
        "1e308",
        "'a'",
        "\"é\"",
        "'''",
        "b'x'",
        "r'\\'",
        "`x`",
        "//",
        "\n",
        "size",
        ".size()",
        ".map(x, x)",
        ".all(x, x == 1)",
        ".exists(t, t == tag)",
        "has(image.user)",
        ".matches('a+')",
        "duration('1h')",
        "timestamp('2026-11-20T00:00:00Z')",
        ".getHours()",
        ".split('')",
        ".labels.x",
        "é",
    ];
    let (facts, index) = (facts(), index());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let mut compiled = 0;
    for _ in 0..40_000 {
        let text: String = (0..=next(9)).map(|_| PIECES[next(PIECES.len())]).collect();
        match Condition::new(&text) {
            Ok(condition) => {
                compiled += 1;
                let _ = (condition.holds(&facts), condition.holds(&index));
            }
            Err(error) => assert!(error.offset.unwrap_or(0) <= text.chars().count(), "{text}"),
        }
    }
    assert!(compiled > 50, "{compiled}");
}
