//! JSON Schemas of the events out.
use super::outgoing::DetailType;
use serde_json::Value;
/// The JSON Schema (2020-12) of the `detail` of one of ecr-steward's events.
#[must_use]
pub fn schema(detail_type: DetailType) -> Value {
    let _ = detail_type;
    Value::Null
}

/// Name of the file under `infra/schemas/` that holds the schema.
#[must_use]
pub fn schema_file_name(detail_type: DetailType) -> String {
    format!("{}.json", detail_type.kebab())
}
