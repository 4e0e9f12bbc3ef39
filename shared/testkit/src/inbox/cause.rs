//! How a message names the event that it tells of.
//!
//! The notifier puts the id of the EventBridge event into each message, where a receiver of that
//! kind would look for it:
//!
//! | kind | place |
//! |---|---|
//! | SNS | the message attribute `event_id`; in a raw delivery, which has no attributes, the last line `event <id>` of the text |
//! | webhook | the header `ce-id` (CloudEvents, binary mode), else `id` of the JSON body (structured mode, EventBridge) |
//! | Slack | the text of an element of a `context` block: ``event `<id>` `` |

/// Shorter words after "event" are prose.
const SHORTEST_ID: usize = 8;
/// Longer ones are no id; EventBridge's have 36 characters.
const LONGEST_ID: usize = 128;

/// The id in the last `event <id>` of a text: 8 to 128 letters, digits, `-`, `_`, `.` or `:` with a
/// digit among them, after the word "event" and any of space, colon and backtick.
#[must_use]
pub fn in_text(text: &str) -> Option<String> {
    let mut words = text.split(|c: char| c.is_whitespace() || matches!(c, '`' | '(' | ')' | ','));
    let mut found = None;
    let mut after_event = false;
    for word in words.by_ref().filter(|word| !word.is_empty()) {
        let bare = word.trim_end_matches(['.', ':', ';']);
        if after_event && is_id(bare) {
            found = Some(bare.to_owned());
        }
        after_event = bare.eq_ignore_ascii_case("event");
    }
    found
}

/// Whether a word can be the id of an event.
pub(crate) fn is_id(word: &str) -> bool {
    (SHORTEST_ID..=LONGEST_ID).contains(&word.len())
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "6a7e8feb-b491-4cf7-a9f1-bf3703467718";

    #[test]
    fn an_id_follows_the_word_event() {
        for text in [
            format!("event {ID}"),
            format!("event `{ID}`"),
            format!("prod/app · Event: {ID}."),
            format!("an event happened\nevent 00000000-old\n(event {ID})"),
        ] {
            assert_eq!(in_text(&text).as_deref(), Some(ID), "{text}");
        }
    }

    #[test]
    fn prose_about_events_names_none() {
        for text in [
            "",
            "event",
            "the event that matters",
            "event everything-is-words",
            "events 12345678",
        ] {
            assert_eq!(in_text(text), None, "{text}");
        }
    }
}
