//! Enums that AWS may extend at any time.

/// Defines an enum of known words plus `Other`, so that a new word of AWS's is kept, not refused.
macro_rules! open_enum {
    ($(#[$outer:meta])* $name:ident: $what:literal {
        $($(#[$inner:meta])* $variant:ident = $word:literal,)+
    }) => {
        $(#[$outer])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$inner])* $variant,)+
            /// A word that did not exist when this was written.
            Other(String),
        }

        impl $name {
            /// The word as AWS writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl $crate::event::reader::Read for $name {
            const KIND: $crate::event::reader::Kind = $crate::event::reader::Kind {
                what: $what,
                expected: "a string",
            };

            fn read(
                node: &$crate::event::reader::Node<'_>,
            ) -> Result<Self, $crate::event::error::EventError> {
                Ok(Self::from(node.text(&Self::KIND)?))
            }
        }
    };
}
pub(super) use open_enum;
