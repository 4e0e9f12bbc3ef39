use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::json;
use steward_aws::sqs::FakeSqs;
use steward_core::event::incoming::Incoming;

use super::*;
use crate::failure::Failure;
use crate::handler::{Outcome, RecordContext};

/// Does what the tag of the event says, and writes down what it was asked.
#[derive(Default)]
struct Scripted {
    log: Mutex<Vec<String>>,
}

impl Scripted {
    fn log(&self, line: String) {
        self.log.lock().unwrap().push(line);
    }

    fn lines(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

#[async_trait]
impl Handler for Scripted {
    async fn handle(
        &self,
        incoming: &Incoming,
        context: &RecordContext,
    ) -> Result<Outcome, Failure> {
        let tag = incoming.tag().map(ToString::to_string).unwrap_or_default();
        self.log(format!("handle {tag} {}", context.receive_count));
        match tag.as_str() {
            "transient" => Err(Failure::transient("target_down", "the target is down")),
            "partly" => Err(
                Failure::transient("target_down", "the other target is down")
                    .context("cannot copy it")
                    .after(Outcome::new("fine").count("ImagesSeen", 1.0)),
            ),
            "permanent" => Err(Failure::permanent("no_such_target", "there is no target")),
            "panic" => panic!("the index was {}", 7),
            "slow" => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                Ok(Outcome::new("late"))
            }
            "step" => {
                tokio::time::sleep(Duration::from_secs(10)).await;
                Ok(Outcome::new("stepped"))
            }
            _ => Ok(Outcome::new("fine").count("ImagesSeen", 1.0)),
        }
    }

    async fn gave_up(
        &self,
        incoming: Option<&Incoming>,
        failure: &Failure,
        context: &RecordContext,
    ) {
        let tag = incoming
            .and_then(Incoming::tag)
            .map(ToString::to_string)
            .unwrap_or_default();
        self.log(format!(
            "gave up {tag} {} {}",
            failure.error_type(),
            context.last_attempt
        ));
        if tag == "panic" {
            panic!("and again");
        }
    }
}

const QUEUE: &str = "http://127.0.0.1:1/111122223333/queue";
const DLQ: &str = "http://127.0.0.1:1/111122223333/dlq";

fn settings() -> BatchSettings {
    BatchSettings {
        function: "tag-guard".to_owned(),
        version: "7".to_owned(),
        queue_url: Some(QUEUE.to_owned()),
        dlq_url: Some(DLQ.to_owned()),
        max_receives: Some(5),
        retry_base: Duration::from_secs(20),
        concurrency: 4,
    }
}

fn event(tag: &str) -> String {
    json!({
        "version": "0", "id": format!("event-{tag}"), "detail-type": "ECR Image Action",
        "source": "aws.ecr", "account": "111122223333", "time": "2026-08-01T10:00:00Z",
        "region": "eu-west-1", "resources": [],
        "detail": {"result": "SUCCESS", "repository-name": "prod/app", "action-type": "PUSH",
            "image-digest": format!("sha256:{}", "a".repeat(64)), "image-tag": tag},
    })
    .to_string()
}

/// The payload that Lambda would deliver: message n is `m<n>`.
fn payload(records: &[(&str, u32)]) -> String {
    let records: Vec<_> = records
        .iter()
        .enumerate()
        .map(|(n, (body, receives))| {
            let body = if body.starts_with('{') {
                (*body).to_owned()
            } else {
                event(body)
            };
            json!({
                "messageId": format!("m{n}"), "receiptHandle": format!("r{n}"), "body": body,
                "attributes": {"ApproximateReceiveCount": receives.to_string(),
                    "SentTimestamp": "1700000000000"},
                "messageAttributes": {}, "md5OfBody": "x", "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:queue", "awsRegion": "eu-west-1",
            })
        })
        .collect();
    json!({ "Records": records }).to_string()
}

struct Run {
    handler: Arc<Scripted>,
    sqs: Arc<FakeSqs>,
    metrics: Metrics,
    answer: String,
}

async fn run_with(
    settings: BatchSettings,
    sqs: FakeSqs,
    time: Duration,
    records: &[(&str, u32)],
) -> Run {
    let handler = Arc::new(Scripted::default());
    let sqs = Arc::new(sqs);
    let batches = Batches {
        jitter: || 1.0,
        ..Batches::new(handler.clone(), sqs.clone(), settings)
    };
    let invocation = Invocation {
        request_id: "request-1".to_owned(),
        deadline: Deadline::after(time),
    };
    let mut metrics = Metrics::default();
    let batch = Batch::parse(&payload(records)).unwrap().unwrap();
    let response = batches.handle(batch, &invocation, &mut metrics).await;
    Run {
        handler,
        sqs,
        metrics,
        answer: serde_json::to_string(&response).unwrap(),
    }
}

async fn run(records: &[(&str, u32)]) -> Run {
    run_with(
        settings(),
        FakeSqs::default(),
        Duration::from_secs(60),
        records,
    )
    .await
}

fn expected(processed: u32, failed: &[&'static str], retried: u32, dead: u32) -> Metrics {
    let mut metrics = Metrics::default();
    for _ in 0..processed {
        metrics.processed();
        metrics.count("ImagesSeen", 1.0);
    }
    for error_type in failed {
        metrics.failed(error_type);
    }
    for _ in 0..retried {
        metrics.retried();
    }
    for _ in 0..dead {
        metrics.dead_lettered();
    }
    metrics
}

#[tokio::test(start_paused = true)]
async fn a_good_batch_reports_no_failures() {
    let run = run(&[("v1", 1), ("v2", 1)]).await;
    assert_eq!(run.answer, r#"{"batchItemFailures":[]}"#);
    assert_eq!(run.metrics, expected(2, &[], 0, 0));
    assert!(run.sqs.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_hidden_and_reported() {
    let run = run(&[("v1", 1), ("transient", 3), ("v2", 1)]).await;
    assert_eq!(
        run.answer,
        r#"{"batchItemFailures":[{"itemIdentifier":"m1"}]}"#
    );
    assert_eq!(
        run.sqs.hidden(),
        [("r1".to_owned(), Duration::from_secs(80))]
    );
    assert!(run.sqs.sent().is_empty());
    assert_eq!(run.metrics, expected(2, &["target_down"], 1, 0));
    assert!(!run.handler.lines().iter().any(|x| x.starts_with("gave up")));
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_record_did_counts_whether_it_comes_back_or_not() {
    for (receives, retried, dead_lettered) in [(1, 1, 0), (5, 0, 1)] {
        let run = run(&[("partly", receives)]).await;
        let mut metrics = expected(0, &["target_down"], retried, dead_lettered);
        metrics.count("ImagesSeen", 1.0);
        assert_eq!(run.metrics, metrics, "{receives}");
    }
}

#[tokio::test(start_paused = true)]
async fn poison_goes_to_the_dead_letter_queue_and_its_neighbours_are_handled() {
    let poison = r#"{"detail-type":"ECR Image Action"}"#;
    let run = run(&[("v1", 1), (poison, 1), ("v2", 1)]).await;
    assert_eq!(run.answer, r#"{"batchItemFailures":[]}"#);
    let letters = run.sqs.sent();
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!(letter.queue_url, DLQ);
    assert_eq!(letter.body, poison);
    assert_eq!(letter.attributes["error_type"], "malformed_event");
    assert_eq!(letter.attributes["function"], "tag-guard");
    assert_eq!(letter.attributes["receive_count"], "1");
    assert!(
        letter.attributes["error"].starts_with("cannot read the event: "),
        "{}",
        letter.attributes["error"]
    );
    assert_eq!(run.metrics, expected(2, &["malformed_event"], 0, 1));
    assert_eq!(
        run.handler.lines(),
        [
            "handle v1 1",
            "gave up  malformed_event false",
            "handle v2 1"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_told_and_then_sent_away() {
    let run = run(&[("permanent", 1)]).await;
    assert_eq!(run.answer, r#"{"batchItemFailures":[]}"#);
    assert_eq!(
        run.handler.lines(),
        [
            "handle permanent 1",
            "gave up permanent no_such_target false"
        ]
    );
    assert_eq!(run.sqs.sent()[0].attributes["error"], "there is no target");
    assert!(run.sqs.hidden().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_last_attempt_gives_up_on_transient_failures_too() {
    let run = run(&[("transient", 4), ("transient", 5)]).await;
    assert_eq!(
        run.answer,
        r#"{"batchItemFailures":[{"itemIdentifier":"m0"}]}"#
    );
    let letters = run.sqs.sent();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].attributes["error_type"], "target_down");
    assert_eq!(letters[0].attributes["receive_count"], "5");
    assert_eq!(
        run.metrics,
        expected(0, &["target_down", "target_down"], 1, 1)
    );
    assert!(
        run.handler
            .lines()
            .contains(&"gave up transient target_down true".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_its_own_record_even_while_giving_up() {
    let run = run(&[("v1", 1), ("panic", 1), ("v2", 1)]).await;
    assert_eq!(run.answer, r#"{"batchItemFailures":[]}"#);
    let letters = run.sqs.sent();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].attributes["error_type"], "panic");
    assert_eq!(
        letters[0].attributes["error"],
        "the function has a bug: the index was 7"
    );
    assert_eq!(run.metrics, expected(2, &["panic"], 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_cannot_be_sent_is_left_to_sqs() {
    let sqs = FakeSqs::default();
    sqs.fail(true);
    let run = run_with(
        settings(),
        sqs,
        Duration::from_secs(60),
        &[("permanent", 1), ("v1", 1)],
    )
    .await;
    assert_eq!(
        run.answer,
        r#"{"batchItemFailures":[{"itemIdentifier":"m0"}]}"#
    );
    assert_eq!(run.metrics, expected(1, &["no_such_target"], 1, 0));
}

#[tokio::test(start_paused = true)]
async fn without_a_dead_letter_queue_every_failure_is_reported() {
    let settings = BatchSettings {
        dlq_url: None,
        queue_url: None,
        ..settings()
    };
    let run = run_with(
        settings,
        FakeSqs::default(),
        Duration::from_secs(60),
        &[("permanent", 5), ("transient", 1)],
    )
    .await;
    assert_eq!(
        run.answer,
        r#"{"batchItemFailures":[{"itemIdentifier":"m0"},{"itemIdentifier":"m1"}]}"#
    );
    assert!(run.sqs.hidden().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_record_that_takes_too_long_is_stopped_in_time() {
    let started = tokio::time::Instant::now();
    let run = run_with(
        settings(),
        FakeSqs::default(),
        Duration::from_secs(30),
        &[("slow", 1), ("v1", 1)],
    )
    .await;
    assert_eq!(started.elapsed(), Duration::from_secs(30) - MARGIN);
    assert_eq!(
        run.answer,
        r#"{"batchItemFailures":[{"itemIdentifier":"m0"}]}"#
    );
    assert_eq!(run.metrics, expected(1, &["deadline"], 1, 0));
    assert_eq!(
        run.sqs.hidden(),
        [("r0".to_owned(), Duration::from_secs(20))]
    );
}

#[tokio::test(start_paused = true)]
async fn records_that_do_not_fit_go_back_untouched_and_the_oldest_go_first() {
    let settings = BatchSettings {
        concurrency: 1,
        ..settings()
    };
    // Time for two steps of ten seconds; the third cannot begin.
    let run = run_with(
        settings,
        FakeSqs::default(),
        Duration::from_secs(22),
        &[("step", 1), ("step", 5), ("step", 2)],
    )
    .await;
    assert_eq!(run.handler.lines(), ["handle step 5", "handle step 2"]);
    assert_eq!(
        run.answer,
        r#"{"batchItemFailures":[{"itemIdentifier":"m0"}]}"#
    );
    assert_eq!(run.sqs.hidden(), [("r0".to_owned(), Duration::ZERO)]);
}

#[tokio::test(start_paused = true)]
async fn records_are_handled_at_the_same_time_up_to_the_limit() {
    for (concurrency, seconds) in [(1, 40), (2, 20), (4, 10)] {
        let started = tokio::time::Instant::now();
        run_with(
            BatchSettings {
                concurrency,
                ..settings()
            },
            FakeSqs::default(),
            Duration::from_secs(600),
            &[("step", 1), ("step", 1), ("step", 1), ("step", 1)],
        )
        .await;
        assert_eq!(started.elapsed(), Duration::from_secs(seconds));
    }
}

#[test]
fn only_a_list_of_records_is_a_batch() {
    assert!(Batch::parse(&event("v1")).is_none());
    assert!(Batch::parse("[1]").is_none());
    assert!(Batch::parse(r#"{"Records":7}"#).is_none());
    assert!(
        Batch::parse(r#"{"Records":[{"body":"x"}]}"#)
            .unwrap()
            .is_err()
    );
    let batch = Batch::parse(r#"{"Records":[{"messageId":"m","body":"x"}]}"#)
        .unwrap()
        .unwrap();
    assert_eq!(batch.messages[0].receive_count, 1);
}
