//! Logs: one JSON object per line on standard output, which Lambda brings to CloudWatch.
//!
//! Every line has `timestamp`, `level`, `message` and its own fields; lines about a record also have
//! `span` with `function`, `version`, `request_id` and `event_id`.

use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Whether a text is a filter: a level, or a comma list of `target=level`.
#[must_use]
pub fn is_filter(text: &str) -> bool {
    // `Targets` alone takes any word for a target, so that a misspelt level would silence all logs.
    let levels = text.split(',').all(|entry| {
        let level = entry.rsplit_once('=').map_or(entry, |(_, level)| level);
        !level.is_empty() && LevelFilter::from_str(level).is_ok()
    });
    levels && Targets::from_str(text).is_ok()
}

/// Starts logging. A second call changes nothing.
pub(crate) fn init(filter: &str) {
    let filter = Targets::from_str(filter)
        .unwrap_or_else(|_| Targets::new().with_default(tracing::Level::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false);
    if tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()
        .is_ok()
    {
        std::panic::set_hook(Box::new(|panic| {
            let location = panic.location().map(ToString::to_string);
            tracing::error!(location, "a bug: {}", panic_message(panic.payload()));
        }));
    }
}

/// The text of a panic.
pub(crate) fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|x| (*x).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_levels_or_lists() {
        for good in ["info", "warn,steward_runtime=debug", "off"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["loud", "info,loud", "steward_runtime=loud", "a=b=c", ""] {
            assert!(!is_filter(bad), "{bad}");
        }
    }

    #[test]
    fn panics_say_what_they_can() {
        assert_eq!(panic_message(&"short"), "short");
        assert_eq!(panic_message(&"long".to_owned()), "long");
        assert_eq!(panic_message(&7_u8), "a panic without a message");
    }
}
