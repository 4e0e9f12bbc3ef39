//! What an operator does with a running local cloud.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::addresses::Facts;
use super::api::{Api, ApiError};
use super::error::CloudError;
use super::{metrics, wiring};

/// A client of a running local cloud, in this process or another.
///
/// Its connections belong to the runtime that it is used in, so make a new one per runtime.
#[derive(Clone, Debug)]
pub struct CloudClient {
    api: Api,
    facts: Facts,
}

/// A message that a function gave up on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The event.
    pub body: String,
    /// The stable name of what went wrong, if the function said so.
    pub error_type: Option<String>,
    /// What went wrong, if the function said so.
    pub error: Option<String>,
    /// Which function gave up, if it said so.
    pub function: Option<String>,
}

impl CloudClient {
    /// A client of the cloud that these facts describe.
    #[must_use]
    pub fn new(facts: &Facts) -> Self {
        let addresses = &facts.addresses;
        Self {
            api: Api::new(
                &addresses.aws_endpoint,
                &addresses.account,
                &addresses.region,
            ),
            facts: facts.clone(),
        }
    }

    /// The emulator's API, as the home account.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Whether the cloud answers.
    pub async fn is_up(&self) -> bool {
        self.api.is_healthy().await
    }

    /// Replaces the policy, without a redeploy. The functions use it within
    /// [`Facts::policy_refresh`] seconds.
    ///
    /// # Errors
    /// When the emulator cannot be asked.
    pub async fn set_policy(&self, text: &str) -> Result<(), CloudError> {
        wiring::policy(&self.api, &self.facts.policy_parameter, text).await
    }

    /// The policy that is deployed.
    ///
    /// # Errors
    /// When the emulator cannot be asked.
    pub async fn policy(&self) -> Result<String, CloudError> {
        let input = json!({ "Name": self.facts.policy_parameter });
        let answer = self
            .api
            .json("ssm", "AmazonSSM.GetParameter", &input)
            .await?;
        answer
            .pointer("/Parameter/Value")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| {
                CloudError::Api(ApiError::Answer {
                    what: "GetParameter".to_owned(),
                    problem: format!("no value in {answer}"),
                })
            })
    }

    /// Puts any event on the bus and gives back its id. A source that only AWS may use becomes
    /// `ecr-steward`, which the rules take as well.
    ///
    /// # Errors
    /// When the value has no `detail-type` or `detail`, or the bus refuses it.
    pub async fn put_event(&self, event: &Value) -> Result<String, CloudError> {
        wiring::put_event(&self.api, event).await
    }

    /// Lets the home registry say that an image was pushed so much earlier than it was. `image` is a
    /// tag or a digest. Pushed anew after a deletion, it is new.
    ///
    /// # Errors
    /// When there is no such image, or the registry cannot be asked.
    pub async fn age_image(
        &self,
        repository: &str,
        image: &str,
        older_by: Duration,
    ) -> Result<(), CloudError> {
        let addresses = &self.facts.addresses;
        let registry = format!("http://{}", addresses.registry);
        let input = json!({
            "repository": repository,
            "image": image,
            "older_by_seconds": older_by.as_secs(),
        });
        Api::new(&registry, &addresses.account, &addresses.region)
            .rest("ecr", Method::POST, "/_gateway/age", Some(&input))
            .await?;
        Ok(())
    }

    /// How many messages of a queue could be received now. `output` names a queue among the stack's
    /// outputs, such as `ReplicatorDeadLetterQueueUrl`.
    ///
    /// # Errors
    /// When there is no such output or the emulator cannot be asked.
    pub async fn queue_depth(&self, output: &str) -> Result<u64, CloudError> {
        Ok(metrics::depth(&self.api, self.queue(output)?).await?)
    }

    /// Whether no event waits for a function, is being worked on, or waits for its next try.
    ///
    /// # Errors
    /// When the emulator cannot be asked.
    pub async fn is_idle(&self) -> Result<bool, CloudError> {
        for (name, queue) in &self.facts.outputs {
            let is_work = name.ends_with("QueueUrl") && !name.ends_with("DeadLetterQueueUrl");
            if is_work && metrics::counts(&self.api, queue).await? != [0, 0] {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Up to ten messages of a queue, which stay in it.
    ///
    /// # Errors
    /// When there is no such output or the emulator cannot be asked.
    pub async fn dead_letters(&self, output: &str) -> Result<Vec<DeadLetter>, CloudError> {
        let input = json!({
            "QueueUrl": self.queue(output)?,
            "MaxNumberOfMessages": 10,
            "VisibilityTimeout": 0,
            "MessageAttributeNames": ["All"],
        });
        let answer = self
            .api
            .json("sqs", "AmazonSQS.ReceiveMessage", &input)
            .await?;
        let messages = answer.get("Messages").and_then(Value::as_array);
        Ok(messages.into_iter().flatten().map(dead_letter).collect())
    }

    /// Sends a message straight to a queue of the stack, past the bus: the way to hand a function
    /// what no rule would let through.
    ///
    /// # Errors
    /// When there is no such output or the emulator cannot be asked.
    pub async fn send_to_queue(&self, output: &str, body: &str) -> Result<(), CloudError> {
        let input = json!({ "QueueUrl": self.queue(output)?, "MessageBody": body });
        self.api
            .json("sqs", "AmazonSQS.SendMessage", &input)
            .await?;
        Ok(())
    }

    fn queue(&self, output: &str) -> Result<&str, CloudError> {
        self.facts
            .outputs
            .get(output)
            .map(String::as_str)
            .ok_or_else(|| {
                let known: Vec<&str> = self.facts.outputs.keys().map(String::as_str).collect();
                CloudError::Input(format!(
                    "the stack has no output {output}; it has {}",
                    known.join(", ")
                ))
            })
    }
}

fn dead_letter(message: &Value) -> DeadLetter {
    let attribute = |name: &str| {
        message
            .pointer(&format!("/MessageAttributes/{name}/StringValue"))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    DeadLetter {
        body: message
            .get("Body")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        error_type: attribute("error_type"),
        error: attribute("error"),
        function: attribute("function"),
    }
}
