//! `steward schema`: the JSON Schemas of what people write and of what ecr-steward sends.

use serde_json::{Value, json};
use steward_core::event::{DetailType, SOURCE, schema};
use steward_core::policy::Policy;

use crate::cases;
use crate::cli::{SchemaArgs, SchemaOf};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::inventory;
use crate::output::Output;

/// Prints a schema; it is JSON in either format.
pub fn run(args: &SchemaArgs, output: &mut Output) -> Result<Exit, CliError> {
    let document = match &args.of {
        SchemaOf::Policy => Policy::json_schema(),
        SchemaOf::Cases => cases::schema(),
        SchemaOf::Inventory => inventory::schema(),
        SchemaOf::Event { detail_type: None } => every_event(),
        SchemaOf::Event {
            detail_type: Some(name),
        } => {
            let detail_type = DetailType::from_name(name).ok_or_else(|| unknown(name))?;
            schema(detail_type)
        }
    };
    output.json(&document)?;
    Ok(Exit::Ok)
}

fn unknown(name: &str) -> CliError {
    let names = DetailType::ALL.map(DetailType::kebab).join(", ");
    CliError::Usage {
        message: format!("ecr-steward sends no event {name:?}"),
        remedy: format!("name one of {names}, or none for all of them"),
    }
}

/// The schema of a whole EventBridge event of any detail-type.
fn every_event() -> Value {
    let one = |detail_type: DetailType| {
        json!({
            "properties": {
                "detail-type": { "const": detail_type.as_str() },
                "detail": schema(detail_type),
            },
        })
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:ecr-steward:event:1",
        "title": "Events of ecr-steward",
        "description": "The EventBridge events that ecr-steward sends, in their envelope.",
        "type": "object",
        "required": ["source", "detail-type", "detail"],
        "properties": { "source": { "const": SOURCE } },
        "oneOf": DetailType::ALL.map(one),
    })
}
