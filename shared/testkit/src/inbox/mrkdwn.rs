//! Slack's own markup, `mrkdwn`, as text nodes.
//!
//! Read as Slack documents it: `*bold*`, `_italic_`, `~struck~`, `` `code` ``, fences of three
//! backticks, lines quoted with `>`, `<url|text>`, mentions (`<!channel>`, `<@U…>`, `<#C…>`), the
//! three escapes `&amp;` `&lt;` `&gt;`, and the emoji that the notifier uses.

use super::view::Node;

/// Emphasis within emphasis is read this deep.
const DEPTH: u8 = 4;

/// The emoji that the page knows; Slack knows thousands.
const EMOJI: &[(&str, &str)] = &[
    ("arrow_right", "➡️"),
    ("bangbang", "‼️"),
    ("bell", "🔔"),
    ("broom", "🧹"),
    ("bug", "🐛"),
    ("eyes", "👀"),
    ("fire", "🔥"),
    ("heavy_check_mark", "✔️"),
    ("hourglass", "⌛"),
    ("information_source", "ℹ️"),
    ("label", "🏷️"),
    ("large_blue_circle", "🔵"),
    ("large_green_circle", "🟢"),
    ("large_orange_circle", "🟠"),
    ("large_yellow_circle", "🟡"),
    ("lock", "🔒"),
    ("mag", "🔍"),
    ("no_entry", "⛔"),
    ("no_entry_sign", "🚫"),
    ("package", "📦"),
    ("red_circle", "🔴"),
    ("repeat", "🔁"),
    ("rocket", "🚀"),
    ("rotating_light", "🚨"),
    ("shield", "🛡️"),
    ("ship", "🚢"),
    ("speech_balloon", "💬"),
    ("stethoscope", "🩺"),
    ("tada", "🎉"),
    ("test_tube", "🧪"),
    ("warning", "⚠️"),
    ("white_check_mark", "✅"),
    ("white_circle", "⚪"),
    ("wrench", "🔧"),
    ("x", "❌"),
];

/// Reads `mrkdwn`.
#[must_use]
pub fn parse(text: &str) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut rest = text;
    while let Some((before, fenced)) = rest.split_once("```") {
        let Some((code, after)) = fenced.split_once("```") else {
            break;
        };
        lines(before.strip_suffix('\n').unwrap_or(before), &mut nodes);
        let code = code.strip_prefix('\n').unwrap_or(code);
        nodes.push(Node::Pre {
            text: unescape(code.strip_suffix('\n').unwrap_or(code)),
        });
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    lines(rest, &mut nodes);
    nodes
}

/// Reads a `plain_text` object: no markup, but escapes and, if wanted, emoji.
#[must_use]
pub fn parse_plain(text: &str, emoji: bool) -> Vec<Node> {
    let mut nodes = Vec::new();
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            nodes.push(Node::Break);
        }
        let line = unescape(line);
        let line = if emoji { with_emoji(&line) } else { line };
        if !line.is_empty() {
            nodes.push(Node::Text { text: line });
        }
    }
    nodes
}

fn lines(text: &str, nodes: &mut Vec<Node>) {
    if text.is_empty() {
        return;
    }
    let mut quoted: Option<Vec<Node>> = None;
    let mut first = true;
    for line in text.split('\n') {
        if let Some(quote) = line.strip_prefix("&gt;").or_else(|| line.strip_prefix('>')) {
            let children = inline(quote.strip_prefix(' ').unwrap_or(quote), DEPTH);
            match &mut quoted {
                Some(quoted) => {
                    quoted.push(Node::Break);
                    quoted.extend(children);
                }
                None => quoted = Some(children),
            }
            first = true;
            continue;
        }
        if let Some(children) = quoted.take() {
            nodes.push(Node::Quote { children });
        }
        if !first {
            nodes.push(Node::Break);
        }
        first = false;
        nodes.extend(inline(line, DEPTH));
    }
    if let Some(children) = quoted {
        nodes.push(Node::Quote { children });
    }
}

