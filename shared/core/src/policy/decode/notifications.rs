mod channels;
mod routes;

use crate::names::RuleName;

use super::super::{Notifications, PolicyErrorKind};
use super::values::{Limits, duration};
use super::{At, Decoder};
use channels::channel;
use routes::route;

const MAX_CHANNELS: usize = 100;
const MAX_ROUTES: usize = 200;

/// Limits of `repeat_after`: what was told is remembered in the state table for that long.
const REPEAT_AFTER: Limits = Limits {
    shortest: "1s",
    longest: "90d",
};

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
