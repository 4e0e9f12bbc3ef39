//! Metrics in CloudWatch's embedded metric format: one JSON line on standard output per invocation.
//!
//! Namespace `EcrSteward`, dimension `Function`: `Processed`, `Failed`, `Retried`, `DeadLettered`
//! (counts of records), `Duration` (milliseconds of the invocation), `PolicyBroken` (1 while the newest
//! policy is not usable), and what handlers count. Each kind of failure of the invocation adds one line
//! with the dimensions `Function` and `ErrorType` and the metric `Failures`; each rule of the policy for
//! which times were measured, one with the dimensions `Function` and `Rule` and those times.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::handler::Outcome;

/// The namespace of every metric.
pub const NAMESPACE: &str = "EcrSteward";

/// What one invocation adds up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    processed: u64,
    failed: u64,
    retried: u64,
    dead_lettered: u64,
    policy_broken: bool,
    failures: BTreeMap<&'static str, u64>,
    counters: BTreeMap<&'static str, f64>,
    samples: BTreeMap<&'static str, Vec<f64>>,
    samples_of_rules: BTreeMap<(String, &'static str), Vec<f64>>,
}

/// The most values that one metric of a line may have (specification of the embedded metric format).
const MAX_SAMPLES: usize = 100;

impl Metrics {
    /// A record was handled.
    pub fn processed(&mut self) {
        self.processed += 1;
    }

    /// A record failed, whatever happens to it next.
    pub fn failed(&mut self, error_type: &'static str) {
        self.failed += 1;
        *self.failures.entry(error_type).or_default() += 1;
    }

    /// A record goes back to the queue.
    pub fn retried(&mut self) {
        self.retried += 1;
    }

    /// A record went to the dead-letter queue.
    pub fn dead_lettered(&mut self) {
        self.dead_lettered += 1;
    }

    /// Whether the newest policy is not usable.
    pub fn policy_broken(&mut self, broken: bool) {
        self.policy_broken = broken;
    }

    /// Adds to a metric of the handler's own. Names of built-in metrics are left alone.
    pub fn count(&mut self, metric: &'static str, value: f64) {
        *self.counters.entry(metric).or_default() += value;
    }

    /// Adds a measured time in seconds.
    pub fn sample(&mut self, metric: &'static str, seconds: f64) {
        add(self.samples.entry(metric).or_default(), seconds);
    }

    /// Adds up what came of a record.
    pub(crate) fn outcome(&mut self, outcome: &Outcome) {
        self.processed();
        self.done(outcome);
    }

    /// Adds up what a record did, though it may have failed.
    pub(crate) fn done(&mut self, outcome: &Outcome) {
        for (metric, value) in &outcome.counters {
            self.count(metric, *value);
        }
        for (metric, seconds) in &outcome.samples {
            self.sample(metric, *seconds);
        }
        for (metric, rule, seconds) in &outcome.samples_of_rules {
            let key = (rule.clone(), *metric);
            add(self.samples_of_rules.entry(key).or_default(), *seconds);
        }
    }

    /// The lines to print.
    #[must_use]
    pub fn lines(&self, function: &str, duration: Duration, now: SystemTime) -> Vec<String> {
        let timestamp = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |x| u64::try_from(x.as_millis()).unwrap_or(u64::MAX));
        let mut values = Map::new();
        let mut units = Vec::new();
        for (name, value) in &self.counters {
            values.insert((*name).to_owned(), json!(value));
            units.push((*name, unit(name)));
        }
        for (name, seconds) in &self.samples {
            if values.insert((*name).to_owned(), json!(seconds)).is_none() {
                units.push((*name, "Seconds"));
            }
        }
        for (name, value) in [
            ("Processed", self.processed),
            ("Failed", self.failed),
            ("Retried", self.retried),
            ("DeadLettered", self.dead_lettered),
            ("PolicyBroken", u64::from(self.policy_broken)),
        ] {
            if values.insert(name.to_owned(), json!(value)).is_none() {
                units.push((name, "Count"));
            }
        }
        let milliseconds = (duration.as_secs_f64() * 1e6).round() / 1e3;
        if values
            .insert("Duration".to_owned(), json!(milliseconds))
            .is_none()
        {
            units.push(("Duration", "Milliseconds"));
        }
        values.insert("Function".to_owned(), json!(function));
        let mut lines = vec![line(timestamp, &["Function"], &units, values)];
        for (error_type, count) in &self.failures {
            let mut values = Map::new();
            values.insert("Function".to_owned(), json!(function));
            values.insert("ErrorType".to_owned(), json!(error_type));
            values.insert("Failures".to_owned(), json!(count));
            lines.push(line(
                timestamp,
                &["Function", "ErrorType"],
                &[("Failures", "Count")],
                values,
            ));
        }
        for ((rule, name), seconds) in &self.samples_of_rules {
            let mut values = Map::new();
            values.insert("Function".to_owned(), json!(function));
            values.insert("Rule".to_owned(), json!(rule));
            values.insert((*name).to_owned(), json!(seconds));
            let dimensions = ["Function", "Rule"];
            lines.push(line(timestamp, &dimensions, &[(name, "Seconds")], values));
        }
        lines
    }

    /// Prints the lines. That standard output is closed is no reason to fail an event.
    pub(crate) fn print(&self, function: &str, duration: Duration) {
        let mut out = std::io::stdout().lock();
        for line in self.lines(function, duration, SystemTime::now()) {
            let _ = writeln!(out, "{line}");
        }
    }
}

fn add(samples: &mut Vec<f64>, seconds: f64) {
    if samples.len() < MAX_SAMPLES {
        samples.push(seconds);
    }
}

/// What a handler's metric counts.
fn unit(name: &str) -> &'static str {
    if name.starts_with("Bytes") {
        "Bytes"
    } else {
        "Count"
    }
}

fn line(
    timestamp: u64,
    dimensions: &[&str],
    metrics: &[(&str, &str)],
    mut values: Map<String, Value>,
) -> String {
    let metrics: Vec<Value> = metrics
        .iter()
        .map(|(name, unit)| json!({ "Name": name, "Unit": unit }))
        .collect();
    values.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": timestamp,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [dimensions],
                "Metrics": metrics,
            }],
        }),
    );
    Value::Object(values).to_string()
}

#[cfg(test)]
mod tests;
