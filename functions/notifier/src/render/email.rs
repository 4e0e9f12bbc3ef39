//! E-mail by way of SNS: a subject and plain text.

use super::MAX_LINES;
use crate::story::{Story, cut_lines};

/// A message for an SNS topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// ASCII, one line, under 100 characters (SNS `Publish`).
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// The message of one story.
#[must_use]
pub fn render(story: &Story<'_>) -> Email {
    let event = story.event;
    let mut body = vec![
        story.title(),
        String::new(),
        event.explain.clone(),
        String::new(),
    ];
    let mut fact = |name: &str, value: &str| body.push(format!("{name}: {value}"));
    if let Some(image) = story.image() {
        fact("Image", &image);
    }
    if let Some(digest) = &event.digest {
        fact("Digest", digest.as_str());
    }
    if let Some(place) = story.place() {
        fact("Account", &place);
    }
    fact("Severity", event.severity.as_str());
    fact("Rule", &event.rule);
    fact("Mode", event.mode.as_str());
    if let Some(error_type) = &event.error_type {
        fact("Error", error_type);
    }

    let mut list = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            body.push(String::new());
            body.push(format!("{title}:"));
            body.extend(
                cut_lines(lines, MAX_LINES)
                    .into_iter()
                    .map(|line| format!("- {line}")),
            );
        }
    };
    let violations = event
        .violations
        .iter()
        .map(|violation| match &violation.accepted {
            Some(accepted) => {
                format!(
                    "{}: {}; accepted: {accepted}",
                    violation.rule, violation.message
                )
            }
            None => format!("{}: {}", violation.rule, violation.message),
        });
    list("Why", violations.collect());
    list("What was done", story.actions());
    list(
        "What to do now",
        story.remedies().into_iter().map(str::to_owned).collect(),
    );
    list(
        "Links",
        event
            .links
            .iter()
            .map(|(name, url)| format!("{name}: {url}"))
            .collect(),
    );
    body.push(String::new());
    body.push(format!(
        "Event {}, caused by {}, at {}",
        story.id, event.cause, story.time
    ));
    body.push(String::new());

    Email {
        subject: subject(&story.title(), event.severity.as_str()),
        body: body.join("\n"),
    }
}

/// SNS refuses a subject with control characters, beyond ASCII, or of 100 characters and more.
fn subject(title: &str, severity: &str) -> String {
    format!("[{severity}] {title}")
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '?'
            }
        })
        .take(99)
        .collect()
}
