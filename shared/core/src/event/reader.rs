//! Reading typed values out of JSON, with the path of every mistake.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::error::EventError;
use crate::{AccountId, Digest, Mode, Region, RepositoryName, Severity, Tag};

/// The longest piece of input that an error message repeats, in characters.
const SHOWN: usize = 100;

/// One place in a JSON document, which knows the way to it.
pub(super) struct Node<'a> {
    value: &'a Value,
    parent: Option<&'a Node<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

/// What a type is called, and its form, for people.
pub(super) struct Kind {
    /// With its article: `a digest`.
    pub(super) what: &'static str,
    /// The form: `sha256:<64 hex digits>`.
    pub(super) expected: &'static str,
}

/// A type that can be read from one place of a document.
pub(super) trait Read: Sized {
    /// What it is called when it is missing.
    const KIND: Kind;

    /// Reads the value at `node`.
    fn read(node: &Node<'_>) -> Result<Self, EventError>;
}

impl<'a> Node<'a> {
    pub(super) const fn root(value: &'a Value) -> Self {
        Self {
            value,
            parent: None,
            step: Step::Root,
        }
    }

    pub(super) const fn value(&self) -> &'a Value {
        self.value
    }

    /// The member `key`; `None` when it is absent or null.
    pub(super) fn child(&'a self, key: &'a str) -> Result<Option<Node<'a>>, EventError> {
        Ok(self
            .object()?
            .get(key)
            .filter(|value| !value.is_null())
            .map(|value| self.at(value, Step::Key(key))))
    }

    /// The member `key`, which must be there.
    pub(super) fn need(&'a self, key: &'a str, what: &'static str) -> Result<Node<'a>, EventError> {
        self.child(key)?.ok_or_else(|| EventError::Missing {
            path: self.path_of(key),
            what,
        })
    }

    /// The value of member `key`, which must be there.
    pub(super) fn get<T: Read>(&self, key: &str) -> Result<T, EventError> {
        T::read(&self.need(key, T::KIND.what)?)
    }

    /// The value of member `key`; `None` when it is absent or null.
    pub(super) fn find<T: Read>(&self, key: &str) -> Result<Option<T>, EventError> {
        self.child(key)?.map(|node| T::read(&node)).transpose()
    }

    /// The items of the array `key`; none when it is absent or null.
    pub(super) fn list<T: Read>(&self, key: &str) -> Result<Vec<T>, EventError> {
        match self.child(key)? {
            Some(array) => array.each(T::read),
            None => Ok(Vec::new()),
        }
    }

    /// The items of the array `key`, which must be there.
    pub(super) fn need_list<T: Read>(&self, key: &str) -> Result<Vec<T>, EventError> {
        self.need(key, "an array")?.each(T::read)
    }

    /// A text that only informs. AWS writes some of these now as text and now as a number, and an
    /// event is not lost over that.
    pub(super) fn note(&self, key: &str) -> Result<Option<String>, EventError> {
        Ok(self.object()?.get(key).and_then(|value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }))
    }

    /// Reads every item of this array.
    pub(super) fn each<T>(
        &self,
        read: impl Fn(&Node<'_>) -> Result<T, EventError>,
    ) -> Result<Vec<T>, EventError> {
        let items = self.value.as_array().ok_or_else(|| {
            self.invalid(&Kind {
                what: "an array",
                expected: "a JSON array, […]",
            })
        })?;
        items
            .iter()
            .enumerate()
            .map(|(index, value)| read(&self.at(value, Step::Index(index))))
            .collect()
    }

    /// Reads every member of this object, with its key.
    pub(super) fn entries<T: Read>(&self) -> Result<Vec<(&'a str, T)>, EventError> {
        self.object()?
            .iter()
            .map(|(key, value)| Ok((key.as_str(), T::read(&self.at(value, Step::Key(key)))?)))
            .collect()
    }

    pub(super) fn object(&self) -> Result<&'a Map<String, Value>, EventError> {
        self.value.as_object().ok_or_else(|| {
            self.invalid(&Kind {
                what: "an object",
                expected: "a JSON object, {…}",
            })
        })
    }

    pub(super) fn text(&self, kind: &Kind) -> Result<&'a str, EventError> {
        self.value.as_str().ok_or_else(|| self.invalid(kind))
    }

    /// The mistake that this place does not hold a `kind`.
    pub(super) fn invalid(&self, kind: &Kind) -> EventError {
        EventError::Invalid {
            path: self.path(),
            found: shown(self.value),
            what: kind.what,
            expected: kind.expected,
        }
    }

    fn at<'n>(&'n self, value: &'n Value, step: Step<'n>) -> Node<'n> {
        Node {
            value,
            parent: Some(self),
            step,
        }
    }

    fn path(&self) -> String {
        let text = self.steps();
        if text.is_empty() {
            "event".to_owned()
        } else {
            text
        }
    }

    fn path_of(&self, key: &str) -> String {
        with_key(self.steps(), key)
    }

    fn steps(&self) -> String {
        let before = self.parent.map(Self::steps).unwrap_or_default();
        match self.step {
            Step::Root => before,
            Step::Key(key) => with_key(before, key),
            Step::Index(index) => format!("{before}[{index}]"),
        }
    }
}

