use std::collections::BTreeMap;

use crate::event::DetailType;
use crate::mode::Severity;
use crate::names::{AccountId, Region, RuleName};

use super::super::document::Value;
use super::super::{
    Channel, Endpoint, HeaderSource, Notifications, PolicyErrorKind, Route, RouteMatch, SecretRef,
};
use super::patterns::repository_globs;
use super::policy::severity;
use super::values::{Limits, duration};
use super::{At, Decoder};

const MAX_CHANNELS: usize = 100;
const MAX_ROUTES: usize = 200;
const MAX_HEADERS: usize = 20;

/// Limits of `repeat_after`: what was told is remembered in the state table for that long.
const REPEAT_AFTER: Limits = Limits {
    shortest: "1s",
    longest: "90d",
};

const TOPIC: &str =
    "the ARN of a standard SNS topic, such as `arn:aws:sns:eu-west-1:111122223333:ecr-steward`";

/// Channels and routes; `rules` are the names that a route may ask for.
pub(super) fn notifications(d: &mut Decoder<'_>, at: &At<'_>, rules: &[&str]) -> Notifications {
    let mut notifications = Notifications::default();
    let Some(fields) = d.fields(at, &["channels", "routes", "repeat_after"]) else {
        return notifications;
    };
    let mut names = Vec::new();
    if let Some(at) = fields.get("channels") {
        let expected = "a mapping of channel names to channels";
        for named in d.named(&at, MAX_CHANNELS, expected) {
            // A broken channel still has its name, so that its routes are not reported as well.
            names.push(named.key);
            // Channels are named as rules are.
            if !RuleName::is_name(named.key) {
                let message = format!("`{}` is not a channel name", super::shorten(named.key));
                let (kind, path) = (PolicyErrorKind::InvalidValue, &named.value.path);
                let expected = Some(RuleName::EXPECTED.to_owned());
                d.fail(kind, named.location, path, message, expected);
            }
            if let Some(channel) = channel(d, &named.value) {
                notifications.channels.insert(named.key.to_owned(), channel);
            }
        }
    }
    if let Some(at) = fields.get("routes") {
        let list = d.list_or_empty(&at, MAX_ROUTES, "routes with `match` and `to`");
        notifications.routes = list
            .iter()
            .filter_map(|at| route(d, at, &names, rules))
            .collect();
    }
    if let Some(at) = fields.get("repeat_after")
        && let Some(after) = duration(d, &at, &REPEAT_AFTER)
    {
        notifications.repeat_after = after;
    }
    notifications
}

fn channel(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Channel> {
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
                &super::one_of(&KINDS, "", "exactly one of"),
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
            let message = format!("`{}` {message}", super::shorten(named.key));
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
                    .map_err(|e: super::super::SecretRefError| e.to_string());
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

fn route(d: &mut Decoder<'_>, at: &At<'_>, channels: &[&str], rules: &[&str]) -> Option<Route> {
    let fields = d.fields(at, &["match", "to"])?;
    let matches = fields
        .get("match")
        .and_then(|at| route_match(d, &at, rules));
    let mut to: Vec<String> = Vec::new();
    if let Some(at) = d.required(&fields, "to", "a list of channel names") {
        for at in d.list(&at, MAX_CHANNELS, "channel names") {
            let Some(name) = d.text(&at, "a channel name") else {
                continue;
            };
            if !d.known_name(&at, "channel", name, channels) {
                continue;
            }
            if to.iter().any(|other| other == name) {
                let message = format!("`{name}` is there twice");
                d.fail(
                    PolicyErrorKind::Duplicate,
                    at.node.location,
                    &at.path,
                    message,
                    None,
                );
            } else {
                to.push(name.to_owned());
            }
        }
    }
    Some(Route {
        matches: matches.unwrap_or_default(),
        to,
        location: at.node.location,
    })
}

fn route_match(d: &mut Decoder<'_>, at: &At<'_>, rules: &[&str]) -> Option<RouteMatch> {
    let fields = d.fields(
        at,
        &["severity", "detail_type", "repositories", "rules", "owner"],
    )?;
    let mut matches = RouteMatch::default();
    if let Some(at) = fields.get("severity") {
        for at in d.list(&at, Severity::ALL.len() * 2, "severities") {
            matches.severity.extend(severity(d, &at));
        }
    }
    if let Some(at) = fields.get("detail_type") {
        let words = DetailType::ALL.map(|kind| (kind.as_str(), kind));
        for at in d.list(
            &at,
            words.len() * 2,
            "detail types, such as `Image Quarantined`",
        ) {
            matches
                .detail_type
                .extend(d.word(&at, "detail type", &words));
        }
    }
    if let Some(at) = fields.get("repositories") {
        matches.repositories = repository_globs(d, &at);
    }
    if let Some(at) = fields.get("owner") {
        let expected = "the owner of a repository, as its resource tag says, or a list of owners";
        let owners = match &at.node.value {
            Value::List(_) => d.list(&at, 100, "owners"),
            _ => vec![at],
        };
        for at in owners {
            matches.owner.extend(d.prose(&at, 256, expected));
        }
    }
    if let Some(at) = fields.get("rules") {
        for at in d.list(&at, 500, "rule names") {
            let Some(name) = d.text(&at, "the name of a rule") else {
                continue;
            };
            if d.known_name(&at, "rule", name, rules) {
                matches.rules.insert(name.to_owned());
            }
        }
    }
    Some(matches)
}
