//! The events that ECR would emit, put on the default bus of the registry's own account and Region.
//!
//! - One `ECR Image Action` per tag put and one without `image-tag` per untagged manifest; the same
//!   for deletions. Putting again what is there already emits again, as ECR does.
//! - The source is `ecr-steward`: no bus takes an `aws.` source from anyone but AWS.
//! - Manifests with a `subject` are reported like every other untagged manifest. AWS names a
//!   detail-type `ECR Referrer Action` as well and does not say when it is used for a push:
//!   [`EventOptions::referrer_action`] makes the gateway use that one, so that both can be tried.
//! - ECR's deliveries of one event share an id. The bus gives every put its own, so duplicates here
//!   differ in their id.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};

use super::{
    activity::{self, Action, Activity, ActivityLog, Change, Delivery, Emitted},
    upstream::{Upstream, UpstreamError},
};

/// How often an event is tried before it is given up, and the first pause between (it doubles).
const ATTEMPTS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How events are put. They can be changed while the gateway runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventOptions {
    /// How many further times every event is put.
    pub duplicate: u32,
    /// How long every event is held back, in milliseconds.
    pub delay_ms: u64,
    /// Whether events are left out altogether.
    pub drop: bool,
    /// Whether manifests with a subject are reported as `ECR Referrer Action`.
    pub referrer_action: bool,
    /// ARN of whom CloudTrail names as the pusher: every tagged push is then followed by the event
    /// of its `PutImage`.
    pub pusher: Option<String>,
}

/// An event to be put.
#[derive(Debug)]
struct Job {
    change: Change,
    detail_type: &'static str,
    options: EventOptions,
}

/// Puts events on buses, one after another in the order of the changes.
#[derive(Debug)]
pub(crate) struct Emitter {
    jobs: Mutex<Option<mpsc::UnboundedSender<Job>>>,
    options: Mutex<EventOptions>,
    pending: Arc<watch::Sender<usize>>,
}

