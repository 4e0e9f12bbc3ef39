//! From nodes to the policy's types, collecting every mistake instead of stopping at the first.

mod image_rule;
mod notifications;
mod patterns;
mod policy;
mod replication;
mod scalars;
mod tag_rules;
mod values;
mod words;

use std::collections::BTreeMap;

use super::document::{Entry, Node, Value};
use super::{Location, PolicyError, PolicyErrorKind};

pub(super) use policy::policy;

use words::{join, nearest, one_of, shorten};

/// How many mistakes are kept; a file with more is not read to its end by anyone.
const MAX_ERRORS: usize = 100;

/// How many fields a mapping may have, right or wrong.
const MAX_FIELDS: usize = 500;

/// How many patterns and globs that need an engine a policy may hold.
const MAX_COSTLY: usize = 1000;

/// A node with the way to it.
#[derive(Clone, Debug)]
pub(super) struct At<'n> {
    pub(super) node: &'n Node,
    pub(super) path: String,
}

/// The fields of a mapping, each known and there once.
pub(super) struct Fields<'n> {
    pub(super) path: String,
    pub(super) location: Location,
    entries: Vec<&'n Entry>,
}

/// An entry of a mapping whose keys are chosen by the writer.
pub(super) struct Named<'n> {
    pub(super) key: &'n str,
    pub(super) location: Location,
    pub(super) value: At<'n>,
}

/// Collects mistakes.
#[derive(Default)]
pub(super) struct Decoder<'t> {
    /// The text of the policy.
    source: &'t str,
    errors: Vec<PolicyError>,
    omitted: usize,
    costly: usize,
}

impl<'n> Fields<'n> {
    /// The value of a field.
    pub(super) fn get(&self, field: &str) -> Option<At<'n>> {
        let entry = self.entries.iter().find(|entry| entry.key == field)?;
        Some(At {
            node: &entry.value,
            path: join(&self.path, field),
        })
    }

    /// The path of a field, there or not.
    pub(super) fn path_of(&self, field: &str) -> String {
        join(&self.path, field)
    }
}

impl<'t> Decoder<'t> {
    /// Collects mistakes in a text.
    pub(super) fn new(source: &'t str) -> Self {
        Self {
            source,
            ..Self::default()
        }
    }

    /// The mistakes in the order of the file, and how many were left out.
    pub(super) fn finish(mut self) -> (Vec<PolicyError>, usize) {
        self.errors.sort_by_key(|error| (error.line, error.column));
        (self.errors, self.omitted)
    }

    pub(super) fn fail(
        &mut self,
        kind: PolicyErrorKind,
        location: Location,
        path: &str,
        message: impl Into<String>,
        expected: Option<String>,
    ) {
        if self.errors.len() >= MAX_ERRORS {
            self.omitted += 1;
            return;
        }
        self.errors.push(PolicyError {
            kind,
            line: location.line,
            column: location.column,
            path: path.to_owned(),
            message: message.into(),
            expected,
        });
    }

    /// A mistake in the value of a node.
    pub(super) fn invalid(&mut self, at: &At<'_>, message: impl Into<String>, expected: &str) {
        let expected = (!expected.is_empty()).then(|| expected.to_owned());
        self.fail(
            PolicyErrorKind::InvalidValue,
            at.node.location,
            &at.path,
            message,
            expected,
        );
    }

    pub(super) fn wrong_type(&mut self, at: &At<'_>, expected: &str) {
        let mut message = match &at.node.value {
            Value::Null => "has no value".to_owned(),
            other => format!("found {}", other.describe()),
        };
        if let Value::Bool(_) | Value::Number(_) = at.node.value
            && expected.starts_with("a text")
            && !expected.contains("one of")
        {
            message.push_str("; put it in quotes");
        }
        // `repository: {basename}` is a mapping with one key and no value.
        if let Value::Map(entries) = &at.node.value
            && let [
                Entry {
                    key,
                    value:
                        Node {
                            value: Value::Null, ..
                        },
                    ..
                },
            ] = entries.as_slice()
        {
            message.push_str(&format!("; put `{{{key}}}` in quotes"));
        }
        let expected = Some(expected.to_owned());
        self.fail(
            PolicyErrorKind::WrongType,
            at.node.location,
            &at.path,
            message,
            expected,
        );
    }

