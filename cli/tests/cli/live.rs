//! What is read from registries: a real one, and ECR's API over a real one.

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};
use steward_testkit::image::{Image, Layer, LayoutEntry, write_layout};

use crate::distribution::Distribution;
use crate::ecr_api;
use crate::files::{Folder, POLICY};
use crate::steward::{Ran, run, steward};

const ECR: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";

/// `AWS:wonderland`, hashed with bcrypt at the lowest cost.
const HTPASSWD: &str = "AWS:$2y$04$abcdefghijklmnopqrstuujZkTwHUiJ9XdZPwKfcfDo7dMp5DjlTu\n";

const IMAGE_POLICY: &str = r#"version: 1
tag_rules:
  - name: well-made
    repositories: ["prod/**"]
    image:
      labels: { required: [org.opencontainers.image.source] }
      user: non-root
      platforms: [linux/amd64, linux/arm64]
      sbom: { within: 15m }
    on_violation: [notify]
  - name: floating
    repositories: ["prod/**"]
    derive: { from: semver, tags: ["{major}", latest] }
"#;

fn image(architecture: &str, user: &str) -> Image {
    Image::builder()
        .platform("linux", architecture)
        .layer(Layer::file("etc/motd", "hello\n"))
        .label(
            "org.opencontainers.image.source",
            "https://git.example.com/app",
        )
        .user(user)
        .build()
}

/// A folder with a policy and a layout with a good index `v1.4.2` with an SBOM, and a poor image
/// `v1.4.1`.
fn prepared(policy: &str) -> Folder {
    let folder = Folder::new();
    folder.write("policy.yaml", policy);
    let index = Image::index([image("amd64", "app"), image("arm64", "app")]);
    let sbom = Image::referrer(
        &index,
        "application/spdx+json",
        r#"{"spdxVersion":"SPDX-2.3"}"#,
    );
    let poor = image("amd64", "");
    let entries = [
        LayoutEntry {
            image: &index,
            tag: Some("v1.4.2"),
        },
        LayoutEntry {
            image: &poor,
            tag: Some("v1.4.1"),
        },
        LayoutEntry {
            image: &sbom,
            tag: None,
        },
    ];
    write_layout(&folder.path().join("in"), &entries).unwrap();
    folder
}

fn push(folder: &Folder, address: &str, repository: &str, tag: &str, as_tag: &str) {
    let target = format!("{address}/{repository}:{as_tag}");
    run(steward(folder.path()).args(["copy", &format!("oci:in:{tag}"), &target])).expect(0);
}

fn explain(folder: &Folder, host: &str, tag: &str, extra: &[&str]) -> Ran {
    run(steward(folder.path())
        .args([
            "explain",
            "--policy",
            "policy.yaml",
            "--repository",
            "prod/app",
            "--tag",
            tag,
        ])
        .args(["--registry", host])
        .args(extra))
}

fn outcome<'a>(document: &'a Value, rule: &str) -> &'a Value {
    let rules = document["functions"]["tag-guard"]["plan"]["rules"]
        .as_array()
        .unwrap();
    rules
        .iter()
        .find(|outcome| outcome["rule"] == rule)
        .unwrap()
}

