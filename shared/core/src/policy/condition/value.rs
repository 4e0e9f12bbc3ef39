use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// A value; texts are borrowed from the facts and the condition where that is possible.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, str>),
    Time(Timestamp),
    Span(SignedDuration),
    List(Vec<Value<'a>>),
    Map(Map<'a>),
}

/// A mapping of texts to texts.
#[derive(Clone, Debug)]
pub(super) enum Map<'a> {
    /// As the facts have it.
    Whole(&'a BTreeMap<String, String>),
    /// What several have in common.
    Common(BTreeMap<&'a str, &'a str>),
}

impl<'a> Map<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Whole(map) => map.len(),
            Self::Common(map) => map.len(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        match self {
            Self::Whole(map) => map.get(name).map(String::as_str),
            Self::Common(map) => map.get(name).copied(),
        }
    }

    pub(super) fn names(&self) -> Vec<Value<'a>> {
        match self {
            Self::Whole(map) => map.keys().map(|name| Value::text(name)).collect(),
            Self::Common(map) => map.keys().map(|name| Value::text(name)).collect(),
        }
    }
}

impl<'a> Value<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(super) fn texts(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    /// A number of bytes or of things.
    pub(super) fn count(count: impl TryInto<i64>) -> Self {
        Self::Int(count.try_into().unwrap_or(i64::MAX))
    }

    /// About how much it costs to look at the whole of it, in bytes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(entries) => entries.iter().map(|entry| 8 + entry.weight()).sum(),
            Self::Map(map) => 64 * map.len(),
            _ => 8,
        }
    }

    /// Which of two values of one type comes first; `None` where they have no order, as numbers that
    /// are none.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(b),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            (Self::Span(a), Self::Span(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// Whether two values of one type are equal.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equals(b))
            }
            (Self::Map(a), Self::Map(b)) => {
                let same = |name: &Self| match name {
                    Self::Text(name) => a.get(name) == b.get(name),
                    _ => false,
                };
                a.len() == b.len() && a.names().iter().all(same)
            }
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }
}
