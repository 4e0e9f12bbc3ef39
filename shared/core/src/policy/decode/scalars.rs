//! Texts, words and truth values.

use std::fmt::Display;

use super::super::Location;
use super::super::document::Value;
use super::words::{nearest, one_of, shorten};
use super::{At, Decoder};

impl Decoder<'_> {
    /// A text that is not empty.
    pub(super) fn text<'n>(&mut self, at: &At<'n>, expected: &str) -> Option<&'n str> {
        match &at.node.value {
            Value::Text(text) if text.is_empty() => {
                self.invalid(at, "the text is empty", expected);
                None
            }
            Value::Text(text) => Some(text),
            _ => {
                self.wrong_type(at, &format!("a text: {expected}"));
                None
            }
        }
    }

    /// A text of at most `max` characters without control characters other than line breaks.
    pub(super) fn prose(&mut self, at: &At<'_>, max: usize, expected: &str) -> Option<String> {
        let text = self.text(at, expected)?.trim_end();
        if text.chars().count() > max {
            self.invalid(
                at,
                format!("the text is longer than {max} characters"),
                expected,
            );
            return None;
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            self.invalid(at, "the text holds a control character", expected);
            return None;
        }
        Some(text.to_owned())
    }

    /// A text that a function reads; its error is a fragment that follows the text.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        at: &At<'_>,
        expected: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(at, expected)?;
        match read(text) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.invalid(at, format!("`{}` {reason}", shorten(text)), expected);
                None
            }
        }
    }

    /// As [`parsed`](Self::parsed), for a text that may be a secret and is not repeated.
    pub(super) fn parsed_secretly<T, E: Display>(
        &mut self,
        at: &At<'_>,
        expected: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(at, expected)?;
        match read(text) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.invalid(at, reason.to_string(), expected);
                None
            }
        }
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(
        &mut self,
        at: &At<'_>,
        what: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let expected = one_of(&names, "", "one of");
        let text = self.text(at, &expected)?;
        if let Some((_, value)) = words.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let mut message = format!("unknown {what} `{}`", shorten(text));
        if let Some(near) = nearest(text, &names) {
            message.push_str(&format!("; did you mean `{near}`?"));
        }
        self.invalid(at, message, &expected);
        None
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, at: &At<'_>) -> Option<bool> {
        if let Value::Bool(value) = at.node.value {
            return Some(value);
        }
        self.wrong_type(at, "`true` or `false`");
        None
    }

    /// The place of a character of a text that a node holds, counted from the text's start.
    ///
    /// Quotes, escapes, indentation and folded lines stand between the two, so the characters that
    /// are not white space are found one by one; YAML keeps their order.
    pub(super) fn place_in(&self, at: &At<'_>, text: &str, offset: usize) -> Location {
        let start = at.node.location;
        let mut location = start;
        let mut wanted = text
            .chars()
            .take(offset.saturating_add(1))
            .filter(|c| !c.is_whitespace())
            .peekable();
        let lines = self.source.lines().enumerate().skip(start.line - 1);
        for (line, characters) in lines {
            // The header of a block (`|`, `>-`) is no part of its text.
            let skip = if line + 1 == start.line {
                start.column - 1
            } else {
                0
            };
            let is_header = line + 1 == start.line
                && characters
                    .chars()
                    .nth(skip)
                    .is_some_and(|c| matches!(c, '|' | '>'));
            if is_header {
                continue;
            }
            for (column, c) in characters.chars().enumerate().skip(skip) {
                let Some(next) = wanted.peek() else {
                    return location;
                };
                if *next == c {
                    wanted.next();
                    location = Location {
                        line: line + 1,
                        column: column + 1,
                    };
                }
            }
        }
        location
    }
}
