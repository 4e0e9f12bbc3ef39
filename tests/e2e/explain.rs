//! `steward explain` and the functions share one decision.

use std::process::Command;

use serde_json::Value;
use steward_testkit::cloud::paths;

use crate::world::{image, push_event, shared, until};

#[tokio::test]
async fn explain_prints_the_plan_that_the_function_executed() {
    let world = shared();
    let image = image("explained");
    world.push("prod/explained", "feature-y", &image);
    until(world, "the tag to go", || {
        world.home("prod/explained:feature-y").is_none()
    })
    .await;
    // The emulator passes a function's log on when the invocation has ended.
    until(world, "the decision in the log", || {
        world
            .cloud
            .log()
            .contains("decided about prod/explained:feature-y")
    })
    .await;
    let executed = logged_plan(&world.cloud.log(), "prod/explained:feature-y");

    let folder = tempfile::tempdir().unwrap();
    let (policy, event) = (
        folder.path().join("policy.yaml"),
        folder.path().join("event.json"),
    );
    std::fs::write(&policy, include_str!("policy.yaml")).unwrap();
    let mut captured = push_event("prod/explained", "feature-y", image.digest().as_str());
    captured["id"] = "captured-1".into();
    std::fs::write(&event, captured.to_string()).unwrap();
    let output = Command::new(steward())
        .args(["explain", "--format", "json", "--policy"])
        .arg(&policy)
        .arg("--event")
        .arg(&event)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(explained["functions"]["tag-guard"]["plan"], executed);
}

/// The plan that tag-guard logged right before it acted.
fn logged_plan(log: &str, image: &str) -> Value {
    let line = log
        .lines()
        .find(|line| line.contains(&format!("decided about {image}")))
        .unwrap_or_else(|| panic!("no decision about {image} in the log:\n{log}"));
    let json = &line[line.find('{').unwrap()..];
    let entry: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {line}"));
    let plan = entry["plan"]
        .as_str()
        .unwrap_or_else(|| panic!("no plan: {line}"));
    serde_json::from_str(plan).unwrap()
}

/// The command, which `cargo test --workspace` builds for its own tests.
fn steward() -> std::path::PathBuf {
    let path = paths::target().join("debug/steward");
    assert!(
        path.is_file(),
        "{} is not built: run `cargo xtask test`",
        path.display()
    );
    path
}
