//! Slack's limits.

use serde_json::{Map, Value};

use super::SlackRefusal;

const BLOCKS: usize = 50;
const ATTACHMENTS: usize = 100;
const HEADER: usize = 150;
const SECTION_TEXT: usize = 3_000;
const FIELDS: usize = 10;
const FIELD: usize = 2_000;
const CONTEXT_ELEMENTS: usize = 10;
const ACTION_ELEMENTS: usize = 25;
const BUTTON_TEXT: usize = 75;
const URL: usize = 3_000;
const IDENTIFIER: usize = 255;
const BUTTON_VALUE: usize = 2_000;
const ALT_TEXT: usize = 2_000;
/// Of all `markdown` blocks of a payload together.
const MARKDOWN: usize = 12_000;

type Check = Result<(), SlackRefusal>;

pub(super) fn payload(payload: &Value) -> Check {
    let Value::Object(members) = payload else {
        let reason = format!("found {}", kind_of(payload));
        return Err(SlackRefusal::InvalidPayload { reason });
    };
    let text = members.get("text");
    if text.is_some_and(|text| !text.is_string()) {
        return Err(SlackRefusal::InvalidPayload {
            reason: "`text` is no string".to_owned(),
        });
    }
    let has_text = text
        .and_then(Value::as_str)
        .is_some_and(|text| !text.trim().is_empty());
    let mut shown = has_text;
    if let Some(list) = members.get("blocks") {
        blocks(list, "blocks")?;
        shown |= list.as_array().is_some_and(|list| !list.is_empty());
    }
    if let Some(list) = members.get("attachments") {
        shown |= attachments(list)?;
    }
    if shown {
        Ok(())
    } else {
        Err(SlackRefusal::NoText)
    }
}

fn attachments(list: &Value) -> Result<bool, SlackRefusal> {
    let list = array(list, "attachments")?;
    at_most(list.len(), ATTACHMENTS, "attachments", "attachments")?;
    for (number, attachment) in list.iter().enumerate() {
        let path = format!("attachments[{number}]");
        let members = object(attachment, &path)?;
        if let Some(list) = members.get("blocks") {
            blocks(list, &format!("{path}.blocks"))?;
        }
    }
    Ok(!list.is_empty())
}

fn blocks(list: &Value, path: &str) -> Check {
    let list = array(list, path)?;
    at_most(list.len(), BLOCKS, path, "blocks")?;
    let mut markdown = 0;
    for (number, value) in list.iter().enumerate() {
        let path = format!("{path}[{number}]");
        let members = object(value, &path)?;
        optional_string(members, "block_id", 1, IDENTIFIER, &path)?;
        block(members, &path)?;
        if members.get("type").and_then(Value::as_str) == Some("markdown") {
            let text = members
                .get("text")
                .and_then(Value::as_str)
                .unwrap_or_default();
            markdown += text.chars().count();
            at_most(
                markdown,
                MARKDOWN,
                &path,
                "characters in the markdown blocks",
            )?;
        }
    }
    Ok(())
}

fn block(members: &Map<String, Value>, path: &str) -> Check {
    match string(members, "type", path)? {
        "header" => text_object(members, "text", &["plain_text"], HEADER, path),
        "section" => section(members, path),
        "context" => {
            let elements = elements(members, path, CONTEXT_ELEMENTS)?;
            each(elements, path, |element, path| {
                match string(element, "type", path)? {
                    "mrkdwn" | "plain_text" => text(element, SECTION_TEXT, path),
                    "image" => image(element, path),
                    other => Err(unknown(path, "element of a context block", other)),
                }
            })
        }
        "actions" => {
            let elements = elements(members, path, ACTION_ELEMENTS)?;
            each(elements, path, |element, path| {
                match string(element, "type", path)? {
                    "button" => button(element, path),
                    other if INTERACTIVE.contains(&other) => Ok(()),
                    other => Err(unknown(path, "element of an actions block", other)),
                }
            })
        }
        "image" => image(members, path),
        "markdown" => {
            let text = string(members, "text", path)?;
            length(text, 1, MARKDOWN, &format!("{path}.text"))
        }
        "divider" | "rich_text" | "video" | "table" => Ok(()),
        other => Err(unknown(path, "block", other)),
    }
}