#[test]
fn an_image_of_a_registry_is_explained_from_its_manifest_and_configuration() {
    let registry = Distribution::start();
    let folder = prepared(IMAGE_POLICY);
    let host = registry.address();
    push(&folder, host, "prod/app", "v1.4.2", "v1.4.2");
    push(&folder, host, "prod/app", "v1.4.1", "v1.4.1");
    push(&folder, host, "prod/app", "v1.4.1", "latest");

    let good = explain(&folder, host, "v1.4.2", &["--format", "json"])
        .expect(0)
        .json();
    assert_eq!(good["facts"], "registry");
    assert_eq!(good["image"]["tag"], "v1.4.2");
    let outcome_of_good = outcome(&good, "well-made");
    assert_eq!(outcome_of_good["matched"], false, "{outcome_of_good}");
    assert_eq!(
        outcome_of_good["undecided"],
        Value::Null,
        "{outcome_of_good}"
    );
    let children = good["facts_used"]["image"]["children"].as_array().unwrap();
    assert_eq!(children.len(), 2);
    assert_eq!(children[0]["config"]["user"], "app");
    assert_eq!(
        good["facts_used"]["image"]["referrers"][0]["artifact_type"],
        "application/spdx+json"
    );
    // `latest` is on the older image, and there is no `1` yet.
    let actions = good["functions"]["tag-guard"]["plan"]["actions"]
        .as_array()
        .unwrap();
    let derived: Vec<&str> = actions
        .iter()
        .filter(|action| action["action"] == "derive")
        .map(|action| action["tag"].as_str().unwrap())
        .collect();
    assert_eq!(derived, ["1", "latest"]);

    let poor = explain(&folder, host, "v1.4.1", &[]).expect(0);
    assert!(
        poor.stdout.contains("violated  well-made"),
        "{}",
        poor.stdout
    );
    assert!(
        poor.stdout.contains("image for linux/amd64, 1 layer"),
        "{}",
        poor.stdout
    );
    assert!(
        poor.stdout.contains("root (nothing is said)"),
        "{}",
        poor.stdout
    );
    assert!(
        poor.stdout.contains("tags      latest, v1.4.1"),
        "{}",
        poor.stdout
    );
    assert_eq!(poor.stderr, "");

    let gone = explain(&folder, host, "v9", &[]).expect(0);
    assert!(
        gone.stdout.contains("the tag v9 is not there"),
        "{}",
        gone.stdout
    );
}

#[test]
fn a_registry_is_written_down_and_simulated() {
    let registry = Distribution::start();
    let folder = prepared(IMAGE_POLICY);
    let host = registry.address();
    push(&folder, host, "prod/app", "v1.4.2", "v1.4.2");
    push(&folder, host, "prod/app", "v1.4.1", "v1.4.1");
    push(&folder, host, "team/api", "v1.4.1", "main");

    let bare = run(steward(folder.path()).args(["inventory", host])).expect(0);
    assert_eq!(
        bare.stdout
            .lines()
            .filter(|line| line.contains("\"v1.4.2\""))
            .count(),
        1
    );
    assert!(!bare.stdout.contains("\"config\""), "{}", bare.stdout);
    assert!(bare.stderr.contains("images of"), "{}", bare.stderr);

    let args = [
        "inventory",
        host,
        "--policy",
        "policy.yaml",
        "--quiet",
        "--repositories",
        "prod/*",
    ];
    let some = run(steward(folder.path()).args(args)).expect(0);
    assert!(some.stdout.contains("\"config\""), "{}", some.stdout);
    assert!(!some.stdout.contains("team/api"), "{}", some.stdout);
    assert_eq!(some.stderr, "");

    let simulate = |from: &[&str]| {
        let mut command = steward(folder.path());
        command.args(["simulate", "--policy", "policy.yaml", "--format", "json"]);
        run(command.args(["--now", "2026-08-01T10:00:00Z"]).args(from))
            .expect(0)
            .json()
    };
    let live = simulate(&["--registry", host, "--record", "kept.jsonl"]);
    let kept = simulate(&["--inventory", "kept.jsonl"]);
    assert_eq!(live["rules"][0]["violated"], 1, "{live}");
    for part in ["totals", "rules", "actions", "repositories"] {
        assert_eq!(live[part], kept[part], "{part}");
    }
    let schema: Value = run(steward(folder.path()).args(["schema", "inventory"]))
        .expect(0)
        .json();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for line in fs::read_to_string(folder.path().join("kept.jsonl"))
        .unwrap()
        .lines()
    {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert!(schema.is_valid(&entry), "{line}");
    }
}