/// Reads one line. `depth` bounds recursion; a marker whose end was not found once has none further
/// on either, which keeps the work linear.
fn inline(line: &str, depth: u8) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut text = String::new();
    let mut hopeless: Vec<char> = Vec::new();
    let mut before: Option<char> = None;
    let mut rest = line;
    while let Some(current) = rest.chars().next() {
        let after = rest.get(current.len_utf8()..).unwrap_or_default();
        let parsed = match current {
            '<' | '`' | '*' | '_' | '~' if hopeless.contains(&current) => None,
            '<' => match after
                .find(['<', '>'])
                .and_then(|at| after.split_at_checked(at))
            {
                Some((inner, after)) => after
                    .strip_prefix('>')
                    .and_then(|after| control(inner, depth).map(|node| (node, after))),
                None => {
                    hopeless.push(current);
                    None
                }
            },
            '`' => match after.split_once('`') {
                Some(("", _)) => None,
                Some((code, after)) => Some((
                    Node::Code {
                        text: unescape(code),
                    },
                    after,
                )),
                None => {
                    hopeless.push(current);
                    None
                }
            },
            '*' | '_' | '~' if depth > 0 && opens(before, after, current) => {
                match emphasised(after, current) {
                    Some((inner, after)) => {
                        let children = inline(inner, depth - 1);
                        let node = match current {
                            '*' => Node::Bold { children },
                            '_' => Node::Italic { children },
                            _ => Node::Strike { children },
                        };
                        Some((node, after))
                    }
                    None => {
                        hopeless.push(current);
                        None
                    }
                }
            }
            _ => None,
        };
        if let Some((node, after)) = parsed {
            flush(&mut text, &mut nodes);
            nodes.push(node);
            rest = after;
            before = Some(current);
        } else {
            text.push(current);
            rest = after;
            before = Some(current);
        }
    }
    flush(&mut text, &mut nodes);
    nodes
}

fn flush(text: &mut String, nodes: &mut Vec<Node>) {
    if !text.is_empty() {
        nodes.push(Node::Text {
            text: with_emoji(&unescape(text)),
        });
        text.clear();
    }
}

/// Whether emphasis can begin here: not inside a word, and not before a space.
fn opens(before: Option<char>, after: &str, marker: char) -> bool {
    before.is_none_or(|before| !before.is_alphanumeric())
        && after
            .chars()
            .next()
            .is_some_and(|next| !next.is_whitespace() && next != marker)
}

/// Splits at the marker that ends the emphasis, which is not inside a link or code.
fn emphasised(text: &str, marker: char) -> Option<(&str, &str)> {
    let mut before: Option<char> = None;
    let mut skip_to: Option<char> = None;
    for (at, current) in text.char_indices() {
        if let Some(end) = skip_to {
            if current == end {
                skip_to = None;
            }
        } else if current == marker
            && before.is_some_and(|before| !before.is_whitespace() && before != marker)
        {
            let after = text.get(at + marker.len_utf8()..)?;
            if after
                .chars()
                .next()
                .is_none_or(|next| !next.is_alphanumeric() && next != marker)
            {
                return Some((text.get(..at)?, after));
            }
        } else if current == '<' {
            skip_to = Some('>');
        } else if current == '`' {
            skip_to = Some('`');
        }
        before = Some(current);
    }
    None
}

/// What stands between `<` and `>`.
fn control(inner: &str, depth: u8) -> Option<Node> {
    let (target, label) = match inner.split_once('|') {
        Some((target, label)) => (target, Some(label)),
        None => (inner, None),
    };
    let mut characters = target.chars();
    match characters.next()? {
        '!' if target.starts_with("!date^") => Some(Node::Text {
            text: unescape(label.unwrap_or_default()),
        }),
        '!' => {
            let name = label.unwrap_or(characters.as_str());
            Some(Node::Mention {
                text: format!("@{}", unescape(name).trim_start_matches('@')),
            })
        }
        '@' => {
            let name = label.unwrap_or(characters.as_str());
            Some(Node::Mention {
                text: format!("@{}", unescape(name).trim_start_matches('@')),
            })
        }
        '#' => {
            let name = label.unwrap_or(characters.as_str());
            Some(Node::Mention {
                text: format!("#{}", unescape(name).trim_start_matches('#')),
            })
        }
        _ => {
            let href = href(&unescape(target))?;
            let children = match label {
                Some(label) if depth > 0 => inline(label, 0),
                Some(label) => vec![Node::Text {
                    text: unescape(label),
                }],
                None => vec![Node::Text { text: href.clone() }],
            };
            Some(Node::Link { href, children })
        }
    }
}

/// The address of a link, if it is one that a reader may follow.
pub(crate) fn href(target: &str) -> Option<String> {
    let url = url::Url::parse(target).ok()?;
    matches!(url.scheme(), "http" | "https" | "mailto").then(|| target.to_owned())
}

