//! Slack incoming webhooks: Block Kit.
//!
//! Limits are Slack's (<https://docs.slack.dev/reference/block-kit/blocks>): 150 characters in a
//! header, 3,000 in a section's text, 2,000 in a field. Everything that comes from outside is
//! escaped, so that no tag, label or message can mention a channel or forge a link.

use serde_json::{Value, json};

use super::MAX_LINES;
use crate::story::{Story, cut, cut_lines, emoji};

/// The payload of one message.
#[must_use]
pub fn render(story: &Story<'_>) -> Value {
    let event = story.event;
    let title = cut(&story.title(), 120);
    let mut blocks = vec![
        json!({ "type": "header", "text": { "type": "plain_text", "text": format!("{} {title}", emoji(event.severity)), "emoji": true } }),
        section(&escape(&event.explain)),
    ];

    let mut fields = vec![
        field("Severity", event.severity.as_str()),
        field("Rule", &code(&event.rule)),
        field("Mode", event.mode.as_str()),
    ];
    if let Some(digest) = &event.digest {
        fields.push(field("Digest", &code(digest.short())));
    }
    if let Some(place) = story.place() {
        fields.push(field("Account", &escape(&place)));
    }
    if let Some(error_type) = &event.error_type {
        fields.push(field("Error", &code(error_type)));
    }
    blocks.push(json!({ "type": "section", "fields": fields }));

    let violations: Vec<String> = event
        .violations
        .iter()
        .map(|violation| match &violation.accepted {
            Some(accepted) => format!(
                "• {}: {} – accepted: {}",
                code(&violation.rule),
                escape(&violation.message),
                escape(accepted)
            ),
            None => format!(
                "• {}: {}",
                code(&violation.rule),
                escape(&violation.message)
            ),
        })
        .collect();
    push_list(&mut blocks, "Why", violations);
    let bullet = |line: &str| format!("• {}", escape(line));
    push_list(
        &mut blocks,
        "What was done",
        story.actions().iter().map(|a| bullet(a)).collect(),
    );
    push_list(
        &mut blocks,
        "What to do now",
        story.remedies().into_iter().map(bullet).collect(),
    );
    let links = event.links.iter().filter(|(_, url)| is_plain_https(url));
    let links: Vec<String> = links
        .map(|(name, url)| format!("<{url}|{}>", escape(name).replace('|', "/")))
        .collect();
    if !links.is_empty() {
        blocks.push(section(&links.join("  ·  ")));
    }
    let origin = format!(
        "ecr-steward · event `{}` · cause `{}`",
        plain(story.id),
        plain(&event.cause)
    );
    blocks.push(json!({ "type": "context", "elements": [mrkdwn(&origin)] }));
    json!({ "text": escape(&story.title()), "blocks": blocks })
}

fn push_list(blocks: &mut Vec<Value>, title: &str, lines: Vec<String>) {
    if !lines.is_empty() {
        let lines: Vec<String> = lines.iter().map(|line| cut_markup(line, 280)).collect();
        let lines = cut_lines(lines, MAX_LINES).join("\n");
        blocks.push(section(&format!("*{title}*\n{lines}")));
    }
}

fn section(markup: &str) -> Value {
    json!({ "type": "section", "text": mrkdwn(&cut_markup(markup, 3000)) })
}

fn field(name: &str, markup: &str) -> Value {
    mrkdwn(&cut_markup(&format!("*{name}*\n{markup}"), 2000))
}

/// Markup that Slack takes as it is: without `verbatim` it would make links of addresses and
/// mentions of names that stand in somebody else's text.
fn mrkdwn(markup: &str) -> Value {
    json!({ "type": "mrkdwn", "text": markup, "verbatim": true })
}

/// Cuts markup without leaving half an escape (`&am`) at the end.
fn cut_markup(markup: &str, limit: usize) -> String {
    let mut short = cut(markup, limit);
    if short.len() < markup.len()
        && let Some(start) = short.rfind('&')
        && !short[start..].contains(';')
    {
        short.truncate(start);
        short.push('…');
    }
    short
}

/// Escapes exactly what Slack's markup gives a meaning: `&`, `<` and `>`
/// (<https://docs.slack.dev/messaging/formatting-message-text>).
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Text in a code span; a backtick would end it.
fn code(text: &str) -> String {
    format!("`{}`", escape(&text.replace('`', "'")))
}

/// An identifier within a code span: whatever could end it is left out.
fn plain(id: &str) -> String {
    id.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_:.".contains(*c))
        .take(128)
        .collect()
}

fn is_plain_https(url: &str) -> bool {
    url.starts_with("https://") && !url.contains(['<', '>', '|', ' ', '\n', '\r', '"'])
}
