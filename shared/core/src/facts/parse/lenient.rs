//! Values that may be of any type: those of a wrong type count as not there.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::facts::Platform;

use super::{ManifestError, ManifestFacts, at_most};

/// A text.
pub(super) fn text(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

/// A mapping of texts to texts; entries of another type are left out.
pub(super) fn texts(
    raw: Option<&RawValue>,
    what: &'static str,
) -> Result<BTreeMap<String, String>, ManifestError> {
    let entries = entries(raw, what)?;
    Ok(entries
        .into_iter()
        .filter_map(|(name, value)| Some((name, text(Some(value))?)))
        .collect())
}

/// The names of a mapping, in order.
pub(super) fn names(
    raw: Option<&RawValue>,
    what: &'static str,
) -> Result<Vec<String>, ManifestError> {
    Ok(entries(raw, what)?.into_keys().collect())
}

/// A platform; one that lacks a part, or has one that no platform has, counts as none.
pub(super) fn platform(
    os: Option<&RawValue>,
    architecture: Option<&RawValue>,
    variant: Option<&RawValue>,
) -> Option<Platform> {
    let mut platform = format!("{}/{}", text(os)?, text(architecture)?);
    if let Some(variant) = text(variant).filter(|variant| !variant.is_empty()) {
        platform.push('/');
        platform.push_str(&variant);
    }
    platform.parse().ok()
}

fn entries<'a>(
    raw: Option<&'a RawValue>,
    what: &'static str,
) -> Result<BTreeMap<String, &'a RawValue>, ManifestError> {
    let entries: BTreeMap<String, &RawValue> = raw
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default();
    at_most(what, entries.len(), ManifestFacts::MAX_ENTRIES)?;
    Ok(entries)
}