fn with_key(before: String, key: &str) -> String {
    let plain = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    match (plain, before.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{before}.{key}"),
        (false, _) => format!("{before}[{}]", shown(&Value::from(key))),
    }
}

/// A value as a person would want to see it in one line.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let cut: String = text.chars().take(SHOWN).collect();
            let dots = if cut.len() < text.len() { "…" } else { "" };
            // Debug escapes every control and format character; JSON would let some of them
            // through to the log.
            format!("{cut:?}{dots}")
        }
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(members) => format!("an object of {}", members.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Implements [`Read`] for types that are one word of text.
macro_rules! read_words {
    ($($type:ty: $what:literal, $expected:literal;)*) => {$(
        impl Read for $type {
            const KIND: Kind = Kind { what: $what, expected: $expected };

            fn read(node: &Node<'_>) -> Result<Self, EventError> {
                node.text(&Self::KIND)?.parse().map_err(|_| node.invalid(&Self::KIND))
            }
        }
    )*};
}
pub(super) use read_words;

read_words! {
    RepositoryName: "a repository name",
        "2 to 256 characters: lower-case letters and digits, separated by . _ - or /";
    Tag: "a tag", "1 to 128 letters, digits, . _ -, not starting with . or -";
    Digest: "a digest", "sha256:<64 hex digits>";
    AccountId: "an account id", "12 digits";
    Region: "a Region", "a Region code such as eu-west-1";
    Timestamp: "a time", "RFC 3339, such as 2026-08-01T10:00:00Z";
    Mode: "a mode", "observe or enforce";
    Severity: "a severity", "one of info, low, medium, high, critical";
}

impl Read for String {
    const KIND: Kind = Kind {
        what: "text",
        expected: "a string",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(node.text(&Self::KIND)?.to_owned())
    }
}

impl Read for bool {
    const KIND: Kind = Kind {
        what: "a truth value",
        expected: "true or false",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        node.value()
            .as_bool()
            .ok_or_else(|| node.invalid(&Self::KIND))
    }
}

impl Read for f64 {
    const KIND: Kind = Kind {
        what: "a number",
        expected: "a number such as 7.5",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        node.value()
            .as_f64()
            .ok_or_else(|| node.invalid(&Self::KIND))
    }
}

impl Read for u64 {
    const KIND: Kind = Kind {
        what: "a count",
        expected: "a whole number, 0 or more",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        // The schema of the scan event says "number", so 3.0 may stand for 3.
        whole(node.value()).ok_or_else(|| node.invalid(&Self::KIND))
    }
}

fn whole(value: &Value) -> Option<u64> {
    /// Up to here every whole number has a floating-point form of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        if number.fract() == 0.0 && (0.0..=EXACT).contains(&number) {
            format!("{number:.0}").parse().ok()
        } else {
            None
        }
    })
}

/// A name of any form that is not empty.
pub(super) struct NonEmpty(pub(super) String);

impl Read for NonEmpty {
    const KIND: Kind = Kind {
        what: "a name",
        expected: "a string that is not empty",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        let text = node.text(&Self::KIND)?;
        if text.is_empty() {
            return Err(node.invalid(&Self::KIND));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A time in milliseconds since 1970, as CloudTrail's service events write it.
pub(super) struct Milliseconds(pub(super) Timestamp);

impl Read for Milliseconds {
    const KIND: Kind = Kind {
        what: "a time",
        expected: "milliseconds since 1970",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        node.value()
            .as_i64()
            .and_then(|number| Timestamp::from_millisecond(number).ok())
            .map(Self)
            .ok_or_else(|| node.invalid(&Self::KIND))
    }
}
