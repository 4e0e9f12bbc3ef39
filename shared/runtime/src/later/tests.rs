use steward_aws::scheduler::FakeSchedules;
use steward_aws::sqs::FakeSqs;

use super::*;

const QUEUE: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/steward-tag-guard";

fn wait(what: &str, seconds: u64) -> Wait {
    Wait {
        what: what.to_owned(),
        due: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
        delay: Duration::from_secs(seconds),
    }
}

fn queue(schedules: Option<Arc<FakeSchedules>>) -> (OwnQueue, Arc<FakeSqs>) {
    let sqs = Arc::new(FakeSqs::default());
    let region = "eu-west-1".parse().unwrap();
    let schedules = schedules.map(|schedules| OwnSchedules {
        schedules,
        group: "steward-tag-guard".to_owned(),
        role_arn: "arn:aws:iam::111122223333:role/schedules".to_owned(),
        queue_arn: queue_arn(QUEUE, &region).unwrap(),
        dead_letter_arn: None,
    });
    (OwnQueue::new(sqs.clone(), QUEUE.to_owned(), schedules), sqs)
}

#[tokio::test]
async fn what_waits_for_minutes_comes_back_through_the_own_queue() {
    let schedules = Arc::new(FakeSchedules::default());
    let (queue, sqs) = queue(Some(schedules.clone()));
    let event = serde_json::json!({"id": "e-1"});
    queue.send(&event, &wait("a", 60)).await.unwrap();
    queue.send(&event, &wait("b", 900)).await.unwrap();
    let sent = sqs.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].queue_url, QUEUE);
    assert_eq!(sent[0].body, r#"{"id":"e-1"}"#);
    assert_eq!(sent[0].delay, Duration::from_secs(60));
    assert!(schedules.kept().is_empty());
}

#[tokio::test]
async fn what_waits_for_days_is_scheduled_once() {
    let schedules = Arc::new(FakeSchedules::default());
    let (queue, sqs) = queue(Some(schedules.clone()));
    let event = serde_json::json!({"id": "e-1"});
    let month = 30 * 24 * 3600;
    for what in ["a", "b", "a"] {
        queue.send(&event, &wait(what, month)).await.unwrap();
    }
    assert!(sqs.sent().is_empty());
    let kept = schedules.kept();
    assert_eq!(kept.len(), 2, "the second of the same is the first");
    assert_ne!(kept[0].name, kept[1].name);
    assert_eq!(kept[0].name.len(), steward_aws::scheduler::MAX_NAME);
    assert_eq!(
        kept[0].queue_arn,
        "arn:aws:sqs:eu-west-1:111122223333:steward-tag-guard"
    );
    assert_eq!(kept[0].body, r#"{"id":"e-1"}"#);
    assert_eq!(kept[0].at, wait("a", month).due);
}

#[tokio::test]
async fn without_a_schedule_the_queue_keeps_it_for_as_long_as_it_can() {
    let schedules = Arc::new(FakeSchedules::default());
    schedules.fail(true);
    let event = serde_json::json!({"id": "e-1"});
    for schedules in [None, Some(schedules)] {
        let (queue, sqs) = queue(schedules);
        queue.send(&event, &wait("a", 86_400)).await.unwrap();
        assert_eq!(sqs.sent()[0].delay, MAX_DELAY);
    }
}

#[test]
fn a_queue_has_its_arn_from_its_address() {
    let arn = |url, region: &str| queue_arn(url, &region.parse().unwrap());
    assert_eq!(
        arn("http://127.0.0.1:4566/111122223333/q", "cn-north-1").unwrap(),
        "arn:aws-cn:sqs:cn-north-1:111122223333:q"
    );
    assert_eq!(arn("https://queue.example.com/1/q", "eu-west-1"), None);
    assert_eq!(arn("q", "eu-west-1"), None);
}
