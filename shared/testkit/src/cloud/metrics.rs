//! The queues' metrics. SQS publishes them by itself; the emulator's does not, and the template's
//! alarms look at them.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::api::{Api, ApiError};

const EVERY: Duration = Duration::from_secs(2);

/// Publishes the depth of each queue until it is aborted.
pub(crate) fn publish(api: Api, queues: Vec<String>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut clock = tokio::time::interval(EVERY);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            for queue in &queues {
                // One that is missed is followed by the next.
                let _ = publish_depth(&api, queue).await;
            }
        }
    })
}

async fn publish_depth(api: &Api, queue: &str) -> Result<(), ApiError> {
    let depth = depth(api, queue).await?.to_string();
    let name = queue.rsplit('/').next().unwrap_or(queue);
    let parameters = [
        ("Namespace", "AWS/SQS"),
        (
            "MetricData.member.1.MetricName",
            "ApproximateNumberOfMessagesVisible",
        ),
        ("MetricData.member.1.Value", depth.as_str()),
        ("MetricData.member.1.Unit", "Count"),
        ("MetricData.member.1.Dimensions.member.1.Name", "QueueName"),
        ("MetricData.member.1.Dimensions.member.1.Value", name),
    ];
    api.query("monitoring", "2010-08-01", "PutMetricData", &parameters)
        .await
        .map(drop)
}

/// How many messages of a queue could be received now.
pub(crate) async fn depth(api: &Api, queue: &str) -> Result<u64, ApiError> {
    let [visible, _] = counts(api, queue).await?;
    Ok(visible)
}

/// How many messages of a queue could be received now, and how many are being worked on or wait for
/// their next try.
pub(crate) async fn counts(api: &Api, queue: &str) -> Result<[u64; 2], ApiError> {
    const NAMES: [&str; 2] = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
    ];
    let input = json!({ "QueueUrl": queue, "AttributeNames": NAMES });
    let answer = api
        .json("sqs", "AmazonSQS.GetQueueAttributes", &input)
        .await?;
    let number = |name: &str| {
        answer
            .pointer(&format!("/Attributes/{name}"))
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| ApiError::Answer {
                what: "GetQueueAttributes".to_owned(),
                problem: format!("no {name} in {answer}"),
            })
    };
    Ok([number(NAMES[0])?, number(NAMES[1])?])
}
