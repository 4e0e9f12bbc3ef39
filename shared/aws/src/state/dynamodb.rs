//! The adapter over DynamoDB.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Begin, Claim, StateError, StateStore, new_owner};
use crate::api::{Api, Failed, Service};
use crate::error::ServiceError;

static SERVICE: Service = Service {
    name: "dynamodb",
    host: "dynamodb",
    signing: "dynamodb",
    id: "DynamoDB",
    json: "1.0",
    target: "DynamoDB_20120810",
};

const IN_PROGRESS: &str = "INPROGRESS";
const COMPLETED: &str = "COMPLETED";
const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

/// A DynamoDB table with the string key `pk`.
#[derive(Clone, Debug)]
pub struct DynamoState {
    api: Api,
    table: String,
    now: fn() -> SystemTime,
}

impl DynamoState {
    /// The table of this name.
    #[must_use]
    pub fn new(config: &aws_types::SdkConfig, table: impl Into<String>) -> Self {
        Self {
            api: Api::new(&SERVICE, config),
            table: table.into(),
            now: SystemTime::now,
        }
    }

    #[cfg(test)]
    pub(super) fn at(mut self, now: fn() -> SystemTime) -> Self {
        self.now = now;
        self
    }

    fn now(&self) -> Duration {
        (self.now)().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    async fn read(&self, key: &str) -> Result<Option<Value>, StateError> {
        let input = json!({
            "TableName": self.table,
            "Key": {"pk": text(key)},
            "ConsistentRead": true,
        });
        let mut answer = self.api.json("GetItem", &input).await.map_err(call)?;
        Ok(answer.get_mut("Item").map(Value::take))
    }
}

#[async_trait]
impl StateStore for DynamoState {
    async fn get(&self, key: &str) -> Result<Option<Value>, StateError> {
        match self.read(key).await? {
            Some(item) if status(&item) == Some(COMPLETED) && !expired(&item, self.now()) => {
                data(key, &item).map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn put(&self, key: &str, data: &Value, keep: Duration) -> Result<(), StateError> {
        let input = json!({
            "TableName": self.table,
            "Item": completed(key, data, self.now() + keep),
        });
        self.api.json("PutItem", &input).await.map_err(call)?;
        Ok(())
    }

    async fn put_new(
        &self,
        key: &str,
        data: &Value,
        keep: Duration,
    ) -> Result<Option<Value>, StateError> {
        let now = self.now();
        let input = json!({
            "TableName": self.table,
            "Item": completed(key, data, now + keep),
            "ConditionExpression": "attribute_not_exists(pk) OR expires_at <= :now_s",
            "ExpressionAttributeValues": {":now_s": number(u128::from(now.as_secs()))},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        });
        let Err(failed) = self.api.json("PutItem", &input).await else {
            return Ok(None);
        };
        let Failed { error, mut members } = failed;
        if !error.is_code(CONDITION_FAILED) {
            return Err(error.into());
        }
        // Some implementations of the API do not send the old item along.
        let old = match members.get_mut("Item").map(Value::take) {
            Some(old) => Some(old),
            None => self.read(key).await?,
        };
        match old {
            Some(old) => self::data(key, &old).map(Some),
            None => Ok(None),
        }
    }

    async fn count(&self, key: &str, keep: Duration) -> Result<u64, StateError> {
        let expires = (self.now() + keep).as_secs();
        let input = json!({
            "TableName": self.table,
            "Key": {"pk": text(key)},
            "UpdateExpression": "ADD #count :one SET expires_at = if_not_exists(expires_at, :expires)",
            "ExpressionAttributeNames": {"#count": "count"},
            "ExpressionAttributeValues": {
                ":one": number(1),
                ":expires": number(u128::from(expires)),
            },
            "ReturnValues": "UPDATED_NEW",
        });
        let answer = self.api.json("UpdateItem", &input).await.map_err(call)?;
        answer
            .get("Attributes")
            .and_then(|x| x.get("count")?.get("N")?.as_str()?.parse().ok())
            .ok_or_else(|| StateError::Unreadable {
                key: key.to_owned(),
                what: "no number under `count`".to_owned(),
            })
    }

    async fn delete(&self, key: &str) -> Result<(), StateError> {
        let input = json!({"TableName": self.table, "Key": {"pk": text(key)}});
        self.api.json("DeleteItem", &input).await.map_err(call)?;
        Ok(())
    }

    async fn begin(&self, key: &str, hold: Duration, keep: Duration) -> Result<Begin, StateError> {
        let now = self.now();
        let owner = new_owner();
        let input = json!({
            "TableName": self.table,
            "Item": {
                "pk": text(key),
                "status": text(IN_PROGRESS),
                "owner": text(&owner),
                "claimed_until": number((now + hold).as_millis()),
                "expires_at": number(u128::from((now + keep).as_secs())),
            },
            "ConditionExpression": "attribute_not_exists(pk) OR expires_at <= :now_s \
                OR (#status = :in_progress AND claimed_until <= :now_ms)",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {
                ":in_progress": text(IN_PROGRESS),
                ":now_s": number(u128::from(now.as_secs())),
                ":now_ms": number(now.as_millis()),
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        });
        let Err(failed) = self.api.json("PutItem", &input).await else {
            return Ok(Begin::Claimed(Claim {
                key: key.to_owned(),
                owner,
            }));
        };
        let Failed { error, mut members } = failed;
        if !error.is_code(CONDITION_FAILED) {
            return Err(error.into());
        }
        // Some implementations of the API do not send the old item along.
        let old = match members.get_mut("Item").map(Value::take) {
            Some(old) => Some(old),
            None => self.read(key).await?,
        };
        match old {
            Some(old) if status(&old) == Some(COMPLETED) => data(key, &old).map(Begin::Completed),
            // An attempt that got no answer had claimed the key after all.
            Some(old) if string(&old, "owner") == Some(owner.as_str()) => {
                Ok(Begin::Claimed(Claim {
                    key: key.to_owned(),
                    owner,
                }))
            }
            _ => Ok(Begin::InProgress),
        }
    }

    async fn complete(
        &self,
        claim: &Claim,
        data: &Value,
        keep: Duration,
    ) -> Result<(), StateError> {
        let input = json!({
            "TableName": self.table,
            "Item": completed(&claim.key, data, self.now() + keep),
            "ConditionExpression": "attribute_not_exists(pk) OR #owner = :owner",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":owner": text(&claim.owner)},
        });
        match self.api.json("PutItem", &input).await {
            Ok(_) => Ok(()),
            Err(failed) => Err(lost(claim, failed.error)),
        }
    }

    async fn release(&self, claim: &Claim) -> Result<(), StateError> {
        let input = json!({
            "TableName": self.table,
            "Key": {"pk": text(&claim.key)},
            "ConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":owner": text(&claim.owner)},
        });
        match self.api.json("DeleteItem", &input).await {
            Ok(_) => Ok(()),
            // Nothing to give back.
            Err(failed) if failed.error.is_code(CONDITION_FAILED) => Ok(()),
            Err(failed) => Err(failed.error.into()),
        }
    }
}

fn call(failed: Failed) -> StateError {
    failed.error.into()
}

fn lost(claim: &Claim, error: ServiceError) -> StateError {
    if error.is_code(CONDITION_FAILED) {
        StateError::ClaimLost {
            key: claim.key.clone(),
        }
    } else {
        error.into()
    }
}

fn completed(key: &str, data: &Value, expires: Duration) -> Value {
    json!({
        "pk": text(key),
        "status": text(COMPLETED),
        "data": text(&data.to_string()),
        "expires_at": number(u128::from(expires.as_secs())),
    })
}

fn text(value: &str) -> Value {
    json!({"S": value})
}

/// DynamoDB writes numbers as text.
fn number(value: u128) -> Value {
    json!({"N": value.to_string()})
}

fn string<'a>(item: &'a Value, name: &str) -> Option<&'a str> {
    item.get(name)?.get("S")?.as_str()
}

fn status(item: &Value) -> Option<&str> {
    string(item, "status")
}

/// Items without a readable time never expire.
fn expired(item: &Value, now: Duration) -> bool {
    item.get("expires_at")
        .and_then(|x| x.get("N")?.as_str())
        .and_then(|x| x.parse::<u64>().ok())
        .is_some_and(|x| x <= now.as_secs())
}

fn data(key: &str, item: &Value) -> Result<Value, StateError> {
    let unreadable = |what: String| StateError::Unreadable {
        key: key.to_owned(),
        what,
    };
    let text = string(item, "data").ok_or_else(|| unreadable("no text under `data`".to_owned()))?;
    serde_json::from_str(text).map_err(|x| unreadable(format!("`data` is not JSON: {x}")))
}
