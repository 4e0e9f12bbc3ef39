use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::super::super::document::{Entry, Node, Value};
use super::super::super::{CreateSettings, ImmutableExcept, PolicyErrorKind};
use super::super::{At, Decoder, Fields, shorten};

/// The longest documents that ECR takes (API models of `PutLifecyclePolicy` and
/// `SetRepositoryPolicy`).
const MAX_LIFECYCLE_POLICY: usize = 30_720;
const MAX_REPOSITORY_POLICY: usize = 10_240;

const FIELDS: [&str; 7] = [
    "immutable",
    "immutable_except",
    "scan_on_push",
    "encryption",
    "lifecycle_policy",
    "repository_policy",
    "tags",
];

pub(super) fn create(d: &mut Decoder<'_>, at: &At<'_>) -> Option<CreateSettings> {
    let fields = d.fields(at, &FIELDS)?;
    let immutable = flag(d, &fields, "immutable");
    let except = fields.get("immutable_except");
    if let (Some(at), false) = (&except, immutable) {
        d.fail(
            PolicyErrorKind::Contradiction,
            at.node.location,
            &at.path,
            "every tag of the repository may be moved anyway",
            Some("`immutable: true` beside it".to_owned()),
        );
    }
    Some(CreateSettings {
        immutable,
        immutable_except: except.map(|at| exceptions(d, &at)).unwrap_or_default(),
        scan_on_push: flag(d, &fields, "scan_on_push"),
        kms_key: fields.get("encryption").and_then(|at| encryption(d, &at)),
        lifecycle_policy: fields.get("lifecycle_policy").and_then(|at| {
            const EXPECTED: &str = "a lifecycle policy with `rules`, as JSON text or as it is";
            document(d, &at, "rules", MAX_LIFECYCLE_POLICY, EXPECTED)
        }),
        repository_policy: fields.get("repository_policy").and_then(|at| {
            const EXPECTED: &str = "a policy with `Statement`, as JSON text or as it is";
            document(d, &at, "Statement", MAX_REPOSITORY_POLICY, EXPECTED)
        }),
        tags: fields
            .get("tags")
            .map(|at| resource_tags(d, &at))
            .unwrap_or_default(),
    })
}

fn flag(d: &mut Decoder<'_>, fields: &Fields<'_>, field: &str) -> bool {
    fields
        .get(field)
        .and_then(|at| d.boolean(&at))
        .unwrap_or(false)
}

fn exceptions(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<ImmutableExcept> {
    d.list(at, ImmutableExcept::MAX, "tags such as `latest` or `dev-*`")
        .iter()
        .filter_map(|at| d.parsed(at, ImmutableExcept::EXPECTED, ImmutableExcept::new))
        .collect()
}

fn encryption(d: &mut Decoder<'_>, at: &At<'_>) -> Option<String> {
    const KEY: &str = "the ARN or id of a KMS key of the target's Region, or `alias/NAME`";
    let fields = d.fields(at, &["kms_key"])?;
    let at = d.required(&fields, "kms_key", KEY)?;
    d.parsed(&at, KEY, |text| {
        if is_key(text) {
            Ok(text.to_owned())
        } else {
            Err("does not name a KMS key")
        }
    })
}

/// `alias/name`, a key's id, or the ARN of either.
fn is_key(text: &str) -> bool {
    let is_alias = |text: &str| {
        text.strip_prefix("alias/").is_some_and(|name| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"/_-".contains(&b))
        })
    };
    let is_id = |text: &str| {
        (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_hexdigit() || b"mrk-".contains(&b))
    };
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let fits = match parts.as_slice() {
        ["arn", partition, "kms", region, account, resource] => {
            partition.starts_with("aws")
                && !region.is_empty()
                && account.len() == 12
                && (is_alias(resource) || resource.strip_prefix("key/").is_some_and(is_id))
        }
        [name] => is_alias(name) || is_id(name),
        _ => false,
    };
    fits && text.len() <= 2048
}

/// A JSON document, written as text or as part of the policy file; as compact text.
fn document(
    d: &mut Decoder<'_>,
    at: &At<'_>,
    member: &str,
    max: usize,
    expected: &str,
) -> Option<String> {
    let json = match &at.node.value {
        Value::Text(text) => match serde_json::from_str::<Json>(text) {
            Ok(json) => json,
            Err(error) => {
                d.invalid(at, format!("is not JSON: {error}"), expected);
                return None;
            }
        },
        Value::Map(_) => json(d, at.node, &at.path)?,
        _ => {
            d.wrong_type(at, expected);
            return None;
        }
    };
    if json.get(member).is_none() {
        d.invalid(at, format!("has no `{member}`"), expected);
        return None;
    }
    let text = json.to_string();
    if text.len() > max {
        d.invalid(
            at,
            format!("has {} bytes", text.len()),
            &format!("at most {max}"),
        );
        return None;
    }
    Some(text)
}

fn json(d: &mut Decoder<'_>, node: &Node, path: &str) -> Option<Json> {
    Some(match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        // JSON has fewer ways to write a number than YAML.
        Value::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| text.clone().into()),
        Value::Text(text) => text.clone().into(),
        Value::List(nodes) => {
            let mut list = Vec::with_capacity(nodes.len());
            for (i, node) in nodes.iter().enumerate() {
                list.push(json(d, node, &format!("{path}[{i}]"))?);
            }
            list.into()
        }
        Value::Map(entries) => {
            let mut members = serde_json::Map::new();
            for Entry {
                key,
                location,
                value,
            } in entries
            {
                let path = format!("{path}.{}", shorten(key));
                if members.contains_key(key) {
                    let message = format!("`{}` is there twice", shorten(key));
                    d.fail(PolicyErrorKind::Duplicate, *location, &path, message, None);
                    return None;
                }
                members.insert(key.clone(), json(d, value, &path)?);
            }
            members.into()
        }
    })
}

/// Resource tags within the limits of ECR: 50 tags, keys of 128 and values of 256 characters.
fn resource_tags(d: &mut Decoder<'_>, at: &At<'_>) -> BTreeMap<String, String> {
    const KEY: &str = "1 to 128 letters, digits, spaces or `_.:/=+-@`, not beginning with `aws:`";
    const VALUE: &str = "a text of up to 256 letters, digits, spaces or `_.:/=+-@`";
    let allowed = |text: &str| {
        text.chars()
            .all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c))
    };
    let mut tags = BTreeMap::new();
    for named in d.named(at, 50, "a mapping of resource tags to their values") {
        let key = named.key;
        let fits = (1..=128).contains(&key.chars().count());
        if !fits || !allowed(key) || key.to_ascii_lowercase().starts_with("aws:") {
            let message = format!("`{}` is not the key of a resource tag", shorten(key));
            let (kind, path) = (PolicyErrorKind::InvalidValue, &named.value.path);
            d.fail(kind, named.location, path, message, Some(KEY.to_owned()));
        }
        let Some(value) = d.text(&named.value, VALUE) else {
            continue;
        };
        if value.chars().count() > 256 || !allowed(value) {
            d.invalid(&named.value, "is not the value of a resource tag", VALUE);
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    tags
}