/// What may stand in an actions block or beside a section, and is not looked into.
const INTERACTIVE: &[&str] = &[
    "checkboxes",
    "datepicker",
    "datetimepicker",
    "multi_static_select",
    "overflow",
    "radio_buttons",
    "static_select",
    "timepicker",
    "users_select",
    "workflow_button",
];

fn section(members: &Map<String, Value>, path: &str) -> Check {
    let fields = members.get("fields");
    if members.get("text").is_none() && fields.is_none() {
        return Err(wrong(path, "a section has `text` or `fields`"));
    }
    if members.get("text").is_some() {
        text_object(
            members,
            "text",
            &["mrkdwn", "plain_text"],
            SECTION_TEXT,
            path,
        )?;
    }
    if let Some(fields) = fields {
        let path = format!("{path}.fields");
        let fields = array(fields, &path)?;
        if fields.is_empty() {
            return Err(wrong(&path, "is empty; 1 to 10 fields or no `fields`"));
        }
        at_most(fields.len(), FIELDS, &path, "fields")?;
        for (number, field) in fields.iter().enumerate() {
            let path = format!("{path}[{number}]");
            let field = object(field, &path)?;
            one_of(field, &["mrkdwn", "plain_text"], &path)?;
            text(field, FIELD, &path)?;
        }
    }
    if let Some(accessory) = members.get("accessory") {
        let path = format!("{path}.accessory");
        let accessory = object(accessory, &path)?;
        return match string(accessory, "type", &path)? {
            "button" => button(accessory, &path),
            "image" => image(accessory, &path),
            other if INTERACTIVE.contains(&other) => Ok(()),
            other => Err(unknown(&path, "accessory", other)),
        };
    }
    Ok(())
}

fn button(members: &Map<String, Value>, path: &str) -> Check {
    text_object(members, "text", &["plain_text"], BUTTON_TEXT, path)?;
    optional_string(members, "action_id", 1, IDENTIFIER, path)?;
    optional_string(members, "value", 0, BUTTON_VALUE, path)?;
    optional_string(members, "url", 1, URL, path)?;
    if let Some(url) = members.get("url").and_then(Value::as_str)
        && super::super::mrkdwn::href(url).is_none()
    {
        return Err(wrong(&format!("{path}.url"), "is no http or https URL"));
    }
    match members.get("style").and_then(Value::as_str) {
        None | Some("primary" | "danger") => Ok(()),
        Some(other) => Err(unknown(&format!("{path}.style"), "style", other)),
    }
}

fn image(members: &Map<String, Value>, path: &str) -> Check {
    let alt = string(members, "alt_text", path)?;
    length(alt, 0, ALT_TEXT, &format!("{path}.alt_text"))?;
    if members.contains_key("slack_file") {
        return Ok(());
    }
    let url = string(members, "image_url", path)?;
    length(url, 1, URL, &format!("{path}.image_url"))
}

fn elements<'a>(
    members: &'a Map<String, Value>,
    path: &str,
    limit: usize,
) -> Result<&'a [Value], SlackRefusal> {
    let path = format!("{path}.elements");
    let Some(elements) = members.get("elements") else {
        return Err(wrong(&path, "is missing"));
    };
    let elements = array(elements, &path)?;
    if elements.is_empty() {
        return Err(wrong(&path, "is empty"));
    }
    at_most(elements.len(), limit, &path, "elements")?;
    Ok(elements)
}

fn each(
    elements: &[Value],
    path: &str,
    check: impl Fn(&Map<String, Value>, &str) -> Check,
) -> Check {
    for (number, element) in elements.iter().enumerate() {
        let path = format!("{path}.elements[{number}]");
        check(object(element, &path)?, &path)?;
    }
    Ok(())
}

