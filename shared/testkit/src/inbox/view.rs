//! Messages as trees of text. The page turns them into elements and text nodes; nothing in here is
//! ever read as HTML.

use serde::Serialize;

/// A message as its receiver sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum View {
    /// Blocks, as Slack renders them.
    Slack(SlackView),
    /// An e-mail.
    Email(EmailView),
    /// What the program behind a webhook reads.
    Webhook(WebhookView),
}

/// A Slack message.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SlackView {
    /// What the notification on the receiver's screen says, when the message has blocks.
    pub notification: Option<String>,
    /// The blocks from top to bottom.
    pub blocks: Vec<Block>,
    /// Blocks with a coloured bar, below.
    pub attachments: Vec<Attachment>,
}

/// Blocks beside a coloured bar.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attachment {
    /// `#rrggbb`.
    pub color: Option<String>,
    /// The blocks from top to bottom.
    pub blocks: Vec<Block>,
}

/// One Slack block.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "block", rename_all = "snake_case")]
pub enum Block {
    /// Large and bold.
    Header {
        /// The text.
        text: Vec<Node>,
    },
    /// Text, two columns of fields, and something at the right.
    Section {
        /// The text.
        text: Vec<Node>,
        /// Two columns.
        fields: Vec<Vec<Node>>,
        /// At the right.
        accessory: Option<Element>,
    },
    /// Small and grey.
    Context {
        /// In one line.
        elements: Vec<Element>,
    },
    /// A line.
    Divider,
    /// Buttons.
    Actions {
        /// In one line.
        elements: Vec<Element>,
    },
    /// A picture; the page does not load it.
    Image {
        /// The alternative text.
        alt: String,
    },
    /// Standard Markdown.
    Markdown {
        /// The text.
        text: Vec<Node>,
    },
}

/// A part of a block.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "element", rename_all = "snake_case")]
pub enum Element {
    /// Text.
    Text {
        /// The text.
        text: Vec<Node>,
    },
    /// A button.
    Button {
        /// Its label.
        label: Vec<Node>,
        /// Where it leads; only `http` and `https`.
        href: Option<String>,
        /// `primary` or `danger`.
        style: Option<String>,
    },
    /// A picture; the page does not load it.
    Image {
        /// The alternative text.
        alt: String,
    },
    /// Anything else that Slack knows.
    Other {
        /// Slack's name of it.
        kind: String,
    },
}

/// A piece of formatted text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "node", rename_all = "snake_case")]
pub enum Node {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// Bold.
    Bold {
        /// What is bold.
        children: Vec<Node>,
    },
    /// Italic.
    Italic {
        /// What is italic.
        children: Vec<Node>,
    },
    /// Struck through.
    Strike {
        /// What is struck through.
        children: Vec<Node>,
    },
    /// Code within a line.
    Code {
        /// The code.
        text: String,
    },
    /// A block of code.
    Pre {
        /// The code.
        text: String,
    },
    /// A link; only `http`, `https` and `mailto`.
    Link {
        /// Where it leads.
        href: String,
        /// What it says.
        children: Vec<Node>,
    },
    /// A mention of people or a channel: it makes Slack ring, so the page shows it loudly.
    Mention {
        /// `@channel`, `@U012AB3CD`, `#general`.
        text: String,
    },
    /// A quotation.
    Quote {
        /// What is quoted.
        children: Vec<Node>,
    },
    /// A paragraph, or a list.
    Group {
        /// What is in it.
        children: Vec<Node>,
    },
    /// A line of a list.
    Item {
        /// What is in it.
        children: Vec<Node>,
    },
    /// The end of a line.
    Break,
}

/// An e-mail.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EmailView {
    /// Who sent it.
    pub from: String,
    /// Who gets it.
    pub to: String,
    /// The subject line.
    pub subject: String,
    /// The plain text body with the footer of SNS.
    pub body: String,
    /// Whether it was delivered raw, so that subject and attributes are unknown.
    pub raw: bool,
}

/// What the program behind a webhook reads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WebhookView {
    /// The path of the request.
    pub path: String,
    /// The CloudEvents attributes, when it is a CloudEvent.
    pub cloud_event: Option<CloudEvent>,
    /// Path and value of the body's scalars, in their order.
    pub fields: Vec<(String, String)>,
    /// The request's headers.
    pub headers: Vec<(String, String)>,
}

/// The attributes of a CloudEvent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CloudEvent {
    /// `binary` or `structured`.
    pub mode: &'static str,
    /// `id`.
    pub id: String,
    /// `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `source`.
    pub source: String,
    /// `subject`.
    pub subject: Option<String>,
    /// `time`.
    pub time: Option<String>,
}

/// The text of nodes without any formatting.
pub(crate) fn plain(nodes: &[Node]) -> String {
    let mut out = String::new();
    push_plain(nodes, &mut out);
    out
}

fn push_plain(nodes: &[Node], out: &mut String) {
    for node in nodes {
        match node {
            Node::Text { text }
            | Node::Code { text }
            | Node::Pre { text }
            | Node::Mention { text } => {
                out.push_str(text);
            }
            Node::Bold { children }
            | Node::Italic { children }
            | Node::Strike { children }
            | Node::Link { children, .. } => push_plain(children, out),
            Node::Quote { children } | Node::Group { children } | Node::Item { children } => {
                begin_line(out);
                push_plain(children, out);
                out.push('\n');
            }
            Node::Break => out.push('\n'),
        }
    }
}

fn begin_line(out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}
