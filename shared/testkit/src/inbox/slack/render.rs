//! Blocks as Slack renders them.

use serde_json::Value;

use super::super::view::{Attachment, Block, Element, Node, SlackView, plain};
use super::super::{markdown, mrkdwn};

/// Slack cuts the `text` of a message here.
const TEXT: usize = 40_000;

pub(super) fn payload(payload: &Value) -> SlackView {
    let text: String = string(payload, "text").chars().take(TEXT).collect();
    let formatted = payload.get("mrkdwn").and_then(Value::as_bool) != Some(false);
    let text = if formatted {
        mrkdwn::parse(&text)
    } else {
        mrkdwn::parse_plain(&text, true)
    };
    let mut view = SlackView {
        notification: None,
        blocks: blocks(payload.get("blocks")),
        attachments: list(payload.get("attachments"))
            .iter()
            .map(attachment)
            .collect(),
    };
    if view.blocks.is_empty() {
        if !text.is_empty() {
            view.blocks.push(Block::Section {
                text,
                fields: Vec::new(),
                accessory: None,
            });
        }
    } else {
        view.notification = Some(plain(&text)).filter(|text| !text.is_empty());
    }
    view
}

/// Everything that can be read, in reading order.
pub(super) fn plain_text(view: &SlackView) -> String {
    let mut lines: Vec<String> = view.notification.iter().cloned().collect();
    let attached = view
        .attachments
        .iter()
        .flat_map(|attachment| &attachment.blocks);
    for block in view.blocks.iter().chain(attached) {
        match block {
            Block::Header { text } | Block::Markdown { text } => lines.push(plain(text)),
            Block::Section {
                text,
                fields,
                accessory,
            } => {
                lines.push(plain(text));
                lines.extend(fields.iter().map(|field| plain(field)));
                lines.extend(accessory.iter().map(element_text));
            }
            Block::Context { elements } | Block::Actions { elements } => {
                lines.extend(elements.iter().map(element_text));
            }
            Block::Image { alt } => lines.push(alt.clone()),
            Block::Divider => {}
        }
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

fn element_text(element: &Element) -> String {
    match element {
        Element::Text { text } | Element::Button { label: text, .. } => plain(text),
        Element::Image { alt } => alt.clone(),
        Element::Other { .. } => String::new(),
    }
}

fn attachment(attachment: &Value) -> Attachment {
    let mut blocks = blocks(attachment.get("blocks"));
    if blocks.is_empty() {
        // Legacy attachments have texts instead of blocks.
        for name in ["pretext", "title", "text", "fallback"] {
            let text = string(attachment, name);
            if !text.is_empty() && (name != "fallback" || blocks.is_empty()) {
                let text = mrkdwn::parse(text);
                blocks.push(Block::Section {
                    text,
                    fields: Vec::new(),
                    accessory: None,
                });
            }
        }
    }
    Attachment {
        color: color(string(attachment, "color")),
        blocks,
    }
}

fn color(name: &str) -> Option<String> {
    let hex = match name {
        "good" => "2eb67d",
        "warning" => "ecb22e",
        "danger" => "e01e5a",
        other => other.strip_prefix('#').unwrap_or(other),
    };
    (hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| format!("#{hex}"))
}

fn blocks(value: Option<&Value>) -> Vec<Block> {
    list(value).iter().map(block).collect()
}

fn block(block: &Value) -> Block {
    match string(block, "type") {
        "header" => Block::Header {
            text: member_text(block, "text"),
        },
        "section" => Block::Section {
            text: member_text(block, "text"),
            fields: list(block.get("fields")).iter().map(text_object).collect(),
            accessory: block.get("accessory").map(element),
        },
        "context" => Block::Context {
            elements: list(block.get("elements")).iter().map(element).collect(),
        },
        "actions" => Block::Actions {
            elements: list(block.get("elements")).iter().map(element).collect(),
        },
        "divider" => Block::Divider,
        "markdown" => Block::Markdown {
            text: markdown::parse(string(block, "text")),
        },
        "image" => Block::Image {
            alt: string(block, "alt_text").to_owned(),
        },
        other => Block::Context {
            elements: vec![Element::Other {
                kind: other.to_owned(),
            }],
        },
    }
}

fn element(element: &Value) -> Element {
    match string(element, "type") {
        "mrkdwn" | "plain_text" => Element::Text {
            text: text_object(element),
        },
        "button" => Element::Button {
            label: member_text(element, "text"),
            href: mrkdwn::href(string(element, "url")),
            style: Some(string(element, "style").to_owned()).filter(|style| !style.is_empty()),
        },
        "image" => Element::Image {
            alt: string(element, "alt_text").to_owned(),
        },
        other => Element::Other {
            kind: other.to_owned(),
        },
    }
}

fn member_text(value: &Value, name: &str) -> Vec<Node> {
    value.get(name).map(text_object).unwrap_or_default()
}

fn text_object(object: &Value) -> Vec<Node> {
    let text = string(object, "text");
    if string(object, "type") == "plain_text" {
        let emoji = object.get("emoji").and_then(Value::as_bool) != Some(false);
        mrkdwn::parse_plain(text, emoji)
    } else {
        mrkdwn::parse(text)
    }
}

fn list(value: Option<&Value>) -> &[Value] {
    value
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn string<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
