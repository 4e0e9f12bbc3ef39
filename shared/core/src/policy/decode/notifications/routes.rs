use crate::event::DetailType;
use crate::mode::Severity;
use crate::policy::document::Value;
use crate::policy::{PolicyErrorKind, Route, RouteMatch};

use super::super::patterns::repository_globs;
use super::super::policy::severity;
use super::super::{At, Decoder};
use super::MAX_CHANNELS;

/// One route; `channels` and `rules` are the names that it may use.
pub(super) fn route(
    d: &mut Decoder<'_>,
    at: &At<'_>,
    channels: &[&str],
    rules: &[&str],
) -> Option<Route> {
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
