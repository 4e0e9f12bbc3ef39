use serde_json::Value;

use super::*;
use crate::testing::{config, replay, request};

fn one(name: &str) -> OneTime {
    OneTime {
        name: name.to_owned(),
        group: "steward-tag-guard".to_owned(),
        role_arn: "arn:aws:iam::111122223333:role/steward-schedules".to_owned(),
        queue_arn: "arn:aws:sqs:eu-west-1:111122223333:steward-tag-guard".to_owned(),
        dead_letter_arn: Some("arn:aws:sqs:eu-west-1:111122223333:dead".to_owned()),
        body: r#"{"id":"e-1"}"#.to_owned(),
        // 2026-11-23T10:00:30.5Z
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_428_030_500),
    }
}

#[tokio::test]
async fn a_schedule_is_one_post_with_everything_in_it() {
    let client = replay(&[(200, r#"{"ScheduleArn":"arn"}"#)]);
    let schedules = SdkSchedules::new(&config(&client));
    schedules.create(&one("a1b2")).await.unwrap();
    let asked = client.asked();
    assert!(
        asked[0].uri.ends_with("/schedules/a1b2"),
        "{}",
        asked[0].uri
    );
    assert_eq!(asked[0].header("content-type"), Some("application/json"));
    let authorization = asked[0].header("authorization").unwrap();
    assert!(
        authorization.contains("/eu-west-1/scheduler/"),
        "{authorization}"
    );
    assert_eq!(
        serde_json::from_str::<Value>(&request(&client, 0)).unwrap(),
        json!({
            "GroupName": "steward-tag-guard",
            "ScheduleExpression": "at(2026-11-23T10:01:00)",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": "arn:aws:sqs:eu-west-1:111122223333:steward-tag-guard",
                "RoleArn": "arn:aws:iam::111122223333:role/steward-schedules",
                "Input": "{\"id\":\"e-1\"}",
                "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
                "DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-west-1:111122223333:dead"},
            },
        })
    );
}

#[test]
fn a_time_is_the_next_whole_minute() {
    let at = |seconds| expression(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    assert_eq!(at(0), "at(1970-01-01T00:00:00)");
    assert_eq!(at(1), "at(1970-01-01T00:01:00)");
    assert_eq!(at(86_399), "at(1970-01-02T00:00:00)");
}

#[tokio::test]
async fn one_of_the_same_name_is_enough() {
    let client = replay(&[(409, r#"{"Message":"Schedule a already exists."}"#)]);
    let schedules = SdkSchedules::new(&config(&client));
    // Without the header that names the error, it is not known to be that one.
    schedules.create(&one("a")).await.unwrap_err();
    let client = replay(&[(
        409,
        r#"{"__type":"ConflictException","Message":"a exists"}"#,
    )]);
    let schedules = SdkSchedules::new(&config(&client));
    schedules.create(&one("a")).await.unwrap();
}

#[tokio::test]
async fn a_name_that_would_lead_elsewhere_is_refused() {
    let client = replay(&[]);
    let schedules = SdkSchedules::new(&config(&client));
    for name in ["", "../x", "a/b", "a?b", &"a".repeat(65)] {
        let error = schedules.create(&one(name)).await.unwrap_err();
        assert!(error.to_string().contains("a name has"), "{error}");
    }
    assert!(client.asked().is_empty());
}
