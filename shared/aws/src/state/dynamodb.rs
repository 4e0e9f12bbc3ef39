//! The adapter over the AWS SDK.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::Value;

use super::{Begin, Claim, StateError, StateStore, new_owner};
use crate::error::ServiceError;

type Item = HashMap<String, AttributeValue>;

const IN_PROGRESS: &str = "INPROGRESS";
const COMPLETED: &str = "COMPLETED";
const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

/// A DynamoDB table with the string key `pk`.
#[derive(Clone, Debug)]
pub struct DynamoState {
    client: Client,
    table: String,
    now: fn() -> SystemTime,
}

impl DynamoState {
    /// The table of this name.
    #[must_use]
    pub fn new(config: &aws_types::SdkConfig, table: impl Into<String>) -> Self {
        Self {
            client: Client::new(config),
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

    async fn read(&self, key: &str) -> Result<Option<Item>, StateError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", text(key))
            .consistent_read(true)
            .send()
            .await
            .map_err(|x| call("GetItem", x))?;
        Ok(answer.item)
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
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(completed(key, data, self.now() + keep)))
            .send()
            .await
            .map_err(|x| call("PutItem", x))?;
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StateError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .key("pk", text(key))
            .send()
            .await
            .map_err(|x| call("DeleteItem", x))?;
        Ok(())
    }

    async fn begin(&self, key: &str, hold: Duration, keep: Duration) -> Result<Begin, StateError> {
        let now = self.now();
        let owner = new_owner();
        let item = Item::from([
            ("pk".to_owned(), text(key)),
            ("status".to_owned(), text(IN_PROGRESS)),
            ("owner".to_owned(), text(&owner)),
            ("claimed_until".to_owned(), number((now + hold).as_millis())),
            (
                "expires_at".to_owned(),
                number(u128::from((now + keep).as_secs())),
            ),
        ]);
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(
                "attribute_not_exists(pk) OR expires_at <= :now_s \
                 OR (#status = :in_progress AND claimed_until <= :now_ms)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":in_progress", text(IN_PROGRESS))
            .expression_attribute_values(":now_s", number(u128::from(now.as_secs())))
            .expression_attribute_values(":now_ms", number(now.as_millis()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = answer else {
            return Ok(Begin::Claimed(Claim {
                key: key.to_owned(),
                owner,
            }));
        };
        let old = error
            .as_service_error()
            .and_then(|x| match x {
                aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(x) => x.item.clone(),
                _ => None,
            });
        let error = call("PutItem", error);
        if !error.is_code(CONDITION_FAILED) {
            return Err(error.into());
        }
        // Some implementations of the API do not send the old item along.
        let old = match old {
            Some(old) => Some(old),
            None => self.read(key).await?,
        };
        match old {
            Some(old) if status(&old) == Some(COMPLETED) => data(key, &old).map(Begin::Completed),
            _ => Ok(Begin::InProgress),
        }
    }

    async fn complete(
        &self,
        claim: &Claim,
        data: &Value,
        keep: Duration,
    ) -> Result<(), StateError> {
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(completed(&claim.key, data, self.now() + keep)))
            .condition_expression("attribute_not_exists(pk) OR #owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(&claim.owner))
            .send()
            .await
            .map_err(|x| lost(claim, call("PutItem", x)))?;
        Ok(())
    }

    async fn release(&self, claim: &Claim) -> Result<(), StateError> {
        let answer = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("pk", text(&claim.key))
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(&claim.owner))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => {
                let error = call("DeleteItem", error);
                // Nothing to give back.
                if error.is_code(CONDITION_FAILED) {
                    Ok(())
                } else {
                    Err(error.into())
                }
            }
        }
    }
}

fn call<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> ServiceError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    ServiceError::from_sdk("dynamodb", operation, error)
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

fn completed(key: &str, data: &Value, expires: Duration) -> Item {
    Item::from([
        ("pk".to_owned(), text(key)),
        ("status".to_owned(), text(COMPLETED)),
        ("data".to_owned(), text(&data.to_string())),
        (
            "expires_at".to_owned(),
            number(u128::from(expires.as_secs())),
        ),
    ])
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: u128) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn status(item: &Item) -> Option<&str> {
    item.get("status")?.as_s().ok().map(String::as_str)
}

/// Items without a readable time never expire.
fn expired(item: &Item, now: Duration) -> bool {
    item.get("expires_at")
        .and_then(|x| x.as_n().ok())
        .and_then(|x| x.parse::<u64>().ok())
        .is_some_and(|x| x <= now.as_secs())
}

fn data(key: &str, item: &Item) -> Result<Value, StateError> {
    let unreadable = |what: String| StateError::Unreadable {
        key: key.to_owned(),
        what,
    };
    let text = item
        .get("data")
        .and_then(|x| x.as_s().ok())
        .ok_or_else(|| unreadable("no text under `data`".to_owned()))?;
    serde_json::from_str(text).map_err(|x| unreadable(format!("`data` is not JSON: {x}")))
}
