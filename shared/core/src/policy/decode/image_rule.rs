//! What an image must be like.

use crate::facts::Platform;

use super::super::document::Value;
use super::super::{
    ImageRule, IndexScope, Metadata, PolicyErrorKind, RequiredReferrer, TextGlob, TextPattern,
};
use super::values::{Limits, duration, number, size};
use super::{At, Decoder, Fields};

const FIELDS: [&str; 16] = [
    "labels",
    "annotations",
    "platforms",
    "max_size",
    "user",
    "created_within",
    "base_images",
    "media_types",
    "foreign_layers",
    "max_layers",
    "exposed_ports",
    "referrers",
    "signed",
    "sbom",
    "provenance",
    "index",
];

/// How many entries a list of this rule may have.
const MAX_ENTRIES: usize = 100;

/// How long a referrer may be missing. The check is made again when that time is over.
const WITHIN: Limits = Limits {
    shortest: "1s",
    longest: "7d",
};

const CREATED_WITHIN: Limits = Limits {
    shortest: "1h",
    longest: "3650d",
};

/// The `image` of a rule.
pub(super) fn image_rule(d: &mut Decoder<'_>, at: &At<'_>) -> Option<ImageRule> {
    let before = d.errors.len();
    let fields = d.fields(at, &FIELDS)?;
    if FIELDS
        .iter()
        .all(|field| *field == "index" || fields.get(field).is_none())
        && d.errors.len() == before
    {
        let (_, demands) = FIELDS.split_last()?;
        let expected = super::one_of(demands, "", "one or more of");
        let (kind, location) = (PolicyErrorKind::Missing, at.node.location);
        d.fail(
            kind,
            location,
            &at.path,
            "asks nothing of an image",
            Some(expected),
        );
        return None;
    }
    let rule = ImageRule {
        labels: metadata(d, &fields, "labels"),
        annotations: metadata(d, &fields, "annotations"),
        platforms: fields
            .get("platforms")
            .map(|at| platforms(d, &at))
            .unwrap_or_default(),
        max_size: fields.get("max_size").and_then(|at| size(d, &at)),
        non_root: fields
            .get("user")
            .and_then(|at| d.word(&at, "user", &[("non-root", true)]))
            .unwrap_or_default(),
        created_within: fields
            .get("created_within")
            .and_then(|at| duration(d, &at, &CREATED_WITHIN)),
        base_images: globs(d, &fields, "base_images", "globs over names of base images"),
        media_types: globs(d, &fields, "media_types", "globs over media types"),
        no_foreign_layers: fields
            .get("foreign_layers")
            .and_then(|at| d.word(&at, "choice", &[("deny", true)]))
            .unwrap_or_default(),
        max_layers: fields
            .get("max_layers")
            .and_then(|at| number(d, &at, 1, 1000)),
        exposed_ports: fields.get("exposed_ports").map(|at| ports(d, &at)),
        referrers: referrers(d, &fields),
        index: fields
            .get("index")
            .and_then(|at| {
                let words = [("every", IndexScope::Every), ("any", IndexScope::Any)];
                d.word(&at, "choice", &words)
            })
            .unwrap_or_default(),
    };
    Some(rule)
}

/// `{required: […], match: {…}}`.
fn metadata(d: &mut Decoder<'_>, fields: &Fields<'_>, field: &str) -> Metadata {
    let mut metadata = Metadata::default();
    let Some(at) = fields.get(field) else {
        return metadata;
    };
    let Some(fields) = d.fields(&at, &["required", "match"]) else {
        return metadata;
    };
    let (required, matching) = (fields.get("required"), fields.get("match"));
    if required.is_none() && matching.is_none() {
        let expected = "`required`, `match` or both";
        d.invalid(&at, "has neither `required` nor `match`", expected);
    }
    if let Some(at) = required {
        for at in d.list(&at, MAX_ENTRIES, "names") {
            if let Some(name) = d.prose(&at, 256, "a name")
                && !twice(d, &at, &metadata.required, &name)
            {
                metadata.required.push(name);
            }
        }
    }
    if let Some(at) = matching {
        let expected = "a mapping of names to patterns";
        let named = d.named(&at, MAX_ENTRIES, expected);
        if named.is_empty() && matches!(&at.node.value, Value::Map(entries) if entries.is_empty()) {
            d.invalid(&at, "the mapping is empty", expected);
        }
        for named in named {
            let expected = "a glob such as `https://git.example.com/*`, or a `/regex/`";
            let read = d.parsed(&named.value, expected, TextPattern::new);
            if let Some(pattern) =
                read.filter(|pattern| !pattern.is_costly() || d.afford(&named.value))
            {
                metadata.matching.push((named.key.to_owned(), pattern));
            }
        }
    }
    metadata
}