#[test]
fn ecr_is_read_through_its_api_page_by_page() {
    let registry = Distribution::with_user(HTPASSWD);
    let folder = prepared(IMAGE_POLICY);
    folder.write(
        ".docker/config.json",
        &json!({ "auths": { registry.address(): { "username": "AWS", "password": "wonderland" } } })
            .to_string(),
    );
    push(&folder, registry.address(), "prod/app", "v1.4.2", "v1.4.2");
    push(&folder, registry.address(), "prod/app", "v1.4.1", "v1.4.1");
    let digest = |tag| registry.digest_of("prod/app", tag).unwrap();
    let api = ecr_api::start(vec![
        (
            "prod/app",
            vec![
                (digest("v1.4.2"), vec!["v1.4.2", "release"]),
                (digest("v1.4.1"), vec!["v1.4.1"]),
            ],
        ),
        ("team/empty", vec![]),
    ]);
    let ecr = |command: &mut assert_cmd::Command| {
        let endpoint = format!("{ECR}=http://{}", registry.address());
        run(command
            .env("STEWARD_REGISTRY_ENDPOINTS", endpoint)
            .env("AWS_ENDPOINT_URL_ECR", api.url())
            .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "example"))
    };
    let simulated = ecr(steward(folder.path()).args([
        "simulate",
        "--policy",
        "policy.yaml",
        "--registry",
        ECR,
        "--format",
        "json",
    ]))
    .expect(0)
    .json();
    assert_eq!(simulated["totals"]["tags"], 3);
    assert_eq!(simulated["totals"]["repositories"], 1);
    assert_eq!(simulated["rules"][0]["violated"], 1, "{simulated}");
    assert_eq!(simulated["repositories"][0]["owner"], "payments");

    let explained = ecr(steward(folder.path())
        .args(["explain", "--policy", "policy.yaml", "--registry", ECR])
        .args(["--repository", "prod/app", "--tag", "v1.4.1"]))
    .expect(0);
    assert!(
        explained.stdout.contains("owner: payments"),
        "{}",
        explained.stdout
    );
    assert!(
        explained.stdout.contains("pushed    2026-07-01T"),
        "{}",
        explained.stdout
    );
    assert!(
        explained.stdout.contains("replicator\n"),
        "{}",
        explained.stdout
    );
    assert!(!explained.stdout.contains("wonderland"));
}

#[test]
fn a_registry_that_cannot_be_read_says_what_to_do() {
    let folder = prepared(POLICY);
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let host = address.to_string();
    let ran = explain(&folder, &host, "v1", &["--format", "json"]).expect(5);
    assert_eq!(
        ran.json()["error"]["details"]["error_type"],
        "registry_network"
    );
    assert!(
        ran.stderr.contains("check that the registry runs"),
        "{}",
        ran.stderr
    );
    let ran = run(steward(folder.path()).args(["inventory", &host])).expect(5);
    assert!(
        ran.stderr.contains("cannot list the repositories of"),
        "{}",
        ran.stderr
    );

    let registry = Distribution::with_user(HTPASSWD);
    let ran = run(steward(folder.path()).args([
        "simulate",
        "--policy",
        "policy.yaml",
        "--registry",
        registry.address(),
    ]))
    .expect(6);
    assert!(
        ran.stderr
            .contains(&format!("docker login {}", registry.address())),
        "{}",
        ran.stderr
    );
    let ran = run(steward(folder.path()).args(["inventory", ECR])).expect(6);
    assert!(ran.stderr.contains("AWS_PROFILE"), "{}", ran.stderr);
}

#[test]
fn an_empty_registry_and_a_missing_repository_are_no_failures() {
    let registry = Distribution::start();
    let folder = prepared(POLICY);
    let host = registry.address();
    let ran = run(steward(folder.path()).args([
        "simulate",
        "--policy",
        "policy.yaml",
        "--registry",
        host,
    ]))
    .expect(0);
    assert!(ran.stdout.contains("0 tags of 0 images"), "{}", ran.stdout);
    let ran = run(steward(folder.path()).args(["inventory", host])).expect(0);
    assert_eq!(ran.stdout, "");
    let ran = explain(&folder, host, "v1", &[]).expect(6);
    assert!(
        ran.stderr.contains("check the repository's name"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_asked() {
    let folder = prepared(POLICY);
    let explain = |args: &[&str]| {
        run(steward(folder.path())
            .args(["explain", "--policy", "policy.yaml"])
            .args(args))
    };
    explain(&[]).expect(2);
    explain(&["--repository", "prod/app"]).expect(2);
    explain(&["--repository", "prod/app", "--tag", "v1"]).expect(2);
    explain(&["--event", "e.json", "--repository", "prod/app"]).expect(2);
    let ecr = [
        "--repository",
        "prod/app",
        "--tag",
        "v1",
        "--registry",
        ECR,
        "--insecure",
    ];
    let ran = explain(&ecr).expect(2);
    assert!(
        ran.stderr.contains("ECR is only spoken to over HTTPS"),
        "{}",
        ran.stderr
    );
}
