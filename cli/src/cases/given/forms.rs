//! What may be written in more than one form.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, de};
use steward_core::facts::Pusher;

use crate::cases::time::Size;

/// Layers: how many, or which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenLayers {
    /// So many, which share the size.
    Count(u16),
    /// These.
    List(Vec<GivenLayer>),
}

/// One layer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GivenLayer {
    /// Its media type.
    pub media_type: Option<String>,
    /// Its compressed size.
    pub size: Option<Size>,
}

/// Something that refers to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenReferrer {
    pub(super) artifact_type: String,
    pub(super) annotations: BTreeMap<String, String>,
}

/// A port that an image exposes, as its configuration says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenPort(pub(super) String);

impl<'de> Deserialize<'de> for GivenPort {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (ports, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
        match (number(first), number(last), protocol) {
            (Some(first), Some(last), "tcp" | "udp" | "sctp") if first <= last => Ok(Self(text)),
            _ => Err(de::Error::custom(format!(
                "`{text}` is no port (expected such as 8080, 8080/tcp or 53/udp)"
            ))),
        }
    }
}

/// Whoever CloudTrail could name: a user, a session of a role, or a service of AWS.
fn named<E: de::Error>(pusher: Pusher) -> Result<Option<Pusher>, E> {
    let parts: Vec<&str> = pusher.arn.splitn(6, ':').collect();
    let known = match parts.as_slice() {
        ["arn", partition, service, _, account, resource] => {
            partition.starts_with("aws")
                && !service.is_empty()
                && account.len() == 12
                && account.bytes().all(|x| x.is_ascii_digit())
                && !resource.is_empty()
        }
        [service] => service.ends_with(".amazonaws.com"),
        _ => false,
    };
    if known {
        return Ok(Some(pusher));
    }
    Err(E::custom(format!(
        "`{}` is nobody who can push (expected an ARN such as \
         arn:aws:sts::111122223333:assumed-role/ci/build-42, or a service such as \
         ecr.amazonaws.com)",
        pusher.arn
    )))
}

/// An ARN, or the whole of who pushed.
pub(crate) fn pusher<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Pusher>, D::Error> {
    struct Form;
    impl<'de> Visitor<'de> for Form {
        type Value = Option<Pusher>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an ARN, or a map with arn, source_ip and user_agent")
        }

        fn visit_str<E: de::Error>(self, arn: &str) -> Result<Self::Value, E> {
            named(Pusher {
                arn: arn.to_owned(),
                ..Pusher::default()
            })
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            named(Pusher::deserialize(MapAccessDeserializer::new(map))?)
        }
    }
    deserializer.deserialize_any(Form)
}

impl<'de> Deserialize<'de> for GivenLayers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = GivenLayers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of layers, or a list of layers with media_type and size")
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<Self::Value, E> {
                u16::try_from(count)
                    .map(GivenLayers::Count)
                    .map_err(|_| E::custom(format!("{count} layers are more than any image has")))
            }

            fn visit_i64<E: de::Error>(self, count: i64) -> Result<Self::Value, E> {
                let count = u64::try_from(count)
                    .map_err(|_| E::custom("a number of layers is not negative"))?;
                self.visit_u64(count)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut layers = Vec::new();
                while let Some(layer) = list.next_element()? {
                    layers.push(layer);
                }
                Ok(GivenLayers::List(layers))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for GivenReferrer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = GivenReferrer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "signature, sbom, provenance, an artifact type, or a map with artifact_type \
                     and annotations",
                )
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Self::Value, E> {
                known_referrer(word).ok_or_else(|| {
                    E::custom(format!(
                        "`{word}` is no referrer (expected signature, sbom, provenance, or an \
                         artifact type such as application/spdx+json)"
                    ))
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Whole {
                    artifact_type: String,
                    #[serde(default)]
                    annotations: BTreeMap<String, String>,
                }
                let whole = Whole::deserialize(MapAccessDeserializer::new(map))?;
                Ok(GivenReferrer {
                    artifact_type: whole.artifact_type,
                    annotations: whole.annotations,
                })
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// What tools of our time push: cosign's signatures and attestations as Sigstore bundles say there
/// what they state (Sigstore bundle specification, "OCI").
fn known_referrer(word: &str) -> Option<GivenReferrer> {
    const PREDICATE: &str = "dev.sigstore.bundle.predicateType";
    const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let (artifact_type, annotation) = match word {
        "signature" => ("application/vnd.dev.cosign.artifact.sig.v1+json", None),
        "sbom" => ("application/spdx+json", None),
        "provenance" => (BUNDLE, Some("https://slsa.dev/provenance/v1")),
        other if other.contains('/') => (other, None),
        _ => return None,
    };
    Some(GivenReferrer {
        artifact_type: artifact_type.to_owned(),
        annotations: annotation
            .map(|value| (PREDICATE.to_owned(), value.to_owned()))
            .into_iter()
            .collect(),
    })
}