    /// A mapping with known fields.
    pub(super) fn fields<'n>(&mut self, at: &At<'n>, known: &[&str]) -> Option<Fields<'n>> {
        let Value::Map(entries) = &at.node.value else {
            self.wrong_type(
                at,
                &format!(
                    "a mapping with {}",
                    one_of(known, "the field", "the fields")
                ),
            );
            return None;
        };
        // Every unknown field is compared with the known ones, so their number has a bound.
        if self.too_many(at, entries.len(), MAX_FIELDS) {
            return None;
        }
        let mut kept: Vec<&Entry> = Vec::new();
        for entry in entries {
            let path = join(&at.path, &entry.key);
            if let Some(first) = kept.iter().find(|kept| kept.key == entry.key) {
                self.twice(entry, first.location, &path);
            } else if known.contains(&entry.key.as_str()) {
                kept.push(entry);
            } else {
                let mut message = format!("unknown field `{}`", shorten(&entry.key));
                if let Some(near) = nearest(&entry.key, known) {
                    message.push_str(&format!("; did you mean `{near}`?"));
                }
                let expected = Some(one_of(known, "the field", "one of the fields"));
                self.fail(
                    PolicyErrorKind::UnknownField,
                    entry.location,
                    &path,
                    message,
                    expected,
                );
            }
        }
        Some(Fields {
            path: at.path.clone(),
            location: at.node.location,
            entries: kept,
        })
    }

    fn twice(&mut self, entry: &Entry, first: Location, path: &str) {
        let key = shorten(&entry.key);
        let message = format!("`{key}` is there twice, first on line {}", first.line);
        self.fail(
            PolicyErrorKind::Duplicate,
            entry.location,
            path,
            message,
            None,
        );
    }

    /// A mapping whose keys are chosen by the writer; every key once.
    pub(super) fn named<'n>(&mut self, at: &At<'n>, max: usize, expected: &str) -> Vec<Named<'n>> {
        let Value::Map(entries) = &at.node.value else {
            self.wrong_type(at, expected);
            return Vec::new();
        };
        if self.too_many(at, entries.len(), max) {
            return Vec::new();
        }
        let mut first_seen: BTreeMap<&str, Location> = BTreeMap::new();
        let mut kept = Vec::new();
        for entry in entries {
            let path = join(&at.path, &entry.key);
            if let Some(first) = first_seen.get(entry.key.as_str()) {
                self.twice(entry, *first, &path);
                continue;
            }
            first_seen.insert(&entry.key, entry.location);
            let value = At {
                node: &entry.value,
                path,
            };
            kept.push(Named {
                key: &entry.key,
                location: entry.location,
                value,
            });
        }
        kept
    }

    fn too_many(&mut self, at: &At<'_>, found: usize, max: usize) -> bool {
        if found > max {
            let message = format!("has {found} entries");
            let expected = Some(format!("at most {max}"));
            self.fail(
                PolicyErrorKind::TooLarge,
                at.node.location,
                &at.path,
                message,
                expected,
            );
        }
        found > max
    }

    /// The value of a field that must be there.
    pub(super) fn required<'n>(
        &mut self,
        fields: &Fields<'n>,
        field: &str,
        expected: &str,
    ) -> Option<At<'n>> {
        let found = fields.get(field);
        if found.is_none() {
            let path = fields.path_of(field);
            let expected = Some(expected.to_owned());
            self.fail(
                PolicyErrorKind::Missing,
                fields.location,
                &path,
                format!("the field `{field}` is missing"),
                expected,
            );
        }
        found
    }

    /// A list with at least one entry.
    pub(super) fn list<'n>(&mut self, at: &At<'n>, max: usize, expected: &str) -> Vec<At<'n>> {
        let Value::List(nodes) = &at.node.value else {
            self.wrong_type(at, &format!("a list of {expected}"));
            return Vec::new();
        };
        if nodes.is_empty() {
            self.invalid(at, "the list is empty", expected);
        }
        if self.too_many(at, nodes.len(), max) {
            return Vec::new();
        }
        entries_of(at, nodes)
    }

    /// A list that may be empty.
    pub(super) fn list_or_empty<'n>(
        &mut self,
        at: &At<'n>,
        max: usize,
        expected: &str,
    ) -> Vec<At<'n>> {
        match &at.node.value {
            Value::List(nodes) if nodes.is_empty() => Vec::new(),
            _ => self.list(at, max, expected),
        }
    }

    /// Counts a pattern or glob that needs an engine; whether the policy may hold it.
    pub(super) fn afford(&mut self, at: &At<'_>) -> bool {
        self.costly += 1;
        if self.costly == MAX_COSTLY + 1 {
            self.fail(
                PolicyErrorKind::TooLarge,
                at.node.location,
                &at.path,
                "the policy holds too many globs and regular expressions",
                Some(format!(
                    "at most {MAX_COSTLY}, not counting exact texts, `prefix/**` and `prefix*`"
                )),
            );
        }
        self.costly <= MAX_COSTLY
    }

    /// Reports names that are not among the known ones.
    pub(super) fn known_name(
        &mut self,
        at: &At<'_>,
        what: &str,
        name: &str,
        known: &[&str],
    ) -> bool {
        if known.contains(&name) {
            return true;
        }
        let mut message = format!("no {what} is named `{}`", shorten(name));
        if let Some(near) = nearest(name, known) {
            message.push_str(&format!("; did you mean `{near}`?"));
        }
        let expected = match known {
            [] => format!("a {what}, and the policy has none"),
            _ => one_of(known, "", "one of"),
        };
        let expected = Some(expected);
        self.fail(
            PolicyErrorKind::UnknownName,
            at.node.location,
            &at.path,
            message,
            expected,
        );
        false
    }
}

fn entries_of<'n>(at: &At<'n>, nodes: &'n [Node]) -> Vec<At<'n>> {
    let path = |i| format!("{}[{i}]", at.path);
    nodes
        .iter()
        .enumerate()
        .map(|(i, node)| At {
            node,
            path: path(i),
        })
        .collect()
}
