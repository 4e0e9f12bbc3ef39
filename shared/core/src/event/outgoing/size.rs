//! Keeping an event within what EventBridge and SQS carry.

use super::{ActionReport, StewardEvent, Violation};

/// The longest detail, in bytes. An entry of `PutEvents` and a message of SQS or SNS have 256 KiB
/// where the larger limits of 2025 do not apply; the envelope that EventBridge adds comes on top.
pub const MAX_DETAIL_BYTES: usize = 248 * 1024;

/// The longest text that is not cut once an event is too long, in bytes of JSON.
const MAX_TEXT_BYTES: usize = 2048;

/// The most links that are kept once an event is too long.
const MAX_LINKS: usize = 16;

pub(super) fn fitting(event: &StewardEvent) -> String {
    let whole = event.to_detail().to_string();
    if whole.len() <= MAX_DETAIL_BYTES {
        return whole;
    }
    let mut short = with_short_texts(event);
    let violations = std::mem::take(&mut short.violations);
    let actions = std::mem::take(&mut short.actions);
    // What is left without the lists is bounded by the texts' bound; the counts of what is omitted
    // take a few bytes more.
    let fixed = short.to_detail().to_string().len() + 128;
    let room = MAX_DETAIL_BYTES.saturating_sub(fixed);

    // What was done matters more to a reader than the last of a thousand violations: actions may
    // take what violations leave, and at least half.
    let lengths: Vec<usize> = violations.iter().map(|x| length(&x.to_value())).collect();
    let violations_need: usize = lengths.iter().sum();
    let kept_actions = prefix(
        actions.iter().map(|x| length(&x.to_value())),
        room.saturating_sub(violations_need.min(room / 2)),
    );
    let kept_violations = prefix(lengths.into_iter(), room - kept_actions.bytes);

    short.violations_omitted += (violations.len() - kept_violations.items) as u64;
    short.actions_omitted += (actions.len() - kept_actions.items) as u64;
    short.violations = violations.into_iter().take(kept_violations.items).collect();
    short.actions = actions.into_iter().take(kept_actions.items).collect();
    short.to_detail().to_string()
}

struct Kept {
    items: usize,
    bytes: usize,
}

/// How many of the first items fit into `room` bytes.
fn prefix(lengths: impl Iterator<Item = usize>, room: usize) -> Kept {
    let mut kept = Kept { items: 0, bytes: 0 };
    for length in lengths {
        if kept.bytes + length > room {
            break;
        }
        kept.items += 1;
        kept.bytes += length;
    }
    kept
}

/// Bytes of an item in a list, its comma included.
fn length(item: &serde_json::Value) -> usize {
    item.to_string().len() + 1
}

fn with_short_texts(event: &StewardEvent) -> StewardEvent {
    let mut short = event.clone();
    for text in [
        &mut short.repository,
        &mut short.rule,
        &mut short.cause,
        &mut short.explain,
        &mut short.dedupe_key,
    ] {
        clip(text);
    }
    clip_some(&mut short.error_type);
    clip_some(&mut short.owner);
    if let Some(pusher) = &mut short.pusher {
        clip(&mut pusher.arn);
        clip_some(&mut pusher.source_ip);
        clip_some(&mut pusher.user_agent);
    }
    for Violation {
        rule,
        message,
        accepted,
        severity: _,
        mode: _,
    } in &mut short.violations
    {
        clip(rule);
        clip(message);
        clip_some(accepted);
    }
    for ActionReport {
        action,
        outcome: _,
        target,
        detail,
        remedy,
        error_type,
        bytes: _,
        duration_ms: _,
    } in &mut short.actions
    {
        clip(action);
        for text in [target, detail, remedy, error_type] {
            clip_some(text);
        }
    }
    // A cut address leads nowhere, so a long link goes as a whole.
    short.links = event
        .links
        .iter()
        .filter(|(label, address)| {
            escaped(label) <= MAX_TEXT_BYTES && escaped(address) <= MAX_TEXT_BYTES
        })
        .take(MAX_LINKS)
        .map(|(label, address)| (label.clone(), address.clone()))
        .collect();
    short
}

fn clip_some(text: &mut Option<String>) {
    if let Some(text) = text {
        clip(text);
    }
}

/// Cuts a text whose JSON form is too long, at a character, and marks the cut.
fn clip(text: &mut String) {
    let mut bytes = 0;
    let mut end = 0;
    for (at, c) in text.char_indices() {
        bytes += escaped_char(c);
        if bytes > MAX_TEXT_BYTES {
            text.truncate(end);
            text.push('…');
            return;
        }
        if bytes <= MAX_TEXT_BYTES - '…'.len_utf8() {
            end = at + c.len_utf8();
        }
    }
}

fn escaped(text: &str) -> usize {
    text.chars().map(escaped_char).sum()
}

/// Bytes of a character in a JSON string as serde_json writes it.
fn escaped_char(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}