impl Emitter {
    /// Starts the task that puts events. It ends when [`Emitter::close`] was called and everything
    /// is put.
    pub(crate) fn start(
        upstream: Upstream,
        log: Arc<ActivityLog>,
        options: EventOptions,
    ) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let pending = Arc::new(watch::Sender::new(0));
        let worker = Worker {
            upstream,
            log,
            pending: Arc::clone(&pending),
        };
        let task = tokio::spawn(worker.run(receiver));
        let emitter = Self {
            jobs: Mutex::new(Some(sender)),
            options: Mutex::new(options),
            pending,
        };
        (emitter, task)
    }

    pub(crate) fn options(&self) -> EventOptions {
        self.options
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_options(&self, options: EventOptions) {
        *self.options.lock().unwrap_or_else(PoisonError::into_inner) = options;
    }

    /// Emits the event of a change. Returns at once: ECR's events do not hold up a push either.
    pub(crate) fn emit(&self, change: Change, referrer: bool) {
        let options = self.options();
        let detail_type = if referrer && options.referrer_action {
            "ECR Referrer Action"
        } else {
            "ECR Image Action"
        };
        let job = Job {
            change,
            detail_type,
            options,
        };
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = jobs.as_ref() {
            self.pending.send_modify(|n| *n += 1);
            if jobs.send(job).is_err() {
                self.pending.send_modify(|n| *n -= 1);
            }
        }
    }

    /// Waits until every event so far is put, dropped or given up.
    pub(crate) async fn settled(&self) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = self.pending.subscribe().wait_for(|n| *n == 0).await;
    }

    /// Takes no more events.
    pub(crate) fn close(&self) {
        self.jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

#[derive(Clone)]
struct Worker {
    upstream: Upstream,
    log: Arc<ActivityLog>,
    pending: Arc<watch::Sender<usize>>,
}

impl Worker {
    async fn run(self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        let mut late = JoinSet::new();
        while let Some(job) = jobs.recv().await {
            let delay = Duration::from_millis(job.options.delay_ms);
            if delay.is_zero() {
                self.handle(job).await;
            } else {
                let worker = self.clone();
                late.spawn(async move {
                    tokio::time::sleep(delay).await;
                    worker.handle(job).await;
                });
            }
            while late.try_join_next().is_some() {}
        }
        while late.join_next().await.is_some() {}
    }

    async fn handle(&self, job: Job) {
        let log = |copy, delivery, id, error: Option<String>| {
            let mut change = job.change.clone();
            change.time = activity::now();
            self.log.add(Activity::Event(Emitted {
                id,
                copy,
                detail_type: job.detail_type,
                delivery,
                error,
                change,
            }));
        };
        if job.options.drop {
            log(0, Delivery::Dropped, None, None);
        } else {
            for copy in 0..=job.options.duplicate {
                let detail = detail(&job.change);
                match self.put(&job, job.detail_type, &detail).await {
                    Ok(id) => log(copy, Delivery::Put, Some(id), None),
                    Err(error) => log(copy, Delivery::Failed, None, Some(error)),
                }
            }
            if let Some(trail) = trail(&job)
                && let Err(error) = self.put(&job, "AWS API Call via CloudTrail", &trail).await
            {
                tracing::warn!(error, "the event of CloudTrail is lost");
            }
        }
        self.pending.send_modify(|n| *n -= 1);
    }

    /// Puts an event, with further attempts; gives its id.
    async fn put(&self, job: &Job, detail_type: &str, detail: &Value) -> Result<String, String> {
        let entry = json!({
            "Source": "ecr-steward",
            "DetailType": detail_type,
            "Detail": detail.to_string(),
            "Resources": [],
        });
        let input = json!({ "Entries": [entry] });
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let error = match self.put_once(job, &input).await {
                Ok(Ok(id)) => return Ok(id),
                Ok(Err(refused)) => refused,
                Err(error) => error.to_string(),
            };
            tracing::warn!(
                repository = %job.change.repository,
                attempt,
                error,
                "the bus did not take an event"
            );
            if attempt == ATTEMPTS {
                return Err(error);
            }
            attempt += 1;
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn put_once(
        &self,
        job: &Job,
        input: &Value,
    ) -> Result<Result<String, String>, UpstreamError> {
        let output = self
            .upstream
            .api(&job.change.registry, "events", "AWSEvents.PutEvents", input)
            .await?
            .success("PutEvents")?;
        let id = output
            .pointer("/Entries/0/EventId")
            .and_then(Value::as_str)
            .map(str::to_owned);
        Ok(id.ok_or_else(|| output.to_string()))
    }
}

/// The `detail` of a change's event. Plain pushes and deletions carry neither media types nor size.
fn detail(change: &Change) -> Value {
    let mut detail = json!({
        "result": "SUCCESS",
        "repository-name": change.repository,
        "image-digest": change.digest,
        "action-type": change.action.as_str(),
    });
    if let (Some(tag), Some(object)) = (&change.tag, detail.as_object_mut()) {
        object.insert("image-tag".into(), tag.clone().into());
    }
    detail
}

/// The `detail` of CloudTrail's event about a tagged push, where one is asked for.
fn trail(job: &Job) -> Option<Value> {
    let (pusher, change) = (job.options.pusher.as_ref()?, &job.change);
    let tag = change
        .tag
        .as_ref()
        .filter(|_| change.action == Action::Push)?;
    Some(json!({
        "eventVersion": "1.09",
        "eventType": "AwsApiCall",
        "eventSource": "ecr.amazonaws.com",
        "eventName": "PutImage",
        "awsRegion": change.registry.region,
        "sourceIPAddress": "192.0.2.10",
        "userAgent": "docker/29.0",
        "userIdentity": { "type": "AssumedRole", "arn": pusher },
        "requestParameters": { "repositoryName": change.repository, "imageTag": tag },
        "responseElements": { "image": {
            "repositoryName": change.repository,
            "imageId": { "imageTag": tag, "imageDigest": change.digest },
        }},
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Registry;

    fn change(tag: Option<&str>, action: Action) -> Change {
        Change {
            time: activity::now(),
            action,
            registry: Registry::new(
                "111122223333".parse().unwrap(),
                "eu-west-1".parse().unwrap(),
            ),
            repository: "prod/app".parse().unwrap(),
            tag: tag.map(str::to_owned),
            digest: format!("sha256:{:064x}", 1).parse().unwrap(),
        }
    }

    #[test]
    fn a_tagged_push_has_the_detail_of_ecrs_event() {
        assert_eq!(
            detail(&change(Some("v1"), Action::Push)),
            json!({"result": "SUCCESS", "repository-name": "prod/app", "action-type": "PUSH",
                "image-digest": format!("sha256:{:064x}", 1), "image-tag": "v1"})
        );
    }

    #[test]
    fn cloudtrail_tells_of_tagged_pushes_and_only_when_asked() {
        let job = |tag, action, pusher: Option<&str>| Job {
            change: change(tag, action),
            detail_type: "ECR Image Action",
            options: EventOptions {
                pusher: pusher.map(str::to_owned),
                ..EventOptions::default()
            },
        };
        let arn = "arn:aws:sts::111122223333:assumed-role/ci/build";
        let told = trail(&job(Some("v1"), Action::Push, Some(arn))).unwrap();
        assert_eq!(told["userIdentity"]["arn"], arn);
        assert_eq!(told["requestParameters"]["imageTag"], "v1");
        assert_eq!(trail(&job(None, Action::Push, Some(arn))), None);
        assert_eq!(trail(&job(Some("v1"), Action::Delete, Some(arn))), None);
        assert_eq!(trail(&job(Some("v1"), Action::Push, None)), None);
    }

    #[test]
    fn an_untagged_deletion_has_no_tag() {
        let detail = detail(&change(None, Action::Delete));
        assert_eq!(detail["action-type"], "DELETE");
        assert!(detail.get("image-tag").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_bus_that_does_not_answer_is_tried_again_and_then_given_up() {
        let upstream = Upstream::new("http://127.0.0.1:1".parse().unwrap());
        let log = Arc::new(ActivityLog::new());
        let (emitter, task) = Emitter::start(upstream, Arc::clone(&log), EventOptions::default());
        emitter.emit(change(Some("v1"), Action::Push), false);
        emitter.settled().await;
        let entries = log.all();
        let [Activity::Event(event)] = entries.as_slice() else {
            panic!("{entries:?}");
        };
        assert_eq!(event.delivery, Delivery::Failed);
        assert!(event.error.as_deref().unwrap().contains("127.0.0.1:1"));
        emitter.close();
        task.await.unwrap();
    }

    #[tokio::test]
    async fn dropped_events_are_logged_as_such_and_later_ones_are_not_taken() {
        let upstream = Upstream::new("http://127.0.0.1:1".parse().unwrap());
        let log = Arc::new(ActivityLog::new());
        let options = EventOptions {
            drop: true,
            referrer_action: true,
            ..EventOptions::default()
        };
        let (emitter, task) = Emitter::start(upstream, Arc::clone(&log), options);
        emitter.emit(change(None, Action::Push), true);
        emitter.close();
        emitter.emit(change(None, Action::Push), true);
        task.await.unwrap();
        let entries = log.all();
        let [Activity::Event(event)] = entries.as_slice() else {
            panic!("{entries:?}");
        };
        assert_eq!(event.delivery, Delivery::Dropped);
        assert_eq!(event.detail_type, "ECR Referrer Action");
    }
}
