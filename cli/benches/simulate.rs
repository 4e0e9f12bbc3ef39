//! `steward simulate` over 100,000 tags: how long it takes and how much memory it needs.
//!
//! The budgets are 10 seconds and 500 MiB. The built command is measured as a user runs it, from its
//! start to its end, once over an inventory of names and digests and once over one with manifests
//! and configurations.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot be set up must fail, and its figures are its output"
)]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use steward_testkit::measured::{self, Measured};

const REPOSITORIES: usize = 500;
const IMAGES: usize = 40;
/// Tags of an image.
const TAGS: usize = 5;

const MAX_TIME: Duration = Duration::from_secs(10);
const MAX_MEMORY: u64 = 500 << 20;
/// Longest time that is waited for a figure.
const PATIENCE: Duration = Duration::from_secs(600);

const POLICY: &str = r#"version: 1
mode: enforce
tag_rules:
  - name: releases-only
    repositories: ["prod/**"]
    allow: [semver, "sha-{git}", latest, "/[0-9]+(\\.[0-9]+)?/"]
    on_violation: [notify, quarantine]
  - name: team-tags
    repositories: ["team/**"]
    allow: [semver, calver, "sha-{git}", "pr-*", main, latest]
    on_violation: [notify]
  - name: no-throwaway-tags
    repositories: ["**"]
    deny: ["tmp-*", "test", "/(wip|debug)([._-].*)?/"]
    on_violation: [notify, untag]
  - name: releases-never-move
    repositories: ["prod/**"]
    immutable: [semver]
    on_violation: [restore, notify]
  - name: floating-tags
    repositories: ["prod/**"]
    derive: { from: semver, tags: ["{major}.{minor}", "{major}", latest] }
  - name: well-made
    repositories: ["**"]
    image:
      labels: { required: [org.opencontainers.image.source] }
      max_size: 2GiB
      user: non-root
      max_layers: 40
    on_violation: [notify]
  - name: latest-is-a-release
    repositories: ["prod/**"]
    companion: { floating: [latest], requires: [semver] }
    on_violation: [notify]
"#;

fn main() {
    // `cargo test --benches` only wants to know that it is there.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("simulate");
    std::fs::create_dir_all(&folder).unwrap();
    let policy = folder.join("policy.yaml");
    std::fs::write(&policy, POLICY).unwrap();
    println!("| inventory | MiB | tags | seconds | tags/s | peak MiB |");
    println!("|---|---|---|---|---|---|");
    let mut kept = true;
    for (name, details) in [("names and digests", false), ("with images", true)] {
        let inventory = folder.join(if details {
            "images.jsonl"
        } else {
            "names.jsonl"
        });
        let size = write(&inventory, details);
        let (run, report) = measure(&policy, &inventory);
        let tags = report["totals"]["tags"].as_u64().unwrap();
        assert_eq!(tags, (REPOSITORIES * IMAGES * TAGS) as u64);
        assert!(report["totals"]["violating_tags"].as_u64().unwrap() > 0);
        println!(
            "| {name} | {} | {tags} | {:.2} | {:.0} | {} |",
            size >> 20,
            run.wall.as_secs_f64(),
            tags as f64 / run.wall.as_secs_f64(),
            run.peak >> 20
        );
        kept &= run.wall <= MAX_TIME && run.peak <= MAX_MEMORY;
    }
    assert!(
        kept,
        "over the budget of {MAX_TIME:?} or {} MiB",
        MAX_MEMORY >> 20
    );
}

/// Runs the command; what it took, and its result.
fn measure(policy: &Path, inventory: &Path) -> (Measured, Value) {
    let run = measured::run(
        Command::new(env!("CARGO_BIN_EXE_steward"))
            .args(["simulate", "--format", "json", "--policy"])
            .arg(policy)
            .arg("--inventory")
            .arg(inventory),
        PATIENCE,
    )
    .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let report = serde_json::from_slice(&run.stdout).unwrap();
    (run, report)
}

/// Writes an inventory; its size in bytes.
fn write(path: &Path, details: bool) -> u64 {
    let mut file = BufWriter::new(File::create(path).unwrap());
    for repository in 0..REPOSITORIES {
        let group = if repository % 3 == 0 { "team" } else { "prod" };
        for image in 0..IMAGES {
            let number = repository * IMAGES + image;
            let tags = [
                format!("{}.{}.{}", image % 4, image / 4, repository % 7),
                format!("sha-{number:08x}"),
                format!("pr-{number}"),
                format!("build-{number}"),
                format!("wip-{number}"),
            ];
            let mut entry = json!({
                "repository": format!("{group}/service-{repository:03}/api"),
                "digest": digest(number),
                "tags": &tags[..TAGS],
                "pushed_at": "2026-08-01T10:00:00Z",
            });
            if details {
                describe(&mut entry, number);
            }
            serde_json::to_writer(&mut file, &entry).unwrap();
            file.write_all(b"\n").unwrap();
        }
    }
    file.flush().unwrap();
    std::fs::metadata(path).unwrap().len()
}

fn describe(entry: &mut Value, number: usize) {
    let layers: Vec<Value> = (0..12)
        .map(|layer| {
            json!({
                "digest": digest(number * 100 + layer),
                "media_type": "application/vnd.oci.image.layer.v1.tar+gzip",
                "size": 1_000_000 + layer,
            })
        })
        .collect();
    entry["kind"] = "image".into();
    entry["media_type"] = "application/vnd.oci.image.manifest.v1+json".into();
    entry["platform"] = "linux/amd64".into();
    entry["layers"] = layers.into();
    entry["annotations"] = json!({});
    entry["config"] = json!({
        "created": "2026-08-01T09:00:00Z",
        "user": if number.is_multiple_of(2) { "app" } else { "" },
        "labels": {
            "org.opencontainers.image.source": "https://git.example.com/acme/service",
            "org.opencontainers.image.revision": format!("{number:040x}"),
        },
        "exposed_ports": ["8080/tcp"],
    });
}

fn digest(number: usize) -> String {
    format!("sha256:{number:064x}")
}
