//! What is around the stack in the local cloud: secrets, subscriptions, the other account.

use serde_json::{Value, json};

use super::api::{Api, ApiError};
use super::error::CloudError;
use super::{paths, stack};

/// The topic that carries every steward event to the inbox. AWS has no such topic: it is how the
/// inbox learns what a message was caused by.
const EVENTS_TOPIC: &str = "local-steward-events";

const SNS_VERSION: &str = "2010-03-31";

/// Stores the addresses of the chat channels, as an operator would.
pub(crate) async fn secrets(api: &Api, inbox: &str) -> Result<(), CloudError> {
    let secrets = [
        ("steward/slack", format!("{inbox}/slack/platform")),
        ("steward/webhook", format!("{inbox}/webhook/operations")),
    ];
    for (name, value) in secrets {
        let input = json!({
            "Name": name,
            "SecretString": value,
            "ClientRequestToken": format!("local-cloud-{name}-000000000000000000"),
        });
        api.json("secretsmanager", "secretsmanager.CreateSecret", &input)
            .await?;
    }
    Ok(())
}

/// Subscribes the inbox to the topic of the notifications, as a person's mailbox.
pub(crate) async fn mailbox(api: &Api, inbox: &str, topic: &str) -> Result<(), CloudError> {
    let endpoint = format!("{inbox}/sns?to=security@example.com");
    subscribe(api, topic, &endpoint, false).await
}

/// Brings every event with our source to the inbox.
pub(crate) async fn events(api: &Api, inbox: &str) -> Result<(), CloudError> {
    api.query("sns", SNS_VERSION, "CreateTopic", &[("Name", EVENTS_TOPIC)])
        .await?;
    let topic = format!(
        "arn:aws:sns:{}:{}:{EVENTS_TOPIC}",
        api.region(),
        api.account()
    );
    subscribe(api, &topic, &format!("{inbox}/events"), true).await?;
    let rule = json!({
        "Name": EVENTS_TOPIC,
        "EventPattern": json!({ "source": ["ecr-steward"] }).to_string(),
    });
    api.json("events", "AWSEvents.PutRule", &rule).await?;
    let targets = json!({
        "Rule": EVENTS_TOPIC,
        "Targets": [{ "Id": "inbox", "Arn": topic }],
    });
    let answer = api.json("events", "AWSEvents.PutTargets", &targets).await?;
    refuse_failed_entries("PutTargets", &answer)?;
    Ok(())
}

async fn subscribe(api: &Api, topic: &str, endpoint: &str, raw: bool) -> Result<(), CloudError> {
    let mut parameters = vec![
        ("TopicArn", topic),
        ("Protocol", "http"),
        ("Endpoint", endpoint),
    ];
    if raw {
        parameters.push(("Attributes.entry.1.key", "RawMessageDelivery"));
        parameters.push(("Attributes.entry.1.value", "true"));
    }
    api.query("sns", SNS_VERSION, "Subscribe", &parameters)
        .await?;
    Ok(())
}

/// Whether every subscription of the account is confirmed.
pub(crate) async fn subscriptions_are_confirmed(api: &Api) -> Result<bool, CloudError> {
    let answer = api
        .query("sns", SNS_VERSION, "ListSubscriptions", &[])
        .await?;
    Ok(!answer.contains("PendingConfirmation"))
}

/// Makes the writer role in the account that images are copied to.
pub(crate) async fn target_account(api: &Api, replicator_role: &str) -> Result<(), CloudError> {
    let template = stack::read(&paths::target_account_template())?;
    let parameters = [("ReplicatorRoleArns", replicator_role.to_owned())];
    stack::create(api, "ecr-steward-target", &template, &parameters).await?;
    Ok(())
}

/// Replaces the policy, as `aws ssm put-parameter --overwrite` does.
pub(crate) async fn policy(api: &Api, parameter: &str, text: &str) -> Result<(), CloudError> {
    let input = json!({
        "Name": parameter,
        "Value": text,
        "Type": "String",
        "Overwrite": true,
        "Tier": "Intelligent-Tiering",
    });
    api.json("ssm", "AmazonSSM.PutParameter", &input).await?;
    Ok(())
}

/// Puts an event with the detail-type and detail of `event` on the default bus. Its source stays,
/// unless it is one that only AWS may use: that becomes ours, which the rules take as well.
///
/// Gives back the id that the bus gave it.
pub(crate) async fn put_event(api: &Api, event: &Value) -> Result<String, CloudError> {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    let expected = |what: &str| {
        CloudError::Input(format!(
            "the event has no {what}; expected an object with `detail-type` and `detail`, and \
             optionally `source` and `resources`; the bus gives id and time"
        ))
    };
    let detail_type = text("detail-type").ok_or_else(|| expected("text `detail-type`"))?;
    let detail = event
        .get("detail")
        .filter(|detail| detail.is_object())
        .ok_or_else(|| expected("object `detail`"))?;
    let source = match text("source") {
        Some(source) if !source.starts_with("aws.") => source,
        _ => "ecr-steward",
    };
    let mut entry = json!({
        "Source": source,
        "DetailType": detail_type,
        "Detail": detail.to_string(),
        "EventBusName": "default",
    });
    if let (Some(resources), Some(entry)) = (event.get("resources"), entry.as_object_mut()) {
        entry.insert("Resources".to_owned(), resources.clone());
    }
    let answer = api
        .json(
            "events",
            "AWSEvents.PutEvents",
            &json!({ "Entries": [entry] }),
        )
        .await?;
    refuse_failed_entries("PutEvents", &answer)?;
    answer
        .pointer("/Entries/0/EventId")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| {
            CloudError::Api(ApiError::Answer {
                what: "PutEvents".to_owned(),
                problem: format!("it has no EventId: {answer}"),
            })
        })
}

/// EventBridge answers 200 and says in the body what it refused.
fn refuse_failed_entries(what: &str, answer: &Value) -> Result<(), ApiError> {
    if answer.get("FailedEntryCount").and_then(Value::as_u64) == Some(0) {
        return Ok(());
    }
    Err(ApiError::Answer {
        what: what.to_owned(),
        problem: format!("it refused an entry: {answer}"),
    })
}