fn twice<T: PartialEq + std::fmt::Display>(
    d: &mut Decoder<'_>,
    at: &At<'_>,
    seen: &[T],
    value: &T,
) -> bool {
    let found = seen.contains(value);
    if found {
        let message = format!("`{value}` is there twice");
        let kind = PolicyErrorKind::Duplicate;
        d.fail(kind, at.node.location, &at.path, message, None);
    }
    found
}

pub(super) fn platforms(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<Platform> {
    const EXPECTED: &str = "`os/architecture` or `os/architecture/variant`, such as `linux/arm64`";
    let mut found = Vec::new();
    for at in d.list(at, MAX_ENTRIES, "platforms such as `linux/arm64`") {
        let read = d.parsed(&at, EXPECTED, |text| {
            text.parse::<Platform>().map_err(|_| "is not a platform")
        });
        if let Some(platform) = read
            && !twice(d, &at, &found, &platform)
        {
            found.push(platform);
        }
    }
    found
}

fn glob(d: &mut Decoder<'_>, at: &At<'_>) -> Option<TextGlob> {
    let glob = d.parsed(at, "a glob; `*` is any text", TextGlob::new)?;
    (!glob.is_costly() || d.afford(at)).then_some(glob)
}

fn globs(d: &mut Decoder<'_>, fields: &Fields<'_>, field: &str, expected: &str) -> Vec<TextGlob> {
    let Some(at) = fields.get(field) else {
        return Vec::new();
    };
    let list = d.list(&at, MAX_ENTRIES, expected);
    list.iter().filter_map(|at| glob(d, at)).collect()
}

fn ports(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<u16> {
    let mut found = Vec::new();
    for at in d.list_or_empty(at, MAX_ENTRIES, "port numbers") {
        let port = number(d, &at, 1, u32::from(u16::MAX));
        if let Some(port) = port.and_then(|port| u16::try_from(port).ok())
            && !twice(d, &at, &found, &port)
        {
            found.push(port);
        }
    }
    found
}

fn referrers(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Vec<RequiredReferrer> {
    let mut found = Vec::new();
    for (field, make) in [
        ("signed", RequiredReferrer::signature as fn(_) -> _),
        ("sbom", RequiredReferrer::sbom),
        ("provenance", RequiredReferrer::provenance),
    ] {
        let Some(at) = fields.get(field) else {
            continue;
        };
        if let Some(fields) = d.fields(&at, &["within"]) {
            found.extend(within(d, &fields).and_then(|within| make(within).ok()));
        }
    }
    if let Some(at) = fields.get("referrers") {
        let list = d.list(
            &at,
            MAX_ENTRIES,
            "mappings with `artifact_type` and `within`",
        );
        found.extend(list.iter().filter_map(|at| referrer(d, at)));
    }
    found
}

fn referrer(d: &mut Decoder<'_>, at: &At<'_>) -> Option<RequiredReferrer> {
    let fields = d.fields(at, &["artifact_type", "within"])?;
    let within = within(d, &fields);
    let expected = "a glob over artifact types, or a list of them";
    let at = d.required(&fields, "artifact_type", expected)?;
    let artifact_types: Vec<TextGlob> = if matches!(at.node.value, Value::List(_)) {
        let list = d.list(&at, MAX_ENTRIES, "globs over artifact types");
        list.iter().filter_map(|at| glob(d, at)).collect()
    } else {
        glob(d, &at).into_iter().collect()
    };
    let names: Vec<String> = artifact_types
        .iter()
        .map(|glob| format!("`{}`", glob.as_str()))
        .collect();
    Some(RequiredReferrer {
        what: names.join(" or "),
        artifact_types,
        predicate_types: Vec::new(),
        within: within?,
    })
}

fn within(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<std::time::Duration> {
    let at = d.required(fields, "within", "how long after the push, such as `15m`")?;
    duration(d, &at, &WITHIN)
}
