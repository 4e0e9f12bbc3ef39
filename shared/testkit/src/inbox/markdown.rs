//! The standard Markdown of Slack's `markdown` block.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::mrkdwn::href;
use super::view::Node;

/// Reads Markdown; HTML in it is text.
pub(crate) fn parse(text: &str) -> Vec<Node> {
    // One frame per open element, the bottom one is the document.
    let mut open: Vec<(Option<Tag<'_>>, Vec<Node>)> = vec![(None, Vec::new())];
    for event in Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(tag) => open.push((Some(tag), Vec::new())),
            Event::End(end) => close(&mut open, end),
            Event::Text(text)
            | Event::Html(text)
            | Event::InlineHtml(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text)
            | Event::FootnoteReference(text) => push(
                &mut open,
                Node::Text {
                    text: text.into_string(),
                },
            ),
            Event::Code(text) => push(
                &mut open,
                Node::Code {
                    text: text.into_string(),
                },
            ),
            Event::SoftBreak | Event::HardBreak | Event::Rule => push(&mut open, Node::Break),
            Event::TaskListMarker(done) => {
                let text = if done { "☑ " } else { "☐ " }.to_owned();
                push(&mut open, Node::Text { text });
            }
        }
    }
    open.into_iter()
        .next()
        .map(|(_, nodes)| nodes)
        .unwrap_or_default()
}

fn push(open: &mut [(Option<Tag<'_>>, Vec<Node>)], node: Node) {
    if let Some((_, nodes)) = open.last_mut() {
        nodes.push(node);
    }
}

fn close(open: &mut Vec<(Option<Tag<'_>>, Vec<Node>)>, end: TagEnd) {
    if open.len() < 2 {
        return;
    }
    let Some((tag, children)) = open.pop() else {
        return;
    };
    let node = match end {
        TagEnd::Strong => Node::Bold { children },
        TagEnd::Emphasis => Node::Italic { children },
        TagEnd::Strikethrough => Node::Strike { children },
        TagEnd::Heading(_) => Node::Group {
            children: vec![Node::Bold { children }],
        },
        TagEnd::CodeBlock => Node::Pre {
            text: super::view::plain(&children).trim_end().to_owned(),
        },
        TagEnd::BlockQuote(_) => Node::Quote { children },
        TagEnd::Item => Node::Item { children },
        TagEnd::Link => match tag {
            Some(Tag::Link { dest_url, .. }) => match href(&dest_url) {
                Some(href) => Node::Link { href, children },
                None => Node::Group { children },
            },
            _ => Node::Group { children },
        },
        _ => Node::Group { children },
    };
    push(open, node);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_nodes_and_html_stays_text() {
        let nodes =
            parse("# Title\n\n**b** [ok](https://example.com) [bad](javascript:x) <b>\n\n- one\n");
        let text = format!("{nodes:?}");
        assert!(
            text.contains(r#"Bold { children: [Text { text: "Title" }] }"#),
            "{text}"
        );
        assert!(
            text.contains(r#"Link { href: "https://example.com""#),
            "{text}"
        );
        assert!(!text.contains("javascript"), "{text}");
        assert!(text.contains(r#"Text { text: "<b>" }"#), "{text}");
        assert!(text.contains("Item"), "{text}");
    }
}
