//! EventBridge Scheduler: one message for a queue, at one time.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::json;

use crate::api::{Api, Service};
use crate::error::{Kind, ServiceError};

static SERVICE: Service = Service {
    name: "scheduler",
    host: "scheduler",
    signing: "scheduler",
    id: "Scheduler",
    // Its protocol is REST: the path names the operation.
    json: "",
    target: "",
};

/// The longest name of a schedule (API reference of `CreateSchedule`).
pub const MAX_NAME: usize = 64;

/// A schedule runs within the minute that it names (user guide, "Schedule types").
const PRECISION: u64 = 60;

/// How long a message that the queue does not take is offered again.
const OFFERED: Duration = Duration::from_secs(24 * 3600);

/// Sends messages later.
#[async_trait]
pub trait Schedules: Send + Sync {
    /// Has a message sent at its time, once. Where a schedule of that name is there already, that
    /// one is enough.
    ///
    /// # Errors
    ///
    /// When there is none afterwards.
    async fn create(&self, schedule: &OneTime) -> Result<(), ServiceError>;
}

/// One message at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneTime {
    /// The schedule's name: letters, digits, `-`, `_` and `.`, at most [`MAX_NAME`] of them.
    pub name: String,
    /// The group that it belongs to.
    pub group: String,
    /// The role that may send to the queue.
    pub role_arn: String,
    /// The queue.
    pub queue_arn: String,
    /// Where the message goes that the queue did not take for a day.
    pub dead_letter_arn: Option<String>,
    /// The message.
    pub body: String,
    /// When; it arrives within a minute from then.
    pub at: SystemTime,
}

/// EventBridge Scheduler as AWS runs it.
#[derive(Clone, Debug)]
pub struct SdkSchedules {
    api: Api,
}

impl SdkSchedules {
    /// A client for the configuration's Region.
    #[must_use]
    pub fn new(config: &aws_types::SdkConfig) -> Self {
        Self {
            api: Api::new(&SERVICE, config),
        }
    }
}

#[async_trait]
impl Schedules for SdkSchedules {
    async fn create(&self, schedule: &OneTime) -> Result<(), ServiceError> {
        const OPERATION: &str = "CreateSchedule";
        let invalid = |reason: &str| {
            let message = format!("no schedule {:?}: {reason}", schedule.name);
            ServiceError::new(SERVICE.name, OPERATION, Kind::Invalid, message)
        };
        let allowed = |x: u8| x.is_ascii_alphanumeric() || b"-_.".contains(&x);
        if !(1..=MAX_NAME).contains(&schedule.name.len()) || !schedule.name.bytes().all(allowed) {
            return Err(invalid("a name has up to 64 letters, digits, -, _ and ."));
        }
        let mut target = json!({
            "Arn": schedule.queue_arn,
            "RoleArn": schedule.role_arn,
            "Input": schedule.body,
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": OFFERED.as_secs(),
                "MaximumRetryAttempts": 185,
            },
        });
        if let (Some(target), Some(arn)) = (target.as_object_mut(), &schedule.dead_letter_arn) {
            target.insert("DeadLetterConfig".to_owned(), json!({ "Arn": arn }));
        }
        let at = expression(schedule.at).ok_or_else(|| invalid("its time is in no calendar"))?;
        let input = json!({
            "GroupName": schedule.group,
            "ScheduleExpression": at,
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": { "Mode": "OFF" },
            "ActionAfterCompletion": "DELETE",
            "Target": target,
        });
        let path = format!("/schedules/{}", schedule.name);
        match self.api.rest(OPERATION, &path, &input).await {
            Ok(_) => Ok(()),
            Err(failed) if failed.error.is_code("ConflictException") => Ok(()),
            Err(failed) => Err(failed.into()),
        }
    }
}

/// `at(yyyy-mm-ddThh:mm:ss)`, in whole minutes that do not begin before the time.
fn expression(at: SystemTime) -> Option<String> {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let seconds = since.as_secs() + u64::from(since.subsec_nanos() > 0);
    let minute = seconds.div_ceil(PRECISION).checked_mul(PRECISION)?;
    let text = DateTime::from_secs(i64::try_from(minute).ok()?)
        .fmt(Format::DateTime)
        .ok()?;
    Some(format!("at({})", text.trim_end_matches('Z')))
}

/// Keeps what was scheduled, by name.
#[cfg(feature = "fake")]
#[derive(Debug, Default)]
pub struct FakeSchedules {
    kept: std::sync::Mutex<std::collections::BTreeMap<String, OneTime>>,
    failing: std::sync::atomic::AtomicBool,
}

#[cfg(feature = "fake")]
impl FakeSchedules {
    /// What is scheduled, by name.
    #[must_use]
    pub fn kept(&self) -> Vec<OneTime> {
        let kept = self.kept.lock();
        let kept = kept.unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.values().cloned().collect()
    }

    /// Whether every call fails from now on.
    pub fn fail(&self, failing: bool) {
        self.failing
            .store(failing, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(feature = "fake")]
#[async_trait]
impl Schedules for FakeSchedules {
    async fn create(&self, schedule: &OneTime) -> Result<(), ServiceError> {
        if self.failing.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(ServiceError::new(
                "scheduler",
                "CreateSchedule",
                Kind::Unavailable,
                "failing on request",
            ));
        }
        self.kept
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .entry(schedule.name.clone())
            .or_insert_with(|| schedule.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
