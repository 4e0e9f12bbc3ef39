use std::fmt;

/// The type of a part of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    Double,
    Text,
    Time,
    Span,
    List(Box<Kind>),
    /// Texts under texts.
    Map,
    /// The entries of an empty list, which are of every type.
    Any,
}

impl Kind {
    pub(super) fn list(entry: Self) -> Self {
        Self::List(Box::new(entry))
    }

    /// The type of what is of this type or of the other; `None` where they have nothing in common.
    pub(super) fn join(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, kind) | (kind, Self::Any) => Some(kind.clone()),
            (Self::List(a), Self::List(b)) => a.join(b).map(Self::list),
            (a, b) => (a == b).then(|| a.clone()),
        }
    }

    /// Whether a value of this type can stand where one of the other is wanted.
    pub(super) fn is(&self, wanted: &Self) -> bool {
        self.join(wanted).is_some()
    }

    /// Whether values of this type come one after another.
    pub(super) const fn is_ordered(&self) -> bool {
        matches!(
            self,
            Self::Int | Self::Double | Self::Text | Self::Time | Self::Span
        )
    }

    /// The name with its article.
    pub(super) fn article(&self) -> String {
        let article = if matches!(self, Self::Int) { "an" } else { "a" };
        format!("{article} {self}")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::Text => "string",
            Self::Time => "timestamp",
            Self::Span => "duration",
            Self::Map => "map(string, string)",
            Self::Any => "value",
            Self::List(entry) => return write!(f, "list({entry})"),
        })
    }
}
