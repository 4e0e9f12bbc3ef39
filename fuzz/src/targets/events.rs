use steward_core::event::{Detail, EventError, incoming};

use super::outline;

/// An EventBridge event.
pub(super) fn feed(input: &[u8]) -> String {
    match incoming::parse(input) {
        Ok(event) => {
            let kind = match &event.detail {
                Detail::ImageAction(action) | Detail::ReferrerAction(action) => format!(
                    "{:?} {:?} {} {}",
                    action.action,
                    action.result,
                    action.tag.is_some(),
                    action.digest.is_some()
                ),
                other => format!("{other:?}").chars().take(16).collect(),
            };
            assert_eq!(incoming::parse(input).ok().as_ref(), Some(&event));
            kind
        }
        Err(error) => match &error {
            EventError::Missing { path, what } => format!("{} {what}", outline(path)),
            EventError::Invalid { path, what, .. } => format!("{} not {what}", outline(path)),
            other => other.error_type().to_owned(),
        },
    }
}
