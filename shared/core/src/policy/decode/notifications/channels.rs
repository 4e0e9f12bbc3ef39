use std::collections::BTreeMap;

use crate::names::{AccountId, Region};
use crate::policy::document::Value;
use crate::policy::{Channel, Endpoint, HeaderSource, PolicyErrorKind, SecretRef};

use super::super::{At, Decoder, one_of, shorten};

const MAX_HEADERS: usize = 20;

const TOPIC: &str =
    "the ARN of a standard SNS topic, such as `arn:aws:sns:eu-west-1:111122223333:ecr-steward`";

/// One channel.
pub(super) fn channel(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Channel> {
    const KINDS: [&str; 3] = ["sns", "slack", "webhook"];
    let before = d.errors.len();
    let fields = d.fields(at, &KINDS)?;
    let mut found = KINDS
        .iter()
        .filter_map(|kind| Some((*kind, fields.get(kind)?)));
    let (Some((kind, inner)), None) = (found.next(), found.next()) else {
        if d.errors.len() == before {
            d.invalid(
                at,
                "is not one kind of channel",
                &one_of(&KINDS, "", "exactly one of"),
            );
        }
        return None;
    };
    match kind {
        "sns" => {
            // `sns: <ARN>` or `sns: {topic: <ARN>}`.
            let topic = if let Value::Map(_) = inner.node.value {
                let fields = d.fields(&inner, &["topic"])?;
                d.required(&fields, "topic", TOPIC)?
            } else {
                inner
            };
            let topic_arn = d.parsed(&topic, TOPIC, topic_arn)?;
            Some(Channel::Sns { topic_arn })
        }
        "slack" => {
            let fields = d.fields(&inner, &["webhook"])?;
            let at = d.required(&fields, "webhook", Endpoint::EXPECTED)?;
            let webhook = endpoint(d, &at)?;
            Some(Channel::Slack { webhook })
        }
        _ => {
            let fields = d.fields(&inner, &["url", "headers"])?;
            let headers = fields
                .get("headers")
                .map(|at| headers(d, &at))
                .unwrap_or_default();
            let at = d.required(&fields, "url", Endpoint::EXPECTED)?;
            let url = endpoint(d, &at)?;
            Some(Channel::Webhook { url, headers })
        }
    }
}

fn endpoint(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Endpoint> {
    d.parsed_secretly(at, Endpoint::EXPECTED, |text| {
        text.parse::<Endpoint>()
            .map_err(|error| match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            })
    })
}

fn topic_arn(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "is not the ARN of an SNS topic";
    let parts: Vec<&str> = text.split(':').collect();
    let ["arn", partition, "sns", region, account, name] = parts.as_slice() else {
        return Err(WRONG);
    };
    if name.ends_with(".fifo") {
        return Err("is a FIFO topic, to which nobody can subscribe by e-mail");
    }
    let fits = partition.starts_with("aws")
        && region.parse::<Region>().is_ok()
        && account.parse::<AccountId>().is_ok()
        && (1..=256).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if fits {
        Ok(text.to_owned())
    } else {
        Err(WRONG)
    }
}

/// Headers of a webhook, without those that belong to the transport.
fn headers(d: &mut Decoder<'_>, at: &At<'_>) -> BTreeMap<String, HeaderSource> {
    const NAME: &str = "a header name such as `authorization`";
    const VALUE: &str = "visible characters, `secretsmanager:NAME[#json-key]` or `ssm:NAME`";
    const RESERVED: [&str; 6] = [
        "host",
        "content-length",
        "content-type",
        "connection",
        "transfer-encoding",
        "te",
    ];
    let mut headers: BTreeMap<String, HeaderSource> = BTreeMap::new();
    for named in d.named(at, MAX_HEADERS, "a mapping of header names to values") {
        let name = named.key.to_ascii_lowercase();
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let wrong = if name.is_empty() || name.len() > 128 || !name.chars().all(token) {
            Some((PolicyErrorKind::InvalidValue, "is not a header name"))
        } else if RESERVED.contains(&name.as_str()) {
            Some((
                PolicyErrorKind::InvalidValue,
                "is a header that the notifier sets itself",
            ))
        } else if headers.contains_key(&name) {
            Some((PolicyErrorKind::Duplicate, "is there twice"))
        } else {
            None
        };
        if let Some((kind, message)) = wrong {
            let message = format!("`{}` {message}", shorten(named.key));
            d.fail(
                kind,
                named.location,
                &named.value.path,
                message,
                Some(NAME.to_owned()),
            );
        }
        let value = d.parsed_secretly(&named.value, VALUE, |text| {
            if SecretRef::looks_like(text) {
                return text
                    .parse()
                    .map(HeaderSource::Secret)
                    .map_err(|e: crate::policy::SecretRefError| e.to_string());
            }
            if text.len() <= 4096 && text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
                Ok(HeaderSource::Text(text.to_owned()))
            } else {
                Err("is not the value of a header".to_owned())
            }
        });
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
    headers
}
