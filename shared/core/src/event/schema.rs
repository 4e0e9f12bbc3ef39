//! JSON Schemas of the events out, one per detail-type, each standing alone.

mod definitions;

use serde_json::{Map, Value, json};

use super::outgoing::DetailType;

/// The JSON Schema (2020-12) of the `detail` of one of ecr-steward's events.
///
/// Unknown members are allowed: a later release may add some, and a consumer that validates must
/// not break over that.
#[must_use]
pub fn schema(detail_type: DetailType) -> Value {
    let about = About::of(detail_type);
    let mut properties = definitions::properties();
    for list in about.not_empty {
        if let Some(Value::Object(property)) = properties.get_mut(*list) {
            property.insert("minItems".to_owned(), 1.into());
        }
    }
    let required: Vec<&str> = ALWAYS
        .iter()
        .chain(about.also)
        .copied()
        .chain(about.repository.then_some("repository"))
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:ecr-steward:event:{}:1", detail_type.kebab()),
        "title": detail_type.as_str(),
        "description": format!(
            "The detail of an EventBridge event with source ecr-steward and detail-type \
             \"{detail_type}\". {}",
            about.meaning
        ),
        "type": "object",
        "required": required,
        "properties": Value::Object(properties),
        "$defs": definitions::shared(),
    })
}

/// Name of the file under `infra/schemas/` that holds the schema.
#[must_use]
pub fn schema_file_name(detail_type: DetailType) -> String {
    format!("{}.json", detail_type.kebab())
}

/// What every event has.
const ALWAYS: &[&str] = &[
    "actions",
    "cause",
    "dedupe_key",
    "explain",
    "mode",
    "rule",
    "severity",
    "violations",
];

/// What one detail-type has beyond the rest.
struct About {
    meaning: &'static str,
    /// Whether it is always about a repository.
    repository: bool,
    also: &'static [&'static str],
    not_empty: &'static [&'static str],
}

impl About {
    const fn of(detail_type: DetailType) -> Self {
        let (meaning, also, not_empty): (_, &[_], &[_]) = match detail_type {
            DetailType::TagRuleViolated => (
                "A pushed tag breaks at least one tag rule. The actions say what was done about it, \
                 or would be done if the mode were enforce.",
                &["tag"],
                &["violations"],
            ),
            DetailType::TagRuleEnforced => (
                "An action that a tag rule asks for was carried out, such as taking the tag away or \
                 keeping a derived tag; in mode observe, a derived tag would be.",
                &["tag"],
                &["actions"],
            ),
            DetailType::ImageReplicated => (
                "An image is where a replication rule wants it; in mode observe, it would be copied \
                 there. One action per target.",
                &["digest"],
                &["actions"],
            ),
            DetailType::ImageReplicationFailed => (
                "An image could not be copied to at least one target. The failed actions say why, \
                 and what a person can do.",
                &["error_type"],
                &["actions"],
            ),
            DetailType::ImageQuarantined => (
                "An image was copied to the quarantine repository and verified there before its tag \
                 was taken away; in mode observe, it would be.",
                &["digest"],
                &["actions"],
            ),
            DetailType::ScanThresholdExceeded => (
                "A scan found more, or worse, than a scan rule allows.",
                &["digest"],
                &["violations"],
            ),
            DetailType::RepositoryBaselined => (
                "Settings of a repository differed from the baseline and were corrected; in mode \
                 observe, they would be. One action per setting.",
                &[],
                &["actions"],
            ),
            DetailType::ImageCleanedUp => (
                "Images that nothing uses were archived or removed; in mode observe, they would be. \
                 One action per image.",
                &[],
                &["actions"],
            ),
            DetailType::DeploymentStarted => (
                "A deployment of the image began; in mode observe, it would begin. One action per \
                 service.",
                &["digest"],
                &["actions"],
            ),
            DetailType::StewardUnhealthy => (
                "ecr-steward itself needs attention, for example because its policy cannot be read. \
                 This may concern no repository.",
                &["error_type"],
                &[],
            ),
        };
        Self {
            meaning,
            repository: !matches!(detail_type, DetailType::StewardUnhealthy),
            also,
            not_empty,
        }
    }
}

type Members = Map<String, Value>;
