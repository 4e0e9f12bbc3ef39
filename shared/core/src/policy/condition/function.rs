//! The functions of conditions.

use super::kind::Kind;

/// What a call computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    LowerAscii,
    UpperAscii,
    Trim,
    Split,
    Join,
    ToInt,
    ToDouble,
    ToText,
    ToTime,
    ToSpan,
    /// A part of a duration: the whole of it in that unit.
    SpanPart(TimePart),
}

/// A part of a date and time, or a unit of a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimePart {
    FullYear,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

impl TimePart {
    pub(super) const ALL: [(&'static str, Self); 10] = [
        ("getFullYear", Self::FullYear),
        ("getMonth", Self::Month),
        ("getDate", Self::Date),
        ("getDayOfMonth", Self::DayOfMonth),
        ("getDayOfWeek", Self::DayOfWeek),
        ("getDayOfYear", Self::DayOfYear),
        ("getHours", Self::Hours),
        ("getMinutes", Self::Minutes),
        ("getSeconds", Self::Seconds),
        ("getMilliseconds", Self::Milliseconds),
    ];

    /// The part that a method asks for.
    pub(super) fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, part)| part)
    }

    pub(super) const fn is_unit(self) -> bool {
        matches!(
            self,
            Self::Hours | Self::Minutes | Self::Seconds | Self::Milliseconds
        )
    }
}

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `f(x)`
    Global,
    /// `x.f()`
    Method,
    /// Both.
    Either,
}

/// The types for which a name means a function; the receiver is the first of them.
#[derive(Debug)]
pub(super) struct Overload {
    pub(super) name: &'static str,
    style: Style,
    pub(super) takes: &'static [Want],
    pub(super) gives: Give,
    pub(super) function: Function,
}

/// The type of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Bool,
    Int,
    Double,
    Text,
    Time,
    Span,
    List,
    Texts,
    Map,
}

/// The type of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Give {
    Bool,
    Int,
    Double,
    Text,
    Texts,
    Time,
    Span,
}

impl Want {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Bool => Kind::Bool,
            Self::Int => Kind::Int,
            Self::Double => Kind::Double,
            Self::Text => Kind::Text,
            Self::Time => Kind::Time,
            Self::Span => Kind::Span,
            Self::List => Kind::list(Kind::Any),
            Self::Texts => Kind::list(Kind::Text),
            Self::Map => Kind::Map,
        }
    }
}

impl Give {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Bool => Kind::Bool,
            Self::Int => Kind::Int,
            Self::Double => Kind::Double,
            Self::Text => Kind::Text,
            Self::Texts => Kind::list(Kind::Text),
            Self::Time => Kind::Time,
            Self::Span => Kind::Span,
        }
    }
}

impl Overload {
    const fn new(
        name: &'static str,
        style: Style,
        takes: &'static [Want],
        gives: Give,
        function: Function,
    ) -> Self {
        Self {
            name,
            style,
            takes,
            gives,
            function,
        }
    }

    /// The overloads of a name in a style.
    pub(super) fn named(name: &str, is_method: bool) -> impl Iterator<Item = &'static Self> {
        ALL.iter()
            .filter(move |overload| overload.name == name && overload.is_called(is_method))
    }

    fn is_called(&self, is_method: bool) -> bool {
        match self.style {
            Style::Either => true,
            Style::Method => is_method,
            Style::Global => !is_method,
        }
    }

    /// The call as one would write it, with types for the arguments.
    pub(super) fn signature(&self, is_method: bool) -> String {
        let mut takes = self.takes.iter().map(|want| want.kind().to_string());
        let receiver = is_method.then(|| takes.next()).flatten();
        let arguments = takes.collect::<Vec<_>>().join(", ");
        match receiver {
            Some(receiver) => format!("{receiver}.{}({arguments})", self.name),
            None => format!("{}({arguments})", self.name),
        }
    }
}

/// The names of the functions that are called in a style.
pub(super) fn names(is_method: bool) -> impl Iterator<Item = &'static str> {
    let special = ["matches", "all", "exists", "exists_one", "filter", "map"];
    let parts = TimePart::ALL.into_iter().map(|(name, _)| name);
    ALL.iter()
        .filter(move |overload| overload.is_called(is_method))
        .map(|overload| overload.name)
        .chain(special.into_iter().chain(parts).filter(move |_| is_method))
        .chain(Some("has").filter(|_| !is_method))
}

use Function as F;
use Style::{Either, Global, Method};
use Want as W;

static ALL: [Overload; 29] = [
    Overload::new("size", Either, &[W::Text], Give::Int, F::Size),
    Overload::new("size", Either, &[W::List], Give::Int, F::Size),
    Overload::new("size", Either, &[W::Map], Give::Int, F::Size),
    Overload::new(
        "contains",
        Method,
        &[W::Text, W::Text],
        Give::Bool,
        F::Contains,
    ),
    Overload::new(
        "startsWith",
        Method,
        &[W::Text, W::Text],
        Give::Bool,
        F::StartsWith,
    ),
    Overload::new(
        "endsWith",
        Method,
        &[W::Text, W::Text],
        Give::Bool,
        F::EndsWith,
    ),
    Overload::new("lowerAscii", Method, &[W::Text], Give::Text, F::LowerAscii),
    Overload::new("upperAscii", Method, &[W::Text], Give::Text, F::UpperAscii),
    Overload::new("trim", Method, &[W::Text], Give::Text, F::Trim),
    Overload::new("split", Method, &[W::Text, W::Text], Give::Texts, F::Split),
    Overload::new("join", Method, &[W::Texts, W::Text], Give::Text, F::Join),
    Overload::new("int", Global, &[W::Int], Give::Int, F::ToInt),
    Overload::new("int", Global, &[W::Double], Give::Int, F::ToInt),
    Overload::new("int", Global, &[W::Text], Give::Int, F::ToInt),
    Overload::new("int", Global, &[W::Time], Give::Int, F::ToInt),
    Overload::new("double", Global, &[W::Double], Give::Double, F::ToDouble),
    Overload::new("double", Global, &[W::Int], Give::Double, F::ToDouble),
    Overload::new("double", Global, &[W::Text], Give::Double, F::ToDouble),
    Overload::new("string", Global, &[W::Text], Give::Text, F::ToText),
    Overload::new("string", Global, &[W::Bool], Give::Text, F::ToText),
    Overload::new("string", Global, &[W::Int], Give::Text, F::ToText),
    Overload::new("string", Global, &[W::Double], Give::Text, F::ToText),
    Overload::new("string", Global, &[W::Time], Give::Text, F::ToText),
    Overload::new("string", Global, &[W::Span], Give::Text, F::ToText),
    Overload::new("timestamp", Global, &[W::Text], Give::Time, F::ToTime),
    Overload::new("timestamp", Global, &[W::Time], Give::Time, F::ToTime),
    Overload::new("duration", Global, &[W::Text], Give::Span, F::ToSpan),
    Overload::new("duration", Global, &[W::Span], Give::Span, F::ToSpan),
    Overload::new("timestamp", Global, &[W::Int], Give::Time, F::ToTime),
];
