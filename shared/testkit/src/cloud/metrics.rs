//! The queues' metrics, and the alarms on them. SQS publishes the depth of its queues by itself; the
//! emulator's does not. And where the emulator evaluates an alarm it forgets the dimensions, so that
//! one dead letter anywhere would raise the alarm of every queue: the alarms' actions are off here,
//! and their states are set to what CloudWatch would find.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::api::{Api, ApiError};

const EVERY: Duration = Duration::from_secs(2);
const VERSION: &str = "2010-08-01";

/// The end of the names of dead-letter queues, and of the alarms on them, which are called the same.
const DEAD_LETTERS: &str = "-dead-letters";

/// Publishes the depth of each queue and sets the alarms until it is aborted.
pub(crate) fn publish(api: Api, queues: Vec<String>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut raised = BTreeSet::new();
        let mut clock = tokio::time::interval(EVERY);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            // A round that fails is followed by the next.
            let _ = round(&api, &queues, &mut raised).await;
        }
    })
}

/// One round over all queues. `raised` are the alarms that were raised before.
async fn round(
    api: &Api,
    queues: &[String],
    raised: &mut BTreeSet<String>,
) -> Result<(), ApiError> {
    let mut depths = Vec::new();
    for queue in queues {
        let name = queue.rsplit('/').next().unwrap_or(queue);
        let depth = depth(api, queue).await?;
        publish_depth(api, name, depth).await?;
        depths.push((name, depth));
    }
    // After the last metric, which made the emulator evaluate them all.
    for (alarm, depth) in depths {
        if !alarm.ends_with(DEAD_LETTERS) {
            continue;
        }
        if depth == 0 {
            set_alarm(api, alarm, "OK", "no dead letters").await?;
            raised.remove(alarm);
        } else if raised.insert(alarm.to_owned()) {
            // From another state, or no action would be taken.
            set_alarm(api, alarm, "OK", "no dead letters before").await?;
            switch_actions(api, "EnableAlarmActions", alarm).await?;
            let reason = format!("{depth} messages in the queue");
            set_alarm(api, alarm, "ALARM", &reason).await?;
            switch_actions(api, "DisableAlarmActions", alarm).await?;
        }
    }
    Ok(())
}

/// Switches the actions of the alarms on dead-letter queues off, as long as the emulator evaluates
/// those alarms by itself.
pub(crate) async fn take_over_alarms(api: &Api, queues: &[String]) -> Result<(), ApiError> {
    for queue in queues {
        let name = queue.rsplit('/').next().unwrap_or(queue);
        if name.ends_with(DEAD_LETTERS) {
            switch_actions(api, "DisableAlarmActions", name).await?;
        }
    }
    Ok(())
}

async fn switch_actions(api: &Api, action: &str, alarm: &str) -> Result<(), ApiError> {
    let parameters = [("AlarmNames.member.1", alarm)];
    api.query("monitoring", VERSION, action, &parameters)
        .await
        .map(drop)
}

async fn set_alarm(api: &Api, alarm: &str, state: &str, reason: &str) -> Result<(), ApiError> {
    let parameters = [
        ("AlarmName", alarm),
        ("StateValue", state),
        ("StateReason", reason),
    ];
    api.query("monitoring", VERSION, "SetAlarmState", &parameters)
        .await
        .map(drop)
}

async fn publish_depth(api: &Api, queue: &str, depth: u64) -> Result<(), ApiError> {
    let depth = depth.to_string();
    let parameters = [
        ("Namespace", "AWS/SQS"),
        (
            "MetricData.member.1.MetricName",
            "ApproximateNumberOfMessagesVisible",
        ),
        ("MetricData.member.1.Value", depth.as_str()),
        ("MetricData.member.1.Unit", "Count"),
        ("MetricData.member.1.Dimensions.member.1.Name", "QueueName"),
        ("MetricData.member.1.Dimensions.member.1.Value", queue),
    ];
    api.query("monitoring", VERSION, "PutMetricData", &parameters)
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
