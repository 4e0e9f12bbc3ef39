use super::*;

#[test]
fn one_line_for_the_invocation_and_one_per_kind_of_failure() {
    let mut metrics = Metrics::default();
    metrics.processed();
    metrics.processed();
    metrics.count("ImagesCopied", 2.0);
    metrics.count("ImagesCopied", 1.0);
    metrics.count("BytesCopied", 5.0);
    metrics.failed("target_down");
    metrics.retried();
    metrics.failed("panic");
    metrics.dead_lettered();
    metrics.policy_broken(true);
    let now = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    let lines: Vec<Value> = metrics
        .lines("replicator", Duration::from_micros(12_345), now)
        .iter()
        .map(|x| serde_json::from_str(x).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[0],
        json!({
            "Function": "replicator", "Processed": 2, "Failed": 2, "Retried": 1, "DeadLettered": 1,
            "PolicyBroken": 1, "Duration": 12.345, "BytesCopied": 5.0, "ImagesCopied": 3.0,
            "_aws": {"Timestamp": 1_700_000_000_123_u64, "CloudWatchMetrics": [{
                "Namespace": "EcrSteward", "Dimensions": [["Function"]],
                "Metrics": [
                    {"Name": "BytesCopied", "Unit": "Bytes"},
                    {"Name": "ImagesCopied", "Unit": "Count"}, {"Name": "Processed", "Unit": "Count"},
                    {"Name": "Failed", "Unit": "Count"}, {"Name": "Retried", "Unit": "Count"},
                    {"Name": "DeadLettered", "Unit": "Count"}, {"Name": "PolicyBroken", "Unit": "Count"},
                    {"Name": "Duration", "Unit": "Milliseconds"}]}]},
        })
    );
    assert_eq!(
        lines[1],
        json!({
            "Function": "replicator", "ErrorType": "panic", "Failures": 1,
            "_aws": {"Timestamp": 1_700_000_000_123_u64, "CloudWatchMetrics": [{
                "Namespace": "EcrSteward", "Dimensions": [["Function", "ErrorType"]],
                "Metrics": [{"Name": "Failures", "Unit": "Count"}]}]},
        })
    );
    assert_eq!(lines[2]["ErrorType"], "target_down");
}

#[test]
fn a_counter_cannot_take_the_place_of_a_built_in_metric() {
    let mut metrics = Metrics::default();
    metrics.count("Processed", 100.0);
    let lines = metrics.lines("f", Duration::ZERO, UNIX_EPOCH);
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["Processed"], 0);
}

#[test]
fn times_are_kept_one_by_one_for_percentiles() {
    let mut metrics = Metrics::default();
    let outcome = Outcome::new("copied").sample("ReplicationLag", 1.5);
    metrics.outcome(&outcome.sample("ReplicationLag", 2.0));
    for _ in 0..200 {
        metrics.sample("Other", 1.0);
    }
    let lines = metrics.lines("replicator", Duration::ZERO, UNIX_EPOCH);
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["ReplicationLag"], json!([1.5, 2.0]));
    assert_eq!(line["Other"].as_array().unwrap().len(), MAX_SAMPLES);
    let units = line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        .as_array()
        .unwrap();
    assert!(units.contains(&json!({"Name": "ReplicationLag", "Unit": "Seconds"})));
}

#[test]
fn times_of_a_rule_count_for_the_function_and_for_the_rule() {
    let mut metrics = Metrics::default();
    let outcome = Outcome::new("copied")
        .sample_of_rule("ReplicationLag", "releases".to_owned(), 1.5)
        .sample_of_rule("ReplicationLag", "nightly".to_owned(), 9.0)
        .sample_of_rule("ReplicationLag", "releases".to_owned(), 2.0);
    metrics.outcome(&outcome);
    let lines: Vec<Value> = metrics
        .lines("replicator", Duration::ZERO, UNIX_EPOCH)
        .iter()
        .map(|x| serde_json::from_str(x).unwrap())
        .collect();
    assert_eq!(lines[0]["ReplicationLag"], json!([1.5, 9.0, 2.0]));
    assert_eq!(lines[0]["Rule"], Value::Null);
    let of_rules: Vec<_> = lines[1..]
        .iter()
        .map(|line| (&line["Rule"], &line["ReplicationLag"]))
        .collect();
    assert_eq!(
        of_rules,
        [
            (&json!("nightly"), &json!([9.0])),
            (&json!("releases"), &json!([1.5, 2.0]))
        ]
    );
    assert_eq!(
        lines[1]["_aws"]["CloudWatchMetrics"][0],
        json!({"Namespace": "EcrSteward", "Dimensions": [["Function", "Rule"]],
            "Metrics": [{"Name": "ReplicationLag", "Unit": "Seconds"}]})
    );
}

#[test]
fn the_dashboard_of_the_template_is_json_and_shows_this_namespace() {
    let template = include_str!("../../../../infra/template.yaml");
    let body = template.split("DashboardBody: !Sub |\n").nth(1).unwrap();
    let body = body.split("\n\n").next().unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let widgets = body["widgets"].as_array().unwrap();
    assert!(
        widgets
            .iter()
            .all(|x| x["properties"]["region"] == "${AWS::Region}")
    );
    let shown = body.to_string();
    let dimensions = [
        "{EcrSteward,Function,Rule}",
        "{EcrSteward,ErrorType,Function}",
    ];
    assert!(shown.contains(NAMESPACE) && dimensions.iter().all(|x| shown.contains(x)));
}
