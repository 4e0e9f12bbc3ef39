//! What is said about conditions that are none.

use super::*;

#[track_caller]
fn says(text: &str, message: &str, at: &str) {
    let error = Condition::new(text).expect_err(text);
    assert_eq!(error.message, message, "{text}");
    let rest: String = text.chars().skip(error.offset.expect(text)).collect();
    assert!(rest.starts_with(at), "{text}: {rest:?} is not {at:?}");
}

#[test]
fn names_that_do_not_exist_are_found_with_those_that_do() {
    says(
        "repositry == 'x'",
        "`repositry` does not exist; did you mean `repository`?",
        "repositry",
    );
    says(
        "tag == 'x' && weather",
        "`weather` does not exist; there are `event`, `image`, `now`, `previous`, `pusher`, \
         `registry`, `repository`, `repository_tags`, `tag`",
        "weather",
    );
    says(
        "  image.lables.x == ''",
        "`image` has no `lables`; did you mean `labels`?",
        "lables",
    );
    says(
        "event . tme < now",
        "`event` has no `tme`; did you mean `time`?",
        "tme",
    );
    says(
        "has(image.usr)",
        "`image` has no `usr`; did you mean `user`?",
        "has(",
    );
    says(
        "registry.town == ''",
        "`registry` has no `town`; it has `account`, `region`",
        "town",
    );
    says(
        "pusher == ''",
        "`pusher` cannot be used as a whole; it has the parts `arn`, `source_ip`, `user_agent`",
        "pusher",
    );
    says(
        "repository.name == ''",
        "a string has no field `name`",
        "name",
    );
    says(
        "'ä' == 'ä' && tagg == ''",
        "`tagg` does not exist; did you mean `tag`?",
        "tagg",
    );
    says(
        "image.tags.all(tg, t == '')",
        "`t` does not exist; did you mean `tg`?",
        "t ==",
    );
}

#[test]
fn functions_that_do_not_exist_are_found_with_those_that_do() {
    says(
        "repository.startswith('x')",
        "there is no function `startswith`; did you mean `startsWith`?",
        "startswith",
    );
    says(
        "startsWith(repository, 'x')",
        "`startsWith` is called as `value.startsWith(…)`",
        "startsWith",
    );
    says(
        "'1'.int() == 1",
        "`int` is called as `int(…)`, and not behind a dot",
        "int",
    );
    says(
        "repository.startsWith(1)",
        "`startsWith` cannot take (string, int); there is `string.startsWith(string)`",
        "startsWith",
    );
    says(
        "size(1) == 1",
        "`size` cannot take (int); there is `size(string)`, `size(list(value))`, \
         `size(map(string, string))`",
        "size",
    );
    says(
        "tag.getHours() == 1",
        "`getHours` is for a timestamp or duration",
        "getHours",
    );
    says(
        "now.getHours('Europe/Berlin') == 1",
        "`Europe/Berlin` is not a time zone here; write `UTC` or an offset such as `+02:00`",
        "getHours",
    );
    says(
        "now.getHours(tag) == 1",
        "the time zone must be written out",
        "getHours",
    );
    says(
        "tag.matches(repository)",
        "the regular expression of `matches` must be written out",
        "matches",
    );
    says(
        "tag.matches('(')",
        "`(` is not a regular expression: unclosed group",
        "matches",
    );
    says(
        "now > timestamp('yesterday')",
        "`yesterday` is not a time such as `2026-11-23T12:00:00Z`",
        "timestamp",
    );
    says(
        "now - now > duration('a while')",
        "`a while` is not a duration such as `1h30m`",
        "duration",
    );
}

#[test]
fn types_that_do_not_go_together_are_found() {
    says(
        "repository",
        "is a string; a condition must be true or false",
        "repository",
    );
    says("1", "is an int; a condition must be true or false", "1");
    says(
        "repository == 1",
        "`==` compares a string with an int; both sides must be of one type",
        "==",
    );
    says(
        "image.size < 1.5",
        "`<` compares an int with a double; both sides must be of one type",
        "<",
    );
    says(
        "[1] < [2]",
        "`<` cannot compare list(int)s; they have no order",
        "<",
    );
    says("1 + 'a' == 'a'", "`+` cannot take an int and a string", "+");
    says(
        "now + now == now",
        "`+` cannot take a timestamp and a timestamp",
        "+",
    );
    says(
        "1.5 % 1.0 == 0.5",
        "`%` cannot take a double and a double",
        "%",
    );
    says(
        "tag && true",
        "is a string; it must be true or false",
        "tag",
    );
    says("!tag", "is a string; it must be true or false", "tag");
    says("-tag == tag", "`-` cannot be put before a string", "-");
    says("true ? 1 : 'a'", "chooses between an int and a string", "?");
    says(
        "1 in image.tags",
        "an int cannot be in a list(string)",
        "in",
    );
    says(
        "image.tags['a'] == ''",
        "entries of a list have an int, not a string",
        "'a'",
    );
    says(
        "image.labels[1] == ''",
        "entries of a map have a string, not an int",
        "1",
    );
    says("tag[0] == ''", "a string has no entries", "[");
    says(
        "[1, 'a'] == []",
        "is a string in a list of ints; all entries must be of one type",
        "'a'",
    );
    says(
        "true && image.tags.map(t, t)",
        "is a list(string); it must be true or false",
        "image",
    );
    says(
        "true && tag.trim()",
        "is a string; it must be true or false",
        "tag.trim",
    );
    says(
        "tag.all(t, true)",
        "is a string; loops go over lists and maps",
        "tag",
    );
    says(
        "image.tags.filter(t, t) == []",
        "is a string; it must be true or false",
        "t)",
    );
}

#[test]
fn parts_of_cel_that_are_not_here_say_so() {
    says("1u == 1u", "numbers have no `u` behind them here", "1u");
    says(
        "b'x' == b'x'",
        "there are no bytes here; write a string",
        "b'x'",
    );
    says(
        "tag == null",
        "nothing is null here; ask with `has(…)` whether there is a value",
        "null",
    );
    says(
        "{'a': 1} == {}",
        "mappings cannot be written here; compare the entries one by one",
        "{",
    );
    says("Tag{} == tag", "there are no messages to build here", "Tag");
    says(
        "image.tags.all(tag, tag == '')",
        "a loop's `tag` would hide the variable of this name",
        "image",
    );
}

#[test]
fn what_is_not_cel_says_where() {
    assert_eq!(Condition::new("").unwrap_err().message, "is empty");
    assert_eq!(
        Condition::new(" // nothing").unwrap_err().message,
        "is empty"
    );
    says(
        "tag ==",
        "is not CEL: mismatched input 'the end' expecting expression",
        "",
    );
    says(
        "tag = 'x'",
        "is not CEL: mismatched input '=' expecting the end",
        "= 'x'",
    );
    says("tag == 'x", "is not CEL: unterminated string literal", "'x");
    says(
        "tag == 'é' & true",
        "is not CEL: unexpected single '&', expected '&&'",
        "& true",
    );
    says("tag == “x”", "is not CEL: unexpected character", "“x”");
    says("(tag == 'x'\n && true", "is not CEL: expected ')'", "");
    says(
        "tag == '\\q'",
        "is not CEL: unable to unescape string",
        "'\\q'",
    );
    says(
        "99999999999999999999 == 1",
        "is not CEL: invalid int literal",
        "9999",
    );
    says(
        "has(tag)",
        "is not CEL: invalid argument to has() macro",
        "tag",
    );
    says("for == 1", "is not CEL: reserved identifier: for", "for");
}
