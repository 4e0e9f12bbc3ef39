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

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const REPOSITORIES: usize = 500;
const IMAGES: usize = 200;
const MAX_TIME: Duration = Duration::from_secs(60);
const MAX_MEMORY: u64 = 500 << 20;

const POLICY: &str = r#"version: 1
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
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream));
        }
    });
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_steward"))
        .args(["backfill", "--dry-run", "--format", "json", "--registry"])
        .arg("111122223333.dkr.ecr.eu-west-1.amazonaws.com")
        .arg("--policy")
        .arg(&policy)
        .env("AWS_ENDPOINT_URL", &address)
        .env("AWS_ACCESS_KEY_ID", "111122223333")
        .env("AWS_SECRET_ACCESS_KEY", "x")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0;
    while child.try_wait().unwrap().is_none() {
        // The system keeps the highest value itself, so it is enough to look now and then.
        memory = peak(&status).unwrap_or(memory);
        std::thread::sleep(Duration::from_millis(2));
    }
    let took = started.elapsed();
    assert!(child.wait().unwrap().success());
    let report: Value = serde_json::from_str(&reader.join().unwrap()).unwrap();
    let images = (REPOSITORIES * IMAGES) as u64;
    let target = &report["targets"][0];
    assert_eq!(target["in_step"], images / 2);
    assert_eq!(report["missing"], images / 2);
    println!("| images | missing | seconds | peak MiB |");
    println!("|---|---|---|---|");
    println!(
        "| {images} | {} | {:.2} | {} |",
        report["missing"],
        took.as_secs_f64(),
        memory >> 20
    );
    assert!(
        took <= MAX_TIME && memory <= MAX_MEMORY,
        "over the budget of {MAX_TIME:?} or {} MiB",
        MAX_MEMORY >> 20
    );
}

/// `VmHWM` of a process in bytes (proc(5)).
fn peak(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib << 10)
}

fn serve(stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut operation, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if lower.starts_with("x-amz-target:") {
                operation = line.rsplit('.').next().unwrap().trim().to_owned();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        let answer = answer(&operation, &asked).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        if stream
            .write_all(format!("{head}{answer}").as_bytes())
            .is_err()
        {
            return;
        }
    }
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
