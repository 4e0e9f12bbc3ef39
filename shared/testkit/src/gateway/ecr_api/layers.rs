//! Operations on layers.

use serde::Deserialize;
use serde_json::{Value, json};
use steward_core::Digest;

use crate::gateway::{images::Images, refusal::Refusal, registry::Registry};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckInput {
    repository_name: String,
    layer_digests: Vec<String>,
}

/// Which layers a repository has. The emulator says "none" to every question.
pub(crate) async fn check(
    images: &Images,
    registry: &Registry,
    input: CheckInput,
) -> Result<Value, Refusal> {
    if input.layer_digests.is_empty() || input.layer_digests.len() > 100 {
        return Err(Refusal::Parameter {
            at: "layerDigests",
            reason: "'Member must have a length from 1 to 100'".to_owned(),
        });
    }
    let at = images.repository(registry, &input.repository_name).await?;
    let (mut layers, mut failures) = (Vec::new(), Vec::new());
    for given in input.layer_digests {
        match given.parse::<Digest>() {
            Ok(digest) => layers.push(match images.blob_size(&at, &digest).await? {
                Some(size) => json!({
                    "layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": size,
                }),
                None => json!({ "layerDigest": digest, "layerAvailability": "UNAVAILABLE" }),
            }),
            Err(error) => failures.push(json!({
                "layerDigest": given,
                "failureCode": "InvalidLayerDigest",
                "failureReason": error.to_string(),
            })),
        }
    }
    Ok(json!({ "layers": layers, "failures": failures }))
}