fn text_object(
    members: &Map<String, Value>,
    name: &str,
    types: &[&str],
    limit: usize,
    path: &str,
) -> Check {
    let path = format!("{path}.{name}");
    let Some(value) = members.get(name) else {
        return Err(wrong(&path, "is missing"));
    };
    let value = object(value, &path)?;
    one_of(value, types, &path)?;
    text(value, limit, &path)
}

fn text(members: &Map<String, Value>, limit: usize, path: &str) -> Check {
    length(
        string(members, "text", path)?,
        1,
        limit,
        &format!("{path}.text"),
    )
}

fn one_of(members: &Map<String, Value>, types: &[&str], path: &str) -> Check {
    let found = string(members, "type", path)?;
    if types.contains(&found) {
        return Ok(());
    }
    Err(wrong(
        &format!("{path}.type"),
        &format!("is {found:?}, expected {}", types.join(" or ")),
    ))
}

fn string<'a>(
    members: &'a Map<String, Value>,
    name: &str,
    path: &str,
) -> Result<&'a str, SlackRefusal> {
    let found = members.get(name);
    found.and_then(Value::as_str).ok_or_else(|| {
        let found = found.map_or("nothing", kind_of);
        wrong(
            &format!("{path}.{name}"),
            &format!("is {found}, expected a string"),
        )
    })
}

fn optional_string(
    members: &Map<String, Value>,
    name: &str,
    least: usize,
    most: usize,
    path: &str,
) -> Check {
    if !members.contains_key(name) {
        return Ok(());
    }
    length(
        string(members, name, path)?,
        least,
        most,
        &format!("{path}.{name}"),
    )
}

fn length(text: &str, least: usize, most: usize, path: &str) -> Check {
    let length = text.chars().count();
    if (least..=most).contains(&length) {
        return Ok(());
    }
    Err(wrong(
        path,
        &format!("has {length} characters, expected {least} to {most}"),
    ))
}

fn at_most(found: usize, most: usize, path: &str, what: &str) -> Check {
    if found <= most {
        return Ok(());
    }
    Err(wrong(
        path,
        &format!("{found} {what}, expected at most {most}"),
    ))
}

fn array<'a>(value: &'a Value, path: &str) -> Result<&'a [Value], SlackRefusal> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(wrong(
            path,
            &format!("is {}, expected a list", kind_of(other)),
        )),
    }
}

