//! The YAML text as a small tree in which every node knows its place.
//!
//! A policy uses the part of YAML that JSON has as well: one document of mappings, lists and
//! scalars. Anchors, aliases and tags are refused: nobody needs them here, and aliases are how a
//! small file becomes a huge one.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};

use super::{Location, Policy, PolicyError, PolicyErrorKind};

/// How deep mappings and lists may be nested.
const MAX_DEPTH: usize = 32;

/// A node of the document.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) location: Location,
    pub(super) value: Value,
}

/// What a node holds; scalars by the core schema of YAML 1.2.
#[derive(Debug)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value; the same key may be there twice.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) location: Location,
    pub(super) value: Node,
}

impl Value {
    /// What the node is, for messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(value) => format!("the truth value `{value}`"),
            Self::Number(text) => format!("the number `{text}`"),
            Self::Text(_) => "a text".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// Reads the one document of a text.
pub(super) fn read(text: &str) -> Result<Node, PolicyError> {
    if text.len() > Policy::MAX_BYTES {
        return Err(error(
            PolicyErrorKind::TooLarge,
            Location { line: 1, column: 1 },
            format!("the policy has {} bytes", text.len()),
            Some(format!("at most {} bytes", Policy::MAX_BYTES)),
        ));
    }
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => builder.event(event, span)?,
            Err(scan) => return Err(syntax(&scan)),
        }
    }
    builder.root.ok_or_else(|| {
        error(
            PolicyErrorKind::Syntax,
            Location { line: 1, column: 1 },
            "the policy is empty".to_owned(),
            Some("a mapping that begins with `version: 1`".to_owned()),
        )
    })
}

/// Collects the parser's events without recursion, so that depth is a number and not a stack.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

enum Open {
    List(Location, Vec<Node>),
    Map(Location, Vec<Entry>, Option<(String, Location)>),
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), PolicyError> {
        let location = place(span.start);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(refused(location, "the policy has more than one document"));
                }
            }
            Event::Alias(_) => return Err(alias(location)),
            Event::Scalar(text, style, anchor, tag) => {
                check_properties(location, anchor, tag.is_some())?;
                let value = if style == ScalarStyle::Plain {
                    resolve(&text)
                } else {
                    Value::Text(text.into_owned())
                };
                let raw = if let Value::Text(text) = &value {
                    text.clone()
                } else {
                    text_of(&value)
                };
                return self.add(Node { location, value }, Some(raw));
            }
            Event::SequenceStart(anchor, tag) => {
                check_properties(location, anchor, tag.is_some())?;
                self.open(location, Open::List(location, Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                check_properties(location, anchor, tag.is_some())?;
                self.open(location, Open::Map(location, Vec::new(), None))?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.open.pop() {
                    Some(Open::List(location, nodes)) => Node {
                        location,
                        value: Value::List(nodes),
                    },
                    Some(Open::Map(location, entries, _)) => Node {
                        location,
                        value: Value::Map(entries),
                    },
                    None => return Ok(()),
                };
                return self.add(node, None);
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn open(&mut self, location: Location, open: Open) -> Result<(), PolicyError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(error(
                PolicyErrorKind::TooLarge,
                location,
                "mappings and lists are nested too deep".to_owned(),
                Some(format!("at most {MAX_DEPTH} levels")),
            ));
        }
        self.open.push(open);
        Ok(())
    }

    /// Adds a finished node to what is open; `raw` is its text where it is a scalar.
    fn add(&mut self, node: Node, raw: Option<String>) -> Result<(), PolicyError> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, nodes)) => nodes.push(node),
            Some(Open::Map(_, entries, key)) => match key.take() {
                Some((key, location)) => entries.push(Entry {
                    key,
                    location,
                    value: node,
                }),
                None => {
                    let raw = raw.ok_or_else(|| {
                        refused(
                            node.location,
                            "a key is a mapping or a list; quote a text that begins with `{` or `[`",
                        )
                    })?;
                    *key = Some((raw, node.location));
                }
            },
        }
        Ok(())
    }
}

fn check_properties(location: Location, anchor: usize, tag: bool) -> Result<(), PolicyError> {
    if anchor != 0 {
        return Err(refused(
            location,
            "anchors (`&name`) are not supported in a policy",
        ));
    }
    if tag {
        return Err(refused(
            location,
            "YAML tags are not supported in a policy; quote a text that begins with `!`",
        ));
    }
    Ok(())
}

fn alias(location: Location) -> PolicyError {
    refused(
        location,
        "aliases (`*name`) are not supported in a policy; quote a glob that begins with `*`",
    )
}

fn refused(location: Location, message: &str) -> PolicyError {
    error(PolicyErrorKind::Syntax, location, message.to_owned(), None)
}

fn syntax(scan: &ScanError) -> PolicyError {
    let location = place(*scan.marker());
    // `[**]` is an alias named `*`, and no anchor bears that name.
    if scan.info().contains("unknown anchor") {
        return alias(location);
    }
    refused(location, &format!("not valid YAML: {}", scan.info()))
}

fn error(
    kind: PolicyErrorKind,
    location: Location,
    message: String,
    expected: Option<String>,
) -> PolicyError {
    PolicyError {
        kind,
        line: location.line,
        column: location.column,
        path: String::new(),
        message,
        expected,
    }
}

fn place(marker: Marker) -> Location {
    Location {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}

/// A plain scalar by the core schema (YAML 1.2.2, section 10.3.2).
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    let digits = |s: &str, radix: u32| !s.is_empty() && s.chars().all(|c| c.is_digit(radix));
    if let Some(hex) = text.strip_prefix("0x") {
        return digits(hex, 16);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return digits(octal, 8);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let exponent_fits = exponent
        .is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent), 10));
    let mantissa_fits = match mantissa.split_once('.') {
        None => digits(mantissa, 10),
        Some(("", fraction)) => digits(fraction, 10),
        Some((whole, fraction)) => {
            digits(whole, 10) && (fraction.is_empty() || digits(fraction, 10))
        }
    };
    mantissa_fits && exponent_fits
}

/// A scalar as the text of a key.
fn text_of(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Number(text) | Value::Text(text) => text.clone(),
        Value::Null | Value::List(_) | Value::Map(_) => String::new(),
    }
}

#[cfg(test)]
pub(super) mod tests;
