//! `steward backfill --dry-run` over 100,000 images: how long the plan takes and how much memory.
//!
//! The budgets are a minute and 500 MiB. The built command is measured as a user runs it, against a
//! server on loopback that answers as ECR's API does, a thousand images a page.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark that cannot be set up must fail, and its figures are its output"
)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use steward_testkit::json_api::JsonApi;
use steward_testkit::measured;

const REPOSITORIES: usize = 500;
const IMAGES: usize = 200;
const MAX_TIME: Duration = Duration::from_secs(60);
const MAX_MEMORY: u64 = 500 << 20;
/// Longest time that is waited for the figure.
const PATIENCE: Duration = Duration::from_secs(600);

const POLICY: &str = r#"version: 1
mode: enforce
replication:
  - name: disaster-recovery
    repositories: ["prod/**"]
    tags: { allow: [semver] }
    to:
      - { registry: 444455556666.dkr.ecr.eu-central-1.amazonaws.com, repository: "dr/{repository}" }
"#;

fn main() {
    // `cargo test --benches` only wants to know that it is there.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("backfill");
    std::fs::create_dir_all(&folder).unwrap();
    let policy = folder.join("policy.yaml");
    std::fs::write(&policy, POLICY).unwrap();
    let api = JsonApi::start(answer).unwrap();
    let run = measured::run(
        Command::new(env!("CARGO_BIN_EXE_steward"))
            .args(["backfill", "--dry-run", "--format", "json", "--registry"])
            .arg("111122223333.dkr.ecr.eu-west-1.amazonaws.com")
            .arg("--policy")
            .arg(&policy)
            .env("AWS_ENDPOINT_URL", api.url())
            .env("AWS_ACCESS_KEY_ID", "111122223333")
            .env("AWS_SECRET_ACCESS_KEY", "x"),
        PATIENCE,
    )
    .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    let images = (REPOSITORIES * IMAGES) as u64;
    let target = &report["targets"][0];
    assert_eq!(target["in_step"], images / 2);
    assert_eq!(report["missing"], images / 2);
    println!("| images | missing | seconds | peak MiB |");
    println!("|---|---|---|---|");
    println!(
        "| {images} | {} | {:.2} | {} |",
        report["missing"],
        run.wall.as_secs_f64(),
        run.peak >> 20
    );
    assert!(
        run.wall <= MAX_TIME && run.peak <= MAX_MEMORY,
        "over the budget of {MAX_TIME:?} or {} MiB",
        MAX_MEMORY >> 20
    );
}

fn answer(operation: &str, asked: &Value) -> Value {
    let number = |name: &str| -> usize { name.rsplit('-').next().unwrap().parse().unwrap() };
    let name = asked["repositoryName"].as_str().unwrap_or_default();
    match operation {
        "DescribeRepositories" => {
            let all = (0..REPOSITORIES).map(|n| {
                let name = format!("prod/team/service-{n}");
                json!({ "repositoryName": name, "repositoryArn": format!("arn:{n}") })
            });
            json!({ "repositories": all.collect::<Vec<_>>() })
        }
        "DescribeImages" => {
            let first = number(name) * IMAGES;
            let all = (0..IMAGES).map(|n| {
                json!({ "imageDigest": digest(first + n), "imageTags": [tag(n)], "imagePushedAt": 1_782_900_000.0 })
            });
            json!({ "imageDetails": all.collect::<Vec<_>>() })
        }
        // The target has every other image.
        "ListImages" => {
            let first = number(name) * IMAGES;
            let all = (0..IMAGES).step_by(2);
            let all = all.map(|n| json!({ "imageDigest": digest(first + n), "imageTag": tag(n) }));
            json!({ "imageIds": all.collect::<Vec<_>>() })
        }
        other => json!({ "message": format!("{other} was not expected") }),
    }
}

fn tag(number: usize) -> String {
    format!("v1.{}.{}", number / 10, number % 10)
}

fn digest(number: usize) -> String {
    format!("sha256:{number:064x}")
}
