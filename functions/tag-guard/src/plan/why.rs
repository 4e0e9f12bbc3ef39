use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};
use steward_core::Tag;
use steward_core::policy::TagPattern;

/// Why a rule is violated or kept: a sentence for a person, put together when it is read.
///
/// Of a hundred rules that watch a repository most are kept, and nobody reads why: to write every
/// sentence down takes ten times as long as the decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// These words; empty where there is nothing to say.
    Words(Cow<'static, str>),
    /// The tag, and the words before and behind it.
    OfTag(&'static str, Tag, &'static str),
    /// The tag is what a pattern asks for.
    Matches(Tag, TagPattern),
    /// All of these.
    All(Vec<Self>),
}

impl Why {
    /// This reason and another one.
    pub(super) fn and(self, other: Self) -> Self {
        match self {
            Self::Words(words) if words.is_empty() => other,
            Self::All(mut all) => {
                all.push(other);
                Self::All(all)
            }
            one => Self::All(vec![one, other]),
        }
    }
}

impl Default for Why {
    fn default() -> Self {
        Self::Words(Cow::Borrowed(""))
    }
}

impl From<String> for Why {
    fn from(words: String) -> Self {
        Self::Words(Cow::Owned(words))
    }
}

impl From<&'static str> for Why {
    fn from(words: &'static str) -> Self {
        Self::Words(Cow::Borrowed(words))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => f.write_str(words),
            Self::OfTag(before, tag, behind) => write!(f, "{before}{tag}{behind}"),
            Self::Matches(tag, pattern) => write!(f, "{tag} is {}", pattern.describe()),
            Self::All(all) => {
                for (i, one) in all.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "; " };
                    write!(f, "{comma}{one}")?;
                }
                Ok(())
            }
        }
    }
}

impl Serialize for Why {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_joined_when_they_are_read() {
        let tag: Tag = "1.2.3".parse().unwrap();
        let moves = Why::OfTag("", tag.clone(), " may move");
        assert_eq!(Why::default().and(moves.clone()), moves);
        let all = Why::Matches(tag, TagPattern::new("semver").unwrap())
            .and(moves)
            .and(Why::from("the tag is there"));
        let text = "1.2.3 is a semantic version; 1.2.3 may move; the tag is there";
        assert_eq!(all.to_string(), text);
        assert_eq!(serde_json::to_value(all).unwrap(), text);
    }
}