/// Slack's three escapes, and no others.
fn unescape(text: &str) -> String {
    // `&amp;` last, so that `&amp;lt;` stays the text `&lt;`.
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

fn with_emoji(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(':') {
        out.push_str(before);
        let known = after.split_once(':').and_then(|(name, rest)| {
            let (_, emoji) = EMOJI.iter().find(|(known, _)| *known == name)?;
            Some((*emoji, rest))
        });
        match known {
            Some((emoji, after)) => {
                out.push_str(emoji);
                rest = after;
            }
            None => {
                out.push(':');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nodes in a short notation: `b(…)` bold, `i(…)` italic, `s(…)` struck, `c(…)` code.
    fn short(nodes: &[Node]) -> String {
        nodes
            .iter()
            .map(|node| match node {
                Node::Text { text } => text.clone(),
                Node::Bold { children } => format!("b({})", short(children)),
                Node::Italic { children } => format!("i({})", short(children)),
                Node::Strike { children } => format!("s({})", short(children)),
                Node::Code { text } => format!("c({text})"),
                Node::Pre { text } => format!("pre({text})"),
                Node::Link { href, children } => format!("a({href} {})", short(children)),
                Node::Mention { text } => format!("m({text})"),
                Node::Quote { children } => format!("q({})", short(children)),
                Node::Group { children } => format!("g({})", short(children)),
                Node::Item { children } => format!("li({})", short(children)),
                Node::Break => "⏎".to_owned(),
            })
            .collect()
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(short(&parse(text)), expected, "{text:?}");
    }

    #[test]
    fn emphasis_is_read_as_slack_reads_it() {
        check(
            "*bold* and _italic_ and ~gone~",
            "b(bold) and i(italic) and s(gone)",
        );
        check("*bold with `a*b` and _i_*", "b(bold with c(a*b) and i(i))");
        check("*prod/app:v1.2.3*, (_x_).", "b(prod/app:v1.2.3), (i(x)).");
        check("snake_case_name and 2*3*4", "snake_case_name and 2*3*4");
        check("* not bold*", "* not bold*");
        check("*open", "*open");
        check("**", "**");
        check(
            "_see <https://example.com/a_b|the_page>_",
            "i(see a(https://example.com/a_b the_page))",
        );
    }

    #[test]
    fn code_and_quotes() {
        check("a `b *c* &lt;d&gt;` e", "a c(b *c* <d>) e");
        check("x\n```\nlet a = *1*;\n```\ny", "xpre(let a = *1*;)y");
        check("```never closed", "```never closed");
        check("said:\n&gt; one\n> *two*\nend", "said:q(one⏎b(two))end");
        check("a\nb\n\nc", "a⏎b⏎⏎c");
    }

    #[test]
    fn links_lead_to_the_web_only() {
        check(
            "<https://example.com/?a=1&amp;b=2|docs>",
            "a(https://example.com/?a=1&b=2 docs)",
        );
        check(
            "<https://example.com>",
            "a(https://example.com https://example.com)",
        );
        check("<javascript:alert(1)|click>", "<javascript:alert(1)|click>");
        check("<data:text/html,x|y>", "<data:text/html,x|y>");
        check("<script>alert(1)</script>", "<script>alert(1)</script>");
    }

    #[test]
    fn an_injected_control_sequence_is_seen_as_a_mention() {
        check(
            "<!channel> <@U012AB3CD> <#C01|general>",
            "m(@channel) m(@U012AB3CD) m(#general)",
        );
        check("&lt;!channel&gt;", "<!channel>");
        check("<!date^1392734382^{date}|18 Feb 2014>", "18 Feb 2014");
    }

    #[test]
    fn escapes_are_undone_once() {
        check("a &amp;&amp; b &amp;lt; &quot;", "a && b &lt; &quot;");
        assert_eq!(
            short(&parse_plain("*a* &amp; :x: b\nc", true)),
            "*a* & ❌ b⏎c"
        );
        assert_eq!(short(&parse_plain(":x:", false)), ":x:");
    }

    #[test]
    fn only_known_emoji_change() {
        check(
            ":rotating_light: at 12:30:45 :unknown: :x",
            "🚨 at 12:30:45 :unknown: :x",
        );
    }

    #[test]
    fn hostile_text_of_any_kind_takes_linear_time() {
        let started = std::time::Instant::now();
        for unit in [
            "*", "_a", "<", "`", "*a ", "<a|", ":", "*_~", "&gt;\n", "```", "*a*", "<x",
        ] {
            let nodes = parse(&(unit.repeat(200_000 / unit.len()) + ">"));
            assert!(!nodes.is_empty());
        }
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }
}
