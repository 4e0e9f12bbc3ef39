//! What Slack accepts from an incoming webhook, and what it makes of it.

mod check;
mod render;

use serde_json::Value;

use super::cause;
use super::message::Kind;
use super::store::Draft;
use super::view::{Block, Element, SlackView, View, plain};

/// Why Slack would answer 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlackRefusal {
    /// Slack's `invalid_payload`: no JSON object.
    #[error("the payload is no JSON object: {reason}")]
    InvalidPayload {
        /// What it is instead.
        reason: String,
    },
    /// Slack's `no_text`: nothing to show.
    #[error("neither `text` nor `blocks` nor `attachments`")]
    NoText,
    /// Slack's `invalid_blocks`.
    #[error("{path}: {problem}")]
    InvalidBlocks {
        /// `blocks[2].text.text`.
        path: String,
        /// What is wrong there, and what would be right.
        problem: String,
    },
}

impl SlackRefusal {
    /// The body of Slack's answer.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidPayload { .. } => "invalid_payload",
            Self::NoText => "no_text",
            Self::InvalidBlocks { .. } => "invalid_blocks",
        }
    }
}

/// Checks a payload against Slack's documented limits.
///
/// Source: the Block Kit reference and "Sending messages using incoming webhooks" on
/// docs.slack.dev.
///
/// # Errors
/// [`SlackRefusal`], the first mistake found.
pub fn check(payload: &Value) -> Result<(), SlackRefusal> {
    check::payload(payload)
}

/// Makes a view of a payload that [`check`] accepts.
pub(crate) fn draft(channel: String, payload: Value) -> Draft {
    let view = render::payload(&payload);
    let text = render::plain_text(&view);
    let title = title(&view);
    let cause = find_cause(&view);
    Draft {
        channel,
        kind: Kind::Slack,
        title,
        text,
        cause,
        payload,
        view: View::Slack(view),
    }
}

fn all_blocks(view: &SlackView) -> impl Iterator<Item = &Block> {
    view.blocks.iter().chain(
        view.attachments
            .iter()
            .flat_map(|attachment| &attachment.blocks),
    )
}

/// The notification text, else the first header, else the first text.
fn title(view: &SlackView) -> String {
    let header = || {
        all_blocks(view).find_map(|block| match block {
            Block::Header { text } => Some(plain(text)),
            _ => None,
        })
    };
    let first = || {
        all_blocks(view).find_map(|block| match block {
            Block::Section { text, .. } | Block::Markdown { text } => Some(plain(text)),
            _ => None,
        })
    };
    let title = view
        .notification
        .clone()
        .or_else(header)
        .or_else(first)
        .unwrap_or_default();
    title
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(150)
        .collect()
}

fn find_cause(view: &SlackView) -> Option<String> {
    all_blocks(view)
        .filter_map(|block| match block {
            Block::Context { elements } => Some(elements),
            _ => None,
        })
        .flatten()
        .filter_map(|element| match element {
            Element::Text { text } => cause::in_text(&plain(text)),
            _ => None,
        })
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_cause_is_in_a_context_block() {
        let draft = draft(
            "ops".to_owned(),
            json!({"text": "Copied &amp; verified", "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": "Image replicated"}},
                {"type": "section", "text": {"type": "mrkdwn", "text": "*prod/app* event `00000000-section`"}},
                {"type": "context", "elements": [
                    {"type": "mrkdwn", "text": "rule *dr*"},
                    {"type": "mrkdwn", "text": "event `11111111-context`"}]},
            ]}),
        );
        assert_eq!(draft.cause.as_deref(), Some("11111111-context"));
        assert_eq!(draft.title, "Copied & verified");
        assert!(draft.text.contains("prod/app event"), "{}", draft.text);
    }
}