fn object<'a>(value: &'a Value, path: &str) -> Result<&'a Map<String, Value>, SlackRefusal> {
    match value {
        Value::Object(members) => Ok(members),
        other => Err(wrong(
            path,
            &format!("is {}, expected an object", kind_of(other)),
        )),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn unknown(path: &str, what: &str, found: &str) -> SlackRefusal {
    wrong(path, &format!("Slack has no {what} of type {found:?}"))
}

fn wrong(path: &str, problem: &str) -> SlackRefusal {
    SlackRefusal::InvalidBlocks {
        path: path.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SlackRefusal, check};
    use serde_json::{Value, json};

    fn section(text: &str) -> Value {
        json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
    }

    fn refused(payload: &Value) -> String {
        match check(payload) {
            Ok(()) => "accepted".to_owned(),
            Err(refusal) => format!("{}: {refusal}", refusal.code()),
        }
    }

    #[test]
    fn a_message_within_the_limits_is_accepted() {
        let fields: Vec<Value> = (0..10)
            .map(|_| json!({"type": "mrkdwn", "text": "x".repeat(2_000)}))
            .collect();
        let payload = json!({"text": "t", "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "h".repeat(150)}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "é".repeat(3_000)}, "fields": fields,
             "accessory": {"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": "https://example.com"}},
            {"type": "divider"},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "event `1`"}]},
            {"type": "actions", "elements": [
                {"type": "button", "style": "danger", "text": {"type": "plain_text", "text": "Go"}, "url": "https://example.com"}]},
            {"type": "markdown", "text": "**x**"},
        ], "attachments": [{"color": "#ff0000", "blocks": [section("x")]}]});
        assert_eq!(check(&payload), Ok(()));
        assert_eq!(check(&json!({"text": "only text"})), Ok(()));
        assert_eq!(check(&json!({"blocks": vec![section("x"); 50]})), Ok(()));
    }

    #[test]
    fn each_limit_is_named_with_its_place() {
        let button = |extra: Value| {
            let mut button =
                json!({"type": "button", "text": {"type": "plain_text", "text": "Go"}});
            if let (Some(button), Some(extra)) = (button.as_object_mut(), extra.as_object()) {
                button.extend(extra.clone());
            }
            json!({"blocks": [{"type": "actions", "elements": [button]}]})
        };
        for (payload, expected) in [
            (
                json!([1]),
                "invalid_payload: the payload is no JSON object: found a list",
            ),
            (
                json!({}),
                "no_text: neither `text` nor `blocks` nor `attachments`",
            ),
            (
                json!({"text": " ", "blocks": []}),
                "no_text: neither `text` nor `blocks` nor `attachments`",
            ),
            (
                json!({"text": 1}),
                "invalid_payload: the payload is no JSON object: `text` is no string",
            ),
            (
                json!({"blocks": vec![section("x"); 51]}),
                "invalid_blocks: blocks: 51 blocks, expected at most 50",
            ),
            (
                json!({"blocks": [section("")]}),
                "invalid_blocks: blocks[0].text.text: has 0 characters, expected 1 to 3000",
            ),
            (
                json!({"blocks": [section("x"), section(&"x".repeat(3_001))]}),
                "invalid_blocks: blocks[1].text.text: has 3001 characters, expected 1 to 3000",
            ),
            (
                json!({"blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]}),
                "invalid_blocks: blocks[0].text.type: is \"mrkdwn\", expected plain_text",
            ),
            (
                json!({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x".repeat(151)}}]}),
                "invalid_blocks: blocks[0].text.text: has 151 characters, expected 1 to 150",
            ),
            (
                json!({"blocks": [{"type": "section"}]}),
                "invalid_blocks: blocks[0]: a section has `text` or `fields`",
            ),
            (
                json!({"blocks": [{"type": "section", "fields": vec![json!({"type": "mrkdwn", "text": "x"}); 11]}]}),
                "invalid_blocks: blocks[0].fields: 11 fields, expected at most 10",
            ),
            (
                json!({"blocks": [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x".repeat(2_001)}]}]}),
                "invalid_blocks: blocks[0].fields[0].text: has 2001 characters, expected 1 to 2000",
            ),
            (
                json!({"blocks": [{"type": "context", "elements": []}]}),
                "invalid_blocks: blocks[0].elements: is empty",
            ),
            (
                json!({"blocks": [{"type": "sectoin"}]}),
                "invalid_blocks: blocks[0]: Slack has no block of type \"sectoin\"",
            ),
            (
                json!({"blocks": "x"}),
                "invalid_blocks: blocks: is a string, expected a list",
            ),
            (
                button(json!({"url": "javascript:x"})),
                "invalid_blocks: blocks[0].elements[0].url: is no http or https URL",
            ),
            (
                button(json!({"style": "loud"})),
                "invalid_blocks: blocks[0].elements[0].style: Slack has no style of type \"loud\"",
            ),
            (
                json!({"text": "x", "attachments": [{"blocks": [section("")]}]}),
                "invalid_blocks: attachments[0].blocks[0].text.text: has 0 characters, expected 1 to 3000",
            ),
        ] {
            assert_eq!(refused(&payload), expected);
        }
    }

    #[test]
    fn the_markdown_blocks_share_one_limit() {
        let block = json!({"type": "markdown", "text": "x".repeat(7_000)});
        let refusal = check(&json!({"blocks": [block, block]}));
        assert!(
            matches!(refusal, Err(SlackRefusal::InvalidBlocks { .. })),
            "{refusal:?}"
        );
    }
}
