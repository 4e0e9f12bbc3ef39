//! Events from JSON.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

use super::{ActionReport, DetailType, Outcome, SOURCE, StewardEvent, Violation};
use crate::event::error::EventError;
use crate::event::reader::{Kind, Node, NonEmpty, Read};
use crate::facts::Pusher;

impl StewardEvent {
    /// Reads the `detail` of one of ecr-steward's events.
    ///
    /// # Errors
    /// [`EventError::Missing`] and [`EventError::Invalid`], with paths inside the detail.
    pub fn from_detail(detail_type: DetailType, detail: &Value) -> Result<Self, EventError> {
        Self::read(detail_type, &Node::root(detail))
    }

    pub(in crate::event) fn read(
        detail_type: DetailType,
        node: &Node<'_>,
    ) -> Result<Self, EventError> {
        let repository = match detail_type {
            DetailType::StewardUnhealthy => node.find("repository")?.unwrap_or_default(),
            _ => node.get::<NonEmpty>("repository")?.0,
        };
        Ok(Self {
            detail_type,
            account: node.find("account")?,
            region: node.find("region")?,
            repository,
            tag: node.find("tag")?,
            digest: node.find("digest")?,
            owner: node.find("owner")?,
            pusher: node.find("pusher")?,
            rule: node.get::<NonEmpty>("rule")?.0,
            severity: node.get("severity")?,
            mode: node.get("mode")?,
            violations: node.need_list("violations")?,
            violations_omitted: node.find("violations_omitted")?.unwrap_or_default(),
            actions: node.need_list("actions")?,
            actions_omitted: node.find("actions_omitted")?.unwrap_or_default(),
            cause: node.get("cause")?,
            explain: node.get("explain")?,
            dedupe_key: node.get::<NonEmpty>("dedupe_key")?.0,
            error_type: node.find("error_type")?,
            links: match node.child("links")? {
                Some(links) => links
                    .entries::<String>()?
                    .into_iter()
                    .map(|(label, address)| (label.to_owned(), address))
                    .collect(),
                None => Default::default(),
            },
        })
    }
}

impl Read for Violation {
    const KIND: Kind = Kind {
        what: "a violation",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            rule: node.get("rule")?,
            message: node.get("message")?,
            accepted: node.find("accepted")?,
            severity: node.find("severity")?,
            mode: node.find("mode")?,
        })
    }
}

impl Read for Pusher {
    const KIND: Kind = Kind {
        what: "a pusher",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            arn: node.get("arn")?,
            source_ip: node.find("source_ip")?,
            user_agent: node.find("user_agent")?,
        })
    }
}

impl Read for ActionReport {
    const KIND: Kind = Kind {
        what: "an action's report",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            action: node.get::<NonEmpty>("action")?.0,
            outcome: node.get("outcome")?,
            target: node.find("target")?,
            detail: node.find("detail")?,
            remedy: node.find("remedy")?,
            error_type: node.find("error_type")?,
            bytes: node.find("bytes")?,
            duration_ms: node.find("duration_ms")?,
        })
    }
}

impl Read for Outcome {
    const KIND: Kind = Kind {
        what: "an outcome",
        expected: "one of done, unchanged, would_do, failed, skipped",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        let word = node.text(&Self::KIND)?;
        Self::ALL
            .into_iter()
            .find(|x| x.as_str() == word)
            .ok_or_else(|| node.invalid(&Self::KIND))
    }
}

impl<'de> Deserialize<'de> for DetailType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| {
            D::Error::custom(format_args!(
                "{name:?} is not a detail-type of {SOURCE} (expected one such as Tag Rule Violated)"
            ))
        })
    }
}
